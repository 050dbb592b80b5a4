"""A log is read line by line from where the reader stopped, and noticed when it is another."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import event_log
from state.errors import BadFile, Fault
from state.event_log import Batch, Place, events, last_lines, tail
from state.layout import StateDir
from tests.state import strategies

AT = datetime(2026, 11, 21, 10, 15, 2, tzinfo=UTC)


class Log:
    """A log of the state directory, written as its writer does and read from where the last read ended."""

    def __init__(self, state: StateDir) -> None:
        self.root, self.path = state.root, state.events
        self.place = Place()

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def read(self, **sizes: int) -> Batch:
        batch = tail(self.root, self.path, self.place, **sizes)
        self.place = batch.place
        return batch

    def read_all(self, **sizes: int) -> list[bytes]:
        lines: list[bytes] = []
        while batch := self.read(**sizes):
            lines += batch.lines
            if not batch.more:
                return lines
        raise AssertionError


@pytest.fixture
def log(state: StateDir) -> Log:
    return Log(state)


def test_a_missing_log_is_an_empty_one(log: Log) -> None:
    assert log.read() == Batch([], Place())


def test_a_reader_goes_on_where_it_stopped(log: Log) -> None:
    log.write(b"one\ntwo\n")
    assert log.read().lines == [b"one", b"two"]
    log.write(b"three\n")
    assert log.read().lines == [b"three"]


def test_a_half_line_is_held_back_until_it_is_whole(log: Log) -> None:
    log.write(b"one\ntw")
    assert log.read().lines == [b"one"]
    assert log.read().lines == []
    log.write(b"o\n")
    assert log.read().lines == [b"two"]


def test_a_log_under_the_same_name_is_read_from_its_beginning(log: Log) -> None:
    log.write(b"one\ntwo\n")
    log.read()
    log.path.rename(log.path.with_suffix(".old"))
    log.write(b"another, and longer\n")
    batch = log.read()
    assert (batch.lines, batch.reset) == ([b"another, and longer"], True)


def test_a_log_that_was_cut_is_read_from_its_beginning(log: Log) -> None:
    log.write(b"one\ntwo\n")
    log.read()
    os.truncate(log.path, 4)
    batch = log.read()
    assert (batch.lines, batch.reset) == ([b"one"], True)


def test_a_log_that_went_is_said_once(log: Log) -> None:
    log.write(b"one\n")
    log.read()
    log.path.unlink()
    assert [log.read().reset, log.read().reset] == [True, False]


def test_a_long_log_is_read_in_pieces(log: Log) -> None:
    log.write(b"".join(b"%d\n" % number for number in range(1000)))
    batch = log.read(chunk=100)
    assert batch.more
    assert [*batch.lines, *log.read_all(chunk=100)] == [b"%d" % number for number in range(1000)]


def test_a_line_longer_than_a_piece_is_read_whole(log: Log) -> None:
    log.write(b"a" * 5000 + b"\nb\n")
    assert log.read_all(chunk=10) == [b"a" * 5000, b"b"]


def test_a_line_without_end_is_handed_over_in_pieces(log: Log) -> None:
    log.write(b"a" * 250)
    assert log.read_all(chunk=10, line=100) == [b"a" * 100, b"a" * 100]
    log.write(b"a\n")
    assert log.read_all(chunk=10, line=100) == [b"a" * 51]


@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 40))
def test_however_it_is_written_and_read_the_lines_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, writes: list[bytes], chunk: int
) -> None:
    state = StateDir(tmp_path_factory.mktemp("log"))
    (state.root / "orchestrator").mkdir()
    log, lines = Log(state), []
    for data in writes:
        log.write(data)
        lines += log.read_all(chunk=chunk)
    assert lines == b"".join(writes).split(b"\n")[:-1]


def test_a_folder_is_no_log(log: Log) -> None:
    log.path.mkdir()
    with pytest.raises(BadFile, match="a directory"):
        log.read()


@pytest.mark.parametrize(
    ("count", "chunk", "lines"),
    [
        (2, 100, [b"three", b"four"]),
        (9, 100, [b"one", b"two", b"three", b"four"]),
        (9, 11, [b"three", b"four"]),
        (9, 12, [b"three", b"four"]),
        (9, 5, [b"four"]),
        (9, 3, []),
        (0, 100, []),
    ],
)
def test_the_last_lines_are_whole_ones(log: Log, count: int, chunk: int, lines: list[bytes]) -> None:
    log.write(b"one\ntwo\nthree\nfour\nfi")
    os.truncate(log.path, 19)
    assert last_lines(log.root, log.path, count, chunk).lines == lines


def test_a_reader_goes_on_behind_the_last_lines(log: Log) -> None:
    log.write(b"one\ntwo\nth")
    log.place = last_lines(log.root, log.path, 1).place
    log.write(b"ree\n")
    assert log.read().lines == [b"three"]


def test_a_reader_goes_on_behind_last_lines_that_were_cut(log: Log) -> None:
    log.write(b"one\n" + b"two" * 100)
    log.place = last_lines(log.root, log.path, 1, chunk=10).place
    log.write(b"\n")
    assert log.read().lines == [b"two" * 100]


def test_the_last_lines_of_a_missing_log_are_none(log: Log) -> None:
    assert last_lines(log.root, log.path, 9) == Batch([], Place())


@given(at=strategies.times, kind=strategies.text, fields=st.dictionaries(st.just("text"), st.text()))
def test_an_event_is_one_line_and_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, at: datetime, kind: str, fields: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    event_log.append(path.parent, path, at, kind, **fields)
    (line,) = tail(path.parent, path, Place()).lines
    (event,) = events([line], "events.jsonl")
    assert isinstance(event, dict)
    shown = {key: value.encode("utf-8", "replace").decode() for key, value in fields.items()}
    assert event == {"at": event["at"], "kind": kind} | shown
    assert datetime.fromisoformat(event["at"]) == at


def test_what_json_does_not_know_is_written_as_text(log: Log) -> None:
    event_log.append(log.root, log.path, AT, "note", where=Path("/a"))
    assert json.loads(log.read().lines[0])["where"] == "/a"


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"1", b"\xff", b'{"a": 1} x', b"[" * 9000, b"9" * 5000, b"\0", b"null", b'{"a": "\xff"}']
)
def test_a_line_that_is_no_event_is_a_fault_among_the_others(line: bytes) -> None:
    assert list(events([b'{"a": 1}', line, b'{"b": 2}'], "a.jsonl")) == [
        {"a": 1},
        Fault("a.jsonl", 2, "not a JSON object"),
        {"b": 2},
    ]


def test_a_blank_line_is_nothing() -> None:
    assert list(events([b"", b"{}", b" \r"], "a.jsonl")) == [{}]


@given(st.lists(st.binary()))
def test_any_line_is_an_event_or_a_fault(lines: list[bytes]) -> None:
    for event in events(lines, "a.jsonl"):
        assert isinstance(event, dict | Fault)
