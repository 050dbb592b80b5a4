"""What holds whatever becomes of a stream: it is never an exception, and never a success unless the whole is there.

Each run is judged as if it had exited with 0, so that the stream alone is evidence.
"""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.agents import KINDS, adapter
from orchestrator.agents.reading import Reading
from state.agent_events import Unknown, decode_line, encode_line
from tests.orchestrator.agents.recorded import ALL, FAILED, WHOLE, Recorded, judged, read, recorded, type_of

relaxed = settings(max_examples=300)
ANY, SUCCEEDED = st.sampled_from(ALL), st.sampled_from(WHOLE)

# the lines of a success that must be there: its beginning and its end. Any other may be lost, and nobody can know
NEEDED = {
    "claude": ("system", "result"),
    "codex": ("thread.started", "turn.completed"),
    "copilot": ("user.message", "result"),
    "gemini": ("init", "result"),
    "opencode": ("step_start", "step_finish"),
    "pi": ("session", "agent_end"),
    "qwen": ("system", "result"),
}


@pytest.mark.parametrize("run", WHOLE, ids=str)
def test_a_success_needs_its_beginning_and_its_end_and_no_other_line(run: Recorded) -> None:
    lines = run.lines
    needed = [
        type_of(lines[lost])
        for lost in range(len(lines))
        if not judged(run.cli, *lines[:lost], *lines[lost + 1 :]).success
    ]
    assert tuple(needed) == NEEDED[run.cli]


@pytest.mark.parametrize("run", FAILED, ids=str)
def test_no_line_that_is_lost_makes_a_success_of_a_failure(run: Recorded) -> None:
    lines = run.lines
    for lost in range(len(lines)):
        assert not judged(run.cli, *lines[:lost], *lines[lost + 1 :]).success


@pytest.mark.parametrize("run", ALL, ids=str)
def test_a_line_that_comes_twice_changes_no_verdict_and_no_tokens(run: Recorded) -> None:
    lines = run.lines
    told, _ = read(run.cli, run.stream)
    for twice in range(len(lines)):
        doubled = [*lines[: twice + 1], lines[twice], *lines[twice + 1 :]]
        assert read(run.cli, *doubled)[0].usage == told.usage
        assert judged(run.cli, *doubled).success == (run in WHOLE)


@pytest.mark.parametrize("run", ALL, ids=str)
def test_a_stream_that_comes_twice_is_no_other_success(run: Recorded) -> None:
    assert judged(run.cli, run.stream, run.stream).success == (run in WHOLE)


@pytest.mark.parametrize("run", WHOLE, ids=str)
def test_no_stream_that_stops_before_its_end_is_a_success(run: Recorded) -> None:
    stream = run.stream.rstrip()
    ends = [at for at, byte in enumerate(stream) if byte == 0x0A]
    for end in (*ends, *(end + 1 for end in ends), *range(len(stream) - 60, len(stream))):
        assert not judged(run.cli, stream[:end]).success
    assert judged(run.cli, stream).success, "the last newline is not missed"


@relaxed
@given(SUCCEEDED, st.floats(0, 1, exclude_max=True))
def test_no_stream_that_is_cut_anywhere_is_a_success(run: Recorded, at: float) -> None:
    stream = run.stream.rstrip()
    assert not judged(run.cli, stream[: int(at * len(stream))]).success


@st.composite
def mangled(draw: st.DrawFn) -> tuple[Recorded, int, list[bytes]]:
    """A stream with one of its lines cut short, with a hole in it, with something in it, or with a byte changed."""
    run = draw(ANY)
    lines = list(run.lines)
    number = draw(st.integers(0, len(lines) - 1))
    line = lines[number].rstrip(b"\n")
    begin = draw(st.integers(0, len(line) - 1))
    end = draw(st.integers(begin + 1, len(line)))
    there = draw(st.sampled_from([b"", b"{", b'"', b"\xff", b"\x00", b"\\", b"null", b"[[[["]))
    lines[number] = (
        draw(st.sampled_from([line[:begin], line[:begin] + there + line[end:], line[:begin] + there])) + b"\n"
    )
    return run, number, lines


