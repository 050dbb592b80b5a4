"""The one vocabulary in which the streams of all agent CLIs are told, as lines of `attempts/<n>/events.jsonl`.

Each is an object with `at`, `kind`, `seq` (counted from 1 within the attempt) and `offset` (the byte of `stdout.log`
at which the line begins that it was read from), and the fields of its kind. The orchestrator's own events of the
attempt (`launched`, `check`, …) stand between them and have no `seq`.
"""

import msgspec

from state.times import rfc3339, utc_now
from state.usage import Usage

__all__ = [
    "AUTHENTICATION",
    "FAILURES",
    "PROVIDER_FAILURES",
    "TEXT",
    "Event",
    "Failed",
    "Finished",
    "Message",
    "Place",
    "SessionStarted",
    "ToolCall",
    "ToolResult",
    "Unknown",
    "Used",
    "decode_line",
    "encode_line",
]

TEXT = 16_000
"""Characters that one text of an event may have; what is longer is cut, and is whole in `stdout.log`."""
AUTHENTICATION = "authentication"
"""What a provider fails by that lets nobody in: no key, a wrong one, one that has expired."""
PROVIDER_FAILURES = ("rate_limit", "overload", AUTHENTICATION, "connection", "server")
"""What a provider fails by: `server` is one that says so without saying why."""
FAILURES = ("agent", *PROVIDER_FAILURES, "limit", "interrupted")
"""Whose an attempt's failure was, by its stream; `limit` is one of turns or money that the agent was given."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """One thing that an agent's stream tells."""


class SessionStarted(Event, frozen=True, tag="session_started"):
    """The agent has begun; `session` is its own name for what can be resumed."""

    session: str = ""
    model: str = ""
    version: str = ""


class Message(Event, frozen=True, tag="message"):
    """What the model says."""

    text: str
    thinking: bool = False


class ToolCall(Event, frozen=True, tag="tool_call"):
    """The model uses a tool. `input` is the command line of a shell, else JSON."""

    id: str = ""
    tool: str = ""
    input: str = ""


class ToolResult(Event, frozen=True, tag="tool_result"):
    """What came of it."""

    id: str = ""
    ok: bool | None = None
    """None where the agent doesn't tell, or tells what is not so."""
    status: int | None = None
    """The exit status of a command."""
    output: str = ""


class Used(Event, frozen=True, tag="usage"):
    """What has been used so far: never an increment, so that one that is read twice counts once."""

    usage: Usage
    """Tokens and dollars; `unpriced` are those for which the agent gives no price."""
    of_session: bool = False
    """Whether it counts every run of the session, not only this one."""


class Failed(Event, frozen=True, tag="error"):
    """Something went wrong. Unless it is `fatal` the agent tries again, or goes on without."""

    text: str
    """The provider's or the agent's own words."""
    fatal: bool = False
    failure: str = "agent"
    """One of `FAILURES`."""
    wait: float | None = None
    """Seconds after which the provider said to come again."""


class Finished(Event, frozen=True, tag="finished"):
    """The agent's last word on the run."""

    ok: bool
    text: str = ""


class Unknown(Event, frozen=True, tag="unknown"):
    """A line that is not understood, as it is: an event of a later version, or no event at all."""

    type: str = ""
    """What it calls itself; '' for what is no event."""
    raw: str = ""
    damaged: bool = False
    """Whether it began as an event does, and is none: something of the stream is lost."""


Known = SessionStarted | Message | ToolCall | ToolResult | Used | Failed | Finished | Unknown


class Place(msgspec.Struct, frozen=True):
    """Where an event stands in the attempt: its number, and the byte of `stdout.log` where its line begins."""

    seq: int
    offset: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Known)
_place = msgspec.json.Decoder(Place)


def encode_line(event: Event, place: Place, at: str = "") -> bytes:
    """The line of `events.jsonl`, with its newline; `at` is the time that it tells, or now."""
    tag = event.__struct_config__.tag
    head = f'{{"at":"{at or rfc3339(utc_now())}","kind":"{tag}","seq":{place.seq},"offset":{place.offset}'
    return head.encode() + _encoder.encode(event)[len(f'{{"kind":"{tag}"') :] + b"\n"


def decode_line(line: bytes) -> tuple[Known, Place] | None:
    """The event of a line, and its place; None for an event of the orchestrator's own, and for what is none."""
    try:
        return _decoder.decode(line), _place.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
