"""Changes of the state directory: file system events as hints, a scan as the truth.

Events get lost without a word: on queue overflow, in a folder made and written at once, with a root removed and
made again, at a name that is no UTF-8. So an event only says where to look first, and everything is compared
with what was seen before at least every few seconds, after a start, and whenever `rescan` is called.
Where events cannot be had (a network file system, the watch limit reached) everything is compared every second,
and each batch says so.
"""

import contextlib
import math
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from state.layout import WATCHED, StateDir
from state.scan import Scan

__all__ = ["Batch", "Watcher", "network_file_system"]

NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "9p",
    "ceph",
    "glusterfs",
    "lustre",
    "afs",
    "virtiofs",
    "vboxsf",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.rclone",
)
"""How the types of file systems begin that say nothing of what other machines change."""
SHARE = 50
"""A full comparison that took T of a core is not repeated before SHARE × T, so it costs at most 2 % of one."""
NO_FOLDERS = "no state directory"


class Batch(NamedTuple):
    """What changed. `paths` are relative to the state directory.

    `polling` is empty while events arrive, and otherwise says in a few words why everything is compared instead.
    A batch without paths that says the same of `polling` as the one before is a pulse.
    """

    paths: frozenset[str]
    polling: str = ""


class _Folders:
    """The watched folders that exist, held open, so that no other folder can get the inode of one that was removed."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._held: dict[str, int] = {}

    def __enter__(self) -> Self:
        try:
            for name in WATCHED:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # O_NOFOLLOW: links are none
                    self._held[f"{self._root}/{name}"] = os.open(f"{self._root}/{name}", _HOLD)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            os.close(self._held.popitem()[1])

    @property
    def paths(self) -> list[str]:
        return list(self._held)

    def changed(self) -> bool:
        """Whether a folder has come, gone, or been made again."""
        held = {path: os.fstat(descriptor) for path, descriptor in self._held.items()}
        return _identities(self._root) != {path: (found.st_dev, found.st_ino) for path, found in held.items()}


_HOLD = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _identities(root: str) -> dict[str, tuple[int, int]]:
    found = {}
    for name in WATCHED:
        path = f"{root}/{name}"
        with contextlib.suppress(OSError):
            entry = os.lstat(path)
            if stat.S_ISDIR(entry.st_mode):
                found[path] = (entry.st_dev, entry.st_ino)
    return found


class Watcher:
    """Follows one state directory from one thread; `stop` and `rescan` may be called from any.

    With `pulse_seconds` there is a batch about that often though nothing changed, for what shows in no file.
    """

    def __init__(
        self,
        state: StateDir,
        *,
        rescan_seconds: float = 5.0,
        poll_seconds: float = 1.0,
        pulse_seconds: float = math.inf,
    ) -> None:
        self._root = str(state.root.absolute())  # events name absolute paths
        self._rescan_seconds = rescan_seconds
        self._poll_seconds = poll_seconds
        self._pulse_seconds = pulse_seconds
        self._next_pulse = time.monotonic() + pulse_seconds
        self._scan = Scan(self._root)
        self._stop = threading.Event()
        self._asked = threading.Event()
        self._next_scan = 0.0
        self._pause = 0.0
        self._polling = ""
        self._unannounced: set[str] = set()
        """What the last full comparison found and no event has named since: if any of it is left at the next one,
        events are being lost, and the watches are set anew."""

    def stop(self) -> None:
        """Makes `batches` end within a quarter of a second."""
        self._stop.set()
        self._asked.set()

    def rescan(self) -> None:
        """Asks for a full comparison now: after the process was stopped the event queue may have overflowed."""
        self._asked.set()

    def batches(self) -> Iterator[Batch]:
        """Everything at first, then each change, until `stop`. Never raises for what happens on the disk."""
        yield Batch(frozenset(self._everything()), self._polling)
        while not self._stop.is_set():
            reason = self._network()
            if not reason:
                try:
                    yield from self._watch()
                    continue
                except (KeyboardInterrupt, SystemExit, GeneratorExit):
                    raise
                except OSError as error:
                    # watchfiles puts the paths and its own view of the error behind the reason
                    reason = (error.strerror or str(error).partition(" about [")[0].rstrip(".")).lower()
                except BaseException as error:  # noqa: BLE001 - the watcher's Rust part panics with BaseException
                    reason = f"file events failed: {str(error)[:200] or type(error).__name__}"
            yield from self._poll(reason)

    def _network(self) -> str:
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:
            return ""
        kind = network_file_system(mounts, os.path.realpath(self._root))
        return f"{kind} sends no file events" if kind else ""

    def _watch(self) -> Iterator[Batch]:
        """Yields changes until the watches no longer cover everything; raises whatever watchfiles raises.

        They don't once a folder of theirs is another, nor after events were lost: of a folder whose making went
        unnoticed nothing is heard.
        """
        from watchfiles import watch

        with _Folders(self._root) as folders:
            if not folders.paths:
                yield from self._poll(NO_FOLDERS)
                return
            # Settings measured: with the defaults a steady stream of events is seen 759 ms late, and with
            # ignore_permission_denied no failure to watch is told, the watch limit among them.
            changes = watch(
                *folders.paths,
                watch_filter=None,
                step=10,
                debounce=50,
                rust_timeout=250,
                yield_on_timeout=True,
                stop_event=self._stop,
            )
            self._asked.set()  # what changed while the watches were being set up was not seen by any
            fresh = True
            with contextlib.closing(changes):
                for batch in changes:
                    hints = {path[len(self._root) + 1 :] for _, path in batch}
                    self._unannounced = {path for path in self._unannounced if not _named(path, hints)}
                    lost = False
                    if self._asked.is_set() or time.monotonic() >= self._next_scan:
                        lost = not fresh and bool(self._unannounced)
                        found = self._everything()
                        self._unannounced = set() if fresh else {path for path in found if not _named(path, hints)}
                        fresh = False
                    else:
                        found = self._scan.under(hints)
                    was_polling, self._polling = self._polling, ""
                    if found or was_polling:
                        yield Batch(frozenset(found))
                    if self._pulse_due():
                        yield Batch(frozenset())
                    if lost or folders.changed():
                        return

    def _poll(self, reason: str) -> Iterator[Batch]:
        """Compares everything for a while, then returns so that events are tried again."""
        until = time.monotonic() + 60 * self._poll_seconds
        first = self._polling != reason
        self._polling = reason
        while not self._stop.is_set() and time.monotonic() < until:
            found = self._everything()
            if found or first:
                first = False
                yield Batch(frozenset(found), reason)
            if self._pulse_due():
                yield Batch(frozenset(), reason)
            if reason == NO_FOLDERS and _identities(self._root):
                return
            if not self._stop.is_set():  # else the comparison may have cleared what `stop` set
                self._asked.wait(max(self._poll_seconds, self._pause))

    def _pulse_due(self) -> bool:
        now = time.monotonic()
        if now < self._next_pulse:
            return False
        self._next_pulse = now + self._pulse_seconds
        return True

    def _everything(self) -> set[str]:
        self._asked.clear()  # before the comparison: what is asked for during it is another
        begin, used = time.monotonic(), time.thread_time()
        found = self._scan.everything()
        now = time.monotonic()
        # what it had to wait for costs no core: a second of a busy machine would make everybody blind for 50
        self._pause = max(SHARE * (time.thread_time() - used), now - begin)
        self._next_scan = now + max(self._rescan_seconds, self._pause)
        return found


def _named(path: str, hints: set[str]) -> bool:
    """Whether `path` or a folder that it is in is one of `hints`."""
    while path:
        if path in hints:
            return True
        path = path.rpartition("/")[0]
    return False


def network_file_system(mountinfo: str, path: str) -> str:
    """The type of the file system that the real `path` is on, if it sends no events, else ''.

    `mountinfo` is the text of `/proc/self/mountinfo`.
    """
    best, kind = "", ""
    for line in mountinfo.split("\n"):
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, right.split(" ", 1)[0]
    return kind if kind.startswith(NETWORK) else ""
