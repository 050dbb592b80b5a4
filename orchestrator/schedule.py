"""Decides what happens next: a pure function from a snapshot to decisions. No clock, no disk, no process.

The loop takes a snapshot, asks `decide`, and carries out what it is told. Everything that a decision needs to
know is in the snapshot, so each rule can be read here and tried without a machine.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator import failures
from orchestrator.failures import Failure
from orchestrator.holds import FREE, Pass
from state.messages import Message
from state.model import CHECKING, FINAL, LIVE
from state.views import TaskView

__all__ = [
    "Answer",
    "Decision",
    "End",
    "Facts",
    "Land",
    "Launch",
    "Limits",
    "Move",
    "PutAway",
    "backoff",
    "decide",
    "next_moment",
]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an agent may use up."""

    max_attempts: int = 3
    backoff_seconds: float = 5.0
    backoff_limit: float = 300.0


@dataclass(frozen=True, slots=True)
class Facts:
    """One open task, and what its files don't say: whether a process lives, whether something is being done."""

    view: TaskView
    alive: bool
    """The newest attempt's supervisor lives."""
    busy: bool
    """The orchestrator is starting or landing it at this moment."""
    limits: Limits
    worktree: bool = False
    """It has a worktree that may be put away once the task has ended."""
    gate: Pass = FREE
    """What budgets and holds say of it."""
    started: bool = True
    """The newest attempt came to have a supervisor, whatever became of it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the next attempt."""

    task: str


@dataclass(frozen=True, slots=True)
class Move:
    """Put the task into another state."""

    task: str
    to: str
    why: str = ""
    waiting_on: str = ""
    failures: int | None = None
    not_before: datetime | None = None
    failure: str = ""
    """Whose failure it was, where it was one: `agent`, `checks`, `provider` or `machine`."""
    until: datetime | None = None
    """Until when a provider said that it would fail."""
    by: str = ""
    """What a provider failed by, where that is known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer the question with its stated default: its deadline has passed."""

    task: str
    question: Message


@dataclass(frozen=True, slots=True)
class Land:
    """Verify the task's change and land it."""

    task: str
    base: str


@dataclass(frozen=True, slots=True)
class End:
    """End the attempt: the task is in a state in which nothing may run, or `over` says which budget is used up."""

    task: str
    over: str = ""


@dataclass(frozen=True, slots=True)
class PutAway:
    """Keep what the worktree holds on its branch, and remove it."""

    task: str


Decision = Launch | Move | Answer | Land | End | PutAway


def backoff(failures: int, limits: Limits) -> float:
    """Seconds to wait after the `failures`-th failure in a row."""
    return min(limits.backoff_limit, limits.backoff_seconds * 2.0 ** max(0, min(failures, 40) - 1))


def decide(tasks: Iterable[Facts], now: datetime, max_workers: int) -> list[Decision]:
    """What to do now, at most one decision a task. `tasks` are the open ones, in the order to prefer."""
    decisions: list[Decision] = []
    everyone = list(tasks)
    slots = max_workers - sum(facts.alive or (facts.busy and facts.view.state in LIVE) for facts in everyone)
    at_work = Counter(_agent(facts) for facts in everyone if facts.alive or (facts.busy and facts.view.state in LIVE))
    landing = {_base(facts) for facts in everyone if facts.busy and facts.view.state in CHECKING}
    for facts in everyone:
        if facts.busy or facts.view.status is None or facts.view.task is None:
            continue
        decision = _for_one(facts, now)
        if isinstance(decision, Launch):
            if slots <= 0 or (facts.gate.trial and at_work[_agent(facts)]):
                continue
            slots -= 1
            at_work[_agent(facts)] += 1
        elif isinstance(decision, Land):
            if decision.base in landing:
                continue  # one at a time onto each branch
            landing.add(decision.base)
        if decision is not None:
            decisions.append(decision)
    return decisions


def next_moment(tasks: Iterable[Facts], now: datetime) -> datetime | None:
    """The earliest time after `now` at which `decide` may say something new though nothing happened."""
    moments: list[datetime] = []
    for facts in tasks:
        if facts.view.status and facts.view.status.not_before:
            moments.append(facts.view.status.not_before)
        moments += [q.deadline for q in facts.view.questions if q.deadline and q.default]
    return min((moment for moment in moments if moment > now), default=None)


