"""What goes wrong around a real CLI: its provider, its processes, its orchestrator."""

import os
import signal

import pytest

from state.agent_events import PROVIDER_FAILURES
from tests.agents.model_script import FOR_GOOD, Step
from tests.agents.real import Real

WORDS = "the model has fallen over"
WORK = Step(shell="echo four >> notes.txt && git commit -q -a -m 'count to four'")
END = Step(say="Four is counted.")
LONG = Step(
    shell="echo four >> notes.txt && git commit -q -a -m 'count to four' "
    "&& printf 'Counted to four. Next: five.' | opsroom checkpoint - && sleep 600"
)
OWN_WORDS = {("codex", 500), ("codex", 429), ("copilot", 401)}
"""Where a CLI does not tell what the provider said."""
HELD = {"hold_seconds": 600.0, "hold_limit": 600.0}


def test_a_worker_that_is_killed_in_the_middle_is_begun_again_and_lands(real: Real) -> None:
    more = Step(shell="echo five >> notes.txt && git commit -q -a -m 'count to five'")
    real.script(LONG, more, END, watch=("Counted to four. Next: five.",))
    story = real.story
    task = story.spawn("Count", spec="Count to five.")
    story.up("--once")
    checkpoint = story.state.task(task).checkpoint
    story.wait(checkpoint.exists, "the checkpoint")
    story.end_by_id(story.processes(task).child)
    story.wait_for_state(task, "merged")
    assert story.file("notes.txt") == "one\ntwo\nthree\nfour\nfive"
    assert real.verdicts() == ["failed interrupted", "success"]
    assert [(request.step, bool(request.watched)) for request in real.asked()] == [(0, False), (1, True), (2, True)]
    assert real.used(task).attempts == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_worker_that_is_interrupted_has_not_succeeded_whatever_it_exits_with(
    real: Real, number: signal.Signals
) -> None:
    real.script(LONG, WORK, END)
    story = real.story
    task = story.spawn()
    story.up("--once")
    story.wait(story.state.task(task).checkpoint.exists, "the checkpoint")
    story.end_by_id(real.program(task), number)
    story.wait_for_state(task, "merged")
    # codex says nothing of it and exits with 1, as it does for other reasons
    silent = (real.name, number) == ("codex", signal.SIGINT)
    assert real.verdicts() == ["failed agent" if silent else "failed interrupted", "success"]
    assert story.file("notes.txt") == "one\ntwo\nthree\nfour\nfour"


def test_a_reply_that_is_cut_off_is_asked_for_again(real: Real) -> None:
    real.configure(limits={"hold_seconds": 0.1})
    real.script(WORK, Step(say="Four is counted, and next I shall", cut=True), WORK, END)
    task = real.story.spawn()
    real.story.up("--once")
    real.story.wait_for_state(task, "merged")
    assert real.story.file("notes.txt") == "one\ntwo\nthree\nfour\nfour"
    # pi takes it for the end, and so it is for the orchestrator to begin again
    assert real.verdicts() == (["failed connection", "success"] if real.name == "pi" else ["success"])


def test_a_provider_that_fails_once_is_got_over(real: Real) -> None:
    real.script(Step(error=500, message=WORDS), WORK, END)
    task = real.story.spawn()
    real.story.up("--once")
    real.story.wait_for_state(task, "merged")
    assert real.verdicts() == ["success"]
    assert real.used(task).tokens == 2 * 1050


@pytest.mark.parametrize(
    ("status", "classes"),
    [(500, ("server", "overload")), (401, ("authentication",)), (429, ("rate_limit",))],
    ids=["fails", "refuses the key", "limits the rate"],
)
def test_a_provider_that_stays_away_holds_the_agent(real: Real, status: int, classes: tuple[str, ...]) -> None:
    real.configure(limits=HELD)
    real.script(Step(error=status, message=WORDS, times=FOR_GOOD, headers={"retry-after-ms": "100"}))
    story = real.story
    task = story.spawn()
    story.up()
    report = real.report(task)
    assert (report.verdict, report.failure in PROVIDER_FAILURES) == ("failed", True)
    assert report.failure in classes
    (hold,) = story.wait(real.holds, "the hold")
    assert (hold.kind, hold.agent, hold.failure) == ("provider", "worker", report.failure)
    assert report.why in hold.why
    if (real.name, status) not in OWN_WORDS:
        assert WORDS in report.why
    assert "merged" not in story.moves(task)
    assert story.subjects() == ["first"]


def test_a_restarted_orchestrator_goes_on_with_the_worker_that_runs(real: Real) -> None:
    asks = Step(say="I ask.", shell="opsroom ask 'Which number?' --wait 120 > notes.txt && git commit -q -a -m counted")
    real.script(Step(say="I look.", shell="cat notes.txt"), asks, END)
    story = real.story
    task = story.spawn()
    first = story.up()
    story.wait(lambda: task in story.states() and story.task(task).questions, "the question")
    before = story.wait(lambda: real.told(task), "its first events")
    os.killpg(first.pid, signal.SIGKILL)
    story.finish(first)
    story.up("--once")
    assert story.opsroom("answer", task, "four").status == 0
    story.wait_for_state(task, "merged")
    assert (story.file("notes.txt"), story.moves(task).count("starting")) == ("four", 1)
    assert real.verdicts() == ["success"]
    told = real.told(task)
    assert told[: len(before)] == before
    assert [place.seq for _, place in told] == list(range(1, len(told) + 1))
    assert [event for event, _ in told] == real.told_anew(task)
    assert real.used(task).tokens == 3 * 1050
