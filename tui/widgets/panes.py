"""The panes of what is selected: a line of tabs, and one pane of six in sight."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from tui.text import Cell, cut, cut_path, width
from tui.widgets.bar import Bar
from tui.widgets.captures import Captures
from tui.widgets.log_pane import LogPane
from tui.widgets.text_view import TextView

__all__ = ["PANES", "Panes", "TabLine"]

PANES = ("Status", "Checkpoint", "Outbox", "Log", "Captures", "Spec")
"""In the order of their number keys."""


class TabLine(Bar):
    """The names of the panes with their numbers; a click chooses."""

    DEFAULT_CSS = """
    TabLine { background: $page; padding: 0 0 0 1; }
    """

    class Chosen(Message):
        """Pane `index` is wanted."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, names: tuple[str, ...], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = names
        self._first = 1
        self._state: tuple[int, tuple[str, ...]] = (0, ())

    def show_tabs(
        self, current: int, notes: tuple[str, ...], names: tuple[str, ...] | None = None, first: int = 1
    ) -> None:
        """Marks `current`; `notes` has a figure or a word for each pane, '' for none.

        `names` are other ones from now on; `first` is the number key of the first.
        """
        self._names, self._first = names or self._names, first
        self._state = (current, notes)
        self._fit()

    def on_resize(self) -> None:
        """Names are shortened where there is no room."""
        self._fit()

    def _fit(self) -> None:
        for letters, gap in ((20, 2), (20, 1), (4, 1), (0, 1)):
            cells = self._tabs(letters, gap)
            if sum(width(text) for text, _ in cells) <= self.size.width:
                break
        self.show(cells)

    def _tabs(self, letters: int, gap: int) -> tuple[Cell, ...]:
        current, notes = self._state
        cells: list[Cell] = []
        for index, name in enumerate(self._names):
            note = f" {notes[index]}" if index < len(notes) and notes[index] else ""
            short = name if index == current and letters else name[:letters]
            cells.append((f"{index + self._first}", "accent"))
            if short or note:
                cells.append((f" {short}{note}".replace("  ", " "), "strong" if index == current else "muted"))
            cells.append((" " * gap, ""))
        return tuple(cells)

    def on_click(self, event: events.Click) -> None:
        """Chooses the pane whose name was clicked."""
        at, index = 0, -1
        for text, tone in self.cells:
            if tone == "accent":
                index += 1
            at += width(text)
            if event.get_content_offset_capture(self).x < at:
                self.post_message(self.Chosen(max(0, index)))
                return


class Panes(Vertical):
    """Six panes, of which only the one in sight is given anything to show."""

    DEFAULT_CSS = """
    Panes {
        background: $page;
        border: round $frame;
        border-title-color: $foreground;
        border-title-style: bold;
        &:focus-within { border: round $frame-focus; }
        ContentSwitcher { height: 1fr; }
        ContentSwitcher > * { height: 1fr; }
    }
    """

    class Switched(Message):
        """Pane `index` is the one in sight now, and has nothing to show yet."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, clock: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.current = 0
        self._notes: tuple[str, ...] = ()
        self._title = ("", "")
        self._framed = ("", "")

        self._tabs = TabLine(PANES, id="tabs")
        self._widgets: dict[str, TextView | Captures] = {}
        for index, name in enumerate(PANES):
            if name == "Log":
                self._widgets[name] = LogPane(id=f"pane-{index}")
            elif name == "Captures":
                self._widgets[name] = Captures(clock, id=f"pane-{index}")
            else:
                self._widgets[name] = TextView(id=f"pane-{index}")
        self._switcher = ContentSwitcher(*self._widgets.values(), initial="pane-0")

    def compose(self) -> ComposeResult:
        """The line of tabs, and the panes."""
        yield self._tabs
        yield self._switcher

    @property
    def name_of_current(self) -> str:
        """One of `PANES`."""
        return PANES[self.current]

    @property
    def widget(self) -> Widget:
        """The pane in sight."""
        return self._widgets[self.name_of_current]

    def text(self, name: str) -> TextView:
        """The pane of that name, which must be one of text."""
        return cast(TextView, self._widgets[name])

    @property
    def log_pane(self) -> LogPane:
        """The Log pane."""
        return cast(LogPane, self._widgets["Log"])

    @property
    def captures(self) -> Captures:
        """The Captures pane."""
        return cast(Captures, self._widgets["Captures"])

    def set_title(self, name: str, about: str = "") -> None:
        """Makes `name` and, as far as there is room, `about` the title. Both must be clean."""
        self._title = (name, about)
        self._fit_title()

    def _fit_title(self) -> None:
        name, about = self._title
        room = max(8, self.size.width - 6)
        name = cut(name, room)
        room -= width(name) + 2
        title = f"{name}  {cut_path(about, room)}" if about and room > 3 else name
        if title != self._framed[0]:  # setting it draws all within the frame again
            self._framed = (title, self._framed[1])
            self.border_title = Content(title)

    def set_foot(self, said: str) -> None:
        """Makes `said`, which must be clean, what stands in the frame's lower edge."""
        if said != self._framed[1]:
            self._framed = (self._framed[0], said)
            self.border_subtitle = Content(said) if said else None

    def on_resize(self) -> None:
        """The title is fitted to the new width."""
        self._fit_title()

    def note(self, notes: tuple[str, ...]) -> None:
        """A figure or a word for each tab."""
        if notes != self._notes:
            self._notes = notes
            self._tabs.show_tabs(self.current, notes)

    def choose(self, index: int) -> None:
        """Brings pane `index` in sight; the focus goes with it if a pane has it."""
        if index == self.current:
            return
        focused = self.widget.has_focus
        self.current = index
        self._switcher.current = f"pane-{index}"
        self._tabs.show_tabs(index, self._notes)
        if focused:
            self.screen.set_focus(self.widget)
        self.post_message(self.Switched(index))

    def on_mount(self) -> None:
        """Draws the tabs."""
        self._tabs.show_tabs(self.current, self._notes)

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        """A click on a tab."""
        message.stop()
        self.choose(message.index)
