"""Pictures in half blocks: decoded in bounds, in a thread, into pixels that a widget draws as `▀`."""

import io
import warnings
from datetime import datetime
from typing import NamedTuple

from state import files
from state.errors import BadFile, BadName
from state.layout import StateDir
from state.model import Capture, decode
from state.times import parse_stamp
from tui.text import line

__all__ = ["Picture", "read"]

BYTES = 16 * 1024 * 1024
PIXELS = 40_000_000
"""What a picture may have: an 8K screen has 33 million pixels."""

Pixel = tuple[int, int, int]


class Picture(NamedTuple):
    """A picture at the size of the pane, or why there is none.

    `rows` has two rows of pixels for each line of the terminal.
    """

    name: str
    rows: tuple[tuple[Pixel, ...], ...] = ()
    problem: str = ""
    note: str = ""
    at: datetime | None = None
    size: tuple[int, int] = (0, 0)


def read(state: StateDir, task_id: str, name: str, columns: int, lines: int) -> Picture:
    """The picture `name` of a task, made to fit into `columns` × `lines` of a terminal. Never raises for a file."""
    folder = state.task(task_id).captures
    note, at = _caption(state, task_id, name)
    try:
        data = files.read(state.root, folder / name, BYTES)
    except BadFile as error:
        return Picture(name, problem=line(error.fault), note=note, at=at)
    found = _decode(data, max(1, columns), max(1, lines))
    if isinstance(found, str):
        return Picture(name, problem=line(found), note=note, at=at)
    rows, size = found
    return Picture(name, rows, "", note, at, size)


def _decode(data: bytes, columns: int, lines: int) -> tuple[tuple[tuple[Pixel, ...], ...], tuple[int, int]] | str:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
                size = picture.size
                if size[0] * size[1] > PIXELS:
                    return f"{size[0]}×{size[1]} is more than {PIXELS:,} pixels"
                picture.load()
                flat = picture.convert("RGBA")
                ground = Image.new("RGBA", flat.size, (0, 0, 0, 255))
                ground.alpha_composite(flat)
                scale = min(columns / size[0], 2 * lines / size[1], 1.0)
                width = max(1, round(size[0] * scale))
                height = max(2, round(size[1] * scale) // 2 * 2)
                small = ground.convert("RGB").resize((width, height), Image.Resampling.BOX)
    except Exception as error:  # noqa: BLE001 - a decoder given any bytes may raise anything
        return f"not a picture: {type(error).__name__}: {error}"
    values = small.tobytes()
    pixels = [(values[i], values[i + 1], values[i + 2]) for i in range(0, len(values), 3)]
    return tuple(tuple(pixels[y * width : (y + 1) * width]) for y in range(height)), size


def _caption(state: StateDir, task_id: str, name: str) -> tuple[str, datetime | None]:
    """What the file beside the picture says of it, and when it was taken."""
    stem = name.rpartition(".")[0]
    try:
        path = state.task(task_id).captures / f"{stem}.toml"
        capture = decode(Capture, files.read_text(state.root, path, 64 * 1024), state.relative(path))
    except (BadFile, BadName):
        return "", parse_stamp(name)
    parts = [line(part, 200) for part in (capture.of, capture.note) if part]
    return " · ".join(parts), capture.at
