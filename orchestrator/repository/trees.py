"""Removing folders that a worker wrote: whatever lies in them, and whatever their modes are."""

import contextlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from state.errors import CannotWrite

__all__ = ["remove"]


def remove(path: Path) -> None:
    """Removes `path` with all that is in it, and follows no link; raises `CannotWrite` where something stays."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    try:
        if stat.S_ISDIR(mode):
            shutil.rmtree(path, onerror=_open_up)
        else:
            path.unlink()
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be removed: {error.strerror or error}") from error


def _open_up(retry: Callable[[str], object], path: str, failed: object) -> None:
    """A folder without the permission to write (a package cache, say) gets it, and what failed is tried once more."""
    for folder in (path, os.path.dirname(path)):
        if not os.path.islink(folder) and os.path.isdir(folder):
            with contextlib.suppress(OSError):
                os.chmod(folder, 0o700)
    if retry in (os.open, os.scandir, os.lstat):  # what is in the folder could not be looked at
        shutil.rmtree(path)
    elif os.path.lexists(path):
        retry(path)
