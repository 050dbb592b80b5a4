"""What panes read from disk, in threads: every function here returns text that is already safe to show."""

from collections.abc import Iterator
from typing import NamedTuple

from state import commands, event_log, files
from state.errors import BadFile
from state.event_log import Place
from state.layout import StateDir
from state.model import Outcome
from state.views import TaskView
from tui.event_text import EventText
from tui.text import Line, block, line

__all__ = ["EventTail", "LogTail", "Tailed", "campaign_text", "outcomes", "task_text"]

LIMIT = 1024 * 1024
"""Bytes of a text that a pane reads at most."""
FIRST = 2_000
"""Lines of a log that are read when it is opened."""
OUTCOMES = 200
CHUNK = 256 * 1024
CHUNKS = 16


def task_text(state: StateDir, task_id: str, name: str) -> list[Line]:
    """The lines of a task's `spec.md` or `checkpoint.md`."""
    folder = state.task(task_id)
    path = folder.checkpoint if name == "checkpoint.md" else folder.spec
    if not files.exists(path):
        absent = "no checkpoint yet" if name == "checkpoint.md" else "no spec"
        return [((absent, "muted"),)]
    return _text(state, path.relative_to(state.root).as_posix())


def campaign_text(state: StateDir, name: str) -> list[Line]:
    """The lines of a campaign's `campaign.md`, as they stand."""
    return _text(state, f"campaigns/{name}/campaign.md")


def _text(state: StateDir, path: str) -> list[Line]:
    try:
        data = files.read(state.root, state.root / path, LIMIT)
    except BadFile as error:
        return [((line(error.fault), "trouble"),)]
    return [_prose(one) for one in block(data.decode("utf-8", "replace"))]


def _prose(text: str) -> Line:
    return ((text, "head" if text.startswith("#") else ""),)


def outcomes(state: StateDir, view: TaskView) -> dict[str, Outcome]:
    """The outcomes of the newest messages to the worker, by message name."""
    done = state.task(view.id).inbox_done
    found = {message.name: commands.outcome_of(state, done, message.name) for message in view.filed[-OUTCOMES:]}
    return {name: outcome for name, outcome in found.items() if outcome is not None}


class Tailed(NamedTuple):
    """New lines of a log, and whether they begin it anew."""

    lines: list[Line]
    reset: bool = False


class LogTail:
    """Reads on in the standard output and error of one attempt. Not for two threads at once."""

    def __init__(self, state: StateDir, task_id: str, attempt: int) -> None:
        self._state = state
        folder = state.task(task_id).attempt(attempt)
        self._streams = {"": folder.stdout, "err": folder.stderr}
        self._places: dict[str, Place] = {}
        self._behind = False

    def read(self) -> Tailed:
        """What came since the last call; if that is too much to show, the newest lines anew.

        Lines of standard error have a mark. Which came first across the two files cannot be known, so each read
        has those of standard output before those of standard error.
        """
        lines: list[Line] = []
        self._behind = False
        first, reset = not self._places, False
        for stream in self._streams:
            for batch in self._batches(stream):
                if batch.reset:
                    reset = True
                for one in batch.lines:
                    lines += self._told(one, stream)
        if reset or self._behind:
            self._begin_anew()
            return Tailed(self.read().lines, True)
        return Tailed(lines[-4 * FIRST :], first)

    def _told(self, data: bytes, stream: str) -> list[Line]:
        """What one line of a stream tells."""
        return [_log_line(data, stream)]

    def _begin_anew(self) -> None:
        self._places.clear()

    def _batches(self, stream: str) -> Iterator[event_log.Batch]:
        path = self._streams[stream]
        try:
            if stream not in self._places:
                batch = event_log.last_lines(self._state.root, path, FIRST)
                self._places[stream] = batch.place
                yield batch
                return
            for _ in range(CHUNKS):
                batch = event_log.tail(self._state.root, path, self._places[stream], CHUNK)
                self._places[stream] = batch.place
                yield batch
                if not batch.more:
                    return
            self._behind = True
        except BadFile as error:
            self._places.pop(stream, None)
            yield event_log.Batch([str(error.fault).encode()], Place())


class EventTail(LogTail):
    """Reads on in the events that one attempt's stream was found to tell, and in its standard error."""

    def __init__(self, state: StateDir, task_id: str, attempt: int) -> None:
        super().__init__(state, task_id, attempt)
        self._streams[""] = state.task(task_id).attempt(attempt).events
        self._text = EventText()

    def _told(self, data: bytes, stream: str) -> list[Line]:
        return super()._told(data, stream) if stream else self._text.lines(data)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._text = EventText()


def _log_line(data: bytes, stream: str) -> Line:
    text = line(data[:8_000].decode("utf-8", "replace").rstrip("\r"), 2_000)
    return (("│ ", "accent"), (text, "")) if stream else ((text, ""),)
