"""The orchestrator's event log, which may be late but leaves nothing out and ends nothing."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from orchestrator import aloud
from state import event_log
from state.errors import BadFile, CannotWrite
from state.layout import StateDir
from state.times import rfc3339
from state.views import TaskView

__all__ = ["Events"]

HELD = 10_000
"""Events that are held while they can't be written; of more, the oldest are dropped."""


TAIL = 5000
"""Events, the newest ones, in which a task's last move is looked for after a start."""


class Events:
    """`orchestrator/events.jsonl`. An event that can't be written now is held, and written before the next one.

    What was done is done whether or not the log can tell of it, so `tell` raises nothing. For the loop's own thread.
    """

    def __init__(self, state: StateDir, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._clock = clock
        self._held: deque[tuple[datetime, str, dict[str, Any]]] = deque(maxlen=HELD)
        self._closed = False

    def close(self) -> None:
        """Nothing is written from here on: the log is no longer this orchestrator's."""
        self._held.clear()
        self._closed = True

    def tell(self, kind: str, **fields: object) -> None:
        """Appends an event of `kind`, after those that are held."""
        if self._closed:
            return
        self._held.append((self._clock(), kind, fields))
        self.flush(say=len(self._held) == 1)

    def catch_up(self, views: Iterable[TaskView]) -> None:
        """Tells of the move that a crash came upon after it was made and before it was told."""
        path = self._state.relative(self._state.events)
        try:
            lines = event_log.last_lines(self._state.root, self._state.events, TAIL).lines
        except BadFile:
            return
        told = [event for event in event_log.events(lines, path) if isinstance(event, dict)]
        begin = str(told[0].get("at", "")) if told else ""
        last = {event.get("task"): event for event in told if event.get("kind") in ("move", "task")}
        for view in views:
            status, event = view.status, last.get(view.id)
            if status is None or view.task is None or (event is None and rfc3339(status.since) < begin):
                continue
            before = str(event.get("to", "queued")) if event else ""
            if before == status.state:
                continue
            if event is None:
                self.tell("task", task=view.id, title=view.title, by=view.task.by, cause=view.task.cause)
            if status.state != "queued" or event:
                fields = {"from": before or "queued", "to": status.state, "by": status.by, "attempt": status.attempt}
                self.tell("move", task=view.id, **fields, why=status.why or status.waiting_on)

    def flush(self, *, say: bool = False) -> None:
        """Writes what is held, if it can be; `say` on standard error if not."""
        try:
            while self._held:
                at, kind, fields = self._held[0]
                event_log.append(self._state.root, self._state.events, at, kind, **fields)
                self._held.popleft()
        except CannotWrite as error:
            if say:
                aloud.say(f"opsroom: {error.message}; events are held until it can be written")
