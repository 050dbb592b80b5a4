"""Fills the panes with what is selected: at once what is known, and in a thread what must be read."""

from collections.abc import Callable
from datetime import datetime

from textual.screen import Screen
from textual.timer import Timer

from state.layout import StateDir
from state.views import Fleet, TaskView
from tui import conversation, describe
from tui.loader import Loaded, Loader
from tui.loads import Tailed
from tui.pictures import Picture
from tui.rows import Row
from tui.text import Line, line
from tui.widgets.captures import Captures
from tui.widgets.panes import PANES, Panes

__all__ = ["Filling"]

SETTLE = 0.06
"""Seconds that the cursor must rest on a row before its files are read."""
NOTHING_WRITTEN: list[Line] = [(("nothing written yet", "muted"),)]
TEXTS = tuple(name for name in PANES if name != "Captures")


class Filling:
    """What the panes of one screen show. The screen hands on what it is told, and nothing here knows another widget.

    Args:
        screen: where threads are started from, and where what they read arrives as `Loaded`.
        panes: what is filled.
        state: what is read.
        clock: the time from which ages are worked out.
        quiet: whether a worker is silent beyond its habit.
    """

    def __init__(
        self,
        screen: Screen[None],
        panes: Panes,
        state: StateDir,
        clock: Callable[[], datetime],
        quiet: Callable[[TaskView, datetime], bool],
    ) -> None:
        self._screen = screen
        self._panes = panes
        self._clock = clock
        self._quiet = quiet
        self._loader = Loader(screen, state)
        self._row: Row | None = None
        self._fleet = Fleet()
        self._reading = True
        self._outcomes: conversation.Outcomes | None = None
        self._settling: Timer | None = None

    # what is selected

    def select(self, row: Row | None, fleet: Fleet, reading: bool) -> bool:
        """Shows `row`, of `fleet`; True if it is another one than before. `reading`: more rows are to come."""
        fresh = (row.key if row else "") != (self._row.key if self._row else "")
        self._row, self._fleet, self._reading = row, fleet, reading
        self._title()
        if fresh:
            self._forget()
            for name in TEXTS:
                self._panes.text(name).show([], top=True)
            if self._settling is not None:
                self._settling.stop()
            self._settling = self._screen.set_timer(SETTLE, self.load)
        self._status(top=fresh)
        return fresh

    def changed(self, row: Row | None, fleet: Fleet, paths: frozenset[str]) -> None:
        """Takes in a new `fleet`, with what is known of the selected `row` now, and reads again what the pane in
        sight shows of `paths`."""
        self._fleet = fleet
        if row is None or self._row is None or row.key != self._row.key:
            return  # the selection moved: `select` is about to be told
        self._row = row
        if self._loader.touched(self._panes.name_of_current, self._row, paths):
            self.load()

    def switched(self) -> None:
        """Another pane is in sight."""
        self._forget()
        self._title()
        if self._log_in_sight:
            self._panes.log_pane.show([], top=True)
        self.load()

    @property
    def _log_in_sight(self) -> bool:
        return self._panes.name_of_current == "Log"

    @property
    def has_events(self) -> bool:
        """Whether the log can be shown as the events of the worker's stream."""
        return bool(self._row and self._row.task and self._row.task.report)

    def turn_log(self) -> None:
        """Shows raw output in the place of events, or events again."""
        self._loader.raw = not self._loader.raw
        self.switched()

    def _forget(self) -> None:
        self._loader.forget()
        self._outcomes = None

    # what is drawn at once

    def _title(self) -> None:
        """Draws the frame's title and the figures of the tabs."""
        row = self._row
        if row is None or row.task is None:
            self._panes.set_title(line(row.key.partition(":")[2], 100) if row else "")
            self._panes.note(())
        else:
            name, title = line(row.task.id, 60), line(row.task.title)
            self._panes.set_title(name, "" if title == name else title)
            said = len(row.task.outbox) + len(row.task.inbox) + len(row.task.filed)
            log = ("raw" if self._loader.raw else "events") if self.has_events and self._log_in_sight else ""
            self._panes.note(("", "", str(said or ""), log, str(len(row.task.captures) or ""), ""))

    def subtitle(self) -> None:
        """Draws the frame's foot: of the log, which attempt, what of it is shown, and whether it is followed."""
        task = self._row.task if self._row else None
        said = ""
        if self._log_in_sight and task is not None and task.attempts:
            following = "following" if self._panes.log_pane.following else "f follows"
            shown = ("raw output · o events · " if self._loader.raw else "events · o raw · ") if self.has_events else ""
            said = f"attempt {task.attempts[-1]} · {shown}{following}"
        self._panes.set_foot(said)

    def tick(self) -> None:
        """Draws what time alone changes."""
        if self._panes.name_of_current == "Status":
            self._status()
        elif self._panes.name_of_current == "Outbox":
            self._conversation()

    def _status(self, *, top: bool = False) -> None:
        row, now = self._row, self._clock()
        if row is not None and row.task is not None:
            lines = describe.describe_task(row.task, self._fleet, now, self._quiet(row.task, now))
        elif row is not None and row.campaign is not None:
            lines = describe.describe_campaign(row.campaign, self._fleet, now)
        else:
            lines = describe.describe_nothing(self._reading)
        self._panes.text("Status").show(lines, top=top)

    def _conversation(self) -> None:
        if self._row is not None and self._row.task is not None and self._outcomes is not None:
            lines = conversation.describe(self._row.task, self._outcomes, self._clock())
            self._panes.text("Outbox").show(lines)

    # what is read

    def load(self) -> None:
        """Reads what the pane in sight shows."""
        row, pane = self._row, self._panes.name_of_current
        self.subtitle()
        if row is None:
            return
        if pane == "Captures":
            self._panes.captures.show_names(row.task.captures if row.task else ())
        elif pane == "Status":
            self._status()
        else:
            self._loader.load(pane, row)

    def loaded(self, message: Loaded) -> None:
        """Shows what was read, unless it is not wanted any more."""
        if not self._loader.current(message):
            return
        content = message.content
        if isinstance(content, Picture):
            self._panes.captures.show(content)
        elif isinstance(content, Tailed):
            self._log(content)
        elif isinstance(content, dict):
            self._outcomes = content
            self._conversation()
        elif message.pane in TEXTS:
            self._panes.text(message.pane).show(content)

    def _log(self, tailed: Tailed) -> None:
        log = self._panes.log_pane
        if tailed.reset or log.lines == NOTHING_WRITTEN:
            log.show(tailed.lines or NOTHING_WRITTEN, top=True)
        else:
            log.extend(tailed.lines)
        self._loader.log_was_read()

    def picture(self, wanted: Captures.Wanted) -> None:
        """Reads a picture."""
        task = self._row.task if self._row else None
        if task is not None and wanted.index < len(task.captures):
            self._loader.picture(task.id, task.captures[wanted.index], wanted.columns, wanted.lines)
