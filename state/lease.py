"""One orchestrator a state directory: a lock that the operating system frees when its holder dies.

`lease.lock` is what excludes; `lease.toml` tells everyone else who holds it and that it is alive.
"""

import contextlib
import os
import socket
import time
from datetime import datetime
from types import TracebackType
from typing import Self

from state import files, flocked
from state.errors import BadFile, CannotWrite, Unavailable
from state.layout import StateDir
from state.model import Lease, decode, encode
from state.times import age, utc_now
from state.usage import Budget

__all__ = ["Holding", "alive", "held", "read"]

PATIENCE = 0.3
"""Seconds for which a start tries to get the lock: who only looks whether it is held has it for an instant."""
LOOKED = 30.0
"""Seconds for which it is tried on while only such have it: one may come to be stopped within its instant."""


def read(state: StateDir) -> Lease:
    """Who holds, or last held, the lease; raises `BadFile`."""
    return decode(Lease, files.read_text(state.root, state.lease), state.relative(state.lease))


def alive(lease: Lease | None, now: datetime) -> bool:
    """Whether the holder has given a sign of life within three beats and has not said goodbye."""
    if lease is None or lease.ended is not None:
        return False
    # a beat from the future is of a clock that was set back, and as old as it is far away
    return abs((now - lease.beat).total_seconds()) < 3 * max(lease.every, 1.0)


def held(state: StateDir) -> bool:
    """Whether an orchestrator of this machine has the lease, were it one that can write nothing."""
    return flocked.is_held(state.root, state.lease_lock)


class Holding:
    """The lease while it is held. Use it as a context manager; entering raises `Unavailable` if another holds it.

    Entering and leaving raise `CannotWrite` where the disk does not let them.
    """

    def __init__(
        self,
        state: StateDir,
        *,
        max_workers: int = 0,
        every: float = 5.0,
        budget: Budget | None = None,
        sandbox: str = "",
        sandbox_why: str = "",
    ) -> None:
        from filelock import FileLock

        self._state = state
        self._lock = FileLock(state.lease_lock, timeout=PATIENCE, mode=0o600)
        self._identity = 0, 0
        now = utc_now()
        self.lease = Lease(
            pid=os.getpid(),
            host=socket.gethostname(),
            started=now,
            beat=now,
            every=every,
            max_workers=max_workers,
            budget=budget or Budget(),
            sandbox=sandbox,
            sandbox_why=sandbox_why,
        )

    def __enter__(self) -> Self:
        from filelock import Timeout

        files.make_folder(self._state.root, self._state.lease_lock.parent)
        until = time.monotonic() + LOOKED
        try:
            while True:
                with contextlib.suppress(Timeout):
                    self._lock.acquire()
                    break
                if held(self._state) or time.monotonic() >= until:
                    raise Unavailable(self._held_by(), todo="'opsroom down' asks it to end")
        except OSError as error:
            raise CannotWrite(f"{self._state.relative(self._state.lease_lock)}: {error.strerror or error}") from error
        try:
            found = os.stat(self._state.lease_lock, follow_symlinks=False)
            self._identity = found.st_dev, found.st_ino
            self._write()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lease.ended = self.lease.beat = utc_now()
        if error is not None and not self.lease.why:
            self.lease.why = f"{type(error).__name__}: {error}"[:300]
        try:
            if not self.lost:
                self._write()
        finally:
            self._lock.release()

    @property
    def lost(self) -> bool:
        """Whether the lock that is held is no longer the directory's: it was removed, moved away, or made anew."""
        try:
            found = os.stat(self._state.lease_lock, follow_symlinks=False)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return self._identity != (found.st_dev, found.st_ino)

    def beat(self, now: datetime) -> None:
        """Gives a sign of life, if the last one is old enough."""
        if (now - self.lease.beat).total_seconds() >= self.lease.every or now < self.lease.beat:
            self.lease.beat = now
            self._write()

    def _write(self) -> None:
        files.replace(self._state.root, self._state.lease, encode(self.lease), sync="file")

    def _held_by(self) -> str:
        try:
            lease = read(self._state)
        except BadFile as error:
            return f"another orchestrator runs on {self._state.root}, and its lease cannot be read: {error}"
        since = age((utc_now() - lease.started).total_seconds())
        return f"another orchestrator runs on {self._state.root}: pid {lease.pid} on {lease.host}, up {since}"
