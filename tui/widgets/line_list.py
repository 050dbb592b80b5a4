"""A list of whatever has a number and can be told on one line: a queue, proposals."""

from collections.abc import Callable
from datetime import datetime

from textual.message import Message

from tui.keymap import bindings
from tui.text import Line
from tui.widgets.cursor_list import CursorList

__all__ = ["LineList"]

Cells = Callable[[int, int, datetime], Line]
"""What a row says, by its index, in exactly so many columns, at a time."""


class LineList(CursorList):
    """Rows that are made when they are seen."""

    BINDINGS = bindings("items")

    class Moved(Message):
        """The cursor stands on another row."""

        def __init__(self, lines: "LineList") -> None:
            super().__init__()
            self.lines = lines

    class Opened(Moved):
        """A person wants to see what is in the selected row."""

    def __init__(self, clock: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(clock, id=id)
        self._count = 0
        self._cells: Cells = lambda index, columns, now: ()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    def cells(self, index: int, columns: int, now: datetime) -> Line:
        """What row `index` says."""
        return self._cells(index, columns, now)

    def show(self, count: int, cells: Cells, cursor: int, *, follow: bool = False) -> None:
        """Makes `count` rows what it shows, with the cursor on `cursor`; `follow` as of `settle`."""
        self._count, self._cells = count, cells
        self.settle(cursor, follow=follow)

    def selection_changed(self) -> None:
        """Says so."""
        self.post_message(self.Moved(self))

    def action_open(self) -> None:
        """Opens what is selected."""
        if self._count:
            self.post_message(self.Opened(self))
