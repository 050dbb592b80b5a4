"""The history screen: past campaigns, their runs and items, an item's commit; also those that git alone knows."""

from datetime import datetime

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal

from tui.costs import today_text
from tui.feed import Snapshot
from tui.hints import key_line
from tui.keymap import bindings
from tui.past import Past
from tui.past_loader import ChangeRead, GitSaid, PastLoader, PastRead
from tui.past_rows import Row, campaign_rows, cells, found_again, head_line, item_rows
from tui.past_text import compared, row_lines
from tui.screens.framing import show_holds, show_said, show_top
from tui.screens.history_acting import HistoryActing
from tui.text import Line, line
from tui.widgets.bar import Bar
from tui.widgets.line_list import LineList
from tui.widgets.prompt import Prompt
from tui.widgets.text_view import TextView

__all__ = ["HistoryScreen"]

WIDE = 100
"""Columns from which there is room for two columns."""
FLAT = 16
"""Lines below which what is under the cursor has no place of its own, on a screen of one column."""


class HistoryScreen(HistoryActing):
    """Campaigns and runs; the items of one; and what is known of one item with its commit, or two runs side by side.

    Args:
        shown: what is known at first.
        campaign: the name of the campaign whose items are shown at first; '' for the list of all.
    """

    BINDINGS = bindings("history")
    AUTO_FOCUS = "#past"
    DEFAULT_CSS = """
    HistoryScreen {
        background: $page;
        layout: vertical;
        #holds, #activity { display: none; }
        #holds.-held, #activity.-said { display: block; }
        #head { background: $page; }
        #body { height: 1fr; }
        #past {
            width: 60%; max-width: 110;
            border: round $frame; border-subtitle-color: $quiet-text;
            &:focus { border: round $frame-focus; }
        }
        #about {
            width: 1fr; border: round $frame;
            &:focus { border: round $frame-focus; }
        }
        &.-narrow {
            #body { layout: vertical; }
            #past, #past:focus { width: 100%; max-width: 100%; height: 1fr; border: none; border-top: solid $frame; }
            #about { width: 100%; height: 6; border: none; border-top: solid $frame; }
        }
        &.-reading #about, &.-reading #about:focus { width: 100%; height: 1fr; border: none; border-top: solid $frame; }
    }
    """

    def __init__(self, shown: Snapshot, campaign: str = "") -> None:
        super().__init__()
        self.ready = False
        """Whether it has its parts, and can be shown something."""
        self.past = Past()
        self._shown = shown
        self._wanted = campaign
        self._rows: list[Row] = []
        self._inside: Row | None = None
        self.reading = ""
        self._change: list[Line] = []
        self.marked: list[tuple[object, ...]] = []
        self.words = ["", ""]
        self._left_at = 0
        """Where the cursor was among the campaigns."""

    def compose(self) -> ComposeResult:
        """Top line, holds, where one is; the list and what is under its cursor; activity, keys."""
        yield Bar(id="top")
        yield Bar(id="holds")
        yield Bar(id="head")
        with Horizontal(id="body"):
            yield LineList(self.room.clock, id="past")
            yield TextView(id="about")
        yield Bar(id="activity")
        yield Prompt(id="prompt")
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Parts are looked up once; reading begins."""
        self._top = self.query_one("#top", Bar)
        self._holds = self.query_one("#holds", Bar)
        self._head = self.query_one("#head", Bar)
        self._activity = self.query_one("#activity", Bar)
        self._keys = self.query_one("#keys", Bar)
        self.lines = self.query_one("#past", LineList)
        self.about = self.query_one("#about", TextView)
        self.prompt = self.query_one(Prompt)
        self.loader = PastLoader(self, self.room.state.repository, self._shown.fleet)
        self.ready = True
        self.watch(self, "focused", self.show_keys, init=False)
        self._arrange()
        self.loader.begin()
        self.fill()
        self.call_after_refresh(self._resized)

    def on_unmount(self) -> None:
        """What git still looks for is wanted by nobody."""
        if self.ready:
            self.loader.close()

    # what was read

    @property
    def snapshot(self) -> Snapshot:
        """What the files said last."""
        return self._shown

    def show(self, snapshot: Snapshot) -> None:
        """Takes in what the files say now."""
        self._shown = snapshot
        self.loader.take(snapshot.fleet, snapshot.change)
        self._draw()

    def on_git_said(self, message: GitSaid) -> None:
        """What git knows is known."""
        self.loader.said(message)
        self._show_head()
        self._say_empty()

    def on_past_read(self, message: PastRead) -> None:
        """The past is known, or known better."""
        self.loader.was_read()
        self.past = message.past
        if self._inside is not None:
            self._inside = found_again(self.past, self._inside)
            if self._inside is None:
                self.leave_reading()
        elif self._wanted:
            self._enter_wanted()
        self.fill()

    def _enter_wanted(self) -> None:
        found = next((one for one in self.past.campaigns if one.name == self._wanted), None)
        if found is not None and (found.view is not None or not self.loader.asking):
            self._wanted, self._inside = "", Row(found)

    def tick(self) -> None:
        """Draws what time alone changes, and reads git again where that is due."""
        self.loader.tick()
        self._draw()

    def _draw(self) -> None:
        now = self.room.clock()
        show_top(self._top, self.room, self._shown, now)
        show_holds(self._holds, self._shown, self.size.width, now)
        self._show_head()
        self.lines.refresh_changed()
        self._show_about()
        self.show_activity()

    # what is selected

    @property
    def row(self) -> Row | None:
        """What is under the cursor."""
        place = self.lines.cursor if self.ready else 0
        return self._rows[place] if 0 <= place < len(self._rows) else None

    @property
    def level(self) -> int:
        """0 among the campaigns, 1 among the items of one."""
        return 0 if self._inside is None else 1

    def fill(self) -> None:
        """Draws the list of what there is, the cursor on what it was on."""
        selected = self.row
        words = self.words[self.level].lower().split()
        inside = self._inside
        if inside is None:
            self._rows = campaign_rows(self.past, words)
        else:
            self._rows = item_rows(inside.campaign, inside.run, words)
        place = self._place_of(selected) if selected else None
        rows, marked = self._rows, self.marked

        def shown(index: int, columns: int, now: datetime) -> Line:
            return cells(rows[index], columns, now, rows[index].item is None and rows[index].key in marked)

        self.lines.show(len(rows), shown, self.lines.cursor if place is None else place, follow=place is not None)
        self._say_empty()
        if self.reading == "item" and place is None:  # what was read is gone
            self.leave_reading()
        self._show_head()
        self._show_about(top=self.row is None or selected is None or self.row.key != selected.key)
        self.show_keys()

    def _place_of(self, row: Row) -> int | None:
        key = row.key
        return next((place for place, one in enumerate(self._rows) if one.key == key), None)

    def _say_empty(self) -> None:
        if self.words[self.level]:
            said = "nothing matches: esc shows all again"
        elif self._inside is not None:
            said = "it has come to no item"
        elif not self.loader.known or self.loader.asking:
            said = "reading …"
        else:
            said = "no campaign yet, neither in the files nor in git"
        self.lines.say_empty(((f" {said}", "muted"),))

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Something else is selected."""
        message.stop()
        self._show_about(top=True)
        self.show_keys()

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """A campaign or a run: its items. An item: its commit."""
        message.stop()
        row = self.row
        if row is None:
            return
        if row.item is not None:
            self._read_item()
            return
        self._left_at = self.lines.cursor
        self._inside, self.words[1] = row, ""
        self._rows = []
        self.fill()
        self.lines.cursor = 0

    def action_back(self) -> None:
        """One step out: from the commit to the items, from a search to all, from the items to the campaigns."""
        if self.reading:
            self.leave_reading()
        elif self.focused is not self.lines:
            self.set_focus(self.lines)
        elif self.words[self.level]:
            self.search("")
        elif self._inside is not None:
            left, self._inside = self._inside, None
            self._rows = []
            self.fill()
            place = self._place_of(left)
            self.lines.cursor = self._left_at if place is None else place
        else:
            self.room.close_history()

    # one item, two runs

    def _read_item(self) -> None:
        """Shows the item under the cursor with its commit."""
        row = self.row
        if row is None or row.item is None:
            return
        self.reading, self._change = "item", []
        if row.item.commit:
            self._change = [(("reading the commit …", "muted"),)]
            self.loader.change(row.item.commit)
        self.enter_reading()

    def on_change_read(self, message: ChangeRead) -> None:
        """The commit is known."""
        if self.loader.current(message) and self.reading == "item":
            self._change = message.lines
            self._show_about()

    def enter_reading(self) -> None:
        """Gives what is read the whole screen."""
        self._arrange()
        self.set_focus(self.about)
        self._show_about(top=True)
        self._show_head()
        self.show_keys()

    def leave_reading(self) -> None:
        """Back to the list."""
        self.loader.forget()
        self.reading, self._change = "", []
        self._arrange()
        if not self.prompt.purpose:  # what is typed on a line would act on the list
            self.set_focus(self.lines)
        self._show_about(top=True)
        self._show_head()
        self.show_keys()

    def action_step(self, by: int) -> None:
        """Reads the item before, or after, the one that is being read."""
        if self.reading != "item":
            self.lines.action_move(by)
            return
        place = self.lines.cursor + by
        while 0 <= place < len(self._rows) and self._rows[place].item is None:
            place += by
        if 0 <= place < len(self._rows):
            self.lines.cursor = place
            self._read_item()
        else:
            self.room.say("it is the last one" if by > 0 else "it is the first one")

    # what is drawn

    def _show_about(self, *, top: bool = False) -> None:
        if not self.about.display:
            return
        now, row = self.room.clock(), self.row
        if self.reading == "compare":
            chosen = self.chosen()
            columns = max(20, self.size.width - 3)
            lines = compared(chosen[0], chosen[1], columns, now) if len(chosen) == 2 else []
        else:
            lines = row_lines(row, now, followed=bool(self._change)) if row else []
            if self.reading:
                lines = [*lines, (), *self._change]
        if top or lines != self.about.lines:  # a diff is wrapped once, not each second
            self.about.show(lines, top=top)

    def _show_head(self) -> None:
        """Where one is, and how much there is."""
        parts = ["History"]
        row = self.row
        if self.reading == "compare":
            parts.append("two runs")
        elif self._inside is not None:
            parts.append(line(self._inside.campaign.name, 100))
            if self._inside.run is not None:
                parts.append(f"run {self._inside.run.number}")
        elif self.reading and row is not None:
            parts.append(line(row.campaign.name, 100))
        if self.reading == "item" and row is not None and row.item is not None:
            parts.append(line(row.item.target))
        words = "" if self.reading else self.words[self.level]
        self._head.show(head_line(parts, words, self._note(), self.size.width))

    def _note(self) -> str:
        today = today_text(self._shown.summary.today) if self._inside is None else ""
        return " · ".join(part for part in (self._known(), today) if part)

    def _known(self) -> str:
        if self.loader.asking and not self.loader.told.commits:
            return "reading git …"
        if self.loader.why or self.loader.told.cut:
            return line(self.loader.why or self.loader.told.cut, 100)
        if self._inside is not None:
            many = len(self._rows)
            return f"{many:,} item{'s' * (many != 1)}"
        runs = sum(len(one.runs) for one in self.past.campaigns)
        many = len(self.past.campaigns)
        return f"{many:,} campaign{'s' * (many != 1)} · {runs:,} run{'s' * (runs != 1)} · {self.past.commits:,} in git"

    def show_activity(self) -> None:
        """Draws what was done last and what became of it."""
        show_said(self._activity, self.room)

    def show_keys(self) -> None:
        """Draws the line of keys for where one is."""
        if self.ready:
            self._keys.show(key_line(self._keys.size.width, self._place(), self.reasons()))

    def _place(self) -> str:
        if self.prompt.purpose:
            return "search"
        if self.reading:
            return "past reading" if self.reading == "item" else "past compared"
        return "past" if self._inside is None else "past items"

    # Layout, at once as in the fleet: what is hidden cannot be given the focus.

    def _arrange(self) -> None:
        wide = self.size.width >= WIDE
        self.set_class(not wide, "-narrow")
        self.set_class(bool(self.reading), "-reading")
        self.lines.display = not self.reading
        self.about.display = bool(self.reading) or wide or self.size.height >= FLAT
        self.about.can_focus = bool(self.reading) or wide

    def on_resize(self, event: events.Resize) -> None:
        """Lines are fitted anew, and parts are shown as there is room for them."""
        if self.ready:
            self._arrange()
            if not self.prompt.purpose:
                self.set_focus(self.about if self.reading else self.lines)
            self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        self._draw()
        self.show_keys()
