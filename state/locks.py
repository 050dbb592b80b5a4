"""Named locks: first come, first served, and freed by the operating system the instant their holder dies.

What excludes is the flock on `locks/<name>/lock`, and nothing else. Who waits has a ticket in `tickets/`, whose
sorted names are the queue; who has the lock wrote `holder.toml`. Both count only while their writer lives
(`state.flocked`), so nothing that a crash leaves behind says anything wrong or stands in anybody's way.

A worker may write here and could exchange a folder for a link, so all is done in folders that are held open, none
of them reached through a link.
"""

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from state import files, flocked
from state.errors import BadFile, CannotWrite, LockHeld
from state.layout import LockDir, StateDir
from state.model import Holder, Ticket, encode
from state.times import age, parse_stamp, rfc3339, stamp, utc_now

__all__ = ["KEPT", "TICKET", "VARIABLE", "WAIT", "Who", "hold", "is_inside", "who_has"]

VARIABLE = "OPSROOM_LOCKS"
"""Tells the children of a holder which locks it has, each as `name:token`, with spaces between them."""
WAIT = 600.0
"""Seconds that are waited for a lock where nothing else is said."""
KEPT = 100
"""Holdings that `history.jsonl` tells of."""
TICKET = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}\.toml")
"""The name of a ticket, which begins with its time."""
HISTORY = 256 * 1024
"""Bytes of a history that are read."""
WORDS = 200
"""Characters of a command that are written down."""
SHORTEST, LONGEST, EACH = 0.005, 0.25, 0.05
"""Seconds between two looks: at first, at most, and at most for each one who is to be served before."""


class Who(NamedTuple):
    """Who wants a lock, as it is written into the lock's files."""

    task: str = ""
    attempt: int = 0
    what: str = ""
    """The command, or what else it is wanted for."""


