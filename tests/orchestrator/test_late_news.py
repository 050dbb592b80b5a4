"""The watcher comes late, or an attempt ends while its files are read: what was written before counts."""

import shutil
from collections.abc import Iterator

import pytest

from orchestrator.config import load
from orchestrator.known import Known
from orchestrator.loop import Orchestrator
from orchestrator.running import attempts
from state.layout import AttemptDir
from state.model import AgentReport, decode
from state.watch import Batch, Watcher
from tests.orchestrator.test_streams import WHOLE, WORK, codex
from tests.stories import Story


def orchestrate(story: Story) -> None:
    """An orchestrator in this very process, until nothing is left to do."""
    Orchestrator(story.state, load(story.repository), once=True).run()


def hears_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has whoever watches learn what there is at the start, and nothing of what comes after it."""
    batches = Watcher.batches

    def first(watcher: Watcher) -> Iterator[Batch]:
        yield next(batches(watcher))

    monkeypatch.setattr(Watcher, "batches", first)


def test_what_an_attempt_used_is_counted_though_nobody_has_told_of_it(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    hears_nothing_new(monkeypatch)
    story.agent("opsroom usage --tokens 700 --dollars 0.5; touch made")
    task = story.spawn()
    orchestrate(story)
    status = story.task(task).status
    assert status is not None
    assert (status.state, status.usage.tokens, status.usage.dollars) == ("merged", 700, 0.5)


def test_a_change_lands_by_the_policy_of_the_moment(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    hears_nothing_new(monkeypatch)
    story.agent(f"echo four >> notes.txt; sed -i s/five/four/ {story.state.campaign('fours').envelope}")
    story.campaign("fours", ["notes.txt"], envelope='[policy]\nforbid = ["five"]\n')
    story.send("campaign-start", campaign="fours")
    orchestrate(story)
    assert story.why("fours-0001") == "policy: notes.txt, line 4 adds 'four', which is forbidden (four)"


def test_an_exit_record_that_comes_while_the_directory_is_read_is_the_one_a_verdict_is_by(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = story.folder / "go"
    codex(story, f"while [ ! -e {go} ]; do sleep 0.05; done; {WORK}; {WHOLE}", max_attempts=1)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    story.kill(running)
    is_alive = attempts.is_alive

    def ends_at_the_first_look(attempt: AttemptDir) -> bool:
        go.touch()
        story.wait(attempt.exit.exists, "the worker's end")
        return is_alive(attempt)

    monkeypatch.setattr(attempts, "is_alive", ends_at_the_first_look)
    hears_nothing_new(monkeypatch)
    orchestrate(story)
    report = decode(AgentReport, story.state.task(task).attempt(1).report.read_text(), "agent.toml")
    assert (report.verdict, report.why) == ("success", "")
    assert story.task(task).state == "merged"


@pytest.mark.parametrize("what", ["", "attempts"], ids=["the task", "its attempts"])
@pytest.mark.parametrize("look", [1, 2])
def test_what_is_removed_while_its_end_is_read_stops_no_other(
    story: Story, monkeypatch: pytest.MonkeyPatch, look: int, what: str
) -> None:
    # it is seen to run, and so to end: one that ended before anybody looked is read but once
    seen = """until grep -q '^state = "running"' "$OPSROOM_TASK_DIR/status.toml"; do sleep 0.02; done"""
    story.agent(f"touch $OPSROOM_TASK; {seen}")
    task = story.spawn()
    folder, looks = story.state.task(task).root, iter(range(1, 100))
    reread = Known.reread

    def removes_it_once(known: Known, name: str) -> None:
        if name == task and next(looks) == look:
            shutil.rmtree(folder / what)
            known.apply(frozenset({f"tasks/{task}", f"tasks/{task}/attempts"}))
        reread(known, name)

    monkeypatch.setattr(Known, "reread", removes_it_once)
    other = story.spawn()
    orchestrate(story)
    assert next(looks) > look
    assert story.task(other).state == "merged"
    assert story.states().get(task, "gone") == ("merged" if what else "gone")
