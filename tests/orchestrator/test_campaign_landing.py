"""A campaign's branch comes to its base, whole or not at all."""

from pathlib import Path

import pytest

from opsroom.commands.show import read_fleet
from orchestrator.campaign import campaign_landing
from orchestrator.campaign.campaign_landing import Landed
from orchestrator.config import load
from state.errors import NotThere, Refused
from tests.stories import Story


@pytest.fixture
def landing(story: Story) -> Story:
    """A campaign that is through, its branch one commit ahead of main; nobody is at work."""
    story.agent("true")
    story.campaign("twos", ["notes.txt"], envelope='base = "main"\n')
    on_branch(story, "campaign/twos", "notes.txt", "one\ntwo\nTHREE\n", "twos: notes.txt")
    return story


def on_branch(story: Story, branch: str, path: str, text: str, subject: str) -> str:
    """Commits on `branch`, which is made where main is if need be, without touching the person's checkout."""
    worktree = story.folder / "elsewhere"
    story.git(
        "worktree",
        "add",
        "--quiet",
        "--force",
        "-B",
        branch,
        str(worktree),
        branch if branch_is(story, branch) else "main",
    )
    (worktree / path).write_text(text)
    story.git("add", "--all", cwd=worktree)
    story.git("commit", "--quiet", "--message", subject, cwd=worktree)
    story.git("worktree", "remove", "--force", str(worktree))
    return story.git("rev-parse", branch)


def branch_is(story: Story, branch: str) -> bool:
    return bool(story.git("branch", "--list", branch))


def land(story: Story, into: str = "", *, no_ff: bool = False) -> Landed:
    return campaign_landing.land(
        story.state, load(story.repository), read_fleet(story.state), "twos", into, no_ff=no_ff
    )


def commit_on_main(story: Story, path: str, text: str) -> str:
    (story.repository / path).write_text(text)
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", f"{path} on main")
    return story.git("rev-parse", "main")


def unchanged(story: Story) -> tuple[str, ...]:
    """Everything that a landing that was refused must leave as it was."""
    return (
        story.git("for-each-ref", "--format=%(refname) %(objectname)"),
        story.git("status", "--porcelain"),
        story.git("worktree", "list"),
        (story.repository / "notes.txt").read_text(),
    )


def test_a_base_that_has_not_moved_is_brought_along_with_its_checkout(landing: Story) -> None:
    tip = landing.git("rev-parse", "campaign/twos")
    assert land(landing) == Landed("main", tip, 1, merged=False)
    assert landing.git("rev-parse", "main") == landing.git("rev-parse", "HEAD") == tip
    assert (landing.repository / "notes.txt").read_text() == "one\ntwo\nTHREE\n"
    assert landing.git("status", "--porcelain") == ""


def test_a_base_that_has_moved_gets_a_merge_commit(landing: Story) -> None:
    ours, theirs = commit_on_main(landing, "other.txt", "x\n"), landing.git("rev-parse", "campaign/twos")
    landed = land(landing)
    assert (landed.base, landed.commits, landed.merged) == ("main", 1, True)
    assert landing.git("log", "-1", "--format=%P %s", "main") == f"{ours} {theirs} Merge campaign/twos into main"
    assert landing.git("rev-parse", "main") == landed.commit
    assert (landing.repository / "notes.txt").read_text() == "one\ntwo\nTHREE\n"
    assert (landing.repository / "other.txt").exists()
    assert landing.git("status", "--porcelain") == ""
    assert len(landing.git("worktree", "list").splitlines()) == 1


def test_a_merge_commit_may_be_asked_for(landing: Story) -> None:
    assert land(landing, no_ff=True).merged
    assert landing.git("log", "-1", "--format=%s", "main") == "Merge campaign/twos into main"
    with pytest.raises(Refused, match="nothing to land: main has all of campaign/twos"):
        land(landing)


def test_a_base_that_nobody_has_checked_out_moves_and_the_checkout_stays(landing: Story) -> None:
    landing.git("branch", "release", "main")
    (landing.repository / "notes.txt").write_text("in the middle of it\n")
    assert land(landing, "release").base == "release"
    assert landing.git("rev-parse", "release") == landing.git("rev-parse", "campaign/twos")
    assert (landing.repository / "notes.txt").read_text() == "in the middle of it\n"


def test_a_person_s_untracked_files_are_in_nobody_s_way(landing: Story) -> None:
    (landing.repository / "mine").write_text("x\n")
    land(landing)
    assert (landing.repository / "mine").read_text() == "x\n"


def test_a_checkout_with_changes_is_refused(landing: Story) -> None:
    (landing.repository / "notes.txt").write_text("in the middle of it\n")
    before = unchanged(landing)
    with pytest.raises(Refused, match=r"main is checked out in .* with uncommitted changes; commit or stash"):
        land(landing)
    assert unchanged(landing) == before


def test_a_conflict_is_refused_with_its_files_and_changes_nothing(landing: Story) -> None:
    commit_on_main(landing, "notes.txt", "one\ntwo\n3\n")
    before = unchanged(landing)
    with pytest.raises(Refused, match=r"campaign/twos conflicts with main in notes\.txt; nothing has changed"):
        land(landing)
    assert unchanged(landing) == before


def test_an_untracked_file_in_the_way_is_kept_and_nothing_moves(landing: Story) -> None:
    on_branch(landing, "campaign/twos", "new.txt", "theirs\n", "one more")
    (landing.repository / "new.txt").write_text("mine\n")
    before = unchanged(landing)
    with pytest.raises(Refused, match="main was not moved"):
        land(landing)
    assert unchanged(landing) == before
    assert (landing.repository / "new.txt").read_text() == "mine\n"


def test_what_was_never_begun_or_has_no_base_is_not_landed(landing: Story) -> None:
    with pytest.raises(NotThere, match="branch 'gone' does not exist; name one with --into"):
        land(landing, "gone")
    landing.git("branch", "--quiet", "-D", "campaign/twos")
    with pytest.raises(Refused, match="nothing to land: no branch campaign/twos was begun"):
        land(landing)


def test_no_hook_of_the_repository_runs(landing: Story) -> None:
    hooks = Path(landing.repository, ".git", "hooks")
    for name in ("post-merge", "commit-msg", "pre-merge-commit", "reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {landing.folder}/ran; exit 1\n")
        (hooks / name).chmod(0o755)
    land(landing, no_ff=True)
    assert not (landing.folder / "ran").exists()


def test_a_campaign_that_runs_is_not_landed(landing: Story) -> None:
    landing.agent(f"while [ ! -e {landing.folder}/go ]; do sleep 0.05; done; echo four >> notes.txt", name="waits")
    landing.state.campaign("twos").envelope.write_text('agent = "waits"\n')
    landing.send("campaign-start", campaign="twos")
    running = landing.up("--once")
    landing.wait_for_state("twos-0001", "running")
    with pytest.raises(Refused, match="campaign twos is running; 'opsroom campaign pause twos' ends its run"):
        land(landing)
    landing.outcome(landing.send("campaign-pause", campaign="twos"))
    with pytest.raises(Refused, match="campaign twos is not at rest: twos-0001 is running; wait for it"):
        land(landing)
    (landing.folder / "go").touch()
    landing.finish(running)
    assert land(landing).commits == 2
