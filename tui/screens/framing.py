"""The lines that every screen has around its parts: the answers at a glance, what is held, what was done last."""

from datetime import datetime

from state import lease as leases
from tui.feed import Snapshot
from tui.machine import hold_line
from tui.room import Room
from tui.summary import top_line
from tui.widgets.bar import Bar

__all__ = ["show_holds", "show_said", "show_top"]


def show_top(bar: Bar, room: Room, shown: Snapshot, now: datetime) -> None:
    """Draws the top line: what needs a person, whether it moves, what it costs."""
    note = shown.broken and f"reading failed: {shown.broken}"
    if shown.reading:
        note = f"reading, {len(shown.fleet.tasks):,} tasks so far"
    bar.show(
        top_line(
            bar.size.width,
            now,
            room.state.repository.name,
            shown.fleet.lease,
            shown.summary,
            machine=shown.fleet.machine,
            note=note,
            polling=shown.polling,
            readonly=room.readonly,
        )
    )


def show_holds(bar: Bar, shown: Snapshot, columns: int, now: datetime) -> None:
    """Draws the line of what is held, which is there only while something is."""
    fleet = shown.fleet
    cells = hold_line(columns, now, fleet.holds, living=leases.alive(fleet.lease, now))
    bar.set_class(bool(cells), "-held")
    bar.show(cells)


def show_said(bar: Bar, room: Room) -> None:
    """Draws what was done last and what became of it, which is there for a while after something was."""
    cells = room.activity()
    bar.set_class(bool(cells), "-said")
    bar.show(cells)
