"""The task tree: a list of rows, keyed and live."""

from collections.abc import Callable, Sequence
from datetime import datetime

from textual.message import Message

from state.machine import Worker
from state.views import TaskView
from tui.cells import row_cells
from tui.keymap import bindings
from tui.rows import Row
from tui.text import Line
from tui.widgets.cursor_list import CursorList

__all__ = ["TaskList"]


class TaskList(CursorList):
    """Rows of the tree.

    Args:
        clock: the time from which ages are worked out.
        quiet: whether a worker is silent beyond its habit.
        takes: what a worker takes of the machine, as far as that is known.
    """

    BINDINGS = bindings("list")

    class Selected(Message):
        """Another row is the selected one; `row` is None where there is none any more."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    class Opened(Message):
        """A person wants to see what is in `row`."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Folded(Message):
        """A person wants the children of `row` hidden, or shown."""

        def __init__(self, row: Row, folded: bool) -> None:
            super().__init__()
            self.row = row
            self.folded = folded

    def __init__(
        self,
        clock: Callable[[], datetime],
        quiet: Callable[[TaskView, datetime], bool],
        takes: Callable[[TaskView, datetime], Worker | None],
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(clock, id=id)
        self._quiet = quiet
        self._takes = takes
        self._rows: list[Row] = []
        self._index: dict[str, int] = {}

    # what it shows

    @property
    def rows(self) -> Sequence[Row]:
        """What it shows, in order."""
        return self._rows

    @property
    def row(self) -> Row | None:
        """The selected row."""
        return self._rows[self.cursor] if 0 <= self.cursor < len(self._rows) else None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def cells(self, index: int, columns: int, now: datetime) -> Line:
        """What row `index` says."""
        row = self._rows[index]
        if row.task is None:
            return row_cells(row, columns, now)
        return row_cells(row, columns, now, self._quiet(row.task, now), self._takes(row.task, now))

    def index_of(self, key: str) -> int | None:
        """Where the row with `key` is, if it is there."""
        return self._index.get(key)

    def set_rows(self, rows: list[Row]) -> None:
        """Makes `rows` what it shows; the cursor stays on its key, or where it was if that is gone."""
        selected = self.row
        self._rows = rows
        self._index = {row.key: index for index, row in enumerate(rows)}
        found = self._index.get(selected.key) if selected else None
        self.settle(self.cursor if found is None else found, follow=found is not None)
        if self.row != selected:
            self.selection_changed()

    def set_row(self, row: Row) -> None:
        """Makes `row` what is known under its key: one line drawn again, and only if it is seen."""
        index = self._index.get(row.key)
        if index is None or self._rows[index] == row:
            return
        self._rows[index] = row
        self._refresh_line(index, self._clock())
        if index == self.cursor:
            self.selection_changed()

    def selection_changed(self) -> None:
        """Says so."""
        self.post_message(self.Selected(self.row))

    # moving

    def select(self, key: str) -> bool:
        """Puts the cursor on the row with `key`, if it is there."""
        index = self._index.get(key)
        if index is not None:
            self.cursor = index
        return index is not None

    def action_fold(self) -> None:
        """Folds what is selected, else goes to what it is in."""
        row = self.row
        if row is None:
            return
        if row.folded is False:
            self.post_message(self.Folded(row, True))
        elif row.parent:
            self.select(row.parent)

    def action_unfold(self) -> None:
        """Unfolds what is selected."""
        if (row := self.row) is not None and row.folded:
            self.post_message(self.Folded(row, False))

    def action_open(self) -> None:
        """Opens what is selected."""
        if (row := self.row) is not None:
            self.post_message(self.Opened(row))
