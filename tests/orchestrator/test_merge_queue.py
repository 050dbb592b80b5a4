"""What lands, what does not, and what a landing that was cut off leaves for the next one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestrator import verify
from orchestrator.repository import merge_queue, worktrees
from orchestrator.repository.merge_queue import Change, Checked, Landing
from state.envelope import Check, Metric
from state.errors import CannotWrite
from state.locks import Who, hold
from tests.stories import DEADLINE, Story, wait

BRANCH = "opsroom/0001/1"


def change(story: Story, **parts: Any) -> Change:
    """A change of task 0001 by its first attempt, whose worktree is made."""
    worktree = story.state.worktree("0001")
    if not worktree.exists():
        worktrees.prepare(story.repository, worktree, "0001", 1, "main")
    folder = story.state.task("0001").attempt(1).root
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "worktree": worktree,
        "branch": BRANCH,
        "base": "main",
        "message": "the change",
        "checks": [],
        "environment": {},
        "folder": folder,
        "turn": verify.Turn(story.state, Who("0001", 1), DEADLINE),
    }
    return Change(**values | parts)


def check(script: str) -> list[Check]:
    return [Check(name="check", command=["sh", "-c", script])]


def measured(*command: str, baseline: str = "", tolerance: float | None = None) -> tuple[verify.Bound, ...]:
    return (verify.Bound(Metric(name="lines", command=list(command)), baseline, tolerance),)


def land(what: Change, merging: Callable[[Checked], None] = lambda checked: None) -> Landing:
    return merge_queue.land(what, merging, verify.Ending())


def write(what: Change, name: str = "made", text: str = "mine\n") -> None:
    (what.worktree / name).write_text(text)


def advance(story: Story, name: str = "other", text: str = "theirs\n") -> str:
    """A commit by somebody else on main."""
    (story.repository / name).write_text(text)
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", f"change {name}")
    return story.git("rev-parse", "main")


def test_a_change_is_rebased_onto_a_base_that_moved_and_checked_there(story: Story) -> None:
    what = change(story, checks=check("test -e other && test -e made"))
    write(what)
    moved = advance(story)
    landing = land(what)
    assert (landing.outcome, landing.checks) == ("merged", ("check",))
    assert story.subjects() == ["the change", "change other", "first"]
    assert story.git("rev-parse", "main^") == moved
    assert landing.commit == story.git("rev-parse", "main")


def test_a_clean_checkout_of_the_base_comes_along_and_strangers_in_it_stay(story: Story) -> None:
    what = change(story)
    write(what)
    (story.repository / "stranger").write_text("untracked\n")
    assert land(what).outcome == "merged"
    assert (story.repository / "made").read_text() == "mine\n"
    assert (story.repository / "stranger").read_text() == "untracked\n"


def test_a_base_that_is_checked_out_nowhere_is_moved_alone(story: Story) -> None:
    story.git("switch", "--quiet", "--create", "elsewhere")
    what = change(story)
    write(what)
    assert land(what).outcome == "merged"
    assert story.subjects() == ["the change", "first"]
    assert not (story.repository / "made").exists()


def test_a_dirty_checkout_blocks_before_any_check_runs(story: Story) -> None:
    ran = story.folder / "ran"
    what = change(story, checks=check(f"touch {ran}"))
    write(what)
    (story.repository / "notes.txt").write_text("a person is writing\n")
    landing = land(what)
    assert landing.outcome == "blocked"
    assert landing.why == f"main is checked out in {story.repository} with uncommitted changes"
    assert (story.subjects(), ran.exists()) == (["first"], False)
    story.git("checkout", "--quiet", "--", "notes.txt")
    assert land(what).outcome == "merged"


def test_a_stranger_in_the_way_blocks_and_the_checks_are_not_run_again_for_the_same_commit(story: Story) -> None:
    runs = story.folder / "runs"
    what = change(story, checks=check(f"echo run >> {runs}"))
    write(what)
    (story.repository / "made").write_text("untracked, and of a person\n")
    assert land(what).outcome == "blocked"
    assert land(what).outcome == "blocked"
    assert (story.repository / "made").read_text() == "untracked, and of a person\n"
    (story.repository / "made").unlink()
    assert land(what).outcome == "merged"
    assert runs.read_text() == "run\n"


def test_a_conflict_names_the_files_and_leaves_the_work_as_it_was(story: Story) -> None:
    what = change(story)
    write(what, "notes.txt")
    write(what, "made")
    advance(story, "notes.txt")
    landing = land(what)
    assert (landing.outcome, landing.why) == ("failed", "conflict with main in notes.txt")
    assert story.git("status", "--porcelain", cwd=what.worktree) == ""
    assert (story.file("notes.txt", BRANCH), story.file("made", BRANCH)) == ("mine", "mine")
    assert story.subjects() == ["change notes.txt", "first"]


def test_no_change_at_all_lands_nothing(story: Story) -> None:
    what = change(story, checks=check("exit 1"))
    advance(story)
    assert land(what).outcome == "nothing"


def test_a_change_that_the_base_has_meanwhile_lands_nothing(story: Story) -> None:
    what = change(story)
    write(what, "other", "theirs\n")
    advance(story)
    assert land(what).outcome == "nothing"


def test_a_failed_check_moves_nothing_and_leaves_no_litter(story: Story) -> None:
    what = change(story, checks=check("touch litter; echo spoiled > made; echo broken; exit 1"))
    write(what)
    landing = land(what)
    assert (landing.outcome, landing.why) == ("failed", "check check failed (exit status 1): broken")
    assert story.subjects() == ["first"]
    assert story.git("status", "--porcelain", cwd=what.worktree) == ""
    assert (what.worktree / "made").read_text() == "mine\n"


def test_a_metric_is_measured_with_the_change_and_must_be_a_number(story: Story) -> None:
    what = change(story, bounds=measured("sh", "-c", "wc -l < notes.txt"))
    write(what, "notes.txt")
    assert land(what).metric == "1"
    write(what, "notes.txt", "more\n")
    landing = land(what._replace(bounds=measured("true"), folder=what.folder.with_name("2")))
    assert (landing.outcome, landing.why) == ("failed", "metric lines gave no number")


def test_merging_is_said_after_the_checks_and_before_the_branch_moves(story: Story) -> None:
    said: list[tuple[list[str], list[str]]] = []
    what = change(story, checks=check("true"))
    write(what)
    land(what, lambda checked: said.append((checked.checks, story.subjects())))
    assert said == [(["check"], ["first"])]


def test_a_base_that_moves_while_the_checks_run_is_not_written_over(story: Story) -> None:
    what = change(story, checks=check("true"))
    write(what)

    def somebody_is_faster(checked: Checked) -> None:
        advance(story)

    landing = land(what, somebody_is_faster)
    assert (landing.outcome, landing.why) == ("blocked", "main moved meanwhile")
    assert land(what).outcome == "merged"
    assert story.subjects() == ["the change", "change other", "first"]


def test_a_base_that_moves_while_the_turn_is_waited_for_is_what_the_change_is_checked_on(story: Story) -> None:
    runs = story.folder / "runs"
    what = change(story, checks=check(f"echo run >> {runs}; test -e other"))
    write(what)
    tickets = story.state.lock("build").tickets
    with ThreadPoolExecutor(1) as pool:
        with hold(story.state, "build", Who()):
            landing = pool.submit(land, what)
            wait(lambda: list(tickets.glob("*.toml")), lambda: "the change to stand in the queue")
            advance(story)
        assert landing.result(DEADLINE).outcome == "merged"
    assert runs.read_text() == "run\n"
    assert story.subjects() == ["the change", "change other", "first"]


def test_a_crash_after_the_branch_moved_is_merged_and_not_done_twice(story: Story) -> None:
    runs = story.folder / "runs"
    what = change(story, checks=check(f"echo run >> {runs}"), bounds=measured("echo", "7"))
    write(what)
    first = land(what)
    advance(story)
    again = land(what)
    assert (again.outcome, again.commit, again.checks, again.metric) == ("merged", first.commit, ("check",), "7")
    assert story.subjects() == ["change other", "the change", "first"]
    assert runs.read_text() == "run\n"


class Crash(Exception):
    pass


def crash(checked: Checked) -> None:
    raise Crash


def test_a_crash_between_the_checks_and_the_move_lands_what_was_checked(story: Story) -> None:
    runs = story.folder / "runs"
    what = change(story, checks=check(f"echo run >> {runs}"))
    write(what)
    with pytest.raises(Crash):
        land(what, crash)
    assert story.subjects() == ["first"]
    assert land(what).outcome == "merged"
    assert runs.read_text() == "run\n"


def test_a_crash_in_the_checks_takes_their_litter_for_nobodys_work(story: Story) -> None:
    what = change(story, checks=check(f"touch litter; echo spoiled > made; sleep {DEADLINE}"))
    write(what)
    ending = verify.Ending()
    with ThreadPoolExecutor(1) as pool:
        landing = pool.submit(merge_queue.land, what, lambda checked: None, ending)
        wait(lambda: "spoiled" in (what.worktree / "made").read_text(), lambda: "the check to litter")
        ending.now.set()
        with pytest.raises(verify.Interrupted):
            landing.result(DEADLINE)
    assert land(what._replace(checks=check("test ! -e litter"))).outcome == "merged"
    assert story.git("show", "--name-only", "--format=", "main") == "made"
    assert story.file("made") == "mine"


def test_a_crash_in_the_rebase_is_begun_again(story: Story) -> None:
    what = change(story)
    write(what)
    tip = worktrees.keep(what.worktree, BRANCH, "the change")
    advance(story)
    (what.folder / "landing.toml").write_text(f'tip = "{tip}"\n')
    editor = "sed -i s/^pick/edit/"
    story.git("-c", f"sequence.editor={editor}", "rebase", "--quiet", "--interactive", "main", cwd=what.worktree)
    assert land(what).outcome == "merged"
    assert story.subjects() == ["the change", "change other", "first"]


def test_a_base_that_is_gone_is_waited_for(story: Story) -> None:
    what = change(story, base="gone")
    write(what)
    landing = land(what)
    assert (landing.outcome, landing.why) == ("blocked", "branch 'gone' does not exist")


def test_what_cannot_be_written_down_is_not_begun(story: Story) -> None:
    what = change(story)
    write(what)
    what.folder.rmdir()
    what.folder.touch()
    with pytest.raises(CannotWrite):
        land(what)
    assert story.subjects() == ["first"]
