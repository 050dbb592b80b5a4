"""Text as the screen takes it: lines of cells, cleaned of what a terminal would obey, cut and wrapped by columns.

Every string that was read from disk becomes a cell through `line` or `block`; nothing else may make one of it.
"""

from collections.abc import Iterable
from itertools import islice

from rich.cells import cell_len, chop_cells, set_cell_size

from state.sanitize import clean_block, clean_line

__all__ = ["Cell", "Line", "block", "cut", "cut_path", "line", "pad", "plain", "width", "wrap"]

Cell = tuple[str, str]
"""A piece of text without control characters, and its tone: '' or one of `tui.widgets.tones.TONES`."""
Line = tuple[Cell, ...]
"""What stands beside each other on one line."""

BLOCK = 64 * 1024
"""Characters of one text that a pane shows."""
LINES = 2_000
"""Lines of one text that a pane shows."""

width = cell_len
"""Columns that a text takes."""


def line(text: object, limit: int = 400) -> str:
    """Anything read from disk, as text on one line that is safe to show."""
    return clean_line(str(text), limit)


def block(text: str, limit: int = BLOCK, lines: int = LINES) -> list[str]:
    """The lines of a text read from disk, safe to show, bounded in characters and lines; a cut is said."""
    shown = clean_block(text, limit).rstrip().split("\n")
    if len(shown) > lines:
        return [*islice(shown, lines), f"… {len(shown) - lines:,} more lines"]
    return shown


def cut(text: str, columns: int) -> str:
    """`text` in at most `columns`, with `…` where its end was cut off."""
    if columns <= 0:
        return ""
    if cell_len(text) <= columns:
        return text
    return set_cell_size(text, columns - 1).rstrip() + "…"


def cut_path(text: str, columns: int) -> str:
    """As `cut`, but of something like a path the end is kept, which tells one from another."""
    if cell_len(text) <= columns or "/" not in text or " " in text:
        return cut(text, columns)
    parts = text.split("/")
    for first in range(1, len(parts)):
        short = "…/" + "/".join(parts[first:])
        if cell_len(short) <= columns:
            return short
    return cut(parts[-1], columns)


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """`text` in exactly `columns`, cut or filled with spaces; `right` puts it at the right end."""
    text = cut(text, columns)
    space = " " * max(0, columns - cell_len(text))
    return space + text if right else text + space


def plain(cells: Iterable[Cell]) -> str:
    """The text of `cells` without their tones."""
    return "".join(text for text, _ in cells)


def wrap(cells: Line, columns: int) -> list[Line]:
    """`cells` as lines of at most `columns`, broken at spaces where there are any.

    What follows the first line is indented as that is; below a first cell that ends in a space (a label, a sign)
    it is indented by that cell.
    """
    text = plain(cells)
    if (len(text) <= columns and text.isascii()) or cell_len(text) <= columns:
        return [cells]
    if columns < 4:
        return [_slice(cells, 0, columns)]
    label = cells[0][0]
    indent = len(label) if len(cells) > 1 and label.endswith(" ") else len(text) - len(text.lstrip(" "))
    indent = indent if indent <= columns // 2 else 0
    pieces: list[Line] = []
    start = 0
    while start < len(text):
        room = columns - (indent if pieces else 0)
        end = start + len(chop_cells(text[start : start + columns], room)[0])
        following = end
        if end < len(text) and text[end] != " ":
            space = text.rfind(" ", start + (0 if pieces else indent), end)
            if space > start:
                end, following = space, space + 1
        else:
            while following < len(text) and text[following] == " ":
                following += 1
        piece = _slice(cells, start, end)
        pieces.append(((" " * indent, ""), *piece) if pieces and indent else piece)
        start = max(following, start + 1)
    return pieces


def _slice(cells: Line, start: int, end: int) -> Line:
    found: list[Cell] = []
    at = 0
    for text, tone in cells:
        part = text[max(0, start - at) : max(0, end - at)]
        if part:
            found.append((part, tone))
        at += len(text)
    return tuple(found)
