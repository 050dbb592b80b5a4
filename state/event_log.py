"""Append-only logs: one JSON object a line in `*.jsonl`, or the raw lines of a worker's output.

A reader keeps its place as an offset in bytes, holds back a last line without its newline, and notices when the
file was exchanged or cut.
"""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from state import files
from state.errors import BadFile, Fault
from state.times import rfc3339

__all__ = ["Batch", "Place", "append", "events", "last_lines", "tail"]

CHUNK = 1024 * 1024
"""Bytes that one call of `tail` reads at most."""
LINE = 10 * 1024 * 1024
"""Bytes that one line may have; what is longer is handed over in pieces of this size."""


class Place(NamedTuple):
    """How far a reader has come in one file. `inode` is 0 before the first read."""

    offset: int = 0
    inode: int = 0


class Batch(NamedTuple):
    """What a read gave: whole lines without their newlines, and where to go on.

    `reset` says that the file is another one, or shorter, than at the last read: the lines are from its beginning.
    `more` says that there is more to read at once.
    """

    lines: list[bytes]
    place: Place
    reset: bool = False
    more: bool = False


def append(root: Path, path: Path, at: datetime, kind: str, **fields: Any) -> None:
    """Appends one event: the object `{"at": …, "kind": …, **fields}` on a line; raises `CannotWrite`."""
    event = {"at": rfc3339(at), "kind": kind} | fields
    files.append(root, path, json.dumps(event, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n")


def tail(root: Path, path: Path, place: Place, chunk: int = CHUNK, line: int = LINE) -> Batch:
    """The whole lines of `path` from `place` on, at most about `chunk` bytes of them.

    A missing file is an empty one. Raises `BadFile` if the path is no plain file of the state directory.
    """
    try:
        descriptor = files.open_inside(root, path)
    except BadFile as error:
        if not files.is_missing(error):
            raise
        return Batch([], Place(), reset=place.inode != 0)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        reset = bool(place.inode) and (found.st_ino != place.inode or found.st_size < place.offset)
        offset = 0 if reset or not place.inode else place.offset
        size = max(chunk, 1)
        file.seek(offset)
        data = file.read(size)
        while b"\n" not in data and size < line and offset + len(data) < found.st_size:
            size = min(size * 4, line)
            data += file.read(size - len(data))
    end = data.rfind(b"\n") + 1
    if not end and len(data) >= line:
        end = len(data)  # no newline within the longest line allowed: hand over what there is
    lines = data[:end].removesuffix(b"\n").split(b"\n") if end else []
    return Batch(lines, Place(offset + end, found.st_ino), reset, more=bool(end) and offset + end < found.st_size)


def last_lines(root: Path, path: Path, count: int, chunk: int = CHUNK) -> Batch:
    """The last `count` whole lines within the last `chunk` bytes, and the place after them; raises `BadFile`.

    Where no line ends within `chunk` bytes, more is read, up to `LINE`.
    """
    try:
        descriptor = files.open_inside(root, path)
    except BadFile as error:
        if not files.is_missing(error):
            raise
        return Batch([], Place())
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        start = max(0, found.st_size - chunk - 1)  # the byte before the chunk tells whether a line begins there
        file.seek(start)
        data = file.read(found.st_size - start)
    begin = data.find(b"\n") + 1 if start else 0
    end = data.rfind(b"\n") + 1
    if start and not end and chunk < LINE:
        return last_lines(root, path, count, min(chunk * 4, LINE))
    lines = data[begin:end].removesuffix(b"\n").split(b"\n") if end > begin else []
    return Batch(lines[-count:] if count else [], Place(start + end, found.st_ino))


def events(lines: list[bytes], path: str) -> Iterator[dict[str, Any] | Fault]:
    """Each of `lines` as the object it holds, or as the fault it is. Lines are counted within `lines`.

    Blank lines are passed over: two appenders that end the same half line leave one.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            yield Fault(path, number, "not a JSON object")
            continue
        yield event if isinstance(event, dict) else Fault(path, number, "not a JSON object")
