"""Every key, by id, in one table: it binds them, and it is what the help screen and the line of keys show.

None is ctrl+q, ctrl+s, ctrl+b or a function key: terminals, tmux and screen keep those for themselves.
"""

from dataclasses import dataclass

from textual.binding import Binding, BindingType

__all__ = ["KEYS", "PLACES", "Key", "bindings", "key"]

PLACES = {
    "app": "Anywhere",
    "fleet": "Fleet",
    "list": "Task list",
    "pane": "Pane",
    "log": "Log",
    "captures": "Captures",
    "campaign": "Campaign",
    "history": "History",
    "items": "Queue, proposals, history",
    "answer": "While answering",
    "prompt": "While typing",
    "help": "Help",
}
"""Where a key works, in the order in which the help screen tells it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One binding. `acts` marks what sends something, which a read-only control room does not."""

    id: str
    keys: str
    """As Textual names them, separated by commas."""
    action: str
    label: str
    """Two words or three, for the line of keys."""
    help: str = ""
    """What it does, where the label does not say all of it."""
    shown: str = ""
    """The keys as a person reads them; worked out from `keys` where empty."""
    acts: bool = False
    listed: bool = False
    """Whether the line of keys has it."""
    priority: bool = False

    @property
    def place(self) -> str:
        """Where it works: one of `PLACES`."""
        return self.id.partition(".")[0]

    @property
    def display(self) -> str:
        """The keys as a person reads them."""
        return self.shown or " ".join(_SIGNS.get(name, name) for name in self.keys.split(","))


_SIGNS = {
    "slash": "/",
    "colon": ":",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "up": "↑",
    "down": "↓",
    "plus": "+",
    "left": "←",
    "right": "→",
}

