"""What inotify allows is compared with what readers need."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsroom.doctor.events import Watches, findings, needed, used
from opsroom.doctor.findings import OK, WARN
from state.layout import StateDir

NONE = Watches(0, 0)


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    return set_limits(tmp_path, 128, 1_000_000)


def set_limits(folder: Path, instances: int, watches: int) -> Path:
    (folder / "max_user_instances").write_text(f"{instances}\n")
    (folder / "max_user_watches").write_text(f"{watches}\n")
    return folder


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[int]:
    """A process, which is this one, that watches three folders."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init()
    for name in "abc":
        (tmp_path / name).mkdir()
        assert libc.inotify_add_watch(descriptor, os.fsencode(tmp_path / name), 0x100) > 0
    yield descriptor
    os.close(descriptor)


def test_what_is_used_is_counted(watched: int) -> None:
    during = used(os.geteuid())
    assert during.instances >= 1
    assert during.watches >= 3


def test_another_users_are_not_counted(watched: int) -> None:
    assert used(4_294_967_000) == NONE


def test_every_folder_of_the_state_directory_takes_a_watch(tmp_path: Path) -> None:
    state = StateDir(tmp_path / ".opsroom")
    state.create()
    before = needed(state)
    (state.tasks / "0001" / "outbox").mkdir(parents=True)
    (state.worktrees / "0001" / "src").mkdir(parents=True)
    assert needed(state) == before + 2
    assert needed(None) == 7


def test_enough_is_enough(limits: Path) -> None:
    (only,) = findings(400, NONE, limits)
    assert only.verdict == OK
    assert "0 of 1,000,000 watches" in only.text


@pytest.mark.parametrize("taken", [Watches(127, 0), Watches(3, 999_500)])
def test_too_few_left_is_said_with_what_to_do(limits: Path, taken: Watches) -> None:
    (only,) = findings(400, taken, limits)
    assert only.verdict == WARN
    assert "files will be compared every second" in only.text
    assert only.todo.startswith("sysctl -w fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches=")


def test_too_few_for_a_large_fleet_is_said(tmp_path: Path) -> None:
    (only,) = findings(400, NONE, set_limits(tmp_path, 128, 65_536))
    assert only.verdict == WARN
    assert "10,000 tasks need 90,000 a reader" in only.text


def test_a_system_without_inotify_is_said(tmp_path: Path) -> None:
    (only,) = findings(7, NONE, tmp_path / "nothing")
    assert only.verdict == WARN


def test_a_network_file_system_is_what_counts(limits: Path) -> None:
    (only,) = findings(400, NONE, limits, network="nfs4")
    assert only.verdict == WARN
    assert only.text == "nfs4 sends no file events, so files are compared every second"
