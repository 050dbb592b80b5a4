"""Whatever stands in a state directory, the fleet is read, each fault at its place, and no status is made up."""

import fcntl
import os
import random
import socket
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from state import event_log, files, flocked, locks, messages
from state.errors import BadFile, CannotWrite, LockHeld
from state.event_log import Place
from state.fleet import FleetReader
from state.layout import StateDir
from state.scan import Scan
from tests.state import writing

TASK: dict[str, Callable[[], bytes]] = {
    "task.toml": writing.task,
    "status.toml": writing.status,
    "worker/result.toml": writing.result,
    "worker/checkpoint.md": writing.task,
    "outbox/20261121T101502.123456Z-3f0a-question.md": lambda: writing.message("question", "which?"),
    "inbox/20261121T101502.123456Z-3f0b-answer.md": lambda: writing.message("answer", "this"),
    "inbox/done/20261121T101502.123456Z-3f0c-message.md": lambda: writing.message("message", "go on"),
    "captures/20261121T101502.123456Z.png": writing.task,
    "attempts/1/run.toml": writing.run,
    "attempts/1/exit.toml": writing.exit,
    "attempts/2/run.toml": writing.run,
    "attempts/2/stdout.log": writing.task,
}
CAMPAIGN: dict[str, Callable[[], bytes]] = {
    "campaign.toml": writing.campaign,
    "campaign.md": writing.queue,
    "runs/1.toml": writing.campaign_run,
}
LOCK: dict[str, Callable[[], bytes]] = {
    "holder.toml": writing.holder,
    "tickets/20261121T101502.123456Z-3f0a3f0a.toml": writing.ticket,
    "tickets/20261121T101502.123457Z-3f0a3f0b.toml": writing.ticket,
    "tickets/20261121T101502.123458Z-3f0a3f0c.toml": writing.ticket,
    "history.jsonl": writing.history,
    "lock": writing.status,
}
REQUIRED = {"task.toml": "title", "status.toml": "state"}
NAMES = [b"\xff", b"a b", b"-", b"x" * 200, b"\x1b[31m", "\u202e".encode(), b"0", b"9" * 40, b"new\nline", b".hidden"]


