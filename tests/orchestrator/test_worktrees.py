"""Nothing that a worker left is lost, wherever it left it."""

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from orchestrator.repository import worktree_links, worktrees
from orchestrator.repository.git import Git
from state.errors import Refused
from tests.stories import Story

BRANCH = "opsroom/0001/1"


def prepare(story: Story, attempt: int = 1, task: str = "0001") -> str:
    return worktrees.prepare(story.repository, story.state.worktree(task), task, attempt, "main")


def in_worktree(story: Story, *arguments: str) -> str:
    return story.git(*arguments, cwd=story.state.worktree("0001"))


def write(story: Story, name: str, text: str = "mine\n") -> None:
    (story.state.worktree("0001") / name).write_text(text)


def keep(story: Story) -> str:
    return worktrees.keep(story.state.worktree("0001"), BRANCH, "kept")


def put_away(story: Story, attempt: int = 1) -> None:
    worktrees.put_away(story.repository, story.state.worktree("0001"), "0001", attempt, "main", "kept")


def test_a_worktree_begins_at_the_base_on_the_attempts_branch(story: Story) -> None:
    assert prepare(story) == story.git("rev-parse", "main")
    assert in_worktree(story, "symbolic-ref", "--short", "HEAD") == BRANCH


def test_preparing_twice_changes_nothing(story: Story) -> None:
    prepare(story)
    write(story, "made")
    assert prepare(story) == story.git("rev-parse", "main")
    assert in_worktree(story, "status", "--porcelain") == "?? made"


def test_a_base_that_does_not_exist_is_refused(story: Story) -> None:
    with pytest.raises(Refused, match="branch 'gone' does not exist"):
        worktrees.prepare(story.repository, story.state.worktree("0001"), "0001", 1, "gone")


def test_the_next_attempt_begins_with_the_commits_and_the_files_of_the_one_before(story: Story) -> None:
    prepare(story)
    write(story, "committed")
    in_worktree(story, "add", "--all")
    in_worktree(story, "commit", "--quiet", "--message", "mine")
    write(story, "uncommitted")
    prepare(story, 2)
    assert in_worktree(story, "log", "-1", "--format=%s %D") == "mine HEAD -> opsroom/0001/2, opsroom/0001/1"
    assert in_worktree(story, "status", "--porcelain") == "?? uncommitted"


def test_without_a_worktree_the_next_attempt_begins_at_the_newest_branch(story: Story) -> None:
    prepare(story)
    write(story, "made")
    put_away(story)
    prepare(story, 4)
    assert in_worktree(story, "log", "-1", "--format=%s") == "kept"


