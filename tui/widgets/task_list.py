"""The task tree: a virtual list on the line API, keyed, live, drawing only the lines that changed."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from state.machine import Worker
from state.views import TaskView
from tui.cells import row_cells
from tui.keymap import bindings
from tui.rows import Row
from tui.text import Line
from tui.widgets.tones import TONE_CLASSES, strip, tones_css

__all__ = ["TaskList"]


class TaskList(ScrollView, can_focus=True):
    """Rows of the tree. Its cost does not depend on how many there are, only on how many lines are seen.

    Args:
        clock: the time from which ages are worked out.
        quiet: whether a worker is silent beyond its habit.
        takes: what a worker takes of the machine, as far as that is known.
    """

    ALLOW_SELECT = False
    BINDINGS = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES | {"task-list--cursor", "task-list--blurred"}
    DEFAULT_CSS = (
        tones_css("TaskList")
        + """
    TaskList {
        background: $page;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        &>.task-list--cursor { background: $cursor; color: $cursor-text; text-style: $cursor-style; }
        &>.task-list--blurred { background: $cursor-blurred; text-style: $cursor-blurred-style; }
        &:nocolor>.task-list--cursor { text-style: reverse; }
        &:nocolor>.task-list--blurred { text-style: underline; }
    }
    """
    )

    cursor: reactive[int] = reactive(0, repaint=False)
    """The index of the selected row."""

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
        super().__init__(id=id)
        self._clock = clock
        self._quiet = quiet
        self._takes = takes
        self._rows: list[Row] = []
        self._index: dict[str, int] = {}
        self._drawn: dict[int, tuple[Line, str]] = {}
        self._empty: Line = ()

    # what it shows

    @property
    def rows(self) -> Sequence[Row]:
        """What it shows, in order."""
        return self._rows

    @property
    def row(self) -> Row | None:
        """The selected row."""
        return self._rows[self.cursor] if 0 <= self.cursor < len(self._rows) else None

    def index_of(self, key: str) -> int | None:
        """Where the row with `key` is, if it is there."""
        return self._index.get(key)

    def set_rows(self, rows: list[Row]) -> None:
        """Makes `rows` what it shows; the cursor stays on its key, or where it was if that is gone."""
        selected = self.row
        self._rows = rows
        self._index = {row.key: index for index, row in enumerate(rows)}
        last = max(0, len(rows) - 1)
        key = selected.key if selected else ""
        cursor = self._index.get(key, min(self.cursor, last))
        scrolled = cursor - self.cursor if key in self._index else 0
        self.set_reactive(TaskList.cursor, cursor)
        self.virtual_size = Size(self.size.width, len(rows))
        if scrolled and self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y + scrolled, animate=False, force=True, immediate=True)
        self._show_cursor()
        self.refresh_changed()
        if self.row != selected:
            self.post_message(self.Selected(self.row))

    def set_row(self, row: Row) -> None:
        """Makes `row` what is known under its key: one line drawn again, and only if it is seen."""
        index = self._index.get(row.key)
        if index is None or self._rows[index] == row:
            return
        self._rows[index] = row
        self._refresh_line(index, self._clock())
        if index == self.cursor:
            self.post_message(self.Selected(row))

    def say_empty(self, line: Line) -> None:
        """What stands here while there are no rows."""
        if line != self._empty:
            self._empty = line
            if not self._rows:
                self.refresh()

    def refresh_changed(self) -> None:
        """Draws the lines again that would read differently now: ages, most of all."""
        now = self._clock()
        top = self.scroll_offset.y
        for index in range(top, top + self.size.height):
            self._refresh_line(index, now)

    def _refresh_line(self, index: int, now: datetime) -> None:
        y = index - self.scroll_offset.y
        if 0 <= y < self.size.height and self._drawn.get(y) != self._line(index, now):
            self.refresh(Region(0, y, self.size.width, 1))

    def _line(self, index: int, now: datetime) -> tuple[Line, str]:
        if index >= len(self._rows):
            return (self._empty if not self._rows and index == 0 else (), "")
        row = self._rows[index]
        over = ("task-list--cursor" if self.has_focus else "task-list--blurred") if index == self.cursor else ""
        if row.task is None:
            return row_cells(row, self.size.width, now), over
        quiet, takes = self._quiet(row.task, now), self._takes(row.task, now)
        return row_cells(row, self.size.width, now, quiet, takes), over

    def render_line(self, y: int) -> Strip:
        """The row at `y` below the top of what is seen."""
        drawn = self._drawn[y] = self._line(self.scroll_offset.y + y, self._clock())
        return strip(self, drawn[0], self.size.width, drawn[1])

    # moving

    def validate_cursor(self, value: int) -> int:
        """Keeps the cursor on a row."""
        return max(0, min(value, len(self._rows) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draws the two lines that changed, and says so."""
        if old == new:
            return
        now = self._clock()
        self._refresh_line(old, now)
        self._refresh_line(new, now)
        self._show_cursor()
        self.post_message(self.Selected(self.row))

    def _show_cursor(self) -> None:
        if self.size.height:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True, immediate=True)

    def select(self, key: str) -> bool:
        """Puts the cursor on the row with `key`, if it is there."""
        index = self._index.get(key)
        if index is not None:
            self.cursor = index
        return index is not None

    def action_move(self, by: int) -> None:
        """Moves the cursor by lines."""
        self.cursor += by

    def action_page(self, by: int) -> None:
        """Moves the cursor by screens."""
        self.cursor += by * max(1, self.size.height - 1)

    def action_jump(self, to: int) -> None:
        """Moves the cursor to the first row, or the last."""
        self.cursor = to if to >= 0 else len(self._rows) - 1

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

    def on_click(self, event: events.Click) -> None:
        """Selects; the second click opens."""
        index = self.scroll_offset.y + event.y
        if index < len(self._rows):
            self.cursor = index
            if event.chain == 2:
                self.action_open()

    # drawing again as a whole

    def on_resize(self, event: events.Resize) -> None:
        """Every line has another width now."""
        self.virtual_size = Size(event.size.width, len(self._rows))
        self._show_cursor()
        self.refresh()

    def on_focus(self) -> None:
        """The cursor's line looks different."""
        self._refresh_line(self.cursor, self._clock())

    def on_blur(self) -> None:
        """The cursor's line looks different."""
        self._refresh_line(self.cursor, self._clock())
