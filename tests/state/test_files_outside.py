"""Symbolic links that lead out of the state directory are followed neither to read nor to write."""

from pathlib import Path

import pytest

from state import event_log, files
from state.errors import BadFile, CannotWrite
from state.event_log import Place
from state.layout import StateDir
from state.times import utc_now


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret\n")
    return folder


@pytest.fixture
def linked(state: StateDir, outside: Path) -> Path:
    """A folder of the state directory that is a link out of it."""
    link: Path = state.tasks / "t1"
    link.symlink_to(outside)
    return link


def test_a_linked_file_is_not_read(state: StateDir, outside: Path) -> None:
    (state.tasks / "a").symlink_to(outside / "secret")
    with pytest.raises(BadFile, match="tasks/a: a symbolic link"):
        files.read(state.root, state.tasks / "a")


def test_a_file_in_a_linked_folder_is_not_read(state: StateDir, linked: Path) -> None:
    with pytest.raises(BadFile, match="tasks/t1/secret: leads out of the state directory"):
        files.read(state.root, linked / "secret")


def test_a_path_with_dots_does_not_lead_out(state: StateDir, outside: Path) -> None:
    with pytest.raises(BadFile, match="leads out"):
        files.read(state.root, state.root / ".." / outside.name / "secret")


def test_a_log_in_a_linked_folder_is_not_tailed(state: StateDir, linked: Path) -> None:
    with pytest.raises(BadFile, match="leads out"):
        event_log.tail(state.root, linked / "secret", Place())


def test_a_linked_folder_has_no_names(state: StateDir, linked: Path) -> None:
    assert files.names(state.root, linked) == []


@pytest.mark.parametrize("write", [files.replace, files.create, files.append])
@pytest.mark.parametrize("below", ["new", "deep/er/new"])
def test_nothing_is_written_into_a_linked_folder(
    state: StateDir, linked: Path, outside: Path, write: object, below: str
) -> None:
    assert callable(write)
    with pytest.raises(CannotWrite, match="leads out of the state directory"):
        write(state.root, linked / below, b"x\n")
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_an_event_is_not_appended_through_a_link(state: StateDir, outside: Path) -> None:
    state.journal.symlink_to(outside / "secret")
    with pytest.raises(CannotWrite):
        event_log.append(state.root, state.journal, utc_now(), "note")
    assert (outside / "secret").read_bytes() == b"secret\n"


def test_replace_exchanges_a_link_and_not_what_it_points_at(state: StateDir, outside: Path) -> None:
    (state.tasks / "a").symlink_to(outside / "secret")
    files.replace(state.root, state.tasks / "a", b"mine")
    assert ((state.tasks / "a").read_bytes(), (outside / "secret").read_bytes()) == (b"mine", b"secret\n")


def test_nothing_is_taken_out_of_the_state_directory(state: StateDir, linked: Path, outside: Path) -> None:
    (state.inbox / "a").write_bytes(b"")
    with pytest.raises(CannotWrite, match="leads out"):
        files.take(state.root, state.inbox / "a", linked / "a")
    assert not (outside / "a").exists()


def test_nothing_is_taken_from_outside(state: StateDir, linked: Path, outside: Path) -> None:
    with pytest.raises(CannotWrite, match="leads out"):
        files.take(state.root, linked / "secret", state.inbox_done / "secret")
    assert (outside / "secret").exists()


def test_a_link_that_stays_inside_is_followed_by_its_folder(state: StateDir) -> None:
    (state.tasks / "t1").mkdir()
    (state.tasks / "t1" / "a").write_bytes(b"here")
    (state.tasks / "t2").symlink_to("t1")
    assert files.read(state.root, state.tasks / "t2" / "a") == b"here"


def test_the_state_directory_itself_may_be_reached_by_a_link(state: StateDir, tmp_path: Path) -> None:
    root = tmp_path / "link"
    root.symlink_to(state.root)
    files.replace(root, root / "tasks" / "a", b"here")
    assert files.read(root, root / "tasks" / "a") == b"here"
