"""Reading and writing files of the state directory: whole or not at all, and never out of it.

Every function takes `root`, the state directory, and refuses a path that leads out of it through a symbolic
link. Reading raises `BadFile` and nothing else; writing raises `CannotWrite` and nothing else, except
`FileExistsError` where a name is meant to be taken once. What is written is masked (`state.secrets`) on its way.
"""

import contextlib
import errno
import functools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from state import secrets
from state.errors import BadFile, CannotWrite, Fault

__all__ = [
    "LIMIT",
    "Sync",
    "append",
    "create",
    "exists",
    "is_missing",
    "make_folder",
    "missing",
    "names",
    "read",
    "read_text",
    "relative",
    "replace",
    "take",
]

LIMIT = 4 * 1024 * 1024
"""Bytes that a file of the protocol may have, where nothing smaller is said. Logs are read by `state.event_log`."""


def relative(root: Path, path: Path) -> str:
    """`path` below `root`, with slashes; the whole path if it is not below."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return str(path)


def _fault(root: Path, path: Path, reason: str, line: int | None = None) -> BadFile:
    return BadFile(Fault(relative(root, path), line, reason))


_MISSING = "missing"


def missing(path: str) -> BadFile:
    """The error that nothing is at `path`, which is relative to the state directory."""
    return BadFile(Fault(path, None, _MISSING))


def is_missing(error: BadFile) -> bool:
    """Whether `error` says that nothing has that name, as opposed to something that cannot be read."""
    return error.fault.reason == _MISSING


def _inside(root: Path, real: str) -> bool:
    folder = os.fspath(root)
    return real.startswith((_real(folder) if os.path.isabs(folder) else os.path.realpath(folder)) + os.sep)


@functools.lru_cache(maxsize=16)
def _real(folder: str) -> str:
    """As `os.path.realpath`, worked out once: were the folder moved, what is in it now would be refused."""
    return os.path.realpath(folder)


def _reason(error: OSError | ValueError) -> str:
    """Why the system refused; a `ValueError` is a path that no system call takes: a NUL, a lone surrogate."""
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return "not a path"


def open_inside(root: Path, path: Path) -> int:
    """A descriptor to read the regular file `path` by, which really lies below `root`; raises `BadFile`.

    The check is made on the open descriptor, so a link that is exchanged meanwhile changes nothing.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise missing(relative(root, path)) from None
    except (OSError, ValueError) as error:
        linked = isinstance(error, OSError) and error.errno == errno.ELOOP
        raise _fault(root, path, "a symbolic link" if linked else _reason(error)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _fault(root, path, "a directory" if stat.S_ISDIR(mode) else "not a regular file")
        try:
            real = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # no /proc: the path's own resolution is the next best answer
            real = os.path.realpath(path)
        if not _inside(root, real):
            raise _fault(root, path, "leads out of the state directory")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read(root: Path, path: Path, limit: int = LIMIT) -> bytes:
    """The bytes of `path`, at most `limit`; raises `BadFile` if it is missing, no plain file, larger or outside."""
    descriptor = open_inside(root, path)
    try:
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _fault(root, path, _reason(error)) from None
    if len(data) > limit:
        raise _fault(root, path, f"larger than {limit:,} bytes")
    return data


def read_text(root: Path, path: Path, limit: int = LIMIT) -> str:
    """The text of `path`, which must be UTF-8 without NUL; raises `BadFile` with the line that is not."""
    data = read(root, path, limit)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _fault(root, path, "not UTF-8", data.count(b"\n", 0, error.start) + 1) from None
    if (nul := text.find("\0")) >= 0:
        raise _fault(root, path, "a NUL character", text.count("\n", 0, nul) + 1)
    return text


def names(root: Path, folder: Path, suffix: str = "") -> list[str]:
    """Names of the plain files in `folder` that end in `suffix`, sorted, dot-files left out; [] if it is missing."""
    try:
        if not _inside(root, os.path.realpath(folder)):
            return []
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and entry.name.endswith(suffix)
                and entry.is_file(follow_symlinks=False)
            )
    except (OSError, ValueError):
        return []


def exists(path: Path) -> bool:
    """Whether something, were it a dangling link, has the name `path`."""
    return os.path.lexists(path)


Sync = Literal["folder", "file", "none"]
"""What a power cut may do to a file that was written. Killing processes does nothing to it in any case.

`folder`: nothing, once the call has returned. `file`: it has its old content or the new one, whole. `none`: anything,
for what nobody goes by after one.
"""


