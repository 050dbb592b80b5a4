"""The state directory: whether it is there, ours, writable, in a safe place, and has locks that exclude."""

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
from pathlib import Path

from opsroom.doctor.findings import Finding, fail, ok, warn
from state.layout import FORMAT_VERSION, WATCHED, StateDir
from state.watch import network_file_system

__all__ = ["findings", "locks", "network", "place", "temporary"]

GROUP = "state directory"
SWEPT = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - looked for, not written to
"""Folders that are emptied when a machine starts, or whose old files are removed while it runs."""


def findings(state: StateDir) -> list[Finding]:
    """What there is to say of a state directory that exists."""
    return [*_access(state), *_format(state), *place(state.worktrees), locks(state)]


def place(worktrees: Path) -> list[Finding]:
    """What there is to say of the folder in which worktrees are, or will be."""
    where = temporary(worktrees)
    todo = "work in progress may be removed: keep the repository elsewhere"
    return [warn(GROUP, f"worktrees are in {where}, which is cleaned now and then", todo)] if where else []


def _access(state: StateDir) -> list[Finding]:
    """Whether all of its folders may be written, and by nobody else. Nothing is written to find out."""
    folders = [state.root, state.inbox_done, *(state.root / name for name in (*WATCHED, "worktrees"))]
    for folder in folders:
        if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
            why = "is on a file system that is mounted read-only" if read_only else "cannot be written by you"
            return [fail(GROUP, f"{folder} {why}", "make it writable: everything that happens is written there")]
    found = state.root.stat()
    if found.st_uid != os.geteuid():
        return [warn(GROUP, f"{state.root} belongs to another user", "run opsroom as its owner")]
    if stat.S_IMODE(found.st_mode) & 0o077:
        return [warn(GROUP, f"{state.root} is open to other users", f"chmod 700 {state.root}")]
    return [ok(GROUP, f"{state.root}, writable, and by you alone")]


def _format(state: StateDir) -> list[Finding]:
    import tomllib

    try:
        version = tomllib.loads(state.format.read_text(encoding="utf-8")).get("version")
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        return [fail(GROUP, f"{state.format}: {said}", "is this a state directory? 'opsroom init' makes one")]
    if version != FORMAT_VERSION:
        todo = f"this opsroom knows version {FORMAT_VERSION}: use the one that made it"
        return [fail(GROUP, f"{state.format}: version is {version!r}", todo)]
    return []


def locks(state: StateDir) -> Finding:
    """Whether a lock on a file there keeps a second one out: that is what makes one orchestrator of two."""
    todo = "keep the repository on a file system with working flock: two orchestrators would not notice each other"
    with contextlib.ExitStack() as closing:
        try:
            first, second = (_opened(state.format, closing) for _ in range(2))
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno == errno.EWOULDBLOCK:
                return warn(GROUP, f"{state.format} is locked by somebody else", "ask again in a moment")
            return fail(GROUP, f"locks do not work: {(error.strerror or str(error)).lower()}", todo)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return ok(GROUP, "a lock keeps a second one out (flock)")
    return fail(GROUP, "locks do not work: two were given at once", todo)


def _opened(path: Path, closing: contextlib.ExitStack) -> int:
    """A descriptor of its own for `path`. NFS gives an exclusive lock only to who may write."""
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, os.O_RDWR | flags)
    except OSError:
        descriptor = os.open(path, os.O_RDONLY | flags)
    closing.callback(os.close, descriptor)
    return descriptor


def network(folder: Path) -> str:
    """The type of the file system that `folder` is on, if it tells of no changes; else ''."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
    return network_file_system(mounts, os.path.realpath(folder))


def temporary(folder: Path) -> str:
    """The folder for temporary files that `folder` is in, or ''."""
    real = os.path.realpath(folder)
    for top in (tempfile.gettempdir(), *SWEPT):
        if (real + "/").startswith(os.path.realpath(top).rstrip("/") + "/"):
            return top
    return ""
