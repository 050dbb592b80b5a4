"""Reads the raw stream of an agent: bytes become lines, lines become events, and events add up to what was told.

Pure, and bounded in memory whatever the agent prints. Nothing here raises for what a stream holds.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from orchestrator.agents.adapter import Parser
from state.agent_events import (
    PROVIDER_FAILURES,
    TEXT,
    Event,
    Failed,
    Finished,
    Message,
    Place,
    SessionStarted,
    ToolCall,
    ToolResult,
    Unknown,
    Used,
)
from state.usage import Usage

__all__ = ["LINE", "Reading", "Told"]

LINE = 10 * 1024 * 1024
"""Bytes that one line may have; of a longer one the beginning is kept as an event that is not understood."""
_BRACE = re.compile(rb"\{\s*\"")


class _Head(msgspec.Struct):
    type: str = ""


_head = msgspec.json.Decoder(_Head)


@dataclass(slots=True)
class Told:
    """What a stream has told so far."""

    session: str = ""
    model: str = ""
    version: str = ""
    usage: Usage = field(default_factory=Usage)
    of_session: bool = False
    """Whether `usage` counts every run of the session."""
    started: bool = False
    finished: Finished | None = None
    """Its last word, unless it went on after it."""
    fatal: Failed | None = None
    trouble: Failed | None = None
    """The newest failure that it has not worked on after."""
    retries: int = 0
    events: int = 0
    unknown: int = 0
    damaged: int = 0
    """Lines that began as events do and are none."""
    worked: bool = False
    """Whether the model has said or done anything."""
    said: str = ""
    """The newest of its words."""

    def take(self, event: Event) -> None:
        """Adds `event`."""
        self.events += 1
        match event:
            case SessionStarted():
                self.started = True
                self.session = event.session or self.session
                self.model = event.model or self.model
                self.version = event.version or self.version
            case Message() | ToolCall() | ToolResult():
                self.worked = True
                self.finished = self.trouble = None
                if isinstance(event, Message) and not event.thinking and event.text.strip():
                    self.said = event.text
            case Used():
                self.usage, self.of_session = event.usage, event.of_session
            case Failed():
                self.trouble = event
                self.retries += event.failure in PROVIDER_FAILURES and not event.fatal
                if event.fatal:
                    self.fatal = event
            case Finished():
                self.finished = event
            case Unknown():
                self.unknown += 1
                self.damaged += event.damaged


class Reading:
    """One run's stream, read in pieces of any size."""

    def __init__(self, parser: Parser) -> None:
        self.told = Told()
        self.read = 0
        """Bytes that were taken in."""
        self._parser = parser
        self._rest = bytearray()
        self._skipping = False
        self._begin = 0
        """Where the line that is not yet whole begins."""

    def feed(self, data: bytes) -> list[tuple[Event, Place]]:
        """Takes in what follows in the stream; the events of the lines that it makes whole."""
        found: list[tuple[Event, Place]] = []
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0:
            line = data[begin:end]
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            if not self._skipping:
                self._line(line, found)
            self._skipping = False
            begin = end + 1
            self._begin = self.read + begin
        self.read += len(data)
        if begin < len(data) and not self._skipping:
            self._rest += data[begin:] if begin else data
            if len(self._rest) > LINE:
                self._take([_unknown("", bytes(self._rest[:TEXT]))], found)
                self._rest.clear()
                self._skipping = True
        return found

    def beside(self, name: str, data: bytes) -> list[tuple[Event, Place]]:
        """What a file beside the stream tells, taken as a line of the type `name`."""
        found: list[tuple[Event, Place]] = []
        self._take(self._events(name, data.replace(b"\n", b" ")), found)
        return found

    def end(self) -> list[tuple[Event, Place]]:
        """What a last line without its end tells, and what follows from there being no more."""
        found: list[tuple[Event, Place]] = []
        if self._rest:
            line = bytes(self._rest)
            self._rest.clear()
            self._line(line, found)
        self._begin = self.read
        self._take(self._parser.end(), found)
        return found

    def _line(self, line: bytes, found: list[tuple[Event, Place]]) -> None:
        line = line.strip()
        if not line:
            return
        if line[0] != 0x7B and (brace := _BRACE.search(line)):  # somebody else's words before it on the same line
            rest = line[brace.start() :]
            if name := _name_of(rest):
                self._take([_unknown("", line[: brace.start()])], found)
                self._take(self._events(name, rest), found)
                return
        if line[0] != 0x7B:
            self._take([_unknown("", line)], found)
            return
        name = _name_of(line)
        if name is None:
            whole = line.decode("utf-8", "replace").encode()
            name = _name_of(whole) if whole != line else None
            if name is None:
                self._take([_unknown("", line, damaged=True)], found)
                return
            line = whole
        self._take(self._events(name, line), found)

    def _events(self, name: str, line: bytes) -> Iterable[Event]:
        try:
            events = self._parser.event(name, line)
        except (msgspec.MsgspecError, RecursionError):
            try:
                events = self._parser.event(name, line.decode("utf-8", "replace").encode())
            except (msgspec.MsgspecError, RecursionError):
                events = None
        return [_unknown(name, line)] if events is None else events

    def _take(self, events: Iterable[Event], found: list[tuple[Event, Place]]) -> None:
        for event in events:
            self.told.take(event)
            found.append((event, Place(self.told.events, self._begin)))


def _name_of(line: bytes) -> str | None:
    """The `type` of a JSON object; '' for one without, None for what is no JSON object."""
    try:
        return _head.decode(line).type
    except (msgspec.MsgspecError, RecursionError):
        return None


def _unknown(name: str, line: bytes, *, damaged: bool = False) -> Unknown:
    return Unknown(type=name, raw=line[:TEXT].decode("utf-8", "replace"), damaged=damaged)
