"""What a supervisor asks of the system, and how it writes down what it found: with the standard library alone."""

import contextlib
import os
from datetime import UTC, datetime

__all__ = ["BEGUN", "Field", "children", "free_kib", "now", "number_after", "start_ticks", "write_whole"]

Field = str | int | float | datetime | None
"""What a record of the supervisor's may say; None is left out."""
BEGUN = 1
"""Bytes, at the least, of the lock of an attempt that came to have a supervisor: a hole, every disk has room for it."""


def start_ticks(pid: int) -> int:
    """Clock ticks since boot at which `pid` started; 0 if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rsplit(b")", 1)[1].split()[19])
    except OSError:
        return 0


def write_whole(path: str, fields: dict[str, Field]) -> None:
    """Replaces `path` by `fields` as TOML, whole or not at all; None is left out."""
    lines = []
    for key, value in fields.items():
        if value is None:
            continue
        if isinstance(value, datetime):
            text = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        elif isinstance(value, str):
            escaped = "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in value)
            text = f'"{escaped}"'
        else:
            text = str(value)
        lines.append(f"{key} = {text}\n")
    ready = f".{path}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(ready, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        os.rename(ready, path)
    except OSError:
        with contextlib.suppress(OSError):  # what could not be written whole takes no room
            os.unlink(ready)
        raise


def free_kib(*folders: str) -> int | None:
    """What was left of the file systems of `folders`, of the fullest, in KiB; None if none of them is there."""
    found = []
    for folder in folders:
        with contextlib.suppress(OSError):
            disk = os.statvfs(folder)
            found.append(disk.f_bavail * disk.f_frsize // 1024)
    return min(found, default=None)


def number_after(key: bytes, text: bytes) -> int | None:
    """The number that follows `key` in some lines of JSON; None where there is none, or not yet its whole line."""
    rest, complete, _ = text.partition(b'"%s":' % key)[2].partition(b"\n")
    digits = rest.split(b",")[0].strip(b" }")
    return int(digits) if complete and digits.isdigit() else None


def now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def children(parent: int) -> list[int]:
    """The pids whose parent is `parent`."""
    try:
        with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                if int(file.read().rsplit(b")", 1)[1].split()[1]) == parent:
                    found.append(int(name))
        return found
