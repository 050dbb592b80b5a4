"""What keeps anybody from writing into a state directory, as far as its file system tells."""

import os
from pathlib import Path

__all__ = ["trouble"]

LEAST = 64 * 1024
"""Bytes without which hardly a file of the protocol can be written."""


def trouble(root: Path) -> str:
    """Why nothing can be written below `root`, in a few words, or ''."""
    try:
        found = os.statvfs(root)
    except OSError as error:
        return f"{root}: {(error.strerror or str(error)).lower()}"
    if found.f_flag & os.ST_RDONLY:
        return f"{root}: the file system is read-only"
    if found.f_bavail * found.f_frsize < LEAST:
        return f"{root}: the disk is full"
    if found.f_files and not found.f_favail:
        return f"{root}: the file system has no room for another file"
    return ""
