"""A bar: one line of cells that is drawn again only when it says something else."""

from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.text import Line
from tui.widgets.tones import TONE_CLASSES, strip, tones_css

__all__ = ["Bar"]


class Bar(Widget):
    """One line at full width."""

    COMPONENT_CLASSES = TONE_CLASSES
    DEFAULT_CSS = (
        tones_css("Bar")
        + """
    Bar {
        height: 1;
        width: 1fr;
        background: $bar;
    }
    """
    )

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cells: Line = ()

    @property
    def cells(self) -> Line:
        """What it says."""
        return self._cells

    def show(self, cells: Line) -> None:
        """Makes `cells` what it says."""
        if cells != self._cells:
            self._cells = cells
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        return strip(self, self._cells, width) if y == 0 else Strip.blank(width, self.rich_style)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line."""
        return 1
