"""The campaign screen: the queue on the left, on the right how it stands, its policy, its history and its runs."""

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message

from state.campaign_file import Item
from state.envelope import Proposal
from state.spending import of_newest, sum_of
from state.usage import Usage
from state.views import CampaignView, TaskView
from tui import campaign_text
from tui.campaign_progress import head, progress, why_line
from tui.campaign_queue import Queue, item_lines
from tui.feed import Snapshot
from tui.hints import key_line
from tui.keymap import bindings
from tui.screens.campaign_acting import CampaignActing
from tui.screens.framing import show_holds, show_said, show_top
from tui.text import Line, plain
from tui.widgets.bar import Bar
from tui.widgets.campaign_panes import CampaignPanes
from tui.widgets.line_list import LineList
from tui.widgets.prompt import Prompt
from tui.widgets.text_view import TextView

__all__ = ["CampaignScreen"]

WIDE = 100
"""Columns from which there is room for two columns."""
TALL = 34
"""Lines from which progress has a place of its own above the other panes."""
FLAT = 16
"""Lines below which the item under the cursor has no place of its own."""
ITEM = 5
"""Lines for the item under the cursor: always as many, so that nothing jumps."""
ITEM_NARROW = 3
"""The same on a screen that has one column."""


class Body(Horizontal):
    """What is between the lines at the head and at the foot."""

    class Resized(Message):
        """It has another size: a line above it came or went, or the terminal changed."""

    def on_resize(self) -> None:
        """Says so."""
        self.post_message(self.Resized())


