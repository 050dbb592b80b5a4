"""What the keys of the history screen do besides moving: search, mark and compare runs, copy a commit's id."""

from abc import abstractmethod
from typing import cast

from textual.screen import Screen

from tui.past import Past, PastRun
from tui.past_rows import Row
from tui.room import Room
from tui.text import line
from tui.widgets.line_list import LineList
from tui.widgets.prompt import Prompt

__all__ = ["HistoryActing"]

NO_COMMIT = "no commit is known of it"
MARK_TWO = "space marks two runs to compare"
BACK_FIRST = "esc goes back to the list first"


class HistoryActing(Screen[None]):
    """The acting half of the history screen."""

    past: Past
    lines: LineList
    prompt: Prompt
    reading: str
    """What has the whole screen: `item`, `compare`; '' for the list."""
    words: list[str]
    """What is searched for, by level."""
    marked: list[tuple[object, ...]]
    """The keys of the rows of the runs that are marked."""

    @property
    def room(self) -> Room:
        """The app."""
        return cast("Room", self.app)

    # what the other half does

    @property
    @abstractmethod
    def row(self) -> Row | None:
        """What is under the cursor."""

    @property
    @abstractmethod
    def level(self) -> int:
        """0 among the campaigns, 1 among the items of one."""

    @abstractmethod
    def fill(self) -> None:
        """Draws the list of what there is."""

    @abstractmethod
    def enter_reading(self) -> None:
        """Gives what is read the whole screen."""

    @abstractmethod
    def leave_reading(self) -> None:
        """Back to the list."""

    @abstractmethod
    def show_keys(self) -> None:
        """Draws the line of keys for where one is."""

    # why not

    def reasons(self) -> dict[str, str]:
        """For each key that would refuse now, why."""
        found = {} if self.commit else {"history.copy": NO_COMMIT}
        row = self.row
        if self.reading:
            return found | dict.fromkeys(("history.mark", "history.compare"), BACK_FIRST)
        if row is None or row.run is None or row.item is not None:
            found["history.mark"] = MARK_TWO
        if len(self.chosen()) < 2:
            found["history.compare"] = MARK_TWO
        return found

    # two runs

    def action_mark(self) -> None:
        """Marks the run under the cursor to be compared, or takes the mark away."""
        row = self.row
        if self.reading or row is None:
            return
        if row.run is None or row.item is not None:
            self.room.say("two runs are compared: mark runs")
            return
        if row.key in self.marked:
            self.marked.remove(row.key)
        else:
            self.marked[:] = [*self.marked[-1:], row.key]
        self.lines.refresh_changed()
        self.show_keys()

    def chosen(self) -> list[PastRun]:
        """The runs that would be compared, the earlier one first."""
        runs = {Row(one, run).key: run for one in self.past.campaigns for run in one.runs}
        keys = [key for key in self.marked if key in runs]
        row = self.row
        if len(keys) == 1 and row and row.run and row.item is None and row.key not in keys:
            keys.append(row.key)
        return sorted((runs[key] for key in keys if key in runs), key=lambda one: one.run.started)

    def action_compare(self) -> None:
        """Shows two runs side by side: those that are marked, or the marked one and the one under the cursor."""
        if self.reading:
            return
        if len(self.chosen()) < 2:
            self.room.say(MARK_TWO)
            return
        self.reading = "compare"
        self.enter_reading()

    def action_copy(self) -> None:
        """Copies the id of the commit under the cursor."""
        commit = self.commit
        if commit:
            self.room.copy_to_clipboard(commit)
            self.room.say(f"copied {commit}")
        else:
            self.room.say(NO_COMMIT)

    @property
    def commit(self) -> str:
        """The id of the commit under the cursor, safe to show; '' where there is none."""
        row = self.row
        return line(row.item.commit, 64) if row and row.item and self.reading != "compare" else ""

    # search

    def action_search(self) -> None:
        """Opens the line to search on."""
        if self.reading:
            self.leave_reading()
        self.set_focus(self.lines)
        self.prompt.ask("search", "/", self.words[self.level], "item, why, learned, subject, commit")
        self.show_keys()

    def search(self, text: str) -> None:
        """Shows only what has all words of `text`."""
        self.words[self.level] = text
        self.fill()

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        """A search holds while it is typed."""
        if message.purpose == self.prompt.purpose == "search":
            self.search(message.text)

    def on_prompt_done(self, message: Prompt.Done) -> None:
        """Enter: the search is kept."""
        self.set_focus(self.lines)
        self.search(message.text)

    def on_prompt_left(self, message: Prompt.Left) -> None:
        """Escape: all is shown again."""
        self.set_focus(self.lines)
        self.search("")
