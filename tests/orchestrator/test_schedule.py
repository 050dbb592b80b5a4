"""Each rule of `schedule.decide`, as a snapshot and what follows from it."""

from datetime import timedelta

import pytest

from orchestrator import schedule
from orchestrator.holds import Pass
from orchestrator.schedule import Answer, Decision, End, Facts, Land, Launch, Limits, Move, PutAway, backoff, decide
from state.messages import Message
from state.views import TaskView
from tests.orchestrator.snapshots import NOW, QUESTION, answer, ended, facts, question, result

SOON = NOW + timedelta(seconds=5)
PARKED = schedule.PARKED
CRASHED = "attempt 1 exited with status 1"
LIMITED = Message(kind="unavailable", at=NOW, attempt=1, body="slow\ndown", until=SOON)
HELD = Move("0001", "queued", "its provider failed for now (exit status 75)", failure="provider")
STOP = Message(kind="stop", at=NOW, attempt=1, body="No rule\nsays which.")
ASKED = (question(),)
DUE = question(default="yes", deadline=NOW)
NOT_YET = question(default="yes", deadline=SOON)


@pytest.mark.parametrize(
    ("snapshot", "decision"),
    [
        # before an attempt
        (facts("queued"), Launch("0001")),
        (facts("retrying"), Launch("0001")),
        (facts("retrying", not_before=SOON), None),
        (facts("retrying", not_before=NOW), Launch("0001")),
        (facts("queued", busy=True), None),
        (facts("queued", alive=True), End("0001")),
        (facts("queued", outbox=ASKED), Move("0001", "waiting", PARKED, QUESTION)),
        (facts("queued", outbox=ASKED, filed=(answer(),)), Launch("0001")),
        (facts("queued", outbox=(question(blocking=False),)), Launch("0001")),
        # while it runs
        (facts("starting", alive=True), Move("0001", "running")),
        (facts("running", alive=True), None),
        (facts("running", alive=True, outbox=ASKED), Move("0001", "waiting", "", QUESTION)),
        (facts("waiting", alive=True, outbox=ASKED), None),
        (facts("waiting", alive=True, outbox=ASKED, inbox=(answer(),)), Move("0001", "running")),
        (facts("running", alive=True, outbox=(NOT_YET,)), Move("0001", "waiting", "", QUESTION)),
        (facts("waiting", alive=True, outbox=(DUE,)), Answer("0001", DUE)),
        (facts("running", alive=True, outbox=(question(default="y", deadline=NOW, blocking=False),)), "Answer"),
        (facts("paused", alive=True), End("0001")),
        (facts("stopped", alive=True), End("0001")),
        (facts("cancelled", alive=True, worktree=True), End("0001")),
        (facts("failed", alive=True, worktree=True), End("0001")),
        # once it has ended
        (facts("running", exit=ended()), Move("0001", "verifying", failures=0)),
        (facts("running", exit=ended(), result=result("success")), Move("0001", "verifying", failures=0)),
        (
            facts("running", exit=ended(), result=result("failure", summary="no\nway")),
            Move("0001", "failed", "no way", failure="agent"),
        ),
        (
            facts("running", exit=ended(), result=result("failure")),
            Move("0001", "failed", "the worker says: failure", failure="agent"),
        ),
        (facts("running", exit=ended(), result=result("failure", attempt=7)), Move("0001", "verifying", failures=0)),
        (
            facts("running", exit=ended(status=1)),
            Move("0001", "retrying", CRASHED, failures=1, not_before=SOON, failure="agent"),
        ),
        (facts("running", exit=ended(status=-15)), "attempt 1 exited with signal 15"),
        (facts("running", exit=ended("timeout", -9)), "attempt 1 ran out of time after 60 s"),
        (facts("running", exit=ended("cancelled", -9)), "attempt 1 was ended from outside"),
        (facts("running"), "the supervisor of attempt 1 is gone and left no exit record"),
        (facts("running", exit=ended("exec_failed", 127, "no such file")), "cannot start the agent: no such file"),
        (
            facts("running", exit=ended(status=1), failures=2),
            Move("0001", "failed", f"{CRASHED}; failed 3 times in a row", failures=3, failure="agent"),
        ),
        (
            facts("running", exit=ended(status=1), limits=Limits(max_attempts=1)),
            Move("0001", "failed", f"{CRASHED}; failed once", failures=1, failure="agent"),
        ),
        (facts("starting", attempts=()), Move("0001", "queued", "attempt 1 was never started")),
        (
            facts("running", exit=ended(status=1), outbox=(STOP,)),
            Move("0001", "stopped", "No rule says which.", failures=0),
        ),
        (facts("running", exit=ended(), outbox=ASKED), Move("0001", "waiting", PARKED, QUESTION, 0)),
        (facts("waiting", exit=ended(status=1), outbox=ASKED), Move("0001", "waiting", PARKED, QUESTION, 0)),
        (facts("waiting", why=PARKED, exit=ended(), outbox=ASKED), None),
        (facts("waiting", why=PARKED, outbox=ASKED, filed=(answer(),)), Move("0001", "queued", schedule.ANSWERED)),
        (facts("waiting", why=PARKED, outbox=(DUE,)), Answer("0001", DUE)),
        # what is no failure of the task
        (facts("running", exit=ended(status=75), failures=2), HELD),
        (
            facts("running", exit=ended(status=1), outbox=(LIMITED,)),
            Move("0001", "queued", "slow down", failure="provider", until=SOON),
        ),
        (
            facts("running", exit=ended(), outbox=(LIMITED,)),
            Move("0001", "queued", "slow down", failure="provider", until=SOON),
        ),
        (
            facts("running", exit=ended(), outbox=(LIMITED,), result=result("success")),
            Move("0001", "verifying", failures=0),
        ),
        (
            facts("running", exit=ended(status=1), gate=Pass(shortage="disk")),
            "attempt 1 exited with status 1 while the machine was short: disk",
        ),
        (
            facts("running", exit=ended("timeout", -9), gate=Pass(shortage="disk")),
            "attempt 1 ran out of time after 60 s",
        ),
        (
            facts("running", exit=ended("budget", -9, why="all spent")),
            Move("0001", "queued", "all spent", failure="budget"),
        ),
        (
            facts("running", exit=ended(status=137)),
            "attempt 1 exited with status 137: killed from outside, for memory perhaps",
        ),
        (
            facts("running", exit=ended("silent", -9)),
            "attempt 1 gave no sign of life for too long and was ended after 60 s",
        ),
        # what budgets and holds say
        (facts("queued", gate=Pass(held="codex: slow down")), None),
        (facts("retrying", gate=Pass(held="codex: slow down")), None),
        (facts("queued", gate=Pass(spent="all spent")), Move("0001", "failed", "all spent", failure="budget")),
        (facts("queued", gate=Pass(spent="all spent"), outbox=ASKED), Move("0001", "waiting", PARKED, QUESTION)),
        (facts("running", alive=True, gate=Pass(over="all spent")), End("0001", over="all spent")),
        (facts("waiting", alive=True, gate=Pass(over="all spent"), outbox=ASKED), End("0001", over="all spent")),
        (facts("running", alive=True, gate=Pass(held="codex: slow down")), None),
        (facts("verifying", gate=Pass(held="disk", spent="all")), Land("0001", "main")),
        # answered as the worker left
        (
            facts("waiting", exit=ended(), outbox=ASKED, inbox=(answer(),)),
            Move("0001", "queued", schedule.ANSWERED, failures=0),
        ),
        (
            facts("running", exit=ended(), outbox=ASKED, filed=(answer(),), acknowledged=frozenset({"a.md"})),
            Move("0001", "verifying", failures=0),
        ),
        (
            facts(
                "running",
                exit=ended(),
                outbox=ASKED,
                filed=(answer(), answer("b.md")),
                acknowledged=frozenset({"a.md"}),
            ),
            Move("0001", "verifying", failures=0),
        ),
        (
            facts("running", exit=ended(), outbox=ASKED, inbox=(answer(),), result=result("success")),
            Move("0001", "verifying", failures=0),
        ),
        # after it
        (facts("verifying"), Land("0001", "main")),
        (facts("merging"), Land("0001", "main")),
        (facts("merging", not_before=SOON), None),
        (facts("verifying", busy=True), None),
        (facts("merged", worktree=True), PutAway("0001")),
        (facts("failed", worktree=True), PutAway("0001")),
        (facts("merged"), None),
        (facts("paused"), None),
        (facts("stopped", worktree=True), None),
        (facts("dreaming", alive=True), None),
        (Facts(TaskView("0001"), alive=True, busy=False, limits=Limits()), None),
    ],
    ids=lambda value: f"{value.view.state}" if isinstance(value, Facts) else f"{value}"[:40],
)
def test_what_follows_from_a_snapshot(snapshot: Facts, decision: Decision | str | None) -> None:
    found = decide([snapshot], NOW, 4)
    if decision is None:
        assert found == []
    elif isinstance(decision, str):
        (only,) = found
        assert decision in (type(only).__name__, getattr(only, "why", ""))
    else:
        assert found == [decision]


