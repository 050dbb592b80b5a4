"""Files are written whole or not at all, and nothing is read or written outside the state directory."""

import os
import socket
from pathlib import Path

import pytest

from state import files
from state.errors import BadFile, CannotWrite
from state.layout import StateDir
from tests.state.processes import run

LIMITED = """
import resource, sys
from pathlib import Path
from state import files
from state.errors import CannotWrite
root, path, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # what a full disk is to this process alone
try:
    getattr(files, how)(root, path, b"x" * 9000 + b"\\n")
except CannotWrite as error:
    print(error)
"""


@pytest.fixture
def root(state: StateDir) -> Path:
    return state.root


def reason(caught: pytest.ExceptionInfo[BadFile]) -> str:
    return str(caught.value)


def test_replace_makes_the_file_and_then_exchanges_it(root: Path) -> None:
    files.replace(root, root / "a.toml", b"one")
    files.replace(root, root / "a.toml", b"two")
    assert (root / "a.toml").read_bytes() == b"two"


def test_replace_leaves_no_dot_file_behind(root: Path) -> None:
    files.replace(root, root / "pulls" / "1.toml", b"one")
    assert os.listdir(root / "pulls") == ["1.toml"]


def test_a_reader_that_has_the_old_file_open_reads_the_old_content(root: Path) -> None:
    files.replace(root, root / "a.toml", b"old")
    with (root / "a.toml").open("rb") as reader:
        files.replace(root, root / "a.toml", b"new and longer")
        assert reader.read() == b"old"


def test_create_takes_a_name_once(root: Path) -> None:
    files.create(root, root / "a.toml", b"first")
    with pytest.raises(FileExistsError):
        files.create(root, root / "a.toml", b"second")
    assert (root / "a.toml").read_bytes() == b"first"


def test_create_does_not_take_the_name_of_a_dangling_link(root: Path) -> None:
    (root / "a.toml").symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        files.create(root, root / "a.toml", b"first")


@pytest.mark.parametrize("write", [files.replace, files.create])
def test_a_file_where_the_folder_should_be_is_no_taken_name(root: Path, write: object) -> None:
    (root / "outbox").write_bytes(b"")
    assert callable(write)
    with pytest.raises(CannotWrite, match="not a directory"):
        write(root, root / "outbox" / "a.md", b"text")


def test_every_folder_on_the_way_is_private(root: Path) -> None:
    files.create(root, root / "tasks" / "t1" / "inbox" / "done" / "a.md", b"text")
    folders = [root / "tasks" / "t1", root / "tasks" / "t1" / "inbox", root / "tasks" / "t1" / "inbox" / "done"]
    assert [oct(folder.stat().st_mode & 0o777) for folder in folders] == ["0o700"] * 3


@pytest.mark.parametrize("write", [files.replace, files.create])
def test_a_new_file_is_private(root: Path, write: object) -> None:
    assert callable(write)
    write(root, root / "a.toml", b"secret")
    assert (root / "a.toml").stat().st_mode & 0o777 == 0o600


def test_append_adds_a_line_at_the_end(root: Path) -> None:
    files.append(root, root / "journal.jsonl", b"{}\n")
    files.append(root, root / "journal.jsonl", b"[]\n")
    assert (root / "journal.jsonl").read_bytes() == b"{}\n[]\n"


def test_append_ends_the_half_line_that_a_crash_left(root: Path) -> None:
    (root / "journal.jsonl").write_bytes(b'{"a": 1}\n{"b"')
    files.append(root, root / "journal.jsonl", b"{}\n")
    assert (root / "journal.jsonl").read_bytes() == b'{"a": 1}\n{"b"\n{}\n'


@pytest.mark.parametrize("line", [b"", b"no end", b"a line\nand a half"])
def test_append_takes_nothing_but_whole_lines(root: Path, line: bytes) -> None:
    with pytest.raises(ValueError, match="whole lines"):
        files.append(root, root / "journal.jsonl", line)


def test_append_does_not_pour_lines_into_a_fifo(root: Path) -> None:
    os.mkfifo(root / "journal.jsonl")
    with pytest.raises(CannotWrite, match="not a regular file"):
        files.append(root, root / "journal.jsonl", b"{}\n")


@pytest.mark.parametrize("how", ["replace", "create"])
def test_a_full_disk_is_said(root: Path, how: str) -> None:
    assert "new.toml: file too large" in run(LIMITED, root, root / "new.toml", how)


@pytest.mark.parametrize("how", ["replace", "create"])
def test_a_full_disk_leaves_nothing_new(root: Path, how: str) -> None:
    run(LIMITED, root, root / "pulls" / "new.toml", how)
    assert os.listdir(root / "pulls") == []


def test_a_full_disk_leaves_the_old_content(root: Path) -> None:
    files.replace(root, root / "a.toml", b"old")
    run(LIMITED, root, root / "a.toml", "replace")
    assert (root / "a.toml").read_bytes() == b"old"


