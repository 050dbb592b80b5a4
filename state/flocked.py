"""Files that count for as long as their writer lives: it holds the flock on the very file that it wrote.

The file is flocked before it has its name, and until after it has lost it. So whatever a crash leaves is known for
what it is, at once and from any PID namespace, by whoever can open it for reading. Folders are given as open
descriptors: what is done in one stays in there, whatever gets its name meanwhile.
"""

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import TypeVar

from state import files, secrets
from state.errors import BadFile, Fault
from state.model import Record, decode_text

__all__ = [
    "FolderGone",
    "is_flocked",
    "is_held",
    "open_folder",
    "open_held",
    "open_plain",
    "publish",
    "read_held",
    "remove",
]

LIMIT = 16 * 1024
"""Bytes that such a file may have."""
TRIES = 20
"""How often a file is made anew that somebody who cleared up took for a dead one's."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

R = TypeVar("R", bound=Record)


class FolderGone(Exception):
    """An open folder was removed: if there is one of its name, it is another."""


def is_flocked(descriptor: int) -> bool:
    """Whether somebody else holds the flock on an open file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno == errno.EWOULDBLOCK
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def is_held(root: Path, path: Path) -> bool:
    """Whether the writer of `path`, below `root`, lives and still means it; False also where there is no file."""
    try:
        descriptor = files.open_inside(root, path)
    except BadFile:
        return False
    try:
        return is_flocked(descriptor)
    finally:
        os.close(descriptor)


def read_held(kind: type[R], root: Path, path: Path) -> R | None:
    """The record in `path`, below `root`, if it counts; None for what a dead one left, or where there is nothing.

    Raises `BadFile` for what is no plain file, and for what a living writer wrote and nobody understands.
    """
    try:
        descriptor = files.open_inside(root, path)
    except BadFile as error:
        if files.is_missing(error):
            return None
        raise
    with os.fdopen(descriptor, "rb") as file:
        if not is_flocked(descriptor):
            return None
        data = file.read(LIMIT + 1)
    shown = files.relative(root, path)
    if len(data) > LIMIT:
        raise BadFile(Fault(shown, None, f"larger than {LIMIT:,} bytes"))
    return decode_text(kind, data, shown)


def open_folder(name: str, at: int) -> int:
    """The folder `name` in the open folder `at`, opened, made 0700 if it is missing, and no link; raises `OSError`."""
    with contextlib.suppress(FileNotFoundError):
        return os.open(name, _FOLDER, dir_fd=at)
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=at)
    return os.open(name, _FOLDER, dir_fd=at)


def open_plain(name: str, flags: int, folder: int) -> int:
    """The plain file `name` in the open `folder`, opened with `flags`, and nothing else; raises `OSError`."""
    descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor


def open_held(folder: int, name: str) -> int | None:
    """The file `name` in the open `folder`, opened, if its writer lives; what a dead one left is removed on sight.

    None for anything else; what is no plain file, or may not be read, is let be.
    """
    try:
        descriptor = open_plain(name, os.O_RDONLY, folder)
    except OSError:
        return None
    if is_flocked(descriptor):
        return descriptor
    remove(folder, name)
    os.close(descriptor)
    return None


def publish(folder: int, name: str, data: bytes) -> int:
    """Makes `data` the content of `name` in the open `folder`, whole; gives the file open and held.

    It is not flushed to the disk: after a power cut nobody holds it, and what stands in it counts for nothing. Keys in
    it are masked.
    Raises `OSError`, and `FolderGone`.
    """
    data = secrets.known().data(data)
    for _ in range(TRIES):
        hidden = f".{os.urandom(8).hex()}"
        try:
            descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
        except FileNotFoundError:
            raise FolderGone from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
            return descriptor
        except BaseException as error:
            remove(folder, hidden)
            os.close(descriptor)
            if not isinstance(error, BlockingIOError | FileNotFoundError):  # else taken for a dead one's too soon
                raise
    raise OSError(errno.EAGAIN, "somebody removes what is written")


def remove(folder: int, name: str) -> None:
    """Takes its name from a file in the open `folder`, if it has it."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)