class Chaos:
    """Writes files that are right, nearly right, or nothing of the kind."""

    def __init__(self, seed: int, root: Path) -> None:
        self.random = random.Random(seed)
        self.root = root
        self.held: dict[Path, int] = {}
        """Files in the folder of a lock whose writers live."""
        self.ways: list[Callable[[Path, bytes], object]] = [
            lambda at, good: at.write_bytes(self.random.randbytes(self.random.randrange(300))),
            lambda at, good: at.write_bytes(good[: self.random.randrange(len(good))]),
            lambda at, good: at.write_bytes(self.flipped(good)),
            lambda at, good: at.write_bytes(self.shuffled(good)),
            lambda at, good: at.write_bytes(good + b"a = " + b"[" * self.random.choice([60, 70, 900, 9000])),
            lambda at, good: at.write_bytes(good.replace(b"2026", self.random.choice([b"0001", b"9999", b"0000"]))),
            lambda at, good: at.write_bytes(good.replace(b"= ", b"= 99999999999999999999999", 1)),
            self.swell,
            lambda at, good: at.mkdir(),
            lambda at, good: os.mkfifo(at),
            lambda at, good: at.symlink_to(self.random.choice(["/etc/passwd", "/dev/zero", "nowhere", ".", at.name])),
            lambda at, good: self.listen(at),
            lambda at, good: None,
        ]

    def flipped(self, good: bytes) -> bytes:
        data = bytearray(good)
        for _ in range(self.random.randrange(1, 9)):
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)
        return bytes(data)

    def shuffled(self, good: bytes) -> bytes:
        lines = good.splitlines(keepends=True) * 2
        self.random.shuffle(lines)
        return b"".join(lines)

    def swell(self, at: Path, good: bytes) -> None:
        at.write_bytes(good)
        os.truncate(at, files.LIMIT + 1)

    def listen(self, at: Path) -> None:
        nearby = self.root.parent / "socket"
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.open(nearby.parent, os.O_PATH)
            listener.bind(f"/proc/self/fd/{here}/{nearby.name}")  # the path of a socket has 107 bytes at most
            os.close(here)
        nearby.rename(at)

    def write(self, at: Path, good: bytes) -> None:
        if os.path.lexists(at):
            return
        try:
            at.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            return  # chaos stands there already
        if self.random.random() < 0.5:
            at.write_bytes(good)
        else:
            self.random.choice(self.ways)(at, good)

    def hold(self, at: Path) -> None:
        """Its writer may live, whatever it wrote."""
        if at.is_file() and not at.is_symlink() and self.random.random() < 0.7:
            descriptor = os.open(at, os.O_RDONLY)
            self.held[at] = descriptor
            fcntl.flock(descriptor, fcntl.LOCK_EX)

    def close(self) -> None:
        for descriptor in self.held.values():
            os.close(descriptor)
        self.held.clear()

    def fill(self) -> None:
        """A few tasks and campaigns, and things that are neither, anywhere."""
        for _ in range(6):
            below = self.random.choice(
                ["tasks/t1", "tasks/t2/outbox", "tasks/t2/attempts", "tasks", "campaigns", "inbox", "locks"]
            )
            self.write(self.root / below / os.fsdecode(self.random.choice(NAMES)), writing.status())
        for number in range(1, 4):
            for path, make in self.random.sample(sorted(TASK.items()), len(TASK)):
                self.write(self.root / f"tasks/t{number}" / path, make())
        for path, make in CAMPAIGN.items():
            self.write(self.root / "campaigns/c" / path, make())
        for path, make in LOCK.items():
            self.write(self.root / "locks/build" / path, make())
            self.hold(self.root / "locks/build" / path)
        self.write(self.root / "orchestrator/lease.toml", writing.lease())
        self.write(self.root / "orchestrator/machine.toml", writing.machine())
        self.write(self.root / "orchestrator/holds.toml", writing.holds("rate limit"))
        self.write(self.root / "inbox/a.toml", writing.status())

    def disturb(self) -> None:
        """Something else in the place of some of what is there."""
        there = [Path(folder) / name for folder, _, names in os.walk(self.root) for name in names]
        for at in self.random.sample(sorted(there), len(there) // 3):
            at.unlink()
            self.write(at, writing.status())


def table(path: Path) -> dict[str, Any] | None:
    """What the standard library makes of the file at `path`, should it be one of text."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        return tomllib.loads(path.read_bytes().decode())
    except (ValueError, RecursionError):
        return None


def check(state: StateDir, reader: FleetReader) -> None:
    for name, view in reader.fleet.tasks.items():
        folder = state.tasks / name
        faults = {fault.path for fault in view.faults}
        for file, key in REQUIRED.items():
            said = table(folder / file)
            record = view.task if file == "task.toml" else view.status
            if record is None:
                assert f"tasks/{name}/{file}" in faults
            else:
                assert said is not None
                assert getattr(record, key) == said[key]
        assert all(path == f"tasks/{name}" or path.startswith(f"tasks/{name}/") for path in faults)
        for below, held in (("outbox", view.outbox), ("inbox", view.inbox), ("inbox/done", view.filed)):
            assert {message.name for message in held} <= set(files.names(state.root, folder / below, ".md"))
    for name, campaign in reader.fleet.campaigns.items():
        faults = {fault.path for fault in campaign.faults}
        assert campaign.envelope is not None or f"campaigns/{name}/campaign.toml" in faults
        assert campaign.file is not None or f"campaigns/{name}/campaign.md" in faults
    faults = {fault.path for fault in reader.fleet.faults}
    for name, of_lock in reader.fleet.locks.items():
        lock = state.lock(name)
        tickets = [lock.tickets / ticket for ticket in files.names(state.root, lock.tickets, ".toml")]
        holders = [of_lock.holder] if of_lock.holder else []
        for paths, read in (([lock.holder], holders), (tickets, of_lock.waiting)):
            counts = [at for at in paths if flocked.is_held(state.root, at) and state.relative(at) not in faults]
            assert [one.since for one in read] == [(table(path) or {}).get("since") for path in counts]


@pytest.mark.parametrize("seed", range(50))
def test_a_directory_of_chaos_is_read(state: StateDir, seed: int) -> None:
    chaos = Chaos(seed, state.root)
    scan, reader = Scan(str(state.root)), FleetReader(state)
    chaos.fill()
    reader.apply(frozenset(scan.everything()))
    check(state, reader)
    chaos.disturb()
    reader.apply(frozenset(scan.everything()))
    check(state, reader)
    afresh = FleetReader(state)
    afresh.apply(frozenset(Scan(str(state.root)).everything()))
    assert reader.fleet == afresh.fleet
    chaos.close()
    reader.apply(frozenset())
    check(state, reader)
    assert not any(view.busy for view in reader.fleet.locks.values())


@pytest.mark.parametrize("seed", range(50))
def test_whatever_stands_among_its_files_a_lock_is_got_or_it_is_said_why_not(state: StateDir, seed: int) -> None:
    chaos = Chaos(seed, state.root)
    chaos.fill()
    for living in (True, False):
        try:
            with locks.hold(state, "build", locks.Who("0009"), wait=0):
                pass
        except LockHeld:
            assert living
        except CannotWrite as error:
            assert error.message.startswith("locks")
        chaos.close()


@pytest.mark.parametrize("seed", range(10))
def test_every_way_to_read_a_file_ends_in_text_or_a_fault(state: StateDir, seed: int) -> None:
    chaos = Chaos(seed, state.root)
    chaos.fill()
    for folder, folders, names in os.walk(state.root):
        for name in (*folders, *names):
            path = Path(folder) / name
            for read in (files.read, files.read_text, messages.read):
                try:
                    assert read(state.root, path) is not None
                except BadFile as error:
                    assert error.fault.path == files.relative(state.root, path)
            try:
                event_log.tail(state.root, path, Place())
            except BadFile as error:
                assert error.fault.path == files.relative(state.root, path)


@pytest.mark.parametrize("path", ["", "/", "tasks", "tasks/", "tasks//", "tasks/t/", "tasks/t//a", "campaigns/c/runs/"])
@pytest.mark.parametrize("more", ["", "attempts", "attempts/", "inbox/done", "\udcff", "\udcff/status.toml"])
def test_paths_that_nothing_is_at_change_nothing(state: StateDir, path: str, more: str) -> None:
    reader = FleetReader(state)
    reader.apply(frozenset({path, more, path + more}))
    assert (reader.fleet.tasks, reader.fleet.campaigns, reader.fleet.faults) == ({}, {}, ())
