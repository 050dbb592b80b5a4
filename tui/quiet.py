"""Which workers have been silent for longer than is their habit. Quiet is not an error, so it is only a word."""

from datetime import datetime

from state.model import LIVE
from state.views import TaskView

__all__ = ["SILENCE", "Habits", "silence"]

SILENCE = 60.0
"""Seconds of silence that are never called quiet."""
PATIENCE = 2.0
"""A worker may be silent for this many times the longest pause that was seen of it."""


def silence(view: TaskView, now: datetime) -> float:
    """Seconds since the worker last wrote anything, or since it was started; 0 while none runs."""
    if view.state not in LIVE or view.status is None:
        return 0.0
    last = max(view.status.since, view.heard) if view.heard else view.status.since
    return max(0.0, (now - last).total_seconds())


class Habits:
    """The longest pause of each worker's newest attempt, as far as it was seen by whoever holds this."""

    def __init__(self) -> None:
        self._pauses: dict[str, tuple[int, float]] = {}

    def note(self, before: TaskView | None, after: TaskView) -> None:
        """Takes in that the task changed from `before` to `after`."""
        attempt = after.status.attempt if after.status else 0
        known, pause = self._pauses.get(after.id, (attempt, 0.0))
        if known != attempt:
            known, pause = attempt, 0.0
        if before is not None and before.heard and after.heard and before.state in LIVE:
            pause = max(pause, (after.heard - before.heard).total_seconds())
        if pause:
            self._pauses[after.id] = (known, pause)

    def quiet(self, view: TaskView, now: datetime) -> bool:
        """Whether the worker has been silent for long, and for longer than it is used to be."""
        silent = silence(view, now)
        if silent <= SILENCE:
            return False
        return silent > PATIENCE * self._pauses.get(view.id, (0, 0.0))[1]
