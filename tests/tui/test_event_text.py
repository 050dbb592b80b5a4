"""An agent's events as a person reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator import agents
from orchestrator.agents.reading import Reading
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
    encode_line,
)
from state.usage import Usage
from tests.tui.agents import EVENTS
from tui.event_text import EventText
from tui.text import Line, plain


def told(*events: Event) -> list[Line]:
    text = EventText()
    return [one for seq, event in enumerate(events, 1) for one in text.lines(encode_line(event, Place(seq, 0)))]


def said(*events: Event) -> list[str]:
    return [plain(one) for one in told(*events)]


def own(**event: Any) -> list[str]:
    return [plain(one) for one in EventText().lines(json.dumps(event).encode())]


def test_a_run_reads_as_a_conversation() -> None:
    assert said(*EVENTS) == [
        "▸ session 01a1fc01-d7cd-7492-ade1-c66a2b8dd189 · gpt-5.2-codex · 0.169.0",
        "! warning  Model metadata for `gpt-5.2-codex` not found. Defaulting to fallback metadata.",
        "~ The imports in parser.py come first.",
        "I will make the imports of parser.py explicit.",
        "Then I run the checks.",
        "$ sed -i s/typing.List/list/ src/click/parser.py",
        "  ✓ ok",
        "$ make typecheck",
        "  ✗ failed, exit status 2",
        "    src/click/parser.py:211: error: Missing type parameters",
        *(f"    line {number}" for number in range(2, 7)),
        "    … 24 more lines",
        '▸ edit {"path": "src/click/parser.py", "change": "add type parameters"}',
        "  ✓ ok",
        "↻ connection, again in 4s  Reconnecting... 1/5 (stream disconnected)",
        '? item.thought  {"type":"item.thought","item":{"id":"item_5"}}',
        "· 41,210 tokens · $0.31 so far",
        "Line 211 is fixed; the checks run again.",
    ]


STREAMS = Path(__file__).parents[1] / "streams"


def told_by(kind: str, scenario: str) -> list[str]:
    reading, text = Reading(agents.adapter(kind).parser()), EventText()
    events = reading.feed((STREAMS / kind / f"{scenario}.jsonl").read_bytes()) + reading.end()
    return [plain(one) for event, place in events for one in text.lines(encode_line(event, place))]


@pytest.mark.parametrize("kind", ["codex", "claude"])
def test_a_recorded_run_can_be_read(kind: str) -> None:
    lines = [one for one in told_by(kind, "success") if "tokens" not in one and not one.startswith("! warning")]
    assert lines[0].startswith("▸ session ")
    assert lines[1:5] == [
        "I will write the file.",
        "$ printf 'hello from agent\\n' > hello.txt && cat hello.txt",
        "  ✓ ok",
        "    hello from agent",
    ]
    assert lines[-2:] == ["All done: hello.txt is committed.", "■ finished"]


@pytest.mark.parametrize("kind", agents.KINDS)
def test_of_every_agent_what_it_did_can_be_read(kind: str) -> None:
    lines = told_by(kind, "toolfail")
    assert lines[0].startswith("▸ ")
    assert "$ echo out-text; echo err-text >&2; exit 1" in lines
    assert "    err-text" in lines
    assert any(one.startswith("  ✗ failed") for one in lines) or kind in ("gemini", "qwen")  # they don't tell
    assert lines[-1] == "■ finished"
    assert not [one for one in lines if one.startswith("? ")]


@pytest.mark.parametrize("kind", ["codex", "claude"])
def test_a_recorded_failure_has_the_providers_words(kind: str) -> None:
    lines = told_by(kind, "err500")
    assert any(one.startswith("↻ ") for one in lines)
    assert [one[:2] for one in lines[-2:]] == ["✗ ", "■ "]
    assert lines[-2].partition("  ")[2] == lines[-1].partition("  ")[2]


def test_only_what_is_fatal_has_the_tone_of_trouble() -> None:
    fatal, again = Failed(text="401", fatal=True, failure="authentication"), Failed(text="429", failure="rate_limit")
    marked = [plain(one) for one in told(fatal, again, *EVENTS) if any(tone == "trouble" for _, tone in one)]
    assert marked == ["✗ authentication  401"]
    assert said(fatal, again) == ["✗ authentication  401", "↻ rate limit  429"]


def test_the_end_is_said() -> None:
    assert said(Finished(ok=True), Finished(ok=False, text="max turns")) == [
        "■ finished",
        "■ finished: failed  max turns",
    ]


def test_a_result_that_comes_late_says_whose_it_is() -> None:
    first, second = ToolCall(id="a", tool="Bash", input="make"), ToolCall(id="b", tool="Bash", input="ls")
    late = ToolResult(id="a", ok=True)
    assert said(first, second, ToolResult(id="b", ok=None, status=0), late) == [
        "$ make",
        "$ ls",
        "  · done, exit status 0",
        "  ✓ ok  make",
    ]


def test_a_long_command_is_shown_by_its_beginning() -> None:
    lines = said(ToolCall(tool="bash", input="cat <<END\n" + "x\n" * 100))
    assert lines[:2] == ["$ cat <<END", "  x"]
    assert (len(lines), lines[-1]) == (13, "  … 89 more lines")


def test_a_command_in_a_shell_that_cannot_be_taken_apart_is_shown_as_it_is() -> None:
    for text in ("bash -lc 'it was cut", "bash -lc one two three", "bash -x script", "bash"):
        assert said(ToolCall(tool="shell", input=text)) == [f"$ {text}"]


def test_a_price_that_the_agent_does_not_know_is_not_told_as_one() -> None:
    used = Usage(tokens=3_150, unpriced=3_150)
    assert said(Used(usage=used, of_session=True)) == ["· 3,150 tokens in this session so far"]
    assert said(Used(usage=Usage())) == []


def test_a_line_that_is_no_event_is_shown_as_what_it_is() -> None:
    assert said(Unknown(raw="Killed"), Unknown(raw='{"type":', damaged=True)) == [
        "? not an event  Killed",
        '? damaged line  {"type":',
    ]


def test_what_is_told_twice_is_shown_once() -> None:
    text, event = EventText(), Message(text="hello")
    assert len(text.lines(encode_line(event, Place(1, 0)))) == 1
    assert text.lines(encode_line(event, Place(1, 0))) == []
    assert len(text.lines(encode_line(event, Place(2, 0)))) == 1


def test_the_orchestrators_own_events_stand_between_them() -> None:
    assert own(at="2026-11-21T10:15:02Z", kind="check", name="tests", status=0) == [
        "· opsroom: check  name tests  status 0"
    ]
    assert own(kind="launched", argv=["codex", "exec", "-"]) == ["· opsroom: launched  argv codex exec -"]
    assert [plain(one) for one in EventText().lines(b"\xff not json")] == ["? not an event  \ufffd not json"]
    assert [plain(one) for one in EventText().lines(b"[1]")] == ["? not an event  [1]"]


def test_nothing_that_a_terminal_obeys_is_left_and_nothing_is_too_long() -> None:
    evil = "\x1b]52;c;AAAA\x07\x9b31m\u202e" * 3 + "[red]\r\n" + "x" * 100_000
    events = (
        SessionStarted(session=evil, model=evil, version=evil),
        Message(text=evil),
        Message(text=evil, thinking=True),
        ToolCall(id="a", tool=evil, input=evil),
        ToolCall(id="b", tool="bash", input=evil),
        ToolResult(id="a", ok=False, output=evil),
        Failed(text=evil, failure=evil),
        Failed(text=evil, failure=evil, fatal=True),
        Failed(text=evil, failure="overload", wait=1e300),
        Finished(ok=False, text=evil),
        Unknown(type=evil, raw=evil),
    )
    for one in told(*events):
        text = plain(one)
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r", "\n"} & set(text)
        assert len(text) <= 16_100
    assert all(len(text) <= 700 for text in own(kind=evil, note=evil))