KEYS = (
    Key("app.help", "question_mark", "app.help", "help", "The keys, all of them", listed=True),
    Key(
        "app.palette", "colon,ctrl+p", "app.command_palette", "command", "Every action by name", ": ctrl+p", listed=True
    ),
    Key("app.history", "H", "app.history", "history", "Past campaigns, runs, items and their commits", listed=True),
    Key("app.quit", "q", "app.leave", "quit", "Leave the control room; workers and orchestrator go on"),
    Key("app.interrupt", "ctrl+c", "app.leave", "quit", "The same, also while typing", priority=True),
    Key("app.focus", "tab", "app.focus_next", "next part", "Move between list, pane and question", "tab shift+tab"),
    Key("fleet.answer", "a", "answer", "answer", "Answer the question shown under Needs you", acts=True, listed=True),
    Key("fleet.next", "n", "next_needing", "next", "Go to the next task that needs a person", listed=True),
    Key("fleet.message", "m", "message", "message", "Write a message to the worker", acts=True, listed=True),
    Key(
        "fleet.pause",
        "p",
        "pause",
        "pause",
        "Pause or resume a task; pause or start a campaign",
        acts=True,
        listed=True,
    ),
    Key("fleet.stop", "x", "stop", "stop", "Pressed twice: stop the task's worker", "x x", acts=True, listed=True),
    Key("fleet.retry", "r", "retry", "retry", "Try the task again", acts=True, listed=True),
    Key(
        "fleet.filter",
        "slash",
        "filter",
        "filter",
        "s:state c:campaign a:agent words; enter keeps it, esc clears it",
        listed=True,
    ),
    Key("fleet.copy", "y", "copy", "copy id", "Copy the task's id, also over SSH (OSC 52)"),
    Key("fleet.pane-1", "1", "pane(0)", "Status", shown="1"),
    Key("fleet.pane-2", "2", "pane(1)", "Checkpoint", shown="2"),
    Key("fleet.pane-3", "3", "pane(2)", "Outbox", shown="3"),
    Key("fleet.pane-4", "4", "pane(3)", "Log", shown="4"),
    Key("fleet.pane-5", "5", "pane(4)", "Captures", shown="5"),
    Key("fleet.pane-6", "6", "pane(5)", "Spec", shown="6"),
    Key("fleet.back", "escape", "back", "back", "Back to the list; with nothing to go back from, clear the filter"),
    Key("list.up", "up,k", "move(-1)", "up"),
    Key("list.down", "down,j", "move(1)", "down"),
    Key("list.page-up", "pageup,ctrl+u", "page(-1)", "page up"),
    Key("list.page-down", "pagedown,ctrl+d", "page(1)", "page down"),
    Key("list.first", "home,g", "jump(0)", "first"),
    Key("list.last", "end,G", "jump(-1)", "last"),
    Key("list.fold", "left,h", "fold", "fold", "Fold; from inside, go to the parent"),
    Key("list.unfold", "right,l", "unfold", "unfold", "Unfold"),
    Key("list.open", "enter", "open", "open", "Open: a campaign as a screen of its own, a task on the right"),
    Key("pane.up", "up,k", "scroll_up", "up"),
    Key("pane.down", "down,j", "scroll_down", "down"),
    Key("pane.page-up", "pageup,ctrl+u", "page_up", "page up"),
    Key("pane.page-down", "pagedown,ctrl+d,space", "page_down", "page down", shown="pgdn ctrl+d space"),
    Key("pane.first", "home,g", "scroll_home", "top"),
    Key("pane.last", "end,G", "scroll_end", "bottom"),
    Key("log.follow", "f", "follow", "follow", "Keep to the newest line, or stay where you read"),
    Key("log.turn", "o", "turn", "events/raw", "The agent's events, or its raw output as it came"),
    Key("captures.older", "left_square_bracket", "older", "older", "The picture before this one"),
    Key("captures.newer", "right_square_bracket", "newer", "newer", "The picture after this one"),
    Key("campaign.pause", "p", "pause", "start/pause", "Start the campaign, or pause it", acts=True, listed=True),
    Key(
        "campaign.defer",
        "d",
        "defer",
        "defer",
        "Leave the item for a person, with your words; the campaign goes on below it",
        acts=True,
        listed=True,
    ),
    Key("campaign.skip", "s", "skip", "skip", "Skip the item, with or without a word", acts=True, listed=True),
    Key(
        "campaign.retry",
        "r",
        "retry",
        "try again",
        "Give the item back to the queue; a word, if any, goes to its worker",
        acts=True,
        listed=True,
    ),
    Key("campaign.up", "K", "shift(-1)", "up", "Move the item up in the order of work", acts=True, listed=True),
    Key("campaign.down", "J", "shift(1)", "down", "Move the item down in the order of work", acts=True, listed=True),
    Key(
        "campaign.reword",
        "w",
        "reword",
        "reword",
        "Say anew what the item is about; one that was begun is skipped, and a new one takes its place",
        acts=True,
        listed=True,
    ),
    Key("campaign.add", "o", "add", "add", "Add an item at the end", acts=True, listed=True),
    Key("campaign.note", "N", "note", "policy", "Add a line that each worker is told", acts=True, listed=True),
    Key(
        "campaign.protect",
        "D",
        "protect",
        "protect",
        "Add a pattern of files that no worker may touch",
        acts=True,
        listed=True,
    ),
    Key(
        "campaign.promote",
        "plus",
        "promote",
        "promote",
        "Take the proposal under the cursor into the policy, a file into what is protected",
        acts=True,
    ),
    Key(
        "campaign.edit",
        "e",
        "edit",
        "edit",
        "campaign.toml, prompt.md or, between runs, campaign.md in $VISUAL or $EDITOR",
        acts=True,
        listed=True,
    ),
    Key("campaign.next", "n", "next_needing", "next", "Go to the next task that needs a person, in the fleet"),
    Key("campaign.copy", "y", "copy", "copy item", "Copy what the item is about, also over SSH (OSC 52)"),
    Key("campaign.pane-1", "1", "pane(0)", "Progress", shown="1"),
    Key("campaign.pane-2", "2", "pane(1)", "Policy", shown="2"),
    Key("campaign.pane-3", "3", "pane(2)", "History", shown="3"),
    Key("campaign.pane-4", "4", "pane(3)", "Runs", shown="4"),
    Key("campaign.pane-5", "5", "pane(4)", "Proposals", shown="5"),
    Key("campaign.back", "escape", "back", "back", "Back to the queue; from there to the fleet"),
    Key("history.search", "slash", "search", "search", "Item, why, learned, subject, commit id", listed=True),
    Key("history.mark", "space", "mark", "mark", "Mark a run, to compare two", listed=True),
    Key("history.compare", "c", "compare", "compare", "The two marked runs side by side", listed=True),
    Key("history.copy", "y", "copy", "copy commit", "Copy the commit's id, also over SSH (OSC 52)", listed=True),
    Key("history.previous", "left_square_bracket", "step(-1)", "previous", "While reading a commit: the item before"),
    Key("history.next", "right_square_bracket", "step(1)", "next", "While reading a commit: the item after"),
    Key("history.back", "escape", "back", "back", "One step out: commit, items, campaigns, where you came from"),
    Key("items.up", "up,k", "move(-1)", "up"),
    Key("items.down", "down,j", "move(1)", "down"),
    Key("items.page-up", "pageup,ctrl+u", "page(-1)", "page up"),
    Key("items.page-down", "pagedown,ctrl+d", "page(1)", "page down"),
    Key("items.first", "home,g", "jump(0)", "first"),
    Key("items.last", "end,G", "jump(-1)", "last"),
    Key(
        "items.open",
        "enter",
        "open",
        "open",
        "The item's task in the fleet; in the history a run's items, a commit; a proposal is promoted",
    ),
    Key("answer.leave", "escape", "leave", "leave", "Leave without an answer"),
    Key("answer.previous", "up", "previous", "previous", "The entry before this one"),
    Key("answer.next", "down", "following", "next", "The entry after this one"),
    Key("answer.page-up", "pageup", "page(-1)", "page up", "Read the question upwards"),
    Key("answer.page-down", "pagedown", "page(1)", "page down", "Read the question on"),
    Key("prompt.leave", "escape", "leave", "leave", "Leave without sending"),
    Key("help.close", "escape,question_mark,q", "app.pop_screen", "close", shown="esc ? q"),
)

_BY_ID = {one.id: one for one in KEYS}


def key(key_id: str) -> Key:
    """The key with that id; raises `KeyError`."""
    return _BY_ID[key_id]


def bindings(place: str) -> list[BindingType]:
    """What a widget, screen or app binds for `place`."""
    return [
        Binding(one.keys, one.action, one.label, show=False, id=one.id, priority=one.priority)
        for one in KEYS
        if one.place == place
    ]
