"""What was used on the day that it is, by the calendar of the machine that looks; kept up by what changed.

A task that was made today counts whole. Of an older one count the attempts that ended today and the one that runs:
the newest by what its task's view tells, those before it by their `agent.toml` and `exit.toml`, which are read once.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import TypeVar

import msgspec

from state import files
from state.errors import BadFile
from state.layout import StateDir
from state.model import AgentReport, Exit, Record, decode
from state.spending import told
from state.usage import Usage
from state.views import TaskView

__all__ = ["Today"]

R = TypeVar("R", bound=Record)
LIMIT = 1024 * 1024
"""Bytes that a record may have."""


class Today:
    """Attempts, tokens and dollars of today, without time. Not for two threads at once."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._day: date | None = None
        self._since = datetime.min
        self._total = Usage()
        self._each: dict[str, Usage] = {}
        self._older: dict[tuple[str, int], tuple[datetime | None, Usage]] = {}
        """Attempts that have ended and are not their task's newest: when, and what they used."""

    def turned(self, now: datetime) -> bool:
        """Whether another day has begun since it was looked last."""
        return _day(now) != self._day

    def take(self, tasks: Mapping[str, TaskView], changed: Iterable[str], now: datetime) -> Usage:
        """What was used today, once those of `tasks` that have `changed` were looked at anew."""
        if self.turned(now):
            self._day = _day(now)
            self._since = datetime.combine(self._day, time()).astimezone()
            self._total = Usage()
            self._each.clear()
            self._older.clear()
            changed = tasks
        for name in changed:
            view = tasks.get(name)
            before, used = self._each.pop(name, Usage()), Usage() if view is None else self._of(view)
            if used != Usage():
                self._each[name] = used
            if used != before:
                self._total = self._total.minus(before).plus(used)
        return self._total

    def _of(self, view: TaskView) -> Usage:
        status = view.status
        if status is None:
            return Usage()
        if view.task is not None and view.task.created >= self._since:
            running = _newest(view) if status.attempt > status.counted else Usage()
            return msgspec.structs.replace(status.usage.plus(running), seconds=0.0)
        ended = view.exit.ended if view.exit else view.heard if status.attempt <= status.counted else None
        if not view.attempts or (ended is not None and ended < self._since):
            return Usage()
        total = _newest(view)
        if view.run is not None and view.run.started < self._since:
            return total  # and so those before it ended before today
        for number in reversed(view.attempts[:-1]):
            ended, used = self._ended(view.id, number)
            if ended is not None and ended < self._since:
                break
            total = total.plus(used)
        return total

    def _ended(self, task: str, number: int) -> tuple[datetime | None, Usage]:
        """When an attempt that is not the newest ended, and what it used as far as its stream told."""
        if (task, number) not in self._older:
            folder = self._state.task(task).attempt(number)
            found, report = self._read(Exit, folder.exit), self._read(AgentReport, folder.report)
            if found is None:
                return None, Usage()
            used = report.usage.plus(Usage(attempts=1)) if report else Usage(attempts=1)
            self._older[task, number] = (found.ended, used)
        return self._older[task, number]

    def _read(self, kind: type[R], path: Path) -> R | None:
        try:
            return decode(kind, files.read_text(self._state.root, path, LIMIT), path.name)
        except BadFile:
            return None


def _day(now: datetime) -> date:
    return now.astimezone().date()


def _newest(view: TaskView) -> Usage:
    return told(view).plus(Usage(attempts=1))
