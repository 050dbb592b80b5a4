"""The line of the named locks: who has one, for how long, and who waits for it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from state.model import Ticket
from state.times import age
from state.views import LockView
from tui.text import Cell, Line, cut, line, plain, width

__all__ = ["lock_line"]

NAMED = 8
"""How many of those who wait are named at most."""
NAME = 30
"""Columns that a name has at most."""
BRIEF = timedelta(seconds=1)


def lock_line(columns: int, now: datetime, locks: Iterable[LockView]) -> Line:
    """What to say of `locks` in at most `columns`; () where there is nothing to say.

    There is while somebody waits for one, or has had it for a second: what is over at once would make the screen
    jump. Where there is no room, first how long it took lately is left out, then who waits is counted, not named.
    """
    busy = sorted((view for view in locks if _is_worth_it(view, now)), key=lambda view: view.name)
    if not busy:
        return ()
    for lately, named in ((True, NAMED), *((False, number) for number in range(NAMED, -1, -1))):
        cells = tuple(cell for view in busy for cell in (("  ", ""), *_lock(view, now, named, lately)))[1:]
        found = ((" ", ""), *cells)
        if width(plain(found)) <= columns:
            return found
    return ((cut(plain(found), columns), ""),)


def _is_worth_it(view: LockView, now: datetime) -> bool:
    since = view.holder.since if view.holder else None
    return bool(view.waiting) or (since is not None and not timedelta(0) <= now - since < BRIEF)


def _lock(view: LockView, now: datetime, named: int, lately: bool) -> list[Cell]:
    cells: list[Cell] = [(f"{line(view.name, 100)} lock: ", "muted")]
    if view.holder is None:
        cells.append(("free", ""))
    else:
        cells += [(_name(view.holder), ""), (f", {age((now - view.holder.since).total_seconds())}", "muted")]
    if view.waiting:
        names = ", ".join(_name(ticket) for ticket in view.waiting[:named])
        more = len(view.waiting) - named
        if not named:
            cells.append((f" · {more} waiting", "muted"))
        else:
            cells += [(" · waiting: ", "muted"), (names + (f" +{more}" if more > 0 else ""), "")]
    if lately and view.lasted:
        cells.append((f" · lately {', '.join(age(seconds) for seconds in view.lasted[-3:])}", "muted"))
    return cells


def _name(ticket: Ticket) -> str:
    return cut(line(ticket.label, 100), NAME)
