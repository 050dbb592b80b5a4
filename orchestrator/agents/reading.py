"""Reads the raw stream of an agent: bytes become lines, lines become events, and events add up to what was told.

Pure, and bounded in memory whatever the agent prints. Nothing here raises for what a stream holds.
"""

import re
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
"""Bytes that one line may have; of a longer one only its type and its beginning are known."""
BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises for what is no JSON, is of another shape, is no text, or is nested too deeply."""
_EVENT = re.compile(rb"\{\s*\"")
"""How an event begins. Words in braces are none."""
_TYPE = re.compile(rb"\{\"type\":\"([\w.]{1,100})\"")


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
        # by the type itself, since most of the time that reading takes is spent here and at the parsers
        kind = type(event)
        if kind is Message or kind is ToolCall or kind is ToolResult:
            self.worked = True
            self.finished = self.trouble = None
            if isinstance(event, Message) and not event.thinking and event.text and not event.text.isspace():
                self.said = event.text
        elif isinstance(event, Used):
            self.usage, self.of_session = event.usage, event.of_session
        elif isinstance(event, Unknown):
            self.unknown += 1
            self.damaged += event.damaged
        elif isinstance(event, Failed):
            if event.fatal or event.failure != "agent" or self.trouble is None or self.trouble.failure == "agent":
                self.trouble = event  # a warning is no reason to forget that the provider failed
            self.retries += event.failure in PROVIDER_FAILURES and not event.fatal
            if event.fatal:
                self.fatal = event
        elif isinstance(event, Finished):
            self.finished = event
        elif isinstance(event, SessionStarted):
            self.started = True
            self.session = event.session or self.session
            self.model = event.model or self.model
            self.version = event.version or self.version


class Reading:
    """One run's stream, read in pieces of any size."""

    def __init__(self, parser: Parser) -> None:
        self.told = Told()
        self.read = 0
        """Bytes that were taken in."""
        self._parser = parser
        self._rest = bytearray()
        self._too_long = False
        """Whether `_rest` is but the beginning and the end of a line that is longer than `LINE`."""
        self._begin = 0
        """Where the line that is not yet whole begins."""

    def feed(self, data: bytes) -> list[tuple[Event, Place]]:
        """Takes in what follows in the stream; the events of the lines that it makes whole."""
        found: list[tuple[Event, Place]] = []
        lines = data.split(b"\n")
        rest = lines.pop()
        end = self.read
        for line in lines:
            if self._rest or len(line) > LINE:
                self._append(line)
                self._whole(found)
            elif line:
                self._line(line, found)
            end += len(line) + 1
            self._begin = end
        self.read += len(data)
        if rest:
            self._append(rest)
        return found

    def _append(self, data: bytes) -> None:
        self._rest += data
        if self._too_long or len(self._rest) > LINE:
            self._too_long = True
            del self._rest[TEXT:-1]

    def _whole(self, found: list[tuple[Event, Place]]) -> None:
        line = bytes(self._rest)
        self._rest.clear()
        if self._too_long:
            self._too_long = False
            self._take(self._long(line), found)
        else:
            self._line(line, found)

    def _long(self, line: bytes) -> list[Event]:
        """The events of a line too long to be read: those that follow from its type."""
        if _EVENT.match(line) and not line.rstrip().endswith(b"}"):
            return [_unknown("", line, damaged=True)]
        if (match := _TYPE.match(line)) is None:
            return [_unknown("", line)]
        name = match[1].decode()
        return self._known(name, match[0] + b"}") or [_unknown(name, line)]

    def beside(self, name: str, data: bytes) -> list[tuple[Event, Place]]:
        """What a file beside the stream tells, taken as a line of the type `name`."""
        found: list[tuple[Event, Place]] = []
        self._take(self._events(name, data.replace(b"\n", b" ")), found)
        return found

    def end(self) -> list[tuple[Event, Place]]:
        """What a last line without its end tells, and what follows from there being no more."""
        found: list[tuple[Event, Place]] = []
        if self._rest:
            self._whole(found)
        self._begin = self.read
        self._take(self._parser.end(), found)
        return found

    def _line(self, line: bytes, found: list[tuple[Event, Place]]) -> None:
        line = line.strip()
        if not line:
            return
        if not line.startswith(b'{"') and not _EVENT.match(line):
            self._junk(line, found)
            return
        name = _name_of(line)
        if name is None:
            whole = line.decode("utf-8", "replace").encode()
            name = _name_of(whole) if whole != line else None
            if name is None:
                self._take([_unknown("", line, damaged=True)], found)
                return
            line = whole
        if events := self._events(name, line):
            self._take(events, found)

    def _junk(self, line: bytes, found: list[tuple[Event, Place]]) -> None:
        """Takes in somebody else's words, and the event that may follow them on their line."""
        if brace := _EVENT.search(line):
            rest = line[brace.start() :]
            if name := _name_of(rest):
                self._take([_unknown("", line[: brace.start()])], found)
                self._take(self._events(name, rest), found)
                return
        self._take([_unknown("", line)], found)

    def _events(self, name: str, line: bytes) -> list[Event]:
        try:
            events = self._parser.event(name, line)
        except BROKEN:
            events = self._known(name, line.decode("utf-8", "replace").encode())
        return [_unknown(name, line)] if events is None else events

    def _known(self, name: str, line: bytes) -> list[Event] | None:
        try:
            return self._parser.event(name, line)
        except BROKEN:
            return None

    def _take(self, events: list[Event], found: list[tuple[Event, Place]]) -> None:
        told = self.told
        for event in events:
            told.take(event)
            found.append((event, Place(told.events, self._begin)))


def _name_of(line: bytes) -> str | None:
    """The `type` of a JSON object; '' for one without, None for what is no JSON object."""
    try:
        return _head.decode(line).type
    except BROKEN:
        return None


def _unknown(name: str, line: bytes, *, damaged: bool = False) -> Unknown:
    return Unknown(type=name, raw=line[:TEXT].decode("utf-8", "replace"), damaged=damaged)
