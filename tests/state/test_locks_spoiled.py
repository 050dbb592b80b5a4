"""What may stand in a lock's folder that nobody should have put there, and disks that take nothing more."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from state import flocked
from state.errors import BadName, CannotWrite, LockHeld
from state.layout import LockDir, StateDir
from state.locks import Who, hold
from state.model import Holder
from tests.state.processes import run


@pytest.fixture
def lock(state: StateDir) -> LockDir:
    return state.lock("build")


def history(lock: LockDir) -> list[dict[str, object]]:
    return [json.loads(line) for line in lock.history.read_text().splitlines()]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../tasks", "-x", "a b", "\udcff", "x" * 101])
def test_a_name_that_is_none_is_said(state: StateDir, name: str) -> None:
    with pytest.raises(BadName, match="lock name"), hold(state, name, Who()):
        raise AssertionError
    assert os.listdir(state.locks) == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda lock: lock.lock.mkdir(parents=True), "locks/build/lock: is a directory"),
        (lambda lock: lock.holder.mkdir(parents=True), "locks/build/holder.toml: is a directory"),
        (lambda lock: fifo(lock.lock), "locks/build/lock: not a regular file"),
        (lambda lock: lock.root.write_text(""), "locks/build: not a directory"),
        (lambda lock: link(lock.root), "locks/build: not a directory"),
        (lambda lock: link(lock.tickets), "locks/build/tickets: not a directory"),
        (lambda lock: link(lock.lock), "locks/build/lock: too many levels of symbolic links"),
    ],
    ids=["lock-folder", "holder-folder", "lock-fifo", "file", "link", "tickets-link", "lock-link"],
)
def test_something_else_in_the_place_of_a_file_is_said_and_nothing_is_left(
    state: StateDir, lock: LockDir, make: Callable[[LockDir], object], said: str
) -> None:
    make(lock)
    for _ in range(2):
        with pytest.raises(CannotWrite, match=f"{said}; nothing was locked"), hold(state, "build", Who(), wait=1):
            raise AssertionError
    assert not lock.tickets.is_dir() or lock.tickets.is_symlink() or os.listdir(lock.tickets) == []
    assert not (state.root.parent / "outside").exists() or os.listdir(state.root.parent / "outside") == []


def fifo(path: Path) -> None:
    path.parent.mkdir()
    os.mkfifo(path)


def link(path: Path) -> None:
    """Puts at `path` a link out of the state directory."""
    outside = path.parents[len(path.parts) - 1 - path.parts.index(".opsroom")] / "outside"
    outside.mkdir()
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(outside)


def test_a_link_in_the_place_of_a_history_or_a_holder_is_replaced_not_followed(
    state: StateDir, lock: LockDir, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine\n")
    lock.root.mkdir()
    lock.history.symlink_to(outside)
    lock.holder.symlink_to(outside)
    with hold(state, "build", Who(), wait=1):
        assert not lock.holder.is_symlink()
    assert outside.read_text() == "mine\n"
    assert len(history(lock)) == 1


def test_garbage_among_the_tickets_keeps_nobody_waiting(state: StateDir, lock: LockDir) -> None:
    lock.tickets.mkdir(parents=True)
    early = "20200101T000000.000000Z-0000000"
    (lock.tickets / f"{early}1.toml").write_bytes(b"\xff\x00 garbage")
    (lock.tickets / f"{early}2.toml").mkdir()
    (lock.tickets / f"{early}3.toml").symlink_to("/etc/passwd")
    os.mkfifo(lock.tickets / f"{early}4.toml")
    (lock.tickets / "a note").write_text("")
    (lock.tickets / ".half").write_text("")
    lock.holder.write_text("since = ")
    lock.history.write_bytes(b"\xff\n{}\nhalf a li")
    with hold(state, "build", Who("0001"), wait=0):
        holder = flocked.read_held(Holder, state.root, lock.holder)
        assert holder and holder.task == "0001"
    assert sorted(os.listdir(lock.tickets)) == [*(f"{early}{number}.toml" for number in (2, 3, 4)), "a note"]
    assert lock.history.read_bytes().splitlines()[:2] == [b"\xff", b"{}"]
    assert json.loads(lock.history.read_bytes().splitlines()[2])["task"] == "0001"


def test_a_living_ticket_keeps_its_place_whatever_it_says(state: StateDir, lock: LockDir) -> None:
    lock.tickets.mkdir(parents=True)
    folder = os.open(lock.tickets, os.O_RDONLY)
    descriptor = flocked.publish(folder, "20200101T000000.000000Z-00000001.toml", b"\xff\x00 garbage")
    try:
        said = "somebody has it who does not say who, and 1 wait before this"
        with pytest.raises(LockHeld, match=said), hold(state, "build", Who(), wait=0):
            raise AssertionError
    finally:
        os.close(descriptor)
        os.close(folder)
    with hold(state, "build", Who(), wait=0):
        pass


def test_the_last_time_there_is_stops_nobody(state: StateDir, lock: LockDir) -> None:
    lock.tickets.mkdir(parents=True)
    folder = os.open(lock.tickets, os.O_RDONLY)
    descriptor = flocked.publish(folder, "99991231T235959.999999Z-00000001.toml", b"")
    try:
        with hold(state, "build", Who(), wait=0):
            pass
    finally:
        os.close(descriptor)
        os.close(folder)


FULL = """
import resource, sys
from pathlib import Path
from state.errors import CannotWrite
from state.layout import StateDir
from state.locks import Who, hold
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # what a full disk is to this process alone
try:
    with hold(StateDir(Path(sys.argv[1])), "build", Who()):
        print("has it")
except CannotWrite as error:
    print(error.message)
"""


def test_on_a_full_disk_nothing_is_locked_and_nothing_is_left(state: StateDir, lock: LockDir) -> None:
    assert run(FULL, state.root) == "locks/build/tickets: file too large\n"
    assert os.listdir(lock.tickets) == []
