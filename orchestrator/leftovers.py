"""What a crash left half done in the state directory, found and mended at the start of an orchestrator."""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator

from state.layout import WATCHED, StateDir

__all__ = ["remove_unfinished_tasks", "remove_unfinished_writes"]

AGE = 600.0
"""Seconds after which a write whose writer is gone is taken for interrupted."""
OLD = 86_400.0
"""Seconds after which every write is: a writer in a sandbox has a pid that means another process out here."""
READY = re.compile(r"\..+\.(\d{1,10})(?:\.[0-9a-f]{8})?|\.[0-9a-f]{16}")
"""The name of a file that is not whole yet: of `state.files` or a supervisor, with the writer's pid, or of a lock."""


def remove_unfinished_tasks(state: StateDir) -> None:
    """Removes tasks that never got their name."""
    with contextlib.suppress(FileNotFoundError), os.scandir(state.tasks) as entries:
        for entry in entries:
            if entry.name.startswith(".new-"):
                shutil.rmtree(entry.path, ignore_errors=True)


def remove_unfinished_writes(state: StateDir) -> int:
    """Removes files that were written and never got their name; returns how many. Looks into every folder."""
    now = time.time()
    found = [path for path in _unfinished(state) if _interrupted(path, now)]
    for path in found:
        with contextlib.suppress(OSError):
            os.unlink(path)
    return len(found)


def _unfinished(state: StateDir) -> Iterator[str]:
    yield from (f"{state.root}/{name}" for name in _names(str(state.root)) if READY.fullmatch(name))
    for top in WATCHED:
        for folder, _, names in os.walk(state.root / top):
            yield from (f"{folder}/{name}" for name in names if name.startswith(".") and READY.fullmatch(name))


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _interrupted(path: str, now: float) -> bool:
    try:
        age = now - os.lstat(path).st_mtime
    except OSError:
        return False
    match = READY.fullmatch(os.path.basename(path))
    alive = match is None or match[1] is None or os.path.exists(f"/proc/{match[1]}")
    return age > OLD or (age > AGE and not alive)
