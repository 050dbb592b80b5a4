"""Notices that somebody set the clock back, so that what was to wait for a minute does not wait for an hour."""

import time
from datetime import datetime, timedelta

__all__ = ["ClockSteps"]

LEAST = 1.0
"""Seconds that are not worth speaking of."""


class ClockSteps:
    """Compares the clock that people set with the one that nobody does. For one thread at a time."""

    def __init__(self) -> None:
        self._ahead: float | None = None

    def back(self, now: datetime) -> timedelta:
        """By how much the clock was set back between the last call and this one, or nothing."""
        before, self._ahead = self._ahead, now.timestamp() - time.clock_gettime(time.CLOCK_BOOTTIME)
        if before is None or before - self._ahead < LEAST:
            return timedelta()
        return timedelta(seconds=before - self._ahead)
