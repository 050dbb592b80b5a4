"""The panes of a campaign: a line of tabs, and one pane of five in sight."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from tui.text import Line
from tui.widgets.line_list import LineList
from tui.widgets.panes import TabLine
from tui.widgets.text_view import TextView

__all__ = ["CampaignPanes"]

NAMES = ("Progress", "Policy", "History", "Runs", "Proposals")
"""In the order of their number keys."""


class Proposals(Vertical):
    """What is proposed, and the proposal under the cursor in full."""

    DEFAULT_CSS = """
    Proposals {
        LineList { height: 1fr; }
        TextView { height: auto; max-height: 50%; border-top: solid $frame; }
    }
    """

    def __init__(self, clock: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.list = LineList(clock, id="proposals")
        self.full = TextView(id="proposal")
        self.full.can_focus = False

    def compose(self) -> ComposeResult:
        """The list, and the one proposal."""
        yield self.list
        yield self.full


class CampaignPanes(Vertical):
    """Five panes, of which only the one in sight is given anything to show. Where the first one, Progress, has a place
    of its own on the screen, the other four are left."""

    DEFAULT_CSS = """
    CampaignPanes {
        background: $page;
        border: round $frame;
        &:focus-within { border: round $frame-focus; }
        ContentSwitcher { height: 1fr; }
        ContentSwitcher > * { height: 1fr; }
    }
    """

    class Switched(Message):
        """Another pane is in sight, and has nothing to show yet."""

    def __init__(self, clock: Callable[[], datetime], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.current = 0
        self._notes: tuple[str, ...] = ()
        self._apart = False
        self._tabs = TabLine(NAMES, id="tabs")
        self.proposals = Proposals(clock, id="campaign-4")
        self._widgets: list[Widget] = [*(TextView(id=f"campaign-{index}") for index in range(4)), self.proposals]
        self._switcher = ContentSwitcher(*self._widgets, initial="campaign-0")

    def compose(self) -> ComposeResult:
        """The line of tabs, and the panes."""
        yield self._tabs
        yield self._switcher

    def on_mount(self) -> None:
        """Draws the tabs."""
        self._draw_tabs()

    @property
    def name_of_current(self) -> str:
        """One of `NAMES`."""
        return NAMES[self.current]

    @property
    def widget(self) -> Widget:
        """What takes the focus of the pane in sight."""
        found = self._widgets[self.current]
        return self.proposals.list if found is self.proposals else found

    @property
    def text(self) -> TextView:
        """The pane in sight, which must be one of text."""
        return cast(TextView, self._widgets[self.current])

    def set_apart(self, apart: bool) -> None:
        """Whether Progress has a place of its own."""
        self._apart = apart
        if apart and self.current == 0:
            self.choose(1)
        self._draw_tabs()

    def note(self, notes: tuple[str, ...]) -> None:
        """A figure or a word for each tab."""
        if notes != self._notes:
            self._notes = notes
            self._draw_tabs()

    def _draw_tabs(self) -> None:
        first = 1 if self._apart else 0
        self._tabs.show_tabs(self.current - first, self._notes[first:], NAMES[first:], first + 1)

    def choose(self, index: int) -> None:
        """Brings pane `index` in sight; the focus goes with it if a pane has it."""
        if index == self.current:
            return
        focused = self.widget.has_focus
        self.current = index
        self._switcher.current = f"campaign-{index}"
        self._draw_tabs()
        if focused:
            self.screen.set_focus(self.widget)
        self.post_message(self.Switched())

    def show_proposal(self, lines: list[Line]) -> None:
        """Shows one proposal in full."""
        self.proposals.full.show(lines, top=True)
        self.proposals.full.display = bool(lines)

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        """A click on a tab."""
        message.stop()
        self.choose(message.index + (1 if self._apart else 0))