def test_slots_are_given_in_the_order_of_the_snapshot() -> None:
    tasks = [facts("queued", task=f"{number:04d}") for number in range(5)]
    assert decide(tasks, NOW, 2) == [Launch("0000"), Launch("0001")]


def test_an_agent_whose_provider_failed_is_tried_with_one_attempt_at_a_time() -> None:
    trial = Pass(trial=True)
    tasks = [facts(task=f"{number:04d}", gate=trial) for number in range(3)]
    assert decide(tasks, NOW, 4) == [Launch("0000")]
    assert decide([facts("running", alive=True, task="old", gate=trial), *tasks], NOW, 4) == []
    assert decide([facts("starting", busy=True, task="new", gate=trial), *tasks], NOW, 4) == []
    assert decide([*tasks, facts(task="other", agent="b")], NOW, 4) == [Launch("0000"), Launch("other")]


def test_what_lives_takes_a_slot_whatever_its_state_says() -> None:
    alive = [facts(state, alive=True, task=state) for state in ("running", "waiting", "cancelled")]
    assert Launch("next") not in decide([*alive, facts(task="next")], NOW, 3)
    assert Launch("next") in decide([*alive, facts(task="next")], NOW, 4)


def test_what_is_being_started_takes_a_slot_and_what_is_being_landed_does_not() -> None:
    starting, landing = facts("starting", busy=True, task="s"), facts("verifying", busy=True, task="l")
    assert decide([starting, facts(task="next")], NOW, 1) == []
    assert decide([landing, facts(task="next")], NOW, 1) == [Launch("next")]


def test_one_lands_at_a_time_on_each_base() -> None:
    tasks = [facts("verifying", task=name) for name in ("a", "b")]
    assert decide(tasks, NOW, 4) == [Land("a", "main")]
    assert decide([facts("merging", busy=True, task="busy"), *tasks], NOW, 4) == []


def test_backoff_doubles_up_to_its_limit() -> None:
    limits = Limits(backoff_seconds=5.0, backoff_limit=60.0)
    assert [backoff(failures, limits) for failures in (1, 2, 3, 4, 5, 500)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_the_next_moment_is_the_first_that_lies_ahead() -> None:
    later, latest = NOW + timedelta(seconds=9), NOW + timedelta(seconds=12)
    tasks = [
        facts("retrying", not_before=NOW - timedelta(seconds=9)),
        facts("retrying", not_before=latest),
        facts("waiting", outbox=(question(default="yes", deadline=later),)),
        facts("waiting", outbox=(question(deadline=SOON),)),
    ]
    assert schedule.next_moment(tasks, NOW) == later
    assert schedule.next_moment(tasks, latest) is None