@contextlib.contextmanager
def hold(
    state: StateDir,
    name: str,
    who: Who,
    *,
    wait: float = WAIT,
    environment: Mapping[str, str] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[dict[str, str]]:
    """Holds the lock `name` for the length of the block, waiting at most `wait` seconds for it.

    Gives what a child must find in its environment to be let in where it asks for the same lock; `environment` is
    what this process was given itself. `pause` is called with the seconds between two looks, and whatever it raises
    ends the waiting. Raises `LockHeld`, `BadName`, and `CannotWrite` where the lock's files can't be written.
    """
    given = _tokens(environment or {})
    if is_inside(state, name, environment or {}):
        yield {VARIABLE: _written(given)}
        return
    lock, deadline = state.lock(name), time.monotonic() + wait
    with contextlib.ExitStack() as stack:
        while True:
            try:
                holder = stack.enter_context(_held(state, lock, who, wait, deadline, pause))
                break
            except flocked.FolderGone:
                if time.monotonic() >= deadline:
                    raise LockHeld(f"{_not_got(name, wait)}: somebody removes its folder") from None
                pause(SHORTEST)
        yield {VARIABLE: _written(given | {name: holder.token})}


def is_inside(state: StateDir, name: str, environment: Mapping[str, str]) -> bool:
    """Whether whoever was given `environment` is a child of the one who has the lock `name` now; raises `BadName`."""
    lock, token = state.lock(name), _tokens(environment).get(name)
    holder = _holder(state, lock) if token else None
    return holder is not None and holder.token == token


def who_has(state: StateDir, name: str) -> str:
    """Who has the lock `name` now and since when, as a clause for a person to read; raises `BadName`."""
    if (holder := _holder(state, state.lock(name))) is None:
        return "somebody has it who does not say who"
    since = age((utc_now() - holder.since).total_seconds())
    doing = f" ({holder.what})" if holder.what and holder.task else ""
    return f"{holder.label} has had it for {since}{doing}"


def _tokens(environment: Mapping[str, str]) -> dict[str, str]:
    pairs = (word.partition(":") for word in environment.get(VARIABLE, "").split())
    return {name: token for name, _, token in pairs if name and token}


def _written(tokens: dict[str, str]) -> str:
    return " ".join(f"{name}:{token}" for name, token in tokens.items())


def _holder(state: StateDir, lock: LockDir) -> Holder | None:
    with contextlib.suppress(BadFile):
        return flocked.read_held(Holder, state.root, lock.holder)
    return None


@contextlib.contextmanager
def _held(
    state: StateDir, lock: LockDir, who: Who, wait: float, deadline: float, pause: Callable[[float], None]
) -> Iterator[Holder]:
    begin = time.monotonic()
    with _opened(state, lock) as place:
        with place.ticket(who) as mine:
            descriptor = place.wait_for_turn(mine, wait, deadline, pause)
        try:
            place.clear_up()
            with place.told(who, time.monotonic() - begin) as holder:
                yield holder
        finally:
            # by word and not only by closing: a child that is just being forked may have it open as well
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


@contextlib.contextmanager
def _opened(state: StateDir, lock: LockDir) -> Iterator["_Place"]:
    with contextlib.ExitStack() as stack:
        with _writing(state, state.root):
            at = os.open(state.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, at)
        opened = []
        for path in (state.locks, lock.root, lock.tickets):
            with _writing(state, path):
                at = flocked.open_folder(path.name, at)
            stack.callback(os.close, at)
            opened.append(at)
        yield _Place(state, lock, folder=opened[1], tickets=opened[2])


@contextlib.contextmanager
def _writing(state: StateDir, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = files.relative(state.root, path) if path != state.root else str(path)
        raise CannotWrite(f"{where}: {reason}", todo="nothing was locked; mend that and try again") from error


class _Place(NamedTuple):
    """`locks/<name>/` and the tickets in it, both open."""

    state: StateDir
    lock: LockDir
    folder: int
    tickets: int

    @contextlib.contextmanager
    def ticket(self, who: Who) -> Iterator[str]:
        """Stands in the queue for the length of the block; gives the ticket's name."""
        now = utc_now()
        with _writing(self.state, self.lock.tickets):
            name = f"{stamp(self._after_all(now))}-{os.urandom(4).hex()}.toml"
            descriptor = flocked.publish(self.tickets, name, encode(Ticket(since=now, **_said(who))))
        try:
            yield name
        finally:
            flocked.remove(self.tickets, name)
            os.close(descriptor)

    def _after_all(self, now: datetime) -> datetime:
        """`now`, or just after the last ticket's time: a clock that was set back puts nobody before the others."""
        last = parse_stamp(max(self._names(), default=""))
        with contextlib.suppress(OverflowError):
            if last is not None and last >= now:
                return last + timedelta(microseconds=1)
        return now

    def _names(self) -> list[str]:
        return [name for name in os.listdir(self.tickets) if TICKET.fullmatch(name)]

    def wait_for_turn(self, mine: str, wait: float, deadline: float, pause: Callable[[float], None]) -> int:
        """The open `lock`, held, once nobody is before the ticket `mine` and nobody has it."""
        with contextlib.ExitStack() as stack:
            with _writing(self.state, self.lock.lock):
                descriptor = flocked.open_plain(self.lock.lock.name, os.O_RDWR | os.O_CREAT, self.folder)
            stack.callback(os.close, descriptor)
            while before := self._before(mine):
                with before:
                    self._look_until(before.has_gone, before.places, wait, deadline, pause)
            self._look_until(lambda: self._take(descriptor), 0, wait, deadline, pause)
            stack.pop_all()
            return descriptor

    def _look_until(
        self, done: Callable[[], bool], before: int, wait: float, deadline: float, pause: Callable[[float], None]
    ) -> None:
        seconds = SHORTEST
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise LockHeld(self._why(wait, before))
            pause(min(seconds, left))
            seconds = min(seconds * 1.5, EACH * (before + 1), LONGEST)

    def _before(self, mine: str) -> "_Before | None":
        """Who is last before the ticket `mine`; dead ones are removed on the way."""
        with _writing(self.state, self.lock.tickets):
            names = sorted(name for name in self._names() if name < mine)
        while names:
            if (descriptor := flocked.open_held(self.tickets, names[-1])) is not None:
                return _Before(descriptor, len(names))
            names.pop()
        return None

    def _take(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise CannotWrite(f"{self.state.relative(self.lock.lock)}: {error.strerror}") from error
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), os.lstat(self.lock.lock)):
                return True
        raise flocked.FolderGone

    def _why(self, wait: float, before: int) -> str:
        has_it = who_has(self.state, self.lock.name)
        return f"{_not_got(self.lock.name, wait)}: {has_it}{f', and {before} wait before this' if before else ''}"

    def clear_up(self) -> None:
        """Removes what the dead left. For the holder."""
        for folder in (self.folder, self.tickets):
            with contextlib.suppress(OSError):
                for name in os.listdir(folder):
                    if name.startswith(".") or (folder == self.tickets and TICKET.fullmatch(name)):
                        descriptor = flocked.open_held(folder, name)
                        if descriptor is not None:
                            os.close(descriptor)

    @contextlib.contextmanager
    def told(self, who: Who, waited: float) -> Iterator[Holder]:
        """Says who has the lock for the length of the block, and afterwards how long that was."""
        begin = time.monotonic()
        holder = Holder(since=utc_now(), token=os.urandom(8).hex(), waited=round(waited, 3), **_said(who))
        with _writing(self.state, self.lock.holder):
            descriptor = flocked.publish(self.folder, self.lock.holder.name, encode(holder))
        try:
            yield holder
        finally:
            with contextlib.suppress(OSError, flocked.FolderGone):  # what was done is done, though it is not told of
                self._remember(holder, time.monotonic() - begin)
            flocked.remove(self.folder, self.lock.holder.name)
            os.close(descriptor)

    def _remember(self, holder: Holder, held: float) -> None:
        """Puts a line at the end of the history, which is written anew and so never half."""
        said = {"task": holder.task, "attempt": holder.attempt, "what": holder.what}
        event = {"at": rfc3339(utc_now()), "kind": "held", **said, "waited": holder.waited, "held": round(held, 3)}
        lines: list[bytes] = []
        with contextlib.suppress(OSError):
            descriptor = flocked.open_plain(self.lock.history.name, os.O_RDONLY, self.folder)
            with os.fdopen(descriptor, "rb") as file:
                lines = file.read(HISTORY).split(b"\n")[:-1]
        lines = [*lines[1 - KEPT :], json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"), b""]
        os.close(flocked.publish(self.folder, self.lock.history.name, b"\n".join(lines)))


class _Before(NamedTuple):
    """A ticket in whose turn one waits, and how many there are up to it. To wait for the last of these is enough."""

    descriptor: int
    places: int

    def __enter__(self) -> "_Before":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def has_gone(self) -> bool:
        return not flocked.is_flocked(self.descriptor)


def _said(who: Who) -> dict[str, Any]:
    words = " ".join(who.what.split())
    return {
        "task": who.task,
        "attempt": who.attempt,
        "what": words if len(words) <= WORDS else words[: WORDS - 1] + "…",
        "pid": os.getpid(),
        "host": os.uname().nodename,
    }


def _not_got(name: str, wait: float) -> str:
    return f"lock {name} not got" + (f" within {wait:g} s" if wait else "")
