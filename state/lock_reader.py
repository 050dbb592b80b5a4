"""The named locks as views, read path by path. A part of `state.fleet`, in the thread that reads.

Whether a ticket or a holder counts can change without any file changing: its process is killed. So that is looked
at when its path is read, and again whenever `look` is called.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from state import event_log, flocked
from state.errors import BadFile, BadName, Fault
from state.layout import LockDir, StateDir
from state.locks import KEPT, TICKET
from state.model import Holder, Record, Ticket
from state.views import LockView

__all__ = ["LockReader"]

R = TypeVar("R", bound=Record)
LASTED = 5
"""Holdings whose lengths a view tells."""


@dataclass(slots=True)
class _Parts:
    """What was read of one lock; the faults by path."""

    holder: Holder | None = None
    tickets: dict[str, Ticket] = field(default_factory=dict)
    lasted: tuple[float, ...] = ()
    faults: dict[str, Fault] = field(default_factory=dict)


class LockReader:
    """Reads the files behind changed paths below `locks/`. `lstat` says what stands at a path, links not followed."""

    def __init__(self, state: StateDir, lstat: Callable[[str], os.stat_result | None]) -> None:
        self._state = state
        self._lstat = lstat
        self._parts: dict[str, _Parts] = {}
        self._misnamed: dict[str, Fault] = {}
        self.views: dict[str, LockView] = {}

    @property
    def faults(self) -> dict[str, Fault]:
        """What is wrong with any of them, by path."""
        return {path: fault for parts in self._parts.values() for path, fault in parts.faults.items()} | self._misnamed

    def read(self, path: str) -> None:
        """Takes in what is at `path`, which begins with `locks/`, and what it says about its lock."""
        _, name, *below = path.split("/")
        try:
            lock = self._state.lock(name)
        except BadName as error:
            folder = f"locks/{name}"
            self._misnamed.pop(folder, None)
            if name and self._lstat(folder):
                self._misnamed[folder] = Fault(folder, None, error.message)
            return
        parts = self._parts.setdefault(name, _Parts())
        self._read_part(lock, parts, path, below)
        self._settle(name)

    def look(self) -> None:
        """Drops who has died since it was read."""
        root = self._state.root
        for name, parts in list(self._parts.items()):
            lock = self._state.lock(name)
            if parts.holder and not flocked.is_held(root, lock.holder):
                parts.holder = None
            for ticket in list(parts.tickets):
                if not flocked.is_held(root, lock.tickets / ticket):
                    del parts.tickets[ticket]
            for path in list(parts.faults):  # one who lives may have written it, and may be dead now
                self._read_part(lock, parts, path, path.split("/")[2:])
            self._settle(name)

    def _read_part(self, lock: LockDir, parts: _Parts, path: str, below: list[str]) -> None:
        match below:
            case [] | ["tickets"]:
                parts.faults.pop(path, None)
                if (found := self._lstat(path)) and not stat.S_ISDIR(found.st_mode):
                    parts.faults[path] = Fault(path, None, "not a directory")
            case ["holder.toml"]:
                parts.holder = self._record(Holder, path, parts)
            case ["tickets", ticket] if TICKET.fullmatch(ticket):
                record = self._record(Ticket, path, parts)
                parts.tickets.pop(ticket, None)
                if record is not None:
                    parts.tickets[ticket] = record
            case ["history.jsonl"]:
                parts.lasted = self._lasted(lock, path, parts)

    def _record(self, kind: type[R], path: str, parts: _Parts) -> R | None:
        parts.faults.pop(path, None)
        try:
            return flocked.read_held(kind, self._state.root, self._state.root / path) if self._lstat(path) else None
        except BadFile as error:
            parts.faults[path] = error.fault
            return None

    def _lasted(self, lock: LockDir, path: str, parts: _Parts) -> tuple[float, ...]:
        parts.faults.pop(path, None)
        if not self._lstat(path):
            return ()
        try:
            lines = event_log.last_lines(self._state.root, lock.history, KEPT).lines
        except BadFile as error:
            parts.faults[path] = error.fault
            return ()
        lasted = []
        for event in event_log.events(lines, path):
            if isinstance(event, Fault):
                parts.faults.setdefault(path, event)
            elif (seconds := _seconds(event.get("held"))) is not None:
                lasted.append(seconds)
        return tuple(lasted[-LASTED:])

    def _settle(self, name: str) -> None:
        parts, found = self._parts[name], self._lstat(f"locks/{name}")
        views = {other: view for other, view in self.views.items() if other != name}
        if found is None:
            del self._parts[name]
        elif stat.S_ISDIR(found.st_mode):
            waiting = tuple(parts.tickets[ticket] for ticket in sorted(parts.tickets))
            views[name] = LockView(name, parts.holder, waiting, parts.lasted)
        if views != self.views:
            self.views = views


def _seconds(value: object) -> float | None:
    """`value` if it is a length of time, as far as floats go."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        return None
    return float(value)