class _Ready(NamedTuple):
    """A complete file under a dot-name, in the folder where it will get its own."""

    path: str


@contextlib.contextmanager
def _prepared(root: Path, path: Path, data: bytes, sync: Sync) -> Iterator[_Ready]:
    """Writes `data` to a dot-file beside `path`, and removes it at the end if it is still there."""
    _make_folder(root, path.parent)
    ready = _Ready(f"{path.parent}/.{path.name[:40]}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(ready.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync != "none":
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield ready
    finally:
        with contextlib.suppress(OSError):
            os.unlink(ready.path)


def _refuse_outside(root: Path, folder: Path) -> None:
    real = os.path.realpath(folder)
    if real != os.path.realpath(root) and not _inside(root, real):
        raise CannotWrite(f"{relative(root, folder)}: leads out of the state directory")


def _make_folder(root: Path, folder: Path) -> None:
    """Makes `folder` and what is missing above it, each 0700, unless it leads out of `root`.

    `root` itself is made only where it is meant: who writes into one that was removed must not bring it back.
    """
    _refuse_outside(root, folder)
    absent = []
    asked = folder
    while not os.path.isdir(folder):
        if folder == root != asked:
            raise FileNotFoundError(errno.ENOENT, f"{root} is gone")
        absent.append(folder)
        folder = folder.parent
    for path in reversed(absent):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):  # else another process made it this instant
                raise NotADirectoryError(errno.ENOTDIR, f"{path.name} is not a directory") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _writing(root: Path, path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except (OSError, ValueError) as error:
        raise CannotWrite(
            f"{relative(root, path)}: {_reason(error)}",
            todo="the old content stays; free space or permission and try again",
        ) from error


def make_folder(root: Path, folder: Path) -> None:
    """Makes `folder`, 0700, and what is missing above it; raises `CannotWrite`."""
    with _writing(root, folder):
        _make_folder(root, folder)


def replace(root: Path, path: Path, data: bytes, sync: Sync = "folder", *, verbatim: bool = False) -> None:
    """Makes `data` the content of `path`, whole or not at all; raises `CannotWrite`.

    `verbatim` is for what a program takes to the letter, and in which no key can stand.
    """
    data = data if verbatim else secrets.known().data(data)
    with _writing(root, path), _prepared(root, path, data, sync) as ready:
        os.rename(ready.path, path)
        if sync == "folder":
            _sync_folder(path.parent)


def create(root: Path, path: Path, data: bytes, sync: Sync = "folder", *, verbatim: bool = False) -> None:
    """Creates `path` with `data`, whole; raises `FileExistsError` if the name is taken, were it this instant.

    `verbatim` as in `replace`.
    """
    data = data if verbatim else secrets.known().data(data)
    with _writing(root, path), _prepared(root, path, data, sync) as ready:
        os.link(ready.path, path, follow_symlinks=False)
        if sync == "folder":
            _sync_folder(path.parent)


def append(root: Path, path: Path, lines: bytes) -> None:
    """Appends whole `lines`, their newlines included, in a single write; of what finds no room nothing stays.

    A half line that a crash left behind is ended first, so that it spoils no line but itself.
    """
    if not lines.endswith(b"\n"):
        raise ValueError("append takes whole lines with their newlines")
    lines = secrets.known().data(lines)
    with _writing(root, path):
        _make_folder(root, path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            size = found.st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                lines = b"\n" + lines
            if (written := os.write(descriptor, lines)) != len(lines):
                if os.fstat(descriptor).st_size == size + written:  # nobody has gone on behind it
                    os.ftruncate(descriptor, size)
                raise OSError(errno.ENOSPC, "no space left on device")
        finally:
            os.close(descriptor)


def take(root: Path, source: Path, target: Path) -> bool:
    """Moves `source` to the free name `target`; of several processes that try, exactly one gets True.

    False means that another took it, or that `target` is a file of its own already. A crash between the two
    halves of the move leaves both names on one file: the next call ends the move, and answers False.
    """
    with _writing(root, target):
        _refuse_outside(root, source.parent)
        _make_folder(root, target.parent)
        try:
            os.link(source, target, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.lstat(source), os.lstat(target)):
                    os.unlink(source)
            return False
        _sync_folder(target.parent)
        with contextlib.suppress(FileNotFoundError):  # another process may have ended the move
            os.unlink(source)
        _sync_folder(source.parent)
        return True
