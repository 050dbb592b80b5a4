"""Streams as they may come: in pieces, with others' words in them, spoiled, too long."""

import tracemalloc

import pytest

from orchestrator.agents import KINDS, adapter
from orchestrator.agents.reading import LINE, Reading
from state.agent_events import TEXT, Message, ToolCall, ToolResult, Unknown
from tests.orchestrator.agents.recorded import judged, read, recorded

MIB = 1024 * 1024
CODEX = recorded("codex", "success")


def unknown(cli: str, *pieces: bytes) -> list[Unknown]:
    return [event for event, _ in read(cli, *pieces)[1] if isinstance(event, Unknown)]


@pytest.mark.parametrize("cli", KINDS)
def test_an_event_of_a_later_version_is_kept_as_it_is_and_changes_nothing(cli: str) -> None:
    run = recorded(cli, "success")
    later = b'{"type":"thread.dreamt","dream":{"of":["sheep"]}}\n'
    stream = [*run.lines[:2], later, *run.lines[2:]]
    (found,) = unknown(cli, *stream)
    assert (found.type, found.raw, found.damaged) == ("thread.dreamt", later.decode().strip(), False)
    assert judged(cli, *stream).success


@pytest.mark.parametrize("cli", KINDS)
def test_a_line_that_is_cut_in_the_middle_of_a_stream_is_known_to_be_lost(cli: str) -> None:
    run = recorded(cli, "success")
    cut = run.lines[1][:15] + b"\n"
    assert unknown(cli, run.lines[0], cut)[0].damaged
    verdict = judged(cli, run.lines[0], cut, *run.lines[2:])
    assert (verdict.success, verdict.failure) == (False, "agent")
    assert "1 of its lines" in verdict.why


def test_bytes_that_are_no_text_are_shown_as_such_and_lose_no_event() -> None:
    stream = CODEX.stream.replace(b"All done", b"All \xff\xfe done\x80")
    told, _ = read("codex", stream)
    assert told.said.startswith("All \ufffd\ufffd done\ufffd")
    assert judged("codex", stream).success
    assert unknown("codex", b"\xff\xfe\x00 junk\n")[0].raw.endswith("junk")


def test_an_event_after_somebody_elses_words_on_its_line_is_read() -> None:
    stream = CODEX.stream.replace(b'{"type":"turn.completed"', b'npm notice {x} done {"type":"turn.completed"')
    assert [found.raw for found in unknown("codex", stream)] == ["npm notice {x} done "]
    assert judged("codex", stream).success


def test_somebody_elses_braces_are_no_damage() -> None:
    for words in (b"{\n  status: 500\n}\n", b"{}\n", b"{debug} {1: 2}\n", b"[1, 2]\n", b"null\n", b'"type"\n'):
        assert judged("codex", CODEX.lines[0], words, *CODEX.lines[1:]).success


def test_two_events_on_one_line_are_one_that_is_damaged() -> None:
    joined = CODEX.lines[0].rstrip() + b"".join(CODEX.lines[1:])
    assert not judged("codex", joined).success


def test_empty_lines_and_ends_of_lines_of_another_system_are_nothing() -> None:
    stream = b"\n\r\n" + CODEX.stream.replace(b"\n", b"\r\n\n")
    told, _ = read("codex", stream)
    assert told.unknown == 0
    assert judged("codex", stream).success


def test_nul_bytes_before_an_event_are_somebody_elses() -> None:
    # as a crash of the machine leaves them in a file
    stream = b"\x00" * 100 + CODEX.stream
    assert judged("codex", stream).success
    assert len(unknown("codex", stream)) == 1


def test_a_line_of_ten_megabytes_is_read_and_its_text_is_cut() -> None:
    text = b"x" * (LINE - 300)
    stream = CODEX.stream.replace(b'hello from agent\\n",', text + b'",')
    _, events = read("codex", *(stream[at : at + MIB] for at in range(0, len(stream), MIB)))
    output = next(event for event, _ in events if isinstance(event, ToolResult)).output
    assert output == "x" * TEXT
    assert judged("codex", stream).success


@pytest.mark.parametrize("piece", [MIB, 64 * MIB])
def test_a_line_of_thirty_megabytes_is_known_by_its_type(piece: int) -> None:
    stream = CODEX.stream.replace(b'hello from agent\\n",', b"x" * 30 * MIB + b'",')
    pieces = [stream[at : at + piece] for at in range(0, len(stream), piece)]
    (found,) = unknown("codex", *pieces)
    assert (found.type, found.damaged) == ("item.completed", False)
    assert found.raw.startswith('{"type":"item.completed","item":{"id":"item_2"')
    assert judged("codex", *pieces).success


def test_a_line_without_end_takes_no_memory() -> None:
    reading = Reading(adapter("codex").parser())
    reading.feed(CODEX.lines[0])
    piece = b"x" * MIB
    tracemalloc.start()
    for _ in range(100):
        reading.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * LINE
    reading.feed(b"\n" + b"".join(CODEX.lines[1:]))
    assert reading.told.finished is not None
    assert reading.read == len(CODEX.stream) + 100 * MIB + 1


def test_json_that_is_nested_too_deeply_is_damage_and_no_exception() -> None:
    deep = b'{"type":"item.completed","item":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    assert unknown("codex", deep)[0].damaged
    for cli in KINDS:
        run = recorded(cli, "success")
        assert not judged(cli, *run.lines[:-1], deep, run.lines[-1]).success


def test_numbers_that_nothing_can_hold_are_none() -> None:
    for number in (b"1e400", b"-5", b"9" * 40, b"1e30", b"NaN"):
        stream = CODEX.stream.replace(b'"input_tokens":3000', b'"input_tokens":' + number)
        told, _ = read("codex", stream)
        assert 0 <= told.usage.tokens < 10**13
        for cli in ("opencode", "pi"):
            run = recorded(cli, "success").stream
            for name in (b'"cost":', b'"input":', b'"output":', b'"total":'):
                told, _ = read(cli, run.replace(name, name + number + b',"x":'))
                assert 0 <= told.usage.dollars < 10**12
                assert 0 <= told.usage.tokens < 10**13


def test_text_is_cut_to_what_an_event_may_have() -> None:
    said = b"x" * (TEXT + 5)
    for cli in KINDS:
        stream = recorded(cli, "success").stream.replace(b"All done: hello.txt is committed.", said)
        stream = stream.replace(b"git add hello.txt", b"git add " + said)
        _, events = read(cli, stream)
        texts = [event.text for event, _ in events if isinstance(event, Message)]
        calls = [event.input for event, _ in events if isinstance(event, ToolCall)]
        assert max(map(len, texts)) == max(map(len, calls)) == TEXT


def test_a_file_beside_the_stream_that_is_none_tells_nothing() -> None:
    run = recorded("copilot", "success")
    for data in (b"", b"{", b"[]", b'{"modelMetrics": 5}', b"\xff"):
        reading = Reading(adapter("copilot").parser())
        reading.feed(run.stream)
        reading.end()
        reading.beside("usage_file", data)
        assert reading.told.usage.tokens == 0
        assert reading.told.finished is not None