def test_a_line_that_found_no_room_spoils_no_other(root: Path) -> None:
    files.append(root, root / "journal.jsonl", b"{}\n")
    assert "no space left" in run(LIMITED, root, root / "journal.jsonl", "append")
    files.append(root, root / "journal.jsonl", b"[]\n")
    lines = (root / "journal.jsonl").read_bytes().splitlines()
    assert (lines[0], lines[-1]) == (b"{}", b"[]")


def test_read_gives_the_bytes(root: Path) -> None:
    (root / "a").write_bytes(b"\xff\0\n")
    assert files.read(root, root / "a") == b"\xff\0\n"


def test_a_missing_file_is_told_from_an_unreadable_one(root: Path) -> None:
    with pytest.raises(BadFile) as missing:
        files.read(root, root / "a")
    with pytest.raises(BadFile) as unreadable:
        files.read(root, root / "tasks")
    assert (files.is_missing(missing.value), files.is_missing(unreadable.value)) == (True, False)


def test_a_file_of_exactly_the_limit_is_read(root: Path) -> None:
    (root / "a").write_bytes(b"12345")
    assert files.read(root, root / "a", limit=5) == b"12345"


def test_a_larger_file_is_refused(root: Path) -> None:
    (root / "a").write_bytes(b"123456")
    with pytest.raises(BadFile) as caught:
        files.read(root, root / "a", limit=5)
    assert reason(caught) == "a: larger than 5 bytes"


def test_a_file_without_end_is_refused(root: Path) -> None:
    (root / "a").symlink_to("/dev/zero")
    with pytest.raises(BadFile, match="a symbolic link"):
        files.read(root, root / "a")


def test_a_directory_is_no_file(root: Path) -> None:
    with pytest.raises(BadFile) as caught:
        files.read(root, root / "tasks")
    assert reason(caught) == "tasks: a directory"


def test_a_fifo_that_nobody_writes_to_blocks_nobody(root: Path) -> None:
    os.mkfifo(root / "a")
    with pytest.raises(BadFile) as caught:
        files.read(root, root / "a")
    assert reason(caught) == "a: not a regular file"


def test_a_socket_is_no_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "a"))  # a socket's path has 107 bytes at most
        with pytest.raises(BadFile, match="a: "):
            files.read(tmp_path, tmp_path / "a")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "n" * 300])
def test_a_name_that_no_disk_has_is_a_bad_file(root: Path, name: str) -> None:
    with pytest.raises(BadFile):
        files.read(root, root / name)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "n" * 300])
def test_a_name_that_no_disk_takes_cannot_be_written(root: Path, name: str) -> None:
    with pytest.raises(CannotWrite):
        files.replace(root, root / name, b"")


def test_text_that_is_not_utf8_is_a_fault_of_its_line(root: Path) -> None:
    (root / "a").write_bytes(b"one\ntwo\nth\xffree\n")
    with pytest.raises(BadFile) as caught:
        files.read_text(root, root / "a")
    assert reason(caught) == "a: line 3: not UTF-8"


def test_text_with_a_nul_is_a_fault_of_its_line(root: Path) -> None:
    (root / "a").write_bytes(b"one\nt\0wo\n")
    with pytest.raises(BadFile) as caught:
        files.read_text(root, root / "a")
    assert reason(caught) == "a: line 2: a NUL character"


def test_names_are_the_plain_files_in_order(root: Path) -> None:
    for name in ("b.toml", "a.toml", ".c.toml", "d.md"):
        (root / "pulls" / name).write_bytes(b"")
    (root / "pulls" / "e.toml").mkdir()
    (root / "pulls" / "f.toml").symlink_to("a.toml")
    assert files.names(root, root / "pulls", ".toml") == ["a.toml", "b.toml"]


def test_names_survive_one_that_is_no_text(root: Path) -> None:
    Path(os.fsdecode(os.fsencode(root / "pulls") + b"/\xff.toml")).write_bytes(b"")
    (root / "pulls" / "a.toml").write_bytes(b"")
    assert files.names(root, root / "pulls", ".toml") == ["a.toml", "\udcff.toml"]


@pytest.mark.parametrize("folder", ["missing", "format.toml", "a\0b"])
def test_a_folder_that_is_none_has_no_names(root: Path, folder: str) -> None:
    assert files.names(root, root / folder) == []


def test_take_moves_a_file_once(root: Path) -> None:
    (root / "inbox" / "a").write_bytes(b"text")
    target = root / "inbox" / "done" / "a"
    assert [files.take(root, root / "inbox" / "a", target) for _ in range(2)] == [True, False]
    assert target.read_bytes() == b"text"


def test_take_does_not_write_over_another_file(root: Path) -> None:
    (root / "inbox" / "a").write_bytes(b"new")
    (root / "inbox" / "done" / "a").write_bytes(b"old")
    assert not files.take(root, root / "inbox" / "a", root / "inbox" / "done" / "a")
    assert (root / "inbox" / "done" / "a").read_bytes() == b"old"


def test_take_from_a_folder_that_is_a_file_cannot_be(root: Path) -> None:
    (root / "inbox" / "a").write_bytes(b"")
    (root / "pulls" / "done").write_bytes(b"")
    with pytest.raises(CannotWrite, match="not a directory"):
        files.take(root, root / "inbox" / "a", root / "pulls" / "done" / "a")
