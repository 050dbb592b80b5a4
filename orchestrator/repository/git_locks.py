"""The lock files of git: whose they may be, and their removal where nobody can own them any more.

A git that is killed leaves its lock files behind, and every later one stops at them. git itself never removes one,
since it cannot know who made it. In the places that belong to one task, and once nothing of its worker runs, more is
known; everywhere else a lock file is named and waited for.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator.repository.git import GitLocked

__all__ = ["clear"]


def clear(locks: Iterable[Path], places: Iterable[Path], besides: Path) -> None:
    """Removes those of `locks` that exist, unless a living git may own them; then it raises `GitLocked`.

    That is one that has the file open, or that works at or below one of `places`, but not below `besides`.
    """
    found = [lock for lock in locks if lock.exists()]
    if not found:
        return
    at_work = [str(place) for place in places]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        name = _name(pid)
        if name.startswith("git") and _works_in(_link(f"/proc/{pid}/cwd"), at_work, str(besides)):
            raise GitLocked(found[0], f"process {pid} ({name}) may own it")
        for lock in found:
            if str(lock) in _open_files(pid):
                raise GitLocked(lock, f"process {pid} ({name}) has it open")
    for lock in found:
        lock.unlink(missing_ok=True)


def _works_in(folder: str, places: list[str], besides: str) -> bool:
    below = [place for place in places if folder == place or folder.startswith(place + os.sep)]
    return any(place.startswith(besides + os.sep) or not folder.startswith(besides + os.sep) for place in below)


def _name(pid: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    return ""


def _link(path: str) -> str:
    with contextlib.suppress(OSError):  # ended meanwhile, or another user's: nobody else can write in these places
        return os.readlink(path)
    return ""


def _open_files(pid: str) -> set[str]:
    with contextlib.suppress(OSError):
        return {_link(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
    return set()
