"""Campaigns of which nobody can read what may be done: waited out for a while, for somebody may be saving a file."""

import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Unreadable"]


class _Since(NamedTuple):
    at: float
    why: str


class Unreadable:
    """Since when, and why, by campaign. For the loop's own thread."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._found: dict[str, _Since] = {}

    def found(self, campaign: str, why: str) -> None:
        """Notes that it could not be read, and why."""
        before = self._found.get(campaign)
        self._found[campaign] = _Since(before.at if before else self._clock(), why)

    def forget(self, campaign: str) -> None:
        """Has it be tried again: it was read, or is another than it was."""
        self._found.pop(campaign, None)

    def over(self, campaign: str) -> str:
        """Why nothing of `campaign` can be done until a person mends it, once that has lasted for the limit; or ''."""
        since = self._found.get(campaign)
        return since.why if since is not None and self._clock() - since.at >= self._limit else ""
