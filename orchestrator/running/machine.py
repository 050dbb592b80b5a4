"""What is left of this machine and what each worker takes of it, and whether that is too little to launch more.

`Sampler` reads, `shortage` decides, `Sampling` keeps the pace and writes `orchestrator/machine.toml` for the screen.
psutil is imported when the first sample is taken.
"""

import os
import socket
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from orchestrator.config import Limits
from orchestrator.running import cgroup, processes
from orchestrator.running.plain import start_ticks
from state import files
from state.errors import OpsroomError
from state.layout import StateDir
from state.machine import Machine, Worker
from state.model import Attempt, encode

__all__ = ["Live", "Sampler", "Sampling", "percent", "shortage"]

Live = Mapping[str, tuple[int, Attempt]]
"""The attempts that live, by task: the number of each, and its processes."""
BUSY, IDLE = 5.0, 60.0
"""Seconds between two samples while something runs or is to, and while nothing is."""
PATIENCE = 1.0
"""Seconds that a sample is waited for where there is none yet, or only an old one."""
HANGS = 30.0
"""Seconds after which a sample that is being taken is not counted on any more: a file system hangs."""
LOOKS, APART = 3, 0.05
"""How often at most, and within how many seconds, what a worker takes and the clock are read together."""
MIB = 1024 * 1024


def percent(cpu_seconds: float, seconds: float) -> float:
    """The share of one core that `cpu_seconds` are in `seconds`; 0 where a process went and took its own along."""
    return round(max(0.0, cpu_seconds) / seconds * 100, 1) if seconds > 0 else 0.0


def shortage(machine: Machine, limits: Limits) -> str:
    """'' or, in one sentence, why nothing should be launched while `machine` is what there is."""
    for left, least, what, key in (
        (machine.memory_free_mib, limits.min_free_memory_mib, "of memory are free", "min_free_memory_mib"),
        (machine.disk_free_mib, limits.min_free_disk_mib, "of disk are free for worktrees", "min_free_disk_mib"),
    ):
        if left < least:
            return f"{left} MiB {what}, less than orchestrator.{key} = {least}"
    return ""


class Sampler:
    """Reads how things stand, on the file system of `folder`. For one thread at a time."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._host = socket.gethostname()
        self._boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        self._before: dict[tuple[str, int], tuple[float, float]] = {}
        """Of each attempt: its seconds of CPU, and when that was by the clock that nobody sets."""

    def sample(self, now: datetime, live: Live, every: float = BUSY) -> Machine:
        """How things stand `now`; `every` is when the next sample will be taken. Raises `OSError`."""
        import psutil

        memory = psutil.virtual_memory()
        total, free = cgroup.within(memory.total, memory.available)
        disk = psutil.disk_usage(str(self._folder))
        return Machine(
            at=now,
            every=every,
            host=self._host,
            cores=len(os.sched_getaffinity(0)),
            load=round(os.getloadavg()[0], 2),
            memory_total_mib=total // MIB,
            memory_free_mib=free // MIB,
            disk_total_mib=disk.total // MIB,
            disk_free_mib=disk.free // MIB,
            min_free_memory_mib=self._limits.min_free_memory_mib,
            min_free_disk_mib=self._limits.min_free_disk_mib,
            workers=self._workers(now, live),
        )

    def _workers(self, now: datetime, live: Live) -> list[Worker]:
        children = processes.children_by()
        workers, seen = [], {}
        for task, (attempt, run) in sorted(live.items()):
            if not self._is_ours(run):
                continue
            use, at = _use_at(run, children)
            age = max(1.0, (now - run.started).total_seconds())
            used, then = self._before.get((task, attempt), (0.0, at - age))
            seen[task, attempt] = (use.cpu_seconds, at)
            workers.append(
                Worker(
                    task=task,
                    attempt=attempt,
                    cpu_percent=percent(use.cpu_seconds - used, at - then),
                    memory_mib=round(use.memory / MIB),
                    processes=use.processes,
                )
            )
        self._before = seen
        return workers

    def _is_ours(self, run: Attempt) -> bool:
        """Whether the supervisor that the record names is that very process, on this machine, and still there.

        All that descends from it is the worker's: what the worker leaves behind is re-parented to the supervisor.
        """
        return run.boot == self._boot and 0 < run.supervisor_start == start_ticks(run.supervisor)


def _use_at(run: Attempt, children: processes.Children) -> tuple[processes.Use, float]:
    """What an attempt takes, and when that was: by the best of a few looks, for this thread may have to wait in one."""
    looks = []
    for _ in range(LOOKS):
        begun = time.monotonic()
        use = processes.use_below(run.supervisor, children)
        looks.append((time.monotonic() - begun, begun, use))
        if looks[-1][0] <= APART:
            break
    _, at, use = min(looks)
    return use, at


class Sampling:
    """Takes samples at a pace, in a thread: a file system that hangs must not stop the orchestrator.

    Args:
        state: where the newest sample is written to.
        limits: what must be free, for readers to know.
        busy: seconds between two samples while something runs, or is to.
        idle: seconds between two samples while nothing does.
    """

    def __init__(self, state: StateDir, limits: Limits, busy: float = BUSY, idle: float = IDLE) -> None:
        self._state = state
        self._limits = limits
        self._busy, self._idle = busy, idle
        self._sampler: Sampler | None = None
        self._thread: threading.Thread | None = None
        self._taken = -float("inf")
        self._needed = False
        """Whether there was no sample, or only an old one, when the newest was begun."""
        self._error: OSError | OpsroomError | None = None
        self.machine: Machine | None = None
        """The newest sample; None before the first."""

    def turn(self, now: datetime, live: Live, *, wanted: bool = False) -> None:
        """Begins a sample if one is due, and returns at once, unless the newest is too old to launch anything by.

        `wanted` says that something is to be launched. Raises why the last sample could not be taken or written.
        """
        every, moment = self._busy if live or wanted else self._idle, time.monotonic()
        since = moment - self._taken
        if since >= every and not (self._thread and self._thread.is_alive()):
            self._taken, self._needed = moment, since > 2 * self._busy
            self._thread = threading.Thread(
                target=self._sample, args=(now, dict(live), every), name="machine", daemon=True
            )
            self._thread.start()
            if self._needed:
                self._thread.join(timeout=PATIENCE)
        if self._error is not None:
            raise self._error

    @property
    def awaited(self) -> bool:
        """Whether nothing should be launched yet, because nobody knows by how much the machine is short."""
        taking = self._thread is not None and self._thread.is_alive()
        return taking and self._needed and time.monotonic() - self._taken < HANGS

    def close(self) -> None:
        """Waits for a sample that is being taken, not for long."""
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _sample(self, now: datetime, live: Live, every: float) -> None:
        try:
            self._sampler = self._sampler or Sampler(self._state.worktrees, self._limits)
            self.machine = self._sampler.sample(now, live, every)
            files.replace(self._state.root, self._state.machine, encode(self.machine), sync="none")
            self._error = None
        except (OSError, OpsroomError) as error:
            self._error = error
