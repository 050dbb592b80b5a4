"""Named locks among real processes: one at a time, in the order in which they came, whoever is killed."""

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from state import files, flocked
from state.errors import LockHeld
from state.layout import LockDir, StateDir
from state.locks import KEPT, VARIABLE, Who, hold
from state.model import Holder, Ticket, decode
from tests.state.processes import SECONDS, run_at_once, start

PARTY = """
import sys
from pathlib import Path
from state.layout import StateDir
from state.locks import Who, hold
with hold(StateDir(Path(sys.argv[1])), "build", Who(sys.argv[2], 1, "make test")):
    print("has it", flush=True)
    sys.stdin.readline()
"""
MANY = """
import os, sys
from pathlib import Path
from state.layout import StateDir
from state.locks import Who, hold
print("ready", flush=True)
input()
log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for turn in range(25):
    with hold(StateDir(Path(sys.argv[1])), "build", Who(sys.argv[3])):
        os.write(log, f"begin {sys.argv[3]}\\n".encode())
        os.write(log, f"end {sys.argv[3]}\\n".encode())
"""


@pytest.fixture
def lock(state: StateDir) -> LockDir:
    return state.lock("build")


class Parties:
    """Processes that want the lock `build`, each under the name of a task."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self.lock = state.lock("build")
        self._running: dict[str, subprocess.Popen[str]] = {}

    def comes(self, task: str) -> None:
        """One more asks for the lock. When this returns it is seen in the queue, or, the first, with the lock."""
        first = not self._running
        self._running[task] = start(PARTY, self.state.root, task)
        self.until(lambda: task == self.has_it() or (task in self.waiting() and not first), f"{task} to come")

    def has_it(self) -> str:
        holder = flocked.read_held(Holder, self.state.root, self.lock.holder)
        return holder.task if holder else ""

    def waiting(self) -> list[str]:
        """Who lives and waits, in the order of the queue."""
        names = files.names(self.state.root, self.lock.tickets)
        found = (flocked.read_held(Ticket, self.state.root, self.lock.tickets / name) for name in names)
        return [ticket.task for ticket in found if ticket]

    def gets_it(self, task: str) -> None:
        """Waits until `task` says that it has the lock."""
        out = self._running[task].stdout
        assert out is not None
        assert out.readline() == "has it\n"

    def leaves(self, task: str) -> None:
        process = self._running.pop(task)
        process.communicate("\n", timeout=SECONDS)
        assert process.returncode == 0

    def is_killed(self, task: str) -> None:
        process = self._running.pop(task)
        process.kill()
        process.communicate(timeout=SECONDS)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what}; {self.has_it()} has it, {self.waiting()} wait"
            time.sleep(0.005)

    def close(self) -> None:
        for task in list(self._running):
            self.is_killed(task)


@pytest.fixture
def parties(state: StateDir) -> Iterator[Parties]:
    parties = Parties(state)
    yield parties
    parties.close()


def history(lock: LockDir) -> list[dict[str, object]]:
    return [json.loads(line) for line in lock.history.read_text().splitlines()] if lock.history.exists() else []


def nothing_is_left(lock: LockDir) -> bool:
    return set(os.listdir(lock.root)) <= {"lock", "tickets", "history.jsonl"} and os.listdir(lock.tickets) == []


# ── turns ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_comes_first_is_served_first(parties: Parties) -> None:
    order = ["0001", "0002", "0003", "0004", "0005"]
    for task in order:
        parties.comes(task)
    assert (parties.has_it(), parties.waiting()) == ("0001", order[1:])
    for task in order:
        parties.gets_it(task)
        assert parties.has_it() == task
        parties.leaves(task)
    assert [line["task"] for line in history(parties.lock)] == order
    assert nothing_is_left(parties.lock)


def test_a_holder_that_is_killed_makes_way_for_the_next(parties: Parties) -> None:
    for task in ("0001", "0002", "0003"):
        parties.comes(task)
    parties.is_killed("0001")
    parties.gets_it("0002")
    parties.is_killed("0002")
    parties.gets_it("0003")
    assert parties.waiting() == []


def test_a_killed_holder_is_known_for_dead_at_once_though_its_file_stands(parties: Parties) -> None:
    parties.comes("0001")
    parties.gets_it("0001")
    parties.is_killed("0001")
    assert decode(Holder, parties.lock.holder.read_text(), "holder.toml").task == "0001"
    assert parties.has_it() == ""
    with hold(parties.state, "build", Who("0002"), wait=0):
        assert parties.has_it() == "0002"
    assert nothing_is_left(parties.lock)


def test_one_who_is_killed_while_waiting_stands_in_nobodys_way(parties: Parties) -> None:
    for task in ("0001", "0002", "0003", "0004"):
        parties.comes(task)
    parties.is_killed("0003")
    parties.is_killed("0002")
    assert parties.waiting() == ["0004"]
    parties.leaves("0001")
    parties.gets_it("0004")
    assert os.listdir(parties.lock.tickets) == []


def test_of_many_who_want_it_often_no_two_ever_have_it(state: StateDir, lock: LockDir, tmp_path: Path) -> None:
    log = tmp_path / "log"
    run_at_once(MANY, 8, state.root, log)
    lines = log.read_text().splitlines()
    assert len(lines) == 2 * 8 * 25
    for begin, end in zip(lines[::2], lines[1::2], strict=True):
        assert begin.partition(" ")[::2] == ("begin", end.removeprefix("end "))
    assert nothing_is_left(lock)


def test_killed_at_any_moment_nobody_leaves_anything_that_blocks_or_lies(
    state: StateDir, lock: LockDir, tmp_path: Path
) -> None:
    random = Random(3)
    log = tmp_path / "log"
    log.touch()
    for _ in range(8):
        running = [start(MANY.replace("range(25)", "range(10_000)"), state.root, log, number) for number in range(3)]
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        enough = log.stat().st_size + random.randrange(10, 400)
        deadline = time.monotonic() + SECONDS
        while log.stat().st_size < enough:  # then they are anywhere between coming and leaving
            assert time.monotonic() < deadline
        for process in running:
            process.kill()
            process.communicate()
        assert not flocked.is_held(state.root, lock.holder)
        with hold(state, "build", Who("after"), wait=0):
            assert os.listdir(lock.tickets) == []
        assert nothing_is_left(lock)


def test_another_lock_is_another(state: StateDir) -> None:
    with hold(state, "build", Who()), hold(state, "studio", Who(), wait=0):
        pass


def test_a_clock_that_is_set_back_puts_nobody_before_the_others(parties: Parties) -> None:
    parties.comes("0001")
    parties.comes("0002")
    (ticket,) = parties.lock.tickets.iterdir()
    ticket.rename(ticket.with_name(f"2999{ticket.name[4:]}"))  # it came when the clock was ahead
    parties.comes("0003")
    assert parties.waiting() == ["0002", "0003"]
    parties.leaves("0001")
    parties.gets_it("0002")
    assert parties.waiting() == ["0003"]


def test_a_folder_that_is_removed_under_a_waiting_one_is_made_again(parties: Parties, tmp_path: Path) -> None:
    parties.comes("0001")
    parties.comes("0002")
    parties.lock.root.rename(tmp_path / "removed")
    parties.leaves("0001")
    parties.gets_it("0002")
    assert parties.has_it() == "0002"
    with pytest.raises(LockHeld), hold(parties.state, "build", Who("0003"), wait=0):
        raise AssertionError


# ── limits ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wait_has_its_limit_and_says_who_has_the_lock(parties: Parties) -> None:
    parties.comes("0001")
    parties.gets_it("0001")
    parties.comes("0002")
    said = r"lock build not got within 0\.1 s: 0001 has had it for \d+s \(make test\), and 1 wait before this"
    with pytest.raises(LockHeld, match=said), hold(parties.state, "build", Who("0003"), wait=0.1):
        raise AssertionError
    assert parties.waiting() == ["0002"]


def test_no_wait_takes_only_what_is_free(state: StateDir) -> None:
    with hold(state, "build", Who("0001"), wait=0):
        with pytest.raises(LockHeld) as caught, hold(state, "build", Who("0002"), wait=0):
            raise AssertionError
        assert re.fullmatch(r"lock build not got: 0001 has had it for \d+s", caught.value.message)
        assert caught.value.exit_status == 3


def test_whoever_waits_may_be_told_to_stop(state: StateDir, lock: LockDir) -> None:
    class Ending(Exception):
        pass

    def end(seconds: float) -> None:
        raise Ending

    with hold(state, "build", Who("0001")):
        with pytest.raises(Ending), hold(state, "build", Who("0002"), pause=end):
            raise AssertionError
        assert os.listdir(lock.tickets) == []


def test_looks_become_rarer_and_rarer_the_more_wait_before(state: StateDir) -> None:
    class Enough(Exception):
        pass

    pauses: list[float] = []

    def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 30:
            raise Enough

    with contextlib.ExitStack() as stack:
        stack.enter_context(hold(state, "build", Who()))
        for longest in (0.05, 0.25):
            pauses.clear()
            with pytest.raises(Enough), hold(state, "build", Who(), pause=note):
                raise AssertionError
            assert pauses[0] < 0.01
            assert pauses == sorted(pauses)
            assert pauses[-1] == longest
            (state.lock("build").tickets).mkdir(exist_ok=True)
            for number in range(6):
                name = f"20261121T101502.12345{number}Z-0000000{number}.toml"
                folder = os.open(state.lock("build").tickets, os.O_RDONLY)
                stack.callback(os.close, folder)
                stack.callback(os.close, flocked.publish(folder, name, b""))


# ── children of the holder ──────────────────────────────────────────────────────────────────────────────────────


def test_a_child_of_the_holder_is_let_in(state: StateDir, lock: LockDir) -> None:
    with hold(state, "build", Who("0001")) as given:
        with hold(state, "build", Who("0001"), wait=0, environment=given) as inner:
            assert inner == given
            assert (lock.holder.exists(), os.listdir(lock.tickets)) == (True, [])
        assert flocked.is_held(state.root, lock.holder)
    assert len(history(lock)) == 1


def test_a_child_that_has_two_locks_is_let_in_to_both(state: StateDir) -> None:
    with hold(state, "build", Who()) as one, hold(state, "studio", Who(), environment=one) as two:
        for name in ("build", "studio"):
            with hold(state, name, Who(), wait=0, environment=two):
                pass


@pytest.mark.parametrize("given", ["build:", "build:0000000000000000", ":", "build", "studio:x build:\x1b :: \udcff"])
def test_whoever_only_says_so_is_not(state: StateDir, given: str) -> None:
    said = {VARIABLE: given}
    with hold(state, "build", Who()), pytest.raises(LockHeld), hold(state, "build", Who(), wait=0, environment=said):
        raise AssertionError


def test_what_was_given_counts_no_longer_than_the_holder(state: StateDir) -> None:
    with hold(state, "build", Who()) as given:
        pass
    with hold(state, "build", Who()), pytest.raises(LockHeld), hold(state, "build", Who(), wait=0, environment=given):
        raise AssertionError
    with hold(state, "build", Who("0009"), wait=0, environment=given) as fresh:
        assert fresh != given


# ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_holdings_are_told_and_no_more(state: StateDir, lock: LockDir) -> None:
    for number in range(KEPT + 3):
        with hold(state, "build", Who(f"{number:04}", 2, "make  test\n")):
            pass
    lines = history(lock)
    assert [line["task"] for line in lines] == [f"{number:04}" for number in range(3, KEPT + 3)]
    assert (lines[-1]["kind"], lines[-1]["attempt"], lines[-1]["what"]) == ("held", 2, "make test")
    assert isinstance(lines[-1]["held"], float) and lines[-1]["held"] < SECONDS


def test_a_command_without_end_is_cut(state: StateDir, lock: LockDir) -> None:
    with hold(state, "build", Who(what="x" * 100_000)):
        holder = flocked.read_held(Holder, state.root, lock.holder)
    assert holder and holder.what == "x" * 199 + "…"


def test_a_block_that_fails_gives_the_lock_back(state: StateDir, lock: LockDir) -> None:
    with pytest.raises(ZeroDivisionError), hold(state, "build", Who()):
        raise ZeroDivisionError
    with hold(state, "build", Who(), wait=0):
        pass
    assert nothing_is_left(lock)
