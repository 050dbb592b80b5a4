import io
from pathlib import Path

import pytest
from PIL import Image

from state import files
from state.agent_events import Message, Place, encode_line
from tests.tui.builder import NOW, FleetBuilder
from tui import loads, pictures
from tui.loads import EventTail, LogTail
from tui.text import plain


@pytest.fixture
def fleet(tmp_path: Path) -> FleetBuilder:
    made = FleetBuilder(tmp_path)
    made.task("a", "running")
    made.attempt("a")
    return made


def png(width: int, height: int, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG")
    return file.getvalue()


def test_a_log_is_read_on_from_where_it_was(fleet: FleetBuilder) -> None:
    tail = LogTail(fleet.state, "a", 1)
    fleet.log("a", "one", "two")
    first = tail.read()
    assert ([plain(line) for line in first.lines], first.reset) == (["one", "two"], True)
    fleet.log("a", "three")
    fleet.log("a", "oh no", stream="stderr")
    second = tail.read()
    assert ([plain(line) for line in second.lines], second.reset) == (["three", "│ oh no"], False)
    assert tail.read().lines == []


def test_who_is_too_far_behind_begins_at_the_newest_lines(fleet: FleetBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loads, "CHUNK", 100)
    monkeypatch.setattr(loads, "CHUNKS", 2)
    monkeypatch.setattr(loads, "FIRST", 3)
    tail = LogTail(fleet.state, "a", 1)
    fleet.log("a", "first")
    tail.read()
    fleet.log("a", *(f"line {number}" for number in range(100)))
    found = tail.read()
    assert ([plain(line) for line in found.lines], found.reset) == (["line 97", "line 98", "line 99"], True)


def says(fleet: FleetBuilder, seq: int, text: str) -> None:
    line = encode_line(Message(text=text), Place(seq, 0))
    files.append(fleet.state.root, fleet.state.task("a").attempt(1).events, line)


def test_events_are_read_on_with_standard_error_beside_them(fleet: FleetBuilder) -> None:
    tail = EventTail(fleet.state, "a", 1)
    says(fleet, 1, "one\ntwo")
    fleet.log("a", '{"type":"message"}')
    first = tail.read()
    assert ([plain(line) for line in first.lines], first.reset) == (["one", "two"], True)
    says(fleet, 1, "one\ntwo")
    says(fleet, 2, "three")
    fleet.log("a", "oh no", stream="stderr")
    second = tail.read()
    assert ([plain(line) for line in second.lines], second.reset) == (["three", "│ oh no"], False)
    assert tail.read().lines == []


def test_who_is_too_far_behind_in_events_begins_at_the_newest(
    fleet: FleetBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads, "CHUNK", 200)
    monkeypatch.setattr(loads, "CHUNKS", 2)
    monkeypatch.setattr(loads, "FIRST", 3)
    tail = EventTail(fleet.state, "a", 1)
    says(fleet, 1, "first")
    tail.read()
    for seq in range(2, 50):
        says(fleet, seq, f"line {seq}")
    found = tail.read()
    assert ([plain(line) for line in found.lines], found.reset) == (["line 47", "line 48", "line 49"], True)
    says(fleet, 50, "more")
    assert [plain(line) for line in tail.read().lines] == ["more"]


def test_events_that_are_exchanged_begin_anew(fleet: FleetBuilder) -> None:
    tail = EventTail(fleet.state, "a", 1)
    says(fleet, 1, "the first and the longest of all")
    tail.read()
    path = fleet.state.task("a").attempt(1).events
    fleet.text(path, encode_line(Message(text="another"), Place(1, 0)).decode())
    found = tail.read()
    assert ([plain(line) for line in found.lines], found.reset) == (["another"], True)


def test_a_log_that_leads_out_is_a_word_in_the_pane(fleet: FleetBuilder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("password\n")
    fleet.state.task("a").attempt(1).stdout.symlink_to(tmp_path / "secret")
    assert "a symbolic link" in plain(LogTail(fleet.state, "a", 1).read().lines[0])


def test_a_picture_is_made_to_fit_and_keeps_its_shape(fleet: FleetBuilder) -> None:
    name = fleet.capture("a", NOW, png(400, 200))
    found = pictures.read(fleet.state, "a", name, 40, 30)
    assert (len(found.rows), len(found.rows[0]), found.size) == (20, 40, (400, 200))
    assert found.problem == ""


def test_a_small_picture_is_not_blown_up(fleet: FleetBuilder) -> None:
    found = pictures.read(fleet.state, "a", fleet.capture("a", NOW, png(3, 5)), 40, 30)
    assert (len(found.rows), len(found.rows[0])) == (4, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png(fleet: FleetBuilder, mode: str) -> None:
    found = pictures.read(fleet.state, "a", fleet.capture("a", NOW, png(10, 10, mode)), 40, 30)
    assert found.problem == "" and found.rows


def test_a_picture_with_too_many_pixels_is_not_decoded(fleet: FleetBuilder) -> None:
    data = bytearray(png(1, 1))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    found = pictures.read(fleet.state, "a", fleet.capture("a", NOW, bytes(data)), 40, 30)
    assert found.problem and not found.rows


def test_a_picture_that_is_too_large_a_file_or_no_png_is_told(
    fleet: FleetBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "BYTES", 100)
    name = fleet.capture("a", NOW, b"\x89PNG" + b"x" * 200)
    assert "larger than 100 bytes" in pictures.read(fleet.state, "a", name, 40, 30).problem
    name = fleet.capture("a", NOW, b"GIF89a")
    assert "not a picture" in pictures.read(fleet.state, "a", name, 40, 30).problem
    assert "missing" in pictures.read(fleet.state, "a", "none.png", 40, 30).problem
