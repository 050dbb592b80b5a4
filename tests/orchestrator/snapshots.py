"""Snapshots of tasks as `schedule` and `campaigns` take them, made without a disk."""

from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.holds import FREE
from orchestrator.schedule import Facts, Limits
from state.messages import Message
from state.model import Exit, Result, Status, Task
from state.views import TaskView

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
QUESTION = "20261121T110000.000000Z-0000-question.md"


def view(state: str = "queued", task: str = "0001", **parts: Any) -> TaskView:
    """A task in `state`; keys of a status go there, every other one into the view."""
    words: dict[str, Any] = {"attempt": 1} | {k: parts.pop(k) for k in list(parts) if k in Status.__struct_fields__}
    status = Status(state=state, since=NOW, by="orchestrator", **words)
    identity = Task(title="t", created=NOW, agent=parts.pop("agent", "a"), base="main")
    values: dict[str, Any] = {"id": task, "task": identity, "status": status, "attempts": (1,)} | parts
    return TaskView(**values)


def facts(
    state: str = "queued", *, alive: bool = False, busy: bool = False, worktree: bool = False, **parts: Any
) -> Facts:
    """The facts on such a task."""
    limits = parts.pop("limits", Limits(max_attempts=3, backoff_seconds=5.0, backoff_limit=300.0))
    gate = parts.pop("gate", FREE)
    return Facts(view(state, **parts), alive, busy, limits, worktree, gate)


def ended(reason: str = "exited", status: int | None = 0, error: str = "", why: str = "") -> Exit:
    """An exit record of an attempt that took a minute."""
    return Exit(reason=reason, started=NOW - timedelta(minutes=1), ended=NOW, status=status, error=error, why=why)


def question(name: str = QUESTION, **fields: Any) -> Message:
    """A question of attempt 1."""
    return Message(kind="question", at=NOW, name=name, attempt=1, body="Which?", **fields)


def answer(name: str = "a.md", to: str = QUESTION) -> Message:
    """An answer to it."""
    return Message(kind="answer", at=NOW, name=name, reply_to=to, body="this")


def result(outcome: str, attempt: int = 1, summary: str = "") -> Result:
    """What the worker said."""
    return Result(outcome=outcome, at=NOW, attempt=attempt, summary=summary)
