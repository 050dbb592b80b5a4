"""What attempts have used, as far as anybody has told: one running attempt, a task with it, several tasks. Pure."""

from collections.abc import Iterable
from datetime import datetime
from functools import reduce

import msgspec

from state.usage import Usage
from state.views import TaskView

__all__ = ["of_newest", "of_task", "of_tasks", "sum_of", "told"]


def told(view: TaskView) -> Usage:
    """Tokens and dollars of the newest attempt: by its stream where that is read, else by the worker's own word."""
    attempt = view.status.attempt if view.status else 0
    if view.report is not None and view.attempts[-1:] == (attempt,):
        return msgspec.structs.replace(view.report.usage, attempts=0, seconds=0.0)
    if view.spent is not None and view.spent.attempt == attempt:
        return Usage(tokens=view.spent.tokens, dollars=view.spent.dollars)
    return Usage()


def of_newest(view: TaskView, now: datetime) -> Usage | None:
    """What the newest attempt has used until `now`; None where it is in the task's usage, or there is none."""
    status = view.status
    if status is None or not status.attempt or status.attempt <= status.counted:
        return None
    seconds = 0.0
    if view.run is not None and view.attempts[-1:] == (status.attempt,):
        until = view.exit.ended if view.exit else now
        seconds = max(0.0, (until - view.run.started).total_seconds())
    return told(view).plus(Usage(attempts=1, seconds=seconds))


def of_task(view: TaskView, now: datetime) -> Usage:
    """What a task has used until `now`, its running attempt included."""
    usage = view.status.usage if view.status else Usage()
    running = of_newest(view, now)
    return usage.plus(running) if running else usage


def of_tasks(views: Iterable[TaskView], now: datetime) -> Usage:
    """What several tasks have used until `now`, their running attempts included."""
    return sum_of(of_task(view, now) for view in views)


def sum_of(usages: Iterable[Usage]) -> Usage:
    """All of them together."""
    return reduce(Usage.plus, usages, Usage())
