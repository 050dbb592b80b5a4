"""From files to the screen: one thread watches and reads, and one immutable snapshot at a time crosses over."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from state.fleet import FleetReader
from state.layout import StateDir
from state.times import utc_now
from state.today import Today
from state.views import Change, Fleet
from state.watch import Watcher
from tui.summary import Summary, summarise

__all__ = ["Feed", "Snapshot"]

PULSE = 1.0
"""Seconds after which it is looked whether those who have or want a lock live."""
PORTION = 2_000
"""Paths that are read before the screen is told, so that ten thousand tasks begin to show at once."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is known at one moment, and what differs from the snapshot taken before."""

    fleet: Fleet = field(default_factory=Fleet)
    summary: Summary = field(default_factory=Summary)
    change: Change = field(default_factory=Change)
    polling: str = ""
    reading: bool = True
    """Whether the first reading is still going on."""
    broken: str = ""
    """Why nothing will change any more: a fault of this program, not of a file."""


class Feed:
    """Follows a state directory in a thread of its own; `announce` is called there when there is something to take.

    Until it is taken, nothing is announced again: what comes meanwhile is merged into it, so a slow terminal
    sees fewer snapshots, never a longer and longer queue of them. `clock` tells which day it is.
    """

    def __init__(self, state: StateDir, announce: Callable[[], None], clock: Callable[[], datetime] = utc_now) -> None:
        self._watcher = Watcher(state, pulse_seconds=PULSE)
        self._reader = FleetReader(state)
        self._announce = announce
        self._clock = clock
        self._today = Today(state)
        self._lock = threading.Lock()
        self._offered: Snapshot | None = None
        self._thread = threading.Thread(target=self._run, name="opsroom-feed", daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread, within a moment."""
        self._watcher.stop()

    def rescan(self) -> None:
        """Compares everything now: after a stop by ctrl+z events may be missing."""
        self._watcher.rescan()

    def take(self) -> Snapshot | None:
        """The newest snapshot with everything that changed since the last call; None if nothing did."""
        with self._lock:
            offered, self._offered = self._offered, None
        return offered

    def _run(self) -> None:
        summary, reading, polling = Summary(), True, ""
        try:
            for batch in self._watcher.batches():
                for paths, more in _portions(batch.paths):
                    before = self._reader.fleet
                    change = self._reader.apply(paths)
                    fleet, now = self._reader.fleet, self._clock()
                    turned = self._today.turned(now)
                    held = (before.faults, before.holds) != (fleet.faults, fleet.holds)
                    if change.tasks or change.campaigns or held or turned:
                        today = self._today.take(fleet.tasks, change.tasks, now)
                        summary = replace(summarise(fleet), today=today)
                    if not (paths or change.other or reading or turned) and batch.polling == polling:
                        continue  # a pulse, and nothing has changed
                    reading, polling = reading and more, batch.polling
                    self._offer(Snapshot(fleet, summary, change, batch.polling, reading))
        except Exception as error:  # noqa: BLE001 - said on the screen; the app must outlive a fault of its reader
            self._offer(Snapshot(self._reader.fleet, summary, Change(), "", False, f"{type(error).__name__}: {error}"))

    def _offer(self, new: Snapshot) -> None:
        with self._lock:
            waiting = self._offered
            if waiting is not None:
                new = Snapshot(
                    new.fleet, new.summary, _merged(waiting.change, new.change), new.polling, new.reading, new.broken
                )
            self._offered = new
        if waiting is None:
            self._announce()


def _merged(first: Change, second: Change) -> Change:
    return Change(
        first.tasks | second.tasks,
        first.campaigns | second.campaigns,
        first.other or second.other,
        first.paths | second.paths,
    )


def _portions(paths: frozenset[str]) -> Iterator[tuple[frozenset[str], bool]]:
    """`paths` in portions that never part a task, each with whether more follow."""
    if len(paths) <= PORTION:
        yield paths, False
        return
    portion: list[str] = []
    folder = ""
    for path in sorted(paths, key=lambda path: path.split("/")):
        here = "/".join(path.split("/", 2)[:2])
        if len(portion) >= PORTION and here != folder:
            yield frozenset(portion), True
            portion = []
        folder = here
        portion.append(path)
    yield frozenset(portion), False