class CampaignScreen(CampaignActing):
    """One campaign: what it did, what it is at, what comes next, and the moves that a person makes.

    Args:
        name: the campaign's.
        shown: what is known at first.
    """

    BINDINGS = bindings("campaign")
    AUTO_FOCUS = "#queue"
    DEFAULT_CSS = """
    CampaignScreen {
        background: $page;
        layout: vertical;
        #holds, #why, #activity { display: none; }
        #holds.-held, #why.-said, #activity.-said { display: block; }
        #head, #why { background: $page; }
        #body { height: 1fr; }
        #left { width: 46%; min-width: 46; max-width: 100; }
        #right { width: 1fr; }
        #queue {
            height: 1fr;
            border: round $frame; border-title-color: $foreground; border-title-style: bold;
            border-subtitle-color: $quiet-text;
            &:focus { border: round $frame-focus; }
        }
        #item { border: round $frame; }
        #progress {
            height: auto; border: round $frame; border-title-color: $foreground; border-title-style: bold;
            &:focus { border: round $frame-focus; }
        }
        CampaignPanes { height: 1fr; }
        &.-narrow {
            #left, #right { width: 100%; max-width: 100%; }
            #queue, #queue:focus, #item, CampaignPanes, CampaignPanes:focus-within {
                border: none; border-top: solid $frame;
            }
        }
    }
    """

    def __init__(self, name: str, shown: Snapshot) -> None:
        super().__init__()
        self.name_of = name
        self.ready = False
        """Whether it has its parts, and can be shown something."""
        self.queue = Queue(CampaignView(name), {})
        self._shown = shown
        self._ended = Usage()
        self._uncounted: list[TaskView] = []
        self._placed = False
        self._open = False
        self._order = []
        self._moving = set()

    def compose(self) -> ComposeResult:
        """Top line, holds, head, why; queue and item, progress and panes; activity, keys."""
        clock = self.room.clock
        yield Bar(id="top")
        yield Bar(id="holds")
        yield Bar(id="head")
        yield Bar(id="why")
        with Body(id="body"):
            with Vertical(id="left"):
                yield LineList(clock, id="queue")
                yield TextView(id="item")
            with Vertical(id="right"):
                yield TextView(id="progress")
                yield CampaignPanes(clock, id="panes")
        yield Bar(id="activity")
        yield Prompt(id="prompt")
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Parts are looked up once."""
        self._top = self.query_one("#top", Bar)
        self._holds = self.query_one("#holds", Bar)
        self._head = self.query_one("#head", Bar)
        self._why = self.query_one("#why", Bar)
        self._activity = self.query_one("#activity", Bar)
        self._keys = self.query_one("#keys", Bar)
        self._left = self.query_one("#left", Vertical)
        self._right = self.query_one("#right", Vertical)
        self._body = self.query_one(Body)
        self._item = self.query_one("#item", TextView)
        self._progress = self.query_one("#progress", TextView)
        self.list = self.query_one("#queue", LineList)
        self.panes = self.query_one(CampaignPanes)
        self.prompt = self.query_one(Prompt)
        self._item.can_focus = False
        self.list.border_title = Content("Queue")
        self._progress.border_title = Content("Progress")
        self.list.say_empty(((" the queue has no item yet: o adds one", "muted"),))
        self.ready = True
        self.watch(self, "focused", self.show_keys, init=False)
        self._arrange()
        self._renew()
        self.call_after_refresh(self._resized)

    # what was read

    def show(self, snapshot: Snapshot) -> None:
        """Makes `snapshot` what is seen."""
        before, self._shown = self._shown, snapshot
        change = snapshot.change
        if self.name_of in change.campaigns or any(
            self._is_mine(before.fleet.tasks.get(name)) or self._is_mine(snapshot.fleet.tasks.get(name))
            for name in change.tasks
        ):
            self._renew()
        self.tick()

    def _is_mine(self, task: TaskView | None) -> bool:
        return task is not None and task.campaign == self.name_of

    def _renew(self) -> None:
        """Takes in what is known of the campaign now, and draws what says so."""
        fleet, item = self._shown.fleet, self.item
        tasks: dict[int, TaskView] = {}
        for task in fleet.tasks.values():
            if task.task and task.campaign == self.name_of:
                tasks.setdefault(task.task.index, task)
        self.queue = self.queue.renewed(fleet.campaigns.get(self.name_of) or CampaignView(self.name_of), tasks)
        mine = [task for task in fleet.tasks.values() if task.campaign == self.name_of and task.status]
        self._ended = sum_of(task.status.usage for task in mine if task.status)
        self._uncounted = [task for task in mine if task.status and task.status.attempt > task.status.counted]
        place = self.queue.places.get(item.index) if item and self._placed else None
        if not self._placed and len(self.queue):
            self._placed = True
            place = min(self.queue.next_place, len(self.queue) - 1)
        cursor = self.list.cursor if place is None else place
        self.list.show(len(self.queue), self.queue.cells, cursor, follow=place is not None)
        self._show_proposals()
        self._note()
        self._show_panes()
        self._show_item()
        self.show_keys()

    def tick(self) -> None:
        """Draws what time alone changes."""
        now = self.room.clock()
        show_top(self._top, self.room, self._shown, now)
        show_holds(self._holds, self._shown, self.size.width, now)
        self._head.show(head(self.queue, now, self.size.width))
        why = why_line(self.queue.view, self.size.width)
        self._why.set_class(bool(why), "-said")
        self._why.show(why)
        self.list.refresh_changed()
        self._show_item()
        if self._uncounted:
            self._show_progress()
        if self.panes.display and self.panes.name_of_current in ("Runs", *(["Progress"] if self._uncounted else [])):
            self._show_pane()
        self.show_activity()

    @property
    def snapshot(self) -> Snapshot:
        """What is seen."""
        return self._shown

    # what is selected

    @property
    def item(self) -> Item | None:
        """The item under the cursor."""
        place = self.list.cursor if self.ready else 0
        return self.queue.items[place] if 0 <= place < len(self.queue) else None

    @property
    def queue_in_sight(self) -> bool:
        """Whether a person sees which item a key would be about."""
        return self._left.display

    @property
    def proposal(self) -> Proposal | None:
        """The proposal under the cursor, while the proposals are in sight."""
        if not (self.panes.display and self.panes.name_of_current == "Proposals"):
            return None
        found, at = campaign_text.proposals(self.queue.view), self.panes.proposals.list.cursor
        return found[at] if at < len(found) else None

    def on_line_list_moved(self, message: LineList.Moved) -> None:
        """Another item or proposal is selected."""
        message.stop()
        if message.lines is self.list:
            self._show_item()
        else:
            self._show_proposal()
        self.show_keys()

    def on_line_list_opened(self, message: LineList.Opened) -> None:
        """The item's task is gone to; a proposal is promoted."""
        message.stop()
        if message.lines is not self.list:
            self.action_promote()
            return
        item = self.item
        task = self.queue.task(item) if item else None
        if task is not None:
            self.room.open_task(task.id)
        elif item is not None:
            self.room.say(f"item {item.index} has no task yet")

    def action_next_needing(self) -> None:
        """Goes to the next entry, in the fleet."""
        self.room.next_needing()

    # what is drawn

    def _show_item(self) -> None:
        self._item.show(item_lines(self.queue, self.list.cursor, self.room.clock()))

    def _note(self) -> None:
        figures = campaign_text.figures(self.queue.view, self.queue.file)
        self.panes.note(tuple(str(figure or "") for figure in figures))

    def _show_panes(self) -> None:
        """Fills what is in sight."""
        self._show_progress()
        if self.panes.display:
            self._show_pane()

    def _show_progress(self) -> None:
        if self._progress.display:
            self._progress.show(self._progress_lines(self._progress, int(self._body.size.height * 0.55)))

    def _show_pane(self) -> None:
        name, lines = self.panes.name_of_current, list[Line]()
        if name == "Proposals":
            self._show_proposal()
            return
        if name == "Progress":
            lines = self._progress_lines(self.panes.text, self._body.size.height - 4)
        elif name == "Policy":
            lines = campaign_text.policy(self.queue.view)
        elif name == "History":
            lines = campaign_text.history(self.queue.file)
        elif name == "Runs":
            lines = campaign_text.runs(self.queue.view, self.room.clock())
        self.panes.text.show(lines)

    def _progress_lines(self, view: TextView, rows: int) -> list[Line]:
        cut_off = "…" in plain(why_line(self.queue.view, self.size.width))[-1:]
        now = self.room.clock()
        spent = sum_of((self._ended, *(used for task in self._uncounted if (used := of_newest(task, now)))))
        return progress(self.queue, spent, max(20, view.size.width - 2), rows, reason=cut_off)

    def _show_proposals(self) -> None:
        found, view = campaign_text.proposals(self.queue.view), self.queue.view
        proposals = self.panes.proposals.list
        proposals.say_empty(((" nothing is proposed: a run does so at its end", "muted"),))
        proposals.show(
            len(found),
            lambda index, columns, now: campaign_text.proposal_cells(view, found[index], columns),
            proposals.cursor,
        )

    def _show_proposal(self) -> None:
        proposal = self.proposal
        self.panes.show_proposal(campaign_text.proposal_lines(self.queue.view, proposal) if proposal else [])

    def show_activity(self) -> None:
        """Draws what was done last and what became of it."""
        show_said(self._activity, self.room)

    def show_keys(self) -> None:
        """Draws the line of keys for where the focus is."""
        if self.ready:
            self._keys.show(key_line(self._keys.size.width, self._place(), self.reasons()))

    def _place(self) -> str:
        if self.prompt.purpose:
            return "edit" if self.prompt.purpose == "edit" else "prompt"
        if self.focused is self.list:
            return "queue"
        return "proposals" if self.panes.name_of_current == "Proposals" else "campaign pane"

    # Layout and focus, at once as in the fleet: what is hidden cannot be given the focus.

    @property
    def wide(self) -> bool:
        """Whether there is room for two columns."""
        return self.size.width >= WIDE

    def _arrange(self) -> None:
        wide, apart = self.wide, self.wide and self.size.height >= TALL
        self.set_class(not wide, "-narrow")
        self._left.display = wide or not self._open
        self._right.display = wide or self._open
        self._item.display = self.size.height >= FLAT
        self._item.styles.height = ITEM + 2 if wide else ITEM_NARROW + 1  # with its frame
        self._progress.display = apart
        self.panes.set_apart(apart)

    def on_campaign_panes_switched(self) -> None:
        """Another pane is in sight."""
        self._show_panes()
        self.show_keys()

    def action_pane(self, index: int) -> None:
        """Chooses a pane; where there is room for one thing only, it takes the screen."""
        if index == 0 and self._progress.display:
            self.set_focus(self._progress)
            return
        self.panes.choose(index)
        if not self.wide:
            self._open = True
            self._arrange()
            self.call_after_refresh(self._resized)
        if not self.wide or self.focused is not self.list or index == 4:
            self.set_focus(self.panes.widget)
        self._show_panes()

    def action_back(self) -> None:
        """To the queue; from there to the fleet."""
        if self.focused is self.list:
            self.room.close_campaign()
        else:
            self._open = False
            self._arrange()
            self.set_focus(self.list)

    def return_focus(self) -> None:
        """Goes back to where the person was before a line was opened to type on."""
        if not self.wide:
            self.set_focus(self.panes.widget if self._open else self.list)
        else:
            left_off = self._left_off
            self.set_focus(left_off if left_off is not None and left_off.display else self.list)

    def on_resize(self, event: events.Resize) -> None:
        """Lines are fitted anew, and parts are shown as there is room for them."""
        if not self.ready:
            return
        if not self.has_class("-narrow"):
            self._open = self.focused is not self.list and not self.prompt.purpose
        self._arrange()
        self.call_after_refresh(self._resized)

    def on_body_resized(self) -> None:
        """The plot takes what is left."""
        self._show_panes()

    def _resized(self) -> None:
        self._show_panes()
        self.tick()
        self.show_keys()
