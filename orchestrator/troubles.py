"""What the orchestrator can't do at the moment: a full disk, a file that nobody can read. Said once, tried again."""

import contextlib
from collections.abc import Iterator

from orchestrator import aloud
from orchestrator.events import Events
from state.errors import OpsroomError

__all__ = ["Troubles"]


class Troubles:
    """The troubles of one orchestrator, each under the name of what it befell. For the loop's own thread."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._why: dict[str, str] = {}

    def __contains__(self, what: str) -> bool:
        return what in self._why

    @contextlib.contextmanager
    def trying(self, what: str) -> Iterator[None]:
        """Does the block, or says on standard error and in the event log why it can't be done; it ends nothing."""
        try:
            yield
        except (OpsroomError, OSError) as error:
            why = f"{type(error).__name__}: {error}"
            if isinstance(error, OpsroomError):
                why = f"{error.title}: {error.message}"
            if self._why.get(what) != why:
                self._why[what] = why
                aloud.say(f"opsroom: {what}: {why}; it is tried again")
                self._events.tell("trouble", what=what, why=why)
        else:
            self._why.pop(what, None)
