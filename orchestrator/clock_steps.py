"""Notices that somebody set the clock back, so that what was to wait for a minute does not wait for an hour."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["ClockSteps"]

LEAST = 1.0
"""Seconds that are not worth speaking of."""

APART = 0.05
"""Seconds within which both clocks are to be read: a process that had to wait in between knows nothing of a step."""

TRIES = 5
"""Readings of both clocks at most, on a machine that never gives them without a pause."""


def boot_seconds() -> float:
    """The clock that nobody sets: seconds since boot, those asleep with them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockSteps:
    """Compares the clock that people set with the one that nobody does. For one thread at a time."""

    def __init__(self, clock: Callable[[], datetime], steady: Callable[[], float] = boot_seconds) -> None:
        self._clock = clock
        self._steady = steady
        self._ahead: float | None = None

    def read(self) -> tuple[datetime, timedelta]:
        """The time, and by how many whole seconds the clock was set back since the last call: mostly by nothing."""
        now, ahead = self._both()
        before, self._ahead = self._ahead, ahead
        if before is None or before - ahead < LEAST:
            return now, timedelta()
        return now, timedelta(seconds=round(before - ahead))

    def _both(self) -> tuple[datetime, float]:
        """The time, and how far its clock is ahead of the other, by the best of a few readings."""
        readings: list[tuple[float, float, datetime]] = []
        for _ in range(TRIES):
            start = self._steady()
            now = self._clock()
            readings.append((self._steady() - start, start, now))
            if readings[-1][0] <= APART:
                break
        _, start, now = min(readings)
        return now, now.timestamp() - start
