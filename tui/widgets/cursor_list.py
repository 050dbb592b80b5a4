"""A virtual list on the line API with a cursor, drawing only the lines that changed: what every list here is one of."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.text import Line
from tui.widgets.tones import TONE_CLASSES, strip, tones_css

__all__ = ["CursorList"]


class CursorList(ScrollView, can_focus=True):
    """Rows by index, one line each. Its cost does not depend on how many there are, only on how many are seen.

    Args:
        clock: the time from which ages are worked out.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES | {"list--cursor", "list--blurred"}
    DEFAULT_CSS = (
        tones_css("CursorList")
        + """
    CursorList {
        background: $page;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        &>.list--cursor { background: $cursor; color: $cursor-text; text-style: $cursor-style; }
        &>.list--blurred { background: $cursor-blurred; text-style: $cursor-blurred-style; }
        &:nocolor>.list--cursor { text-style: reverse; }
        &:nocolor>.list--blurred { text-style: underline; }
    }
    """
    )

    cursor: reactive[int] = reactive(0, repaint=False)
    """The index of the selected row."""

    def __init__(self, clock: Callable[[], datetime], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._clock = clock
        self._drawn: dict[int, tuple[Line, str]] = {}
        self._empty: Line = ()

    # what a list is of

    @property
    @abstractmethod
    def count(self) -> int:
        """How many rows there are."""

    @abstractmethod
    def cells(self, index: int, columns: int, now: datetime) -> Line:
        """What row `index` says, in exactly `columns`."""

    @abstractmethod
    def selection_changed(self) -> None:
        """The cursor stands on another row, or on none."""

    @abstractmethod
    def action_open(self) -> None:
        """A person wants to see what is in the selected row."""

    # what it shows

    def settle(self, cursor: int, *, follow: bool) -> None:
        """To be called when the rows are others: the cursor stands on `cursor` now. With `follow` that is the row that
        it stood on before, and what is seen scrolls along with it."""
        cursor = max(0, min(cursor, self.count - 1))
        scrolled = cursor - self.cursor if follow else 0
        self.set_reactive(type(self).cursor, cursor)
        self.virtual_size = Size(self.size.width, self.count)
        if scrolled and self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y + scrolled, animate=False, force=True, immediate=True)
        self._show_cursor()
        self.refresh_changed()

    def say_empty(self, line: Line) -> None:
        """What stands here while there are no rows."""
        if line != self._empty:
            self._empty = line
            if not self.count:
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
        if index >= self.count:
            return (self._empty if not self.count and index == 0 else (), "")
        over = ("list--cursor" if self.has_focus else "list--blurred") if index == self.cursor else ""
        return self.cells(index, self.size.width, now), over

    def render_line(self, y: int) -> Strip:
        """The row at `y` below the top of what is seen."""
        drawn = self._drawn[y] = self._line(self.scroll_offset.y + y, self._clock())
        return strip(self, drawn[0], self.size.width, drawn[1])

    # moving

    def validate_cursor(self, value: int) -> int:
        """Keeps the cursor on a row."""
        return max(0, min(value, self.count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Draws the two lines that changed, and says so."""
        if old == new:
            return
        now = self._clock()
        self._refresh_line(old, now)
        self._refresh_line(new, now)
        self._show_cursor()
        self.selection_changed()

    def _show_cursor(self) -> None:
        if self.size.height:
            self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True, immediate=True)

    def action_move(self, by: int) -> None:
        """Moves the cursor by lines."""
        self.cursor += by

    def action_page(self, by: int) -> None:
        """Moves the cursor by screens."""
        self.cursor += by * max(1, self.size.height - 1)

    def action_jump(self, to: int) -> None:
        """Moves the cursor to the first row, or the last."""
        self.cursor = to if to >= 0 else self.count - 1

    def on_click(self, event: events.Click) -> None:
        """Selects; the second click opens."""
        index = self.scroll_offset.y + event.y
        if index < self.count:
            self.cursor = index
            if event.chain == 2:
                self.action_open()

    # drawing again as a whole

    def on_resize(self, event: events.Resize) -> None:
        """Every line has another width now."""
        self.virtual_size = Size(event.size.width, self.count)
        self._show_cursor()
        self.refresh()

    def on_focus(self) -> None:
        """The cursor's line looks different."""
        self._refresh_line(self.cursor, self._clock())

    def on_blur(self) -> None:
        """The cursor's line looks different."""
        self._refresh_line(self.cursor, self._clock())
