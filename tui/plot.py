"""A number over time as a step line in braille dots, its scale beside it. Pure; plotille sets the dots."""

import math
from collections.abc import Iterable, Sequence

from tui.text import Cell, Line, pad, width

__all__ = ["number", "numbers", "plot"]

LARGEST = 1e15
"""Beyond this nothing is a measurement, and differences stop being exact."""
DOTS_ACROSS, DOTS_DOWN = 2, 4
"""Dots that one character has in braille."""


def number(text: str) -> float | None:
    """The number that `text` is, as metrics are written; None where it is none."""
    try:
        value = float(text[:40])
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= LARGEST else None


def numbers(texts: Iterable[str]) -> list[float]:
    """Those of `texts` that are numbers."""
    return [value for text in texts if (value := number(text)) is not None]


def plot(values: Sequence[float], columns: int, rows: int, goal: float | None = None) -> list[Line]:
    """`values` from left to right on `rows` lines of at most `columns`, the highest and the lowest of them and the
    goal written at the left; [] where there is no room, or fewer than two values.

    Of more values than there are dots the last of each few is drawn, so the line ends at the newest one.
    """
    if len(values) < 2 or rows < 2:
        return []
    marks = [*values, goal] if goal is not None else list(values)
    low, high = min(marks), max(marks)
    at_goal = None if goal is None else _row(goal, low, high, rows)
    labels = [""] * rows
    labels[_row(high, low, high, rows)], labels[_row(low, low, high, rows)] = f"{high:g}", f"{low:g}"
    if goal is not None and at_goal is not None:
        labels[at_goal] = f"goal {goal:g}"
    margin = max(map(width, labels))
    room = columns - margin - 2
    if room < 8:
        return []
    drawn = _dots(values, low, high, room, rows)
    return [
        ((pad(label, margin, right=True), "muted"), (" ┤" if label else " │", "muted"), *_cells(dots, row == at_goal))
        for row, (label, dots) in enumerate(zip(labels, drawn, strict=True))
    ]


def _row(value: float, low: float, high: float, rows: int) -> int:
    """The line, counted from the top, on which `value` lies."""
    share = (value - low) / (high - low) if high > low else 0.5
    return min(rows - 1, int((1 - share) * (rows - 1) + 0.5))


def _dots(values: Sequence[float], low: float, high: float, columns: int, rows: int) -> list[str]:
    from plotille import Canvas

    across, down = columns * DOTS_ACROSS, rows * DOTS_DOWN
    many = min(len(values), across)
    shown = [values[(index + 1) * len(values) // many - 1] for index in range(many)]
    canvas = Canvas(width=columns, height=rows, xmin=0, ymin=0, xmax=across, ymax=down)
    step = across / many

    def dot(value: float) -> int:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(share * (down - 1))

    before = dot(shown[0])
    for index, value in enumerate(shown):
        left, right = int(index * step), min(across - 1, int((index + 1) * step))
        level = dot(value)
        if level != before:
            canvas.line(left, before, left, level)
        canvas.line(left, level, right, level)
        before = level
    found: list[str] = canvas.plot(linesep="\n").split("\n")
    return found


def _cells(dots: str, is_goal: bool) -> list[Cell]:
    """The dots of one line; where it is the goal's, a rule shows through."""
    if not is_goal:
        return [(dots, "")]
    cells: list[Cell] = []
    for dot in dots:
        free = dot in (" ", "\u2800")
        text, tone = ("┄", "muted") if free else (dot, "")
        if cells and cells[-1][1] == tone:
            cells[-1] = (cells[-1][0] + text, tone)
        else:
            cells.append((text, tone))
    return cells
