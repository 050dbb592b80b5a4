"""The home screen: the tree on the left, what is selected on the right, what needs a person below it."""

from datetime import datetime

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content

from state.machine import Worker, stale
from state.views import TaskView
from tui.attention import Entry, task_key
from tui.feed import Snapshot
from tui.filter import Filter, parse
from tui.hints import key_line
from tui.keymap import bindings
from tui.loader import Loaded
from tui.locks import lock_line
from tui.rows import Row, build, moved
from tui.screens.acting import ActingScreen
from tui.screens.filling import Filling
from tui.screens.framing import show_holds, show_said, show_top
from tui.text import line
from tui.widgets.bar import Bar
from tui.widgets.captures import Captures
from tui.widgets.log_pane import LogPane
from tui.widgets.needs_you import NeedsYou
from tui.widgets.panes import Panes
from tui.widgets.prompt import Prompt
from tui.widgets.task_list import TaskList

__all__ = ["FleetScreen"]


WIDE = 100
"""Columns from which there is room for two columns."""


class FleetScreen(ActingScreen):
    """Everything at a glance, and every act in a few keys."""

    BINDINGS = bindings("fleet")
    AUTO_FOCUS = "TaskList"
    DEFAULT_CSS = """
    FleetScreen {
        background: $page;
        layout: vertical;
        #body { height: 1fr; }
        #right { width: 1fr; }
        Panes { height: 1fr; }
        #activity, #locks, #holds { display: none; }
        #activity.-said, #locks.-busy, #holds.-held { display: block; }
        TaskList {
            width: 42%; min-width: 42; max-width: 76;
            border: round $frame; border-title-color: $foreground; border-title-style: bold;
            border-subtitle-color: $quiet-text;
            &:focus { border: round $frame-focus; }
        }
        Panes { border-subtitle-color: $quiet-text; }
        &.-narrow {
            #body { layout: vertical; }
            TaskList, TaskList:focus {
                width: 100%; max-width: 100%; height: 1fr; border: none; border-top: solid $frame;
            }
            #right { width: 100%; height: auto; }
            Panes, Panes:focus-within { border: none; border-top: solid $frame; }
            NeedsYou, NeedsYou.-answering { border: none; border-top: solid $attention;}
        }
        &.-narrow.-open {
            #right { height: 1fr; }
        }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = Snapshot()
        self._folded: set[str] = set()
        self._filter = Filter()
        self._open = False
        self.ready = False
        """Whether it has its parts, and can be shown something."""

    def compose(self) -> ComposeResult:
        """Top line, holds, tree, panes, strip, locks, activity, keys."""
        clock = self.room.clock
        yield Bar(id="top")
        yield Bar(id="holds")
        with Horizontal(id="body"):
            yield TaskList(clock, self.room.quiet, self._takes, id="tasks")
            with Vertical(id="right"):
                yield Panes(clock, id="panes")
                yield NeedsYou(clock, self._title_of, id="needs")
        yield Bar(id="locks")
        yield Bar(id="activity")
        yield Prompt(id="prompt")
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Parts are looked up once."""
        self.tasks = self.query_one(TaskList)
        self.panes = self.query_one(Panes)
        self.needs = self.query_one(NeedsYou)
        self.prompt = self.query_one(Prompt)
        self._top = self.query_one("#top", Bar)
        self._holds = self.query_one("#holds", Bar)
        self._locks = self.query_one("#locks", Bar)
        self._activity = self.query_one("#activity", Bar)
        self._keys = self.query_one("#keys", Bar)
        self.filling = Filling(self, self.panes, self.room.state, self.room.clock, self.room.quiet)
        self.tasks.border_title = Content("Tasks")
        self.needs.set_entries(())
        self.ready = True
        self.watch(self, "focused", self._focus_moved, init=False)
        self._arrange()
        self.show(self._shown)

    # what was read

    def show(self, snapshot: Snapshot) -> None:
        """Makes `snapshot` what is seen."""
        before, self._shown = self._shown, snapshot
        change = snapshot.change
        if (
            self._filter
            or change.campaigns
            or before.reading != snapshot.reading
            or any(moved(before.fleet.tasks.get(name), snapshot.fleet.tasks.get(name)) for name in change.tasks)
        ):
            self._rebuild()
        else:
            self._update(change.tasks)
        if snapshot.summary.entries != before.summary.entries:
            self._show_entries()
        self.tick()
        self.filling.changed(self.row, snapshot.fleet, change.paths)

    def tick(self) -> None:
        """Draws what time alone changes."""
        now, shown = self.room.clock(), self._shown
        show_top(self._top, self.room, shown, now)
        show_holds(self._holds, shown, self.size.width, now)
        self.tasks.refresh_changed()
        self.needs.redraw()
        self.filling.tick()
        self._show_locks()
        self.show_activity()

    def _rebuild(self) -> None:
        fleet = self._shown.fleet
        rows = build(fleet, self._folded, self._filter)
        self.tasks.set_rows(rows)
        found = sum(row.task is not None for row in rows)
        self.tasks.border_subtitle = (
            Content(f"/{line(self._filter.text, 60)}  {found} of {len(fleet.tasks)}") if self._filter else None
        )
        nothing = "no task matches the filter" if self._filter else "no tasks yet"
        self.tasks.say_empty(((" reading …" if self._shown.reading else f" {nothing}", "muted"),))
        if self.row is None:
            self._show_selected()

    def _update(self, names: frozenset[str]) -> None:
        for name in names:
            index = self.tasks.index_of(f"task:{name}")
            if index is not None:
                old = self.tasks.rows[index]
                view = self._shown.fleet.tasks[name]
                self.tasks.set_row(Row(old.key, old.depth, view, None, old.folded, old.parent))

    def _show_entries(self) -> None:
        self.needs.set_entries(self.room.unanswered(self._shown.summary.entries))
        if (row := self.row) is not None:
            self.needs.choose(row.key)
        self.show_keys()

    def entries_changed(self) -> None:
        """An entry was dealt with here, before the files say so."""
        self._show_entries()
        self.tick()

    @property
    def snapshot(self) -> Snapshot:
        """What is seen."""
        return self._shown

    def _title_of(self, key: str) -> str:
        view = self._shown.fleet.tasks.get(key.removeprefix("task:"))
        return view.title if view else ""

    # what is selected

    def on_task_list_selected(self, message: TaskList.Selected) -> None:
        """The cursor moved, or what is under it changed."""
        message.stop()
        self._show_selected()

    def _show_selected(self) -> None:
        row = self.row
        self.disarm()
        if self.filling.select(row, self._shown.fleet, self._shown.reading):
            self.needs.choose(row.key if row else "")
        self.show_keys()

    def on_loaded(self, message: Loaded) -> None:
        """What a pane asked for was read."""
        self.filling.loaded(message)

    def on_captures_wanted(self, message: Captures.Wanted) -> None:
        """A picture is to be read."""
        self.filling.picture(message)

    def on_panes_switched(self) -> None:
        """Another pane is in sight."""
        self.filling.switched()
        self.show_keys()

    def on_log_pane_followed(self, message: LogPane.Followed) -> None:
        """Following is shown in the frame."""
        self.filling.subtitle()

    def on_log_pane_turned(self) -> None:
        """The log is shown in its other form, where it has one."""
        if self.filling.has_events:
            self.filling.turn_log()
        else:
            self.room.say("this log has one form only: nobody reads this agent's events")

    def action_pane(self, index: int) -> None:
        """Chooses a pane; where there is room for one thing only, it takes the screen."""
        self.panes.choose(index)
        if self.narrow:
            self.open_panes()

    # Layout and focus. `Widget.focus` waits for the next turn of the loop and would take the focus
    # from a line that was opened meanwhile; `set_focus` is done when it returns.

    @property
    def narrow(self) -> bool:
        """Whether there is room for one part at a time."""
        return self.size.width < WIDE

    def open_panes(self) -> None:
        """Goes to what is selected."""
        self._open = True
        self._arrange()
        self.set_focus(self.panes.widget)

    def open_list(self) -> None:
        """Goes to the list."""
        self._open = False
        self._arrange()
        self.set_focus(self.tasks)

    def return_focus(self) -> None:
        """Goes back to where the person was before a line was opened to type on."""
        self.set_focus(self.panes.widget if self.narrow and self._open else self.tasks)

    def _arrange(self) -> None:
        """Shows what there is room for. At once, not by style sheet: what is hidden cannot be given the focus."""
        narrow = self.narrow
        self.set_class(narrow, "-narrow")
        self.set_class(narrow and self._open, "-open")
        self.tasks.display = not (narrow and self._open)
        self.panes.display = not narrow or self._open
        self.needs.compact = narrow

    def on_task_list_opened(self, message: TaskList.Opened) -> None:
        """A campaign has a screen of its own, a task opens."""
        if message.row.campaign is not None:
            self.room.open_campaign(message.row.campaign.name)
        else:
            self.open_panes()

    def on_task_list_folded(self, message: TaskList.Folded) -> None:
        """Children are hidden, or shown."""
        self.fold(message.row, message.folded)

    def fold(self, row: Row, folded: bool) -> None:
        """Hides or shows what is below `row`."""
        (self._folded.add if folded else self._folded.discard)(row.key)
        self._rebuild()

    def action_back(self) -> None:
        """To the list; from there, out of the filter."""
        if not self.tasks.has_focus:
            self.open_list()
        elif self._filter:
            self.set_filter("")

    def on_resize(self, event: events.Resize) -> None:
        """Lines are fitted anew, and parts are shown as there is room for them."""
        if not self.ready:
            return
        if not self.has_class("-narrow"):
            self._open = self.panes.has_focus_within
        self._arrange()
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        self.tick()
        self.show_keys()

    def _focus_moved(self) -> None:
        self.show_keys()

    # filter

    def action_filter(self) -> None:
        """Opens the line to filter on."""
        self.open_list()
        self.prompt.ask("filter", "/", self._filter.text, "s:waiting  c:campaign  a:agent  words")
        self.show_keys()

    def set_filter(self, text: str) -> None:
        """Shows only what `text` accepts."""
        self._filter = parse(text)
        self._rebuild()

    # foot

    def show_keys(self) -> None:
        """Draws the line of keys for where the focus is."""
        self._keys.show(key_line(self._keys.size.width, self._place(), self.reasons()))

    def _place(self) -> str:
        if self.prompt.purpose:
            return "filter" if self.prompt.purpose == "filter" else "prompt"
        if self.needs.answering:
            return "answer"
        if self.tasks.has_focus:
            return "list"
        return {"Log": "log", "Captures": "captures"}.get(self.panes.name_of_current, "pane")

    def _takes(self, view: TaskView, now: datetime) -> Worker | None:
        """What a worker takes, by a sample that is not too old to be true still."""
        fleet = self._shown.fleet
        return None if fleet.machine is None or stale(fleet.machine, now) else fleet.takes(view)

    def _show_locks(self) -> None:
        cells = lock_line(self.size.width, self.room.clock(), self._shown.fleet.locks.values())
        self._locks.set_class(bool(cells), "-busy")
        self._locks.show(cells)

    def show_activity(self) -> None:
        """Draws what was done last and what became of it."""
        show_said(self._activity, self.room)

    def select_entry(self, entry: Entry) -> None:
        """Goes to the row that `entry` is about."""
        self.select(entry.key)
        self.needs.choose(entry.key)

    def select(self, key: str) -> None:
        """Goes to the row with `key`, unfolding what hides it."""
        if not self.tasks.select(key) and key:
            self._folded.clear()
            self._filter = Filter()
            self._rebuild()
            self.tasks.select(key)

    def open_task(self, name: str) -> None:
        """Goes to a task and what is known of it."""
        self.select(task_key(name))
        self._show_selected()
        self.open_panes()