def test_worktrees_are_made_one_at_a_time(story: Story) -> None:
    threads = [threading.Thread(target=prepare, args=(story, 1, f"{number:04d}")) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(story.git("worktree", "list").splitlines()) == 9


def test_what_is_uncommitted_and_untracked_is_kept_on_the_branch(story: Story) -> None:
    prepare(story)
    write(story, "notes.txt")
    write(story, "made")
    tip = keep(story)
    assert tip == story.git("rev-parse", BRANCH)
    assert in_worktree(story, "show", "--name-only", "--format=%s", "HEAD").split() == ["kept", "made", "notes.txt"]
    assert keep(story) == tip


@pytest.mark.parametrize("switch", [("switch", "--quiet", "--create", "feature"), ("switch", "--quiet", "--detach")])
def test_a_worker_that_went_elsewhere_from_its_branch_is_followed(story: Story, switch: tuple[str, ...]) -> None:
    prepare(story)
    in_worktree(story, *switch)
    write(story, "made")
    in_worktree(story, "add", "--all")
    in_worktree(story, "commit", "--quiet", "--message", "mine")
    keep(story)
    assert story.file("made", BRANCH) == "mine"


def test_a_worker_that_left_commits_of_its_branch_behind_is_refused(story: Story) -> None:
    prepare(story)
    write(story, "made")
    keep(story)
    in_worktree(story, "switch", "--quiet", "--detach", "main")
    with pytest.raises(Refused, match=f"no longer on {BRANCH} nor on a branch from it"):
        keep(story)
    assert story.file("made", BRANCH) == "mine"


def conflict(story: Story, *operation: str) -> None:
    """Leaves the worktree in the middle of `operation`, onto a commit that changed the same line."""
    prepare(story)
    write(story, "notes.txt")
    keep(story)
    in_worktree(story, "branch", "other", "HEAD~1")
    in_worktree(story, "switch", "--quiet", "other")
    write(story, "notes.txt", "theirs\n")
    in_worktree(story, "commit", "--quiet", "--all", "--message", "theirs")
    in_worktree(story, "switch", "--quiet", BRANCH)
    assert Git(story.state.worktree("0001")).ask(*operation) is None


OPERATIONS = [("rebase", "other"), ("merge", "other"), ("cherry-pick", "other")]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_middle_of_an_operation_is_refused(story: Story, operation: tuple[str, str]) -> None:
    conflict(story, *operation)
    with pytest.raises(Refused, match=f"in the middle of a {operation[0]}"):
        keep(story)
    assert worktrees.unfinished(Git(story.state.worktree("0001"))) == operation[0]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_next_attempt_begins_clean_and_the_middle_is_kept_aside(story: Story, operation: tuple[str, str]) -> None:
    conflict(story, *operation)
    write(story, "untracked")
    prepare(story, 2)
    assert in_worktree(story, "status", "--porcelain") == ""
    assert story.file("notes.txt", "opsroom/0001/2") == "mine"
    assert "<<<<<<<" in story.file("notes.txt", f"{BRANCH}-unfinished")
    assert story.file("untracked", f"{BRANCH}-unfinished") == "mine"


def test_putting_away_loses_nothing_and_leaves_no_worktree(story: Story) -> None:
    prepare(story)
    write(story, "made")
    put_away(story)
    assert not story.state.worktree("0001").exists()
    assert story.file("made", BRANCH) == "mine"


def test_putting_away_drops_the_branches_that_the_base_contains(story: Story) -> None:
    prepare(story)
    write(story, "made")
    keep(story)
    prepare(story, 2)
    story.git("merge", "--quiet", "--ff-only", "opsroom/0001/2")
    put_away(story, 2)
    assert story.git("branch", "--format=%(refname:short)") == "main"


def test_what_cannot_be_kept_stays(story: Story) -> None:
    prepare(story)
    write(story, "made")
    keep(story)
    in_worktree(story, "switch", "--quiet", "--detach", "main")
    with pytest.raises(Refused):
        put_away(story)
    assert story.state.worktree("0001").exists()


def test_a_removal_that_was_cut_off_is_ended_and_nothing_of_it_taken_for_work(story: Story) -> None:
    prepare(story)
    write(story, "made")
    tip = keep(story)
    (story.repository / ".git" / "worktrees" / "0001" / worktree_links.REMOVING).touch()
    (story.state.worktree("0001") / "notes.txt").unlink()
    put_away(story)
    assert not story.state.worktree("0001").exists()
    assert story.git("rev-parse", BRANCH) == tip
    prepare(story, 2)
    assert in_worktree(story, "rev-parse", "HEAD") == tip


def half_made(story: Story) -> Path:
    """What a `git worktree add` leaves that was killed early on: git can't list worktrees any more."""
    kept = story.repository / ".git" / "worktrees" / "0001"
    kept.mkdir(parents=True)
    (kept / "locked").write_text("initializing")
    (kept / "gitdir").write_text(f"{story.state.worktree('0001')}/.git\n")
    (kept / "HEAD").write_text(f"{'0' * 40}\n")
    (kept / "commondir").touch()
    listed = subprocess.run(["git", "worktree", "list"], cwd=story.repository, capture_output=True, check=False)
    assert b"commondir" in listed.stderr
    return kept


def test_what_an_addition_left_that_was_killed_is_in_nobodys_way(story: Story) -> None:
    half_made(story)
    assert prepare(story) == story.git("rev-parse", "main")


@pytest.mark.parametrize("moment", ["added", "removed"])
def test_while_a_worktree_comes_or_goes_elsewhere_git_is_asked_again(story: Story, moment: str) -> None:
    kept = half_made(story)
    if moment == "removed":
        (kept / "HEAD").write_text("ref: refs/heads/main\n")
        (kept / "commondir").write_text("gone/..\n")
        listed = subprocess.run(["git", "worktree", "list"], cwd=story.repository, capture_output=True, check=False)
        assert b"Invalid path" in listed.stderr
    timer = threading.Timer(0.2, shutil.rmtree, args=(kept,))
    timer.start()
    assert Git(story.repository).checkout_of("main") == story.repository
    timer.join()


def test_locks_of_a_git_that_was_killed_are_in_nobodys_way(story: Story) -> None:
    prepare(story)
    write(story, "made")
    for name in ("index.lock", "HEAD.lock"):
        (story.repository / ".git" / "worktrees" / "0001" / name).touch()
    assert in_worktree(story, "log", "-1", "--format=%s", keep(story)) == "kept"


def test_a_scratch_worktree_is_gone_afterwards_and_one_left_over_is_no_hindrance(story: Story) -> None:
    folder = story.state.worktrees / "_scratch"
    story.git("worktree", "add", "--quiet", "--detach", str(folder))
    (folder / "litter").touch()
    with worktrees.scratch(story.repository, folder, "main"):
        assert sorted(path.name for path in folder.iterdir()) == [".git", ".gitignore", "notes.txt"]
        (folder / "litter").touch()
    assert not folder.exists()
    assert len(story.git("worktree", "list").splitlines()) == 1