def _for_one(facts: Facts, now: datetime) -> Decision | None:
    state = facts.view.state
    if state in LIVE or state == "waiting":
        return _while_open(facts, now)
    if facts.alive and state in ("paused", "stopped", *FINAL):
        return End(facts.view.id)
    if state in FINAL and facts.worktree:
        return PutAway(facts.view.id)
    status = facts.view.status
    held_until = status.not_before if status else None
    # a wait that began in the future is of a clock that was set back: nobody knows how much of it is left
    due = held_until is None or now >= held_until or (status is not None and now < status.since - SLEW)
    if state in ("queued", "retrying"):
        if facts.alive:  # paused or stopped, and sent on before its attempt had ended
            return End(facts.view.id)
        if waits := [question for question in facts.view.questions if question.blocking]:
            return Move(facts.view.id, "waiting", why=PARKED, waiting_on=waits[0].name)
        if facts.gate.spent:
            return Move(facts.view.id, "failed", why=facts.gate.spent, failure=failures.BUDGET)
        return Launch(facts.view.id) if due and not facts.gate.held else None
    if facts.alive or not due:
        return None
    if state in CHECKING and not facts.gate.unreadable:
        return Land(facts.view.id, _base(facts))
    return None


def _while_open(facts: Facts, now: datetime) -> Decision | None:
    """An attempt runs, or has just ended, or the task is parked with a question."""
    view = facts.view
    for question in view.questions:
        if question.default and question.deadline and now >= question.deadline:
            return Answer(view.id, question)
    questions = [question for question in view.questions if question.blocking]
    if facts.alive and facts.gate.over:
        return End(view.id, over=facts.gate.over)
    if facts.alive:
        if questions and view.state == "running":
            return Move(view.id, "waiting", waiting_on=questions[0].name)
        if not questions and view.state in ("waiting", "starting"):
            return Move(view.id, "running")
        return None
    if view.state == "waiting" and view.status and view.status.why == PARKED:
        return None if questions else Move(view.id, "queued", why=ANSWERED)
    return _ended(facts, now, questions)


SLEW = timedelta(seconds=1)
"""By how much a clock may go back without anybody's doing."""
PARKED = "asked and left; starts again with the answer"
ANSWERED = "answered"


def _ended(facts: Facts, now: datetime, questions: list[Message]) -> Decision:
    """What follows from an attempt that is over."""
    view = facts.view
    attempt = view.status.attempt if view.status else 0
    own = [message for message in view.outbox if message.attempt in (attempt, 0)]
    stops = [message for message in own if message.kind == "stop"]
    if stops:
        return Move(view.id, "stopped", why=_sentence(stops[-1].body), failures=0)
    if questions:
        return Move(view.id, "waiting", why=PARKED, waiting_on=questions[0].name, failures=0)
    ended = view.exit
    if view.state == "starting" and not (facts.started and attempt in view.attempts):
        return Move(view.id, "queued", why=f"attempt {attempt} was never started")
    result = view.result if view.result and view.result.attempt in (attempt, 0) else None
    if ended is not None and ended.reason == "exec_failed":
        return Move(view.id, "failed", why=f"cannot start the agent: {ended.error[:300]}", failure=failures.AGENT)
    if ended is not None and ended.reason == "budget":  # where it is the task's own it is not launched again
        return Move(view.id, "queued", why=ended.why or "its budget is used up", failure=failures.BUDGET)
    succeeded = result is not None and result.outcome == "success"
    failure = failures.of_attempt(attempt, ended, own, succeeded, facts.gate.shortage, view.report)
    if failure is not None and not failure.counts:
        return Move(view.id, "queued", why=failure.why, failure=failure.whose, until=failure.until, by=failure.by)
    if failure is not None:
        return _again(facts, now, failure)
    if result is not None and not succeeded:
        why = _sentence(result.summary) or f"the worker says: {result.outcome}"
        return Move(view.id, "failed", why=why, failure=failures.AGENT)
    if any(question.attempt == attempt and question.blocking for question in own if question.kind == "question"):
        left = _answered_after(view, attempt)
        if left and result is None:
            return Move(view.id, "queued", why=ANSWERED, failures=0)
    return Move(view.id, "verifying", failures=0)


def _answered_after(view: TaskView, attempt: int) -> bool:
    """Whether a question of this attempt was answered when the worker had left, so that it never saw the answer."""
    asked = {message.name for message in view.outbox if message.kind == "question" and message.attempt == attempt}
    replies = [m for m in (*view.inbox, *view.filed) if m.kind == "answer" and m.reply_to in asked]
    seen = {reply.reply_to for reply in replies if reply.name in view.acknowledged}  # a second answer is never read
    return any(reply.reply_to not in seen for reply in replies)


def _again(facts: Facts, now: datetime, failure: Failure) -> Move:
    view, why, whose = facts.view, failure.why, failure.whose
    count = (view.status.failures if view.status else 0) + 1
    if count >= facts.limits.max_attempts:
        times = "once" if count == 1 else f"{count} times in a row"
        return Move(view.id, "failed", why=f"{why}; failed {times}", failures=count, failure=whose)
    wait = timedelta(seconds=backoff(count, facts.limits))
    return Move(view.id, "retrying", why=why, failures=count, not_before=now + wait, failure=whose)


def _agent(facts: Facts) -> str:
    return facts.view.task.agent if facts.view.task else ""


def _base(facts: Facts) -> str:
    return facts.view.task.base if facts.view.task else ""


def _sentence(text: str) -> str:
    return " ".join(text.split())[:400]
