"""The Needs-you strip in lines of cells. Pure."""

from datetime import datetime

from state.agent_events import AUTHENTICATION
from state.times import age
from tui.attention import Entry
from tui.text import Cell, Line, block, cut, line, width

__all__ = ["compact", "full", "heading"]

_SIGNS = {"question": ("?", "attention"), "stop": ("■", "trouble"), "failed": ("✗", "trouble")}
_WORDS = {
    "question": "asks",
    "stop": "stopped for you",
    "failed": "failed",
    "budget": "held until you raise the budget",
    AUTHENTICATION: "is not let in by its provider",
    "halted": "halted",
    "fault": "has a file that is not understood",
}
_HINTS = {
    "stop": (("m", "message"), ("r", "retry"), ("x", "stop for good")),
    "failed": (("r", "retry"), ("4", "its log")),
    "halted": (("p", "start it again"), ("enter", "its campaign")),
    "fault": (("1", "what is wrong, in full"),),
}
_GO = (("n", "go there"),)
_ELSEWHERE = {
    AUTHENTICATION: "sign in with it, or set its key; then: opsroom release {name}",
    "budget": "raise it under [budgets] in opsroom.toml, then start the orchestrator again",
    "fault": "mend the file, or put it away",
}
"""What helps with an entry that no row is about."""
TITLE = 60
OPTIONS = 9
"""Options that have a digit."""


def heading(entry: Entry, title: str, now: datetime) -> Line:
    """Who needs what, and for how long."""
    sign, tone = _SIGNS.get(entry.kind, ("!", "trouble"))
    old = f"  {age((now - entry.at).total_seconds())} ago" if entry.at else ""
    about = line(title, TITLE) if title and title != entry.name else ""
    return (
        (f"{sign} ", tone),
        (line(entry.name, 100), "strong"),
        (f"  {about}" if about else "", ""),
        (f"  {_WORDS[entry.kind]}", tone),
        (old, "muted"),
    )


def full(entry: Entry, title: str, now: datetime, *, here: bool, answering: bool) -> list[Line]:
    """The entry in full: who, what, the options or the keys that help. `here`: its row is the selected one."""
    lines = [heading(entry, title, now)]
    lines += [(("  " + one, ""),) for one in block(entry.text.strip() or "no reason was given", 8_000, 200)]
    return [*lines, _choices(entry, now, here, answering)]


def compact(entry: Entry, now: datetime, columns: int, more: int, *, here: bool) -> list[Line]:
    """The entry on two lines of `columns`, and how many more there are."""
    sign, tone = _SIGNS.get(entry.kind, ("!", "trouble"))
    first = next(iter(block(entry.text.strip() or _WORDS[entry.kind], 1_000, 1)), "")
    count = f"  +{more}" if more else ""
    name = line(entry.name, 30)
    room = columns - 2 - width(name) - 2 - width(count)
    said = cut(first, room)
    head = (
        (f"{sign} ", tone),
        (name, "strong"),
        ("  " + said, ""),
        (" " * max(0, room - width(said)) + count, "muted"),
    )
    cells: list[Cell] = []
    left = columns
    for text, choice_tone in _choices(entry, now, here, False):
        piece = cut(text, left)
        left -= width(piece)
        cells.append((piece, choice_tone))
    return [head, tuple(cells)]


def _choices(entry: Entry, now: datetime, here: bool, answering: bool) -> Line:
    if entry.question is None:
        cells: list[Cell] = [("  ", "")]
        if not entry.key:
            return (*cells, (_ELSEWHERE.get(entry.kind, "").format(name=line(entry.name, 30)), "muted"))
        for key, word in _HINTS[entry.kind] if here else _GO:
            cells += [(key, "accent"), (f" {word}   ", "")]
        return tuple(cells)
    cells = [("  ", "")]
    if not answering:
        cells += [("a", "accent"), (" answer   ", "muted")]
    for number, option in enumerate(entry.question.options[:OPTIONS], 1):
        cells += [(str(number), "accent"), (f" {line(option, 200)}   ", "")]
    if entry.question.deadline:
        left = (entry.question.deadline - now).total_seconds()
        when = f"in {age(left)}" if left > 0 else "now"
        default = f"“{line(entry.question.default, 200)}”" if entry.question.default else "no answer"
        cells += [(f"{when}: ", "attention" if left < 120 else "muted"), (default, "muted")]
    return tuple(cells)