@relaxed
@given(mangled())
def test_a_mangled_line_is_never_a_success_that_was_none(case: tuple[Recorded, int, list[bytes]]) -> None:
    run, number, lines = case
    verdict = judged(run.cli, *lines)
    if not verdict.success:
        return
    assert run in WHOLE
    line = lines[number].strip()
    if line.startswith(b'{"'):  # else it is no event any more, and as if it had been lost
        json.loads(line.decode("utf-8", "replace"))


@relaxed
@given(ANY, st.lists(st.floats(0, 1), max_size=8))
def test_where_a_stream_is_cut_into_pieces_makes_no_difference(run: Recorded, cuts: list[float]) -> None:
    stream = run.stream
    places = [0, *sorted(int(cut * len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(places)]
    assert read(run.cli, *pieces) == read(run.cli, stream)


def test_a_stream_may_come_byte_by_byte() -> None:
    for cli in KINDS:
        run = recorded(cli, "toolfail")
        assert read(cli, *(bytes([byte]) for byte in run.stream)) == read(cli, run.stream)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def changed_schemas(draw: st.DrawFn) -> tuple[Recorded, list[bytes]]:
    """A stream where a field of a line, at any depth, is of another type."""
    run = draw(ANY)
    lines = list(run.lines)
    number = draw(st.integers(0, len(lines) - 1))
    whole = json.loads(lines[number])
    inner = whole
    while True:
        key = draw(st.sampled_from(sorted(inner))) if isinstance(inner, dict) else draw(st.integers(0, len(inner) - 1))
        if not isinstance(inner[key], dict | list) or not inner[key] or draw(st.booleans()):
            break
        inner = inner[key]
    inner[key] = draw(JSON)
    lines[number] = json.dumps(whole).encode() + b"\n"
    return run, lines


@relaxed
@given(changed_schemas())
def test_a_schema_that_changed_is_no_exception_and_no_success_that_was_none(case: tuple[Recorded, list[bytes]]) -> None:
    run, lines = case
    if judged(run.cli, *lines).success:
        assert run in WHOLE


@relaxed
@given(st.sampled_from(KINDS), st.data())
def test_an_event_of_any_shape_is_no_exception(cli: str, data: st.DataObject) -> None:
    names = sorted({type_of(line) for run in ALL if run.cli == cli for line in run.lines})
    keys = sorted({key for run in ALL if run.cli == cli for line in run.lines for key in json.loads(line)} - {"type"})
    name = data.draw(st.sampled_from(names))
    line = {"type": name, **data.draw(st.dictionaries(st.sampled_from(keys), JSON, max_size=4))}
    told, events = read(cli, json.dumps(line).encode() + b"\n")
    assert told.events == len(events)


@relaxed
@given(st.sampled_from(KINDS), st.lists(st.binary(max_size=200), max_size=6))
def test_bytes_of_no_sense_are_no_exception_and_no_success(cli: str, pieces: list[bytes]) -> None:
    told, _ = read(cli, *pieces)
    assert not told.started
    assert not judged(cli, *pieces).success


@relaxed
@given(SUCCEEDED, st.text(max_size=60).map(lambda text: text.replace("\n", " ")), st.floats(0, 1))
def test_somebody_elses_words_between_the_lines_change_nothing_but_are_kept(
    run: Recorded, words: str, place: float
) -> None:
    lines = run.lines
    at = round(place * len(lines))
    junk = f"warning: {words}\n".encode("utf-8", "replace")
    told, events = read(run.cli, *lines[:at], junk, *lines[at:])
    assert judged(run.cli, *lines[:at], junk, *lines[at:]).success
    assert told.usage == read(run.cli, run.stream)[0].usage
    assert [event.raw for event, _ in events if isinstance(event, Unknown)] == [junk.strip().decode()]


@pytest.mark.parametrize("run", ALL, ids=str)
def test_what_is_written_into_the_log_is_read_there_as_it_was(run: Recorded) -> None:
    _, events = read(run.cli, run.stream)
    for event, place in events:
        assert decode_line(encode_line(event, place)) == (event, place)


def test_reading_in_the_middle_tells_what_was_said_so_far() -> None:
    for run in WHOLE:
        reading = Reading(adapter(run.cli).parser())
        for line in run.lines[:-1]:
            reading.feed(line)
        assert reading.told.finished is None
        assert reading.read == len(run.stream) - len(run.lines[-1])
