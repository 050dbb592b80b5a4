"""What agents' streams tell, as lines of `events.jsonl`."""

import json
from typing import get_args

import pytest

from state import agent_events
from state.agent_events import (
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
    decode_line,
    encode_line,
)
from state.usage import Usage

PLACE = Place(7, 1234)
EVENTS = [
    SessionStarted(session="s", model="m", version="1"),
    Message(text='quo"te\\ \n \u2028 ü', thinking=True),
    ToolCall(id="1", tool="shell", input="ls"),
    ToolResult(id="1", ok=False, status=2, output="none"),
    Used(usage=Usage(tokens=5, input_tokens=3, output_tokens=2, dollars=0.25, unpriced=1), of_session=True),
    Failed(text="429", fatal=True, failure="rate_limit", wait=20.0),
    Finished(ok=True, text="done"),
    Unknown(type="x", raw='{"type":"x"}', damaged=True),
]


def test_there_is_one_of_every_kind_here() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(agent_events.Known))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was_written_on_one_line(event: Event) -> None:
    line = encode_line(event, PLACE)
    assert decode_line(line) == (event, PLACE)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("event", [*EVENTS, SessionStarted()], ids=lambda event: type(event).__name__)
def test_a_line_begins_with_when_what_and_where(event: Event) -> None:
    told = json.loads(encode_line(event, PLACE, "2026-11-21T12:00:00.000000Z"))
    assert list(told)[:4] == ["at", "kind", "seq", "offset"]
    assert (told["at"], told["seq"], told["offset"]) == ("2026-11-21T12:00:00.000000Z", 7, 1234)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\n",
        b"[]\n",
        b'{"at":"2026-11-21T12:00:00Z","event":"launched"}\n',
        b'{"kind":"dreamt","seq":1,"offset":0}\n',
        b'{"kind":"message","text":"no place"}\n',
        b'{"kind":"message","text":5,"seq":1,"offset":0}\n',
        b'{"kind":"message","text":"\xff","seq":1,"offset":0}\n',
        b'{"kind":"message","text":"half',
        b'{"kind":"unknown","x":' + b"[" * 100_000,
    ],
)
def test_what_is_no_event_of_a_stream_is_none(line: bytes) -> None:
    assert decode_line(line) is None
