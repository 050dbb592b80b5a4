"""Changes of the state directory: file system events as hints, a scan as the truth.

Events get lost without a word: on queue overflow, in a folder made and written at once, with a root removed and
made again, at a name that is no UTF-8. So an event only says where to look first, and everything is compared
with what was seen before at least every few seconds, after a start, and whenever `rescan` is called.
Where events cannot be had (a network file system, the watch limit reached) everything is compared every second,
and each batch says so.
"""

import os
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from state.layout import WATCHED, StateDir
from state.scan import Scan

__all__ = ["Batch", "Watcher"]

NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "ceph", "glusterfs", "lustre", "afs", "virtiofs")
SHARE = 50
"""A full comparison that took T is not repeated before SHARE × T, so it costs at most 2 % of a core."""


class Batch(NamedTuple):
    """What changed. `paths` are relative to the state directory.

    `polling` is empty while events arrive, and otherwise says in a few words why everything is compared instead.
    """

    paths: frozenset[str]
    polling: str = ""


class Watcher:
    """Follows one state directory from one thread; `stop` and `rescan` may be called from any."""

    def __init__(self, state: StateDir, *, rescan_seconds: float = 5.0, poll_seconds: float = 1.0) -> None:
        self._root = str(state.root)
        self._rescan_seconds = rescan_seconds
        self._poll_seconds = poll_seconds
        self._scan = Scan(self._root)
        self._stop = threading.Event()
        self._asked = threading.Event()
        self._next_scan = 0.0
        self._polling = ""

    def stop(self) -> None:
        """Makes `batches` end within a quarter of a second."""
        self._stop.set()
        self._asked.set()

    def rescan(self) -> None:
        """Asks for a full comparison now: after the process was stopped the event queue may have overflowed."""
        self._next_scan = 0.0
        self._asked.set()

    def batches(self) -> Iterator[Batch]:
        """Everything at first, then each change, until `stop`. Never raises for what happens on the disk."""
        yield Batch(frozenset(self._everything()), self._polling)
        while not self._stop.is_set():
            reason = _network_file_system(self._root)
            if not reason:
                try:
                    yield from self._watch()
                    continue
                except (KeyboardInterrupt, SystemExit, GeneratorExit):
                    raise
                except OSError as error:
                    reason = (error.strerror or str(error)).lower()
                except BaseException as error:  # noqa: BLE001 - the watcher's Rust part panics with BaseException
                    reason = f"file events failed: {type(error).__name__}"
            yield from self._poll(reason)

    def _watch(self) -> Iterator[Batch]:
        """Yields changes until the watched folders are others than at the start; raises whatever watchfiles raises."""
        from watchfiles import watch

        folders = self._folders()
        if not folders:
            yield from self._poll("no state directory")
            return
        # Settings measured: with the defaults a steady stream of events is seen 759 ms late.
        changes = watch(
            *folders,
            watch_filter=None,
            step=10,
            debounce=50,
            rust_timeout=250,
            yield_on_timeout=True,
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        self._next_scan = 0.0  # what changed while the watches were being set up was not seen by any
        was_polling, self._polling = self._polling, ""
        for batch in changes:
            if time.monotonic() >= self._next_scan:
                found = self._everything()
            else:
                skip = len(self._root) + 1
                found = self._scan.under({path[skip:] for _, path in batch})
            if found or was_polling:
                was_polling = ""
                yield Batch(frozenset(found))
            if self._folders() != folders:
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
            if reason == "no state directory" and self._folders():
                return
            self._asked.wait(max(self._poll_seconds, self._next_scan - time.monotonic() - self._rescan_seconds))
            self._asked.clear()

    def _everything(self) -> set[str]:
        begin = time.monotonic()
        found = self._scan.everything()
        now = time.monotonic()
        self._next_scan = now + max(self._rescan_seconds, SHARE * (now - begin))
        return found

    def _folders(self) -> dict[str, tuple[int, int]]:
        """The watched folders that exist, each with what tells it from another of the same name."""
        found = {}
        for name in WATCHED:
            path = f"{self._root}/{name}"
            try:
                entry = os.lstat(path)
            except OSError:
                continue
            found[path] = (entry.st_dev, entry.st_ino)
        return found


def _network_file_system(root: str) -> str:
    """The type of the file system at `root` if it is one that sends no events, else ''."""
    best, kind = "", ""
    real = os.path.realpath(root)
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            for line in mounts:
                left, _, right = line.partition(" - ")
                point = left.split(" ")[4].encode("latin-1", "replace").decode("unicode_escape")
                if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
                    best, kind = point, right.split(" ", 1)[0]
    except (OSError, IndexError, UnicodeDecodeError):
        return ""
    return f"{kind} sends no file events" if kind.startswith(NETWORK) else ""
