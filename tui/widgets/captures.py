"""The Captures pane: one picture in half blocks, with what is known of it above."""

from collections.abc import Callable
from datetime import datetime

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from state.times import age
from tui.keymap import bindings
from tui.pictures import Picture
from tui.text import Cell, Line, line
from tui.widgets.tones import TONE_CLASSES, strip, tones_css

__all__ = ["Captures"]


class Captures(Widget, can_focus=True):
    """A picture at a time, the newest first.

    Args:
        clock: the time from which the picture's age is worked out.
    """

    ALLOW_SELECT = False
    BINDINGS = bindings("captures")
    COMPONENT_CLASSES = TONE_CLASSES
    DEFAULT_CSS = (
        tones_css("Captures")
        + """
    Captures { background: $page; padding: 0 0 0 1; }
    """
    )
    CAPTION = 2
    """Lines above the picture."""

    class Wanted(Message):
        """Picture `index` of those that there are is to be read, for `columns` × `lines`."""

        def __init__(self, index: int, columns: int, lines: int) -> None:
            super().__init__()
            self.index = index
            self.columns = columns
            self.lines = lines

    def __init__(self, clock: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._names: tuple[str, ...] = ()
        self._at = 0
        self._picture: Picture | None = None

    def show_names(self, names: tuple[str, ...]) -> None:
        """Makes `names`, newest first, what there is; a newer picture is shown if the newest was."""
        name = self._names[self._at] if self._at < len(self._names) else ""
        self._at = names.index(name) if self._at and name in names else 0
        self._names = names
        if not names:
            self._picture = None
            self.refresh()
        else:
            self._want()

    def show(self, picture: Picture) -> None:
        """Makes `picture` what is seen, if it is still the one wanted."""
        if self._names and picture.name == self._names[self._at]:
            self._picture = picture
            self.refresh()

    def _want(self) -> None:
        if self._names and self.size.width and self.size.height > self.CAPTION:
            self.post_message(self.Wanted(self._at, self.size.width, self.size.height - self.CAPTION))

    def action_older(self) -> None:
        """The picture before this one."""
        self._go(self._at + 1)

    def action_newer(self) -> None:
        """The picture after this one."""
        self._go(self._at - 1)

    def _go(self, index: int) -> None:
        if 0 <= index < len(self._names):
            self._at = index
            self._want()

    def on_resize(self, event: events.Resize) -> None:
        """The picture is wanted in another size."""
        self._want()

    def caption(self) -> tuple[Line, Line]:
        """The two lines above the picture."""
        if not self._names:
            return ((("no pictures yet", "muted"),), ())
        where: Cell = (f"{self._at + 1} of {len(self._names)}", "strong")
        picture = self._picture
        if picture is None:
            return ((where, ("  reading …", "muted")), ())
        about = f"  {line(picture.name, 60)}"
        if picture.at:
            about += f"  {age((self._clock() - picture.at).total_seconds())} ago"
        if picture.size[0]:
            about += f"  {picture.size[0]}×{picture.size[1]}"
        said: Line = ((picture.problem, "trouble"),) if picture.problem else ((picture.note, ""),)
        return ((where, (about, "muted")), said)

    def render_line(self, y: int) -> Strip:
        """A line of the caption, or two rows of pixels."""
        width = self.size.width
        if y < self.CAPTION:
            return strip(self, self.caption()[y], width)
        rows = self._picture.rows if self._picture else ()
        at = 2 * (y - self.CAPTION)
        if at + 1 >= len(rows):
            return Strip.blank(width, self.rich_style)
        segments = [
            Segment("▀", Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
            for upper, lower in zip(rows[at], rows[at + 1], strict=True)
        ]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
