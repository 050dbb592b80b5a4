"""The events of an agent's stream as lines to read: what it says, does and gets back. No disk.

Everything in an event is a worker's word, and is cleaned here.
"""

import json
import shlex
from collections import OrderedDict
from typing import Any

from state.agent_events import (
    PROVIDER_FAILURES,
    Failed,
    Finished,
    Message,
    SessionStarted,
    ToolCall,
    ToolResult,
    Unknown,
    Used,
    decode_line,
)
from state.times import age
from state.usage import cost_text
from tui.text import Line, block, line

__all__ = ["EventText"]

SAID = 16_000
"""Characters of one message that are shown."""
SAID_LINES = 200
CALL_LINES = 12
OUTPUT_LINES = 6
"""Lines of one result that are shown; the whole of it stands in the raw output."""
RAW = 600
"""Characters of an event that is not understood."""
CALLS = 200
"""Calls without a result that are kept in mind."""
SHELLS = frozenset({"bash", "cmd", "exec_command", "execute", "local_shell", "powershell", "run_shell_command", "sh"})
SHELLS |= {"shell", "terminal"}
"""Tools whose input is a command line."""


class EventText:
    """Tells the events of one attempt, in their order. One that comes again is passed over."""

    def __init__(self) -> None:
        self._seq = 0
        self._calls: OrderedDict[str, str] = OrderedDict()
        """What was called, by its id, for results that don't follow their call at once."""
        self._last = ""

    def lines(self, data: bytes) -> list[Line]:
        """The lines of one line of `events.jsonl`."""
        found = decode_line(data)
        if found is None:
            return _own(data)
        event, place = found
        if place.seq <= self._seq:
            return []
        self._seq = place.seq
        match event:
            case SessionStarted():
                names = (event.session, event.model, event.version)
                about = " · ".join(line(name, 100) for name in names if name)
                return [(("▸ session " if event.session else "▸ begun ", "muted"), (about, "muted"))]
            case Message():
                return _message(event)
            case ToolCall():
                return self._call(event)
            case ToolResult():
                return self._result(event)
            case Used() if not event.usage.tokens and not event.usage.dollars:
                return []
            case Used():
                cost = "" if event.usage.unpriced else cost_text(event.usage)
                said = f"{event.usage.tokens:,} tokens{f' · {cost}' if cost else ''}"
                return [(("· ", "muted"), (f"{said}{' in this session' if event.of_session else ''} so far", "muted"))]
            case Failed():
                return [_failed(event)]
            case Finished():
                if event.ok:
                    return [(("■ finished", "muted"),)]
                return [(("■ ", "strong"), ("finished: failed  ", "strong"), (_one(event.text), ""))]
            case Unknown():
                name = "damaged line" if event.damaged else line(event.type, 60) or "not an event"
                return [(("? ", "accent"), (f"{name}  ", ""), (line(event.raw, RAW), "muted"))]

    def _call(self, event: ToolCall) -> list[Line]:
        shell = event.tool.lower() in SHELLS
        if shell:
            first, *rest = _head(_command(event.input), CALL_LINES) or [""]
            lines: list[Line] = [(("$ ", "accent"), (first, "strong"))]
            lines += [(("  ", ""), (one, "strong")) for one in rest]
        else:
            first = line(event.tool, 60) or "a tool"
            lines = [(("▸ ", "accent"), (f"{first} ", "strong"), (_one(event.input, RAW), ""))]
        if event.id:
            self._calls[event.id] = first
            while len(self._calls) > CALLS:
                self._calls.popitem(last=False)
        self._last = event.id
        return lines

    def _result(self, event: ToolResult) -> list[Line]:
        called = self._calls.pop(event.id, "")
        status = "" if event.status is None else f"exit status {event.status}"
        if event.ok is None:
            head = f"· done{f', {status}' if status else ''}"
        elif event.ok:
            head = "✓ ok"
        else:
            head = f"✗ failed{f', {status}' if status else ''}"
        whose = f"  {line(called, 60)}" if called and event.id != self._last else ""
        lines: list[Line] = [(("  ", ""), (head, "strong" if event.ok is False else "muted"), (whose, "muted"))]
        lines += [(("    ", ""), (one, "muted")) for one in _head(event.output, OUTPUT_LINES)]
        return lines


def _message(event: Message) -> list[Line]:
    tone, lead = ("muted", "~ ") if event.thinking else ("", "")
    found = block(event.text.strip("\n"), SAID, SAID_LINES)
    return [(*(((lead, "muted"),) if lead else ()), (one, tone)) for one in found if one or len(found) > 1]


def _failed(event: Failed) -> Line:
    kind = line(event.failure, 40).replace("_", " ")
    if event.fatal:
        return (("✗ ", "trouble"), (f"{kind}  ", "trouble"), (_one(event.text), ""))
    wait = "" if event.wait is None else f", again in {age(min(event.wait, 1e9))}"
    if event.failure in PROVIDER_FAILURES:
        return (("↻ ", "accent"), (f"{kind}{wait}  ", "strong"), (_one(event.text), ""))
    return (("! ", "accent"), ("warning  ", ""), (_one(event.text), "muted"))


def _own(data: bytes) -> list[Line]:
    """An event of the orchestrator's own, as it stands: its kind, and what it has besides."""
    try:
        event: Any = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        return [(("? ", "accent"), ("not an event  ", ""), (line(data[:RAW].decode("utf-8", "replace"), RAW), "muted"))]
    about = "  ".join(f"{key} {_plain(value)}" for key, value in event.items() if key not in ("at", "kind"))
    return [(("· ", "muted"), (line(f"opsroom: {event.get('kind', '')}  {about}", RAW), "muted"))]


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _head(text: str, most: int) -> list[str]:
    """The first lines of `text`, safe to show, and how many more there are."""
    lines = [one for one in block(text.strip("\n"), SAID, most) if one.strip()]
    return [line(one, 1_000) for one in lines]


def _one(text: str, limit: int = 2_000) -> str:
    return line(" ".join(text[:SAID].split()), limit)


def _command(text: str) -> str:
    """The command line within `bash -lc '…'`, which is how some agents run each."""
    first, _, rest = text.partition(" ")
    if first.rpartition("/")[2] not in ("bash", "sh", "zsh") or not rest.startswith(("-c ", "-lc ")):
        return text
    try:
        words = shlex.split(text)
    except ValueError:  # it was cut
        return text
    return words[2] if len(words) == 3 else text
