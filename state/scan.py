"""Which files changed since the last look, by comparing `(inode, mtime, size)`. The truth behind `state.watch`."""

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from state.layout import WATCHED

__all__ = ["Scan", "Signature"]

DEPTH = 8
"""Folders below the state directory that are looked into; the protocol needs five."""


class Signature(NamedTuple):
    """What changes when a file is replaced, appended to or edited in place."""

    inode: int
    mtime_ns: int
    size: int


_FOLDER = Signature(0, 0, -1)
_GONE = (FileNotFoundError, NotADirectoryError)


class Scan:
    """What was last seen of the watched folders. Not for two threads at once.

    Every method returns paths relative to the state directory, files and folders that came, changed or went.
    Dot-files and what lies behind symbolic links are left out.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._seen: dict[str, dict[str, Signature]] = {}

    def everything(self) -> set[str]:
        """What differs anywhere. Costs one `stat` for each file that exists."""
        changed: set[str] = set()
        for top in WATCHED:
            self._compare_path(top, changed)
        return changed

    def under(self, hints: Iterable[str]) -> set[str]:
        """What differs at or below the paths in `hints`. Costs nothing for what is elsewhere."""
        changed: set[str] = set()
        for hint in hints:
            parts = hint.split("/")
            if parts[0] in WATCHED and not any(part.startswith(".") or not part for part in parts):
                self._compare_path(hint, changed)
        return changed

    def _compare_path(self, path: str, changed: set[str]) -> None:
        folder, _, name = path.rpartition("/")
        try:
            found = os.lstat(f"{self._root}/{path}")
        except _GONE:
            self._forget(folder, name, changed)
            return
        except OSError:
            return
        # a folder made with its parents in one go: hints may name only the innermost
        while folder and name not in self._seen.get(folder, ()) and folder not in self._seen:
            folder, _, name = folder.rpartition("/")
            path = f"{folder}/{name}" if folder else name
            try:
                found = os.lstat(f"{self._root}/{path}")
            except OSError:
                return
        self._compare(folder, name, found, changed)

    def _compare(self, folder: str, name: str, found: os.stat_result, changed: set[str]) -> None:
        path = f"{folder}/{name}" if folder else name
        known = self._seen.setdefault(folder, {})
        before = known.get(name)
        if stat.S_ISDIR(found.st_mode):
            if before != _FOLDER:
                known[name] = _FOLDER
                changed.add(path)
            self._compare_folder(path, changed)
            return
        if before == _FOLDER:
            self._forget_below(path, changed)
        signature = Signature(found.st_ino, found.st_mtime_ns, found.st_size)
        if before != signature:
            known[name] = signature
            changed.add(path)

    def _compare_folder(self, folder: str, changed: set[str]) -> None:
        if folder.count("/") >= DEPTH:
            return
        known = self._seen.setdefault(folder, {})
        found: dict[str, os.stat_result] = {}
        try:
            with os.scandir(f"{self._root}/{folder}") as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        try:
                            found[entry.name] = entry.stat(follow_symlinks=False)
                        except OSError:  # gone meanwhile
                            continue
        except _GONE:
            found = {}
        except OSError:  # too many open files, no permission: what cannot be looked at is not taken for removed
            return
        for name in [name for name in known if name not in found]:
            self._forget(folder, name, changed)
        for name, entry_stat in found.items():
            self._compare(folder, name, entry_stat, changed)

    def _forget(self, folder: str, name: str, changed: set[str]) -> None:
        if self._seen.get(folder, {}).pop(name, None) is not None:
            path = f"{folder}/{name}" if folder else name
            changed.add(path)
            self._forget_below(path, changed)

    def _forget_below(self, path: str, changed: set[str]) -> None:
        for name in list(self._seen.get(path, ())):
            self._forget(path, name, changed)
        self._seen.pop(path, None)
