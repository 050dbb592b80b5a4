"""A scrolling view of lines of cells, wrapped to its width; what did not change is not drawn again."""

from collections.abc import Iterable
from itertools import islice

from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.keymap import bindings
from tui.text import Line, wrap
from tui.widgets.tones import TONE_CLASSES, strip, tones_css

__all__ = ["TextView"]


class TextView(ScrollView, can_focus=True):
    """Lines of cells. With `following` the view keeps to the last one as lines come.

    Args:
        limit: lines that are kept; the oldest go first.
    """

    ALLOW_SELECT = False
    BINDINGS = bindings("pane")
    COMPONENT_CLASSES = TONE_CLASSES
    DEFAULT_CSS = (
        tones_css("TextView")
        + """
    TextView {
        background: $page;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        padding: 0 0 0 1;
    }
    """
    )

    def __init__(self, *, id: str | None = None, classes: str | None = None, limit: int = 20_000) -> None:
        super().__init__(id=id, classes=classes)
        self.following = False
        self._limit = limit
        self._lines: list[Line] = []
        self._rows: list[Line] = []
        self._wrapped = 0

    @property
    def lines(self) -> list[Line]:
        """What it shows, before wrapping."""
        return self._lines

    def show(self, lines: Iterable[Line], *, top: bool = False) -> None:
        """Makes `lines` all that it shows; `top` goes to the beginning, else the reader stays where it was."""
        self._lines = list(lines)[-self._limit :]
        before, self._rows = self._rows, self._wrap(self._lines)
        self._settle()
        if top and not self.following and self.scroll_offset.y:
            self.scroll_to(y=0, animate=False, force=True, immediate=True)
            self.refresh()
        else:
            self._refresh_changed(before)

    def extend(self, lines: Iterable[Line]) -> None:
        """Adds `lines` at the end."""
        new = list(lines)[-self._limit :]
        if not new:
            return
        over = max(0, len(self._lines) + len(new) - self._limit)
        gone = len(self._wrap(self._lines[:over]))
        self._lines = [*islice(self._lines, over, None), *new]
        self._rows = [*islice(self._rows, gone, None), *self._wrap(new)]
        if gone and not self.following:  # what is being read stays in sight
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, force=True, immediate=True)
        self._settle()
        self.refresh()

    def scroll_to_last(self) -> None:
        """Goes to the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True, immediate=True)

    def _wrap(self, lines: Iterable[Line]) -> list[Line]:
        self._wrapped = self._columns
        return [row for line in lines for row in wrap(line, max(1, self._columns))]

    @property
    def _columns(self) -> int:
        """Columns for text, the scrollbar's left free so that it may come and go without wrapping anew."""
        return self.container_size.width - 1 if self.container_size.width else self.size.width

    def _settle(self) -> None:
        self.virtual_size = Size(self._columns, len(self._rows))
        if self.following:
            self.scroll_to_last()

    def _refresh_changed(self, before: list[Line]) -> None:
        top = self.scroll_offset.y
        for y in range(top, top + self.size.height):
            old = before[y] if y < len(before) else None
            new = self._rows[y] if y < len(self._rows) else None
            if old != new:
                self.refresh(Region(0, y - top, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """The row at `y` below the top of the view."""
        index = self.scroll_offset.y + y
        width = self.size.width
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return strip(self, self._rows[index], width)

    def on_resize(self, event: events.Resize) -> None:
        """Wraps to the new width."""
        if self._wrapped != self._columns:
            self._rows = self._wrap(self._lines)
        self._settle()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the text takes at `width`."""
        return sum(len(wrap(line, max(1, width - 1))) for line in self._lines)
