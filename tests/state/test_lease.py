"""One orchestrator holds a state directory, as long as it lives."""

import fcntl
import os
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest

from state import lease
from state.errors import BadFile, CannotWrite, Unavailable
from state.layout import StateDir
from state.lease import Holding
from state.model import Lease
from tests.state.processes import start

AT = datetime(2026, 11, 21, 10, 15, 2, tzinfo=UTC)
HOLD = """
import subprocess, sys
from pathlib import Path
from state.layout import StateDir
from state.lease import Holding
with Holding(StateDir(Path(sys.argv[1]))):
    # outlives its orchestrator
    worker = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, start_new_session=True)
    print(worker.pid, flush=True)
    input()
"""


def beating(seconds_ago: float, every: float = 5.0, ended: datetime | None = None) -> Lease:
    beat = AT - timedelta(seconds=seconds_ago)
    return Lease(pid=1, host="here", started=beat, beat=beat, every=every, ended=ended)


def test_a_holder_says_who_it_is(state: StateDir) -> None:
    with Holding(state, max_workers=3, every=2.0):
        found = lease.read(state)
    assert (found.pid, found.host, found.max_workers, found.every) == (os.getpid(), socket.gethostname(), 3, 2.0)


def test_a_second_holder_is_told_who_the_first_is(state: StateDir) -> None:
    with Holding(state), pytest.raises(Unavailable) as caught, Holding(state):
        raise AssertionError
    assert f"pid {os.getpid()} on {socket.gethostname()}" in str(caught.value)


def test_a_second_holder_is_told_so_even_if_the_lease_cannot_be_read(state: StateDir) -> None:
    with Holding(state):
        state.lease.write_text("pid =")
        with pytest.raises(Unavailable, match=r"cannot be read: orchestrator/lease\.toml: line 1"), Holding(state):
            raise AssertionError


def test_the_next_may_hold_what_was_released(state: StateDir) -> None:
    with Holding(state):
        pass
    with Holding(state):
        assert lease.alive(lease.read(state), datetime.now(UTC))


def test_a_holder_that_is_killed_holds_nothing_though_its_workers_live(state: StateDir) -> None:
    holder = start(HOLD, state.root)
    assert holder.stdout is not None
    worker = int(holder.stdout.readline())
    try:
        with pytest.raises(Unavailable, match=f"pid {holder.pid} "), Holding(state):
            raise AssertionError
        holder.kill()
        holder.communicate()
        with Holding(state):
            assert lease.read(state).pid == os.getpid()
    finally:
        os.kill(worker, signal.SIGKILL)


def test_who_only_looks_and_has_to_wait_in_the_middle_of_it_keeps_nobody_from_starting(state: StateDir) -> None:
    with Holding(state):
        pass
    looking = os.open(state.lease_lock, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    going_on = threading.Timer(3 * lease.PATIENCE, os.close, [looking])
    going_on.start()
    with Holding(state):
        assert lease.read(state).ended is None
    going_on.join()


def test_a_holder_that_leaves_says_goodbye(state: StateDir) -> None:
    with Holding(state):
        pass
    assert lease.read(state).ended is not None


def test_a_holder_that_fails_says_why(state: StateDir) -> None:
    with pytest.raises(ZeroDivisionError), Holding(state):
        raise ZeroDivisionError("by nothing")
    assert lease.read(state).why == "ZeroDivisionError: by nothing"


def test_a_lease_that_cannot_be_written_is_not_held(state: StateDir) -> None:
    state.lease.mkdir()
    with pytest.raises(CannotWrite), Holding(state):
        raise AssertionError
    state.lease.rmdir()
    with Holding(state):
        assert lease.read(state).pid == os.getpid()


def test_a_lock_that_is_a_folder_is_said(state: StateDir) -> None:
    state.lease_lock.mkdir()
    with pytest.raises(CannotWrite, match=r"orchestrator/lease\.lock"), Holding(state):
        raise AssertionError


def test_a_missing_lease_is_a_bad_file(state: StateDir) -> None:
    with pytest.raises(BadFile, match="missing"):
        lease.read(state)


@pytest.mark.parametrize(
    ("found", "living"),
    [
        (None, False),
        (beating(0), True),
        (beating(14), True),
        (beating(15), False),
        (beating(2, every=0.1), True),
        (beating(3, every=0.1), False),
        (beating(0, ended=AT), False),
        (beating(-10), True),
        (beating(-3600), False),
    ],
)
def test_a_holder_lives_while_its_beat_is_near(found: Lease | None, living: bool) -> None:
    assert lease.alive(found, AT) is living


@pytest.mark.parametrize(
    ("seconds", "written"), [(1, False), (4.9, False), (5, True), (60, True), (-1, True), (-3600, True)]
)
def test_a_beat_is_written_when_it_is_due_or_the_clock_was_set_back(
    state: StateDir, seconds: float, written: bool
) -> None:
    with Holding(state) as holding:
        at = holding.lease.beat + timedelta(seconds=seconds)
        holding.beat(at)
        assert (lease.read(state).beat == at) is written
