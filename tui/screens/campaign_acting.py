"""What the keys of the campaign screen do to the campaign: each act says why it can't be done, asks, or sends."""

from abc import abstractmethod
from typing import cast

from textual.screen import Screen
from textual.widget import Widget

from state import files
from state.campaign_file import BLOCKING, Item
from state.envelope import Proposal
from tui.acts import campaign_verb
from tui.campaign_acts import ASKS, FILES, between_runs, label, moved, refusal
from tui.campaign_queue import Queue
from tui.campaign_text import promoted
from tui.editing import edit
from tui.room import Room
from tui.screens.acting import READONLY
from tui.text import line
from tui.widgets.prompt import Prompt

__all__ = ["CampaignActing"]

NO_FILE = "its campaign.md cannot be read"
NO_PROPOSAL = "no proposal is selected: 5 shows them"
ABOUT_ITEM = {
    "defer": "campaign-defer",
    "skip": "campaign-skip",
    "retry": "campaign-retry",
    "reword": "campaign-reword",
    "up": "campaign-reorder",
    "down": "campaign-reorder",
}
"""The keys that are about the item under the cursor, with what they send."""
OTHERS = ("pause", "add", "note", "protect", "promote", "edit")


class CampaignActing(Screen[None]):
    """The acting half of the campaign screen."""

    name_of: str
    """The campaign's name."""
    queue: Queue
    prompt: Prompt
    _asked: tuple[str, int] = ("", 0)
    """The verb that words are typed for, and the item that it is about."""
    _left_off: Widget | None = None
    """What had the focus when a line was opened to type on."""
    _order: list[int]
    """The queue as it will be once the moves that were sent are done."""
    _moving: set[int]

    @property
    def room(self) -> Room:
        """The app."""
        return cast("Room", self.app)

    # what the other half does

    @property
    @abstractmethod
    def item(self) -> Item | None:
        """The item under the cursor."""

    @property
    @abstractmethod
    def queue_in_sight(self) -> bool:
        """Whether a person sees which item a key would be about."""

    @property
    @abstractmethod
    def proposal(self) -> Proposal | None:
        """The proposal under the cursor, while the proposals are in sight."""

    @abstractmethod
    def return_focus(self) -> None:
        """Goes back to where the person was before a line was opened to type on."""

    @abstractmethod
    def show_keys(self) -> None:
        """Draws the line of keys for where the focus is."""

    # why not

    def reasons(self) -> dict[str, str]:
        """For each key that would refuse now, why."""
        if self.room.readonly:
            return {f"campaign.{act}": READONLY for act in (*ABOUT_ITEM, *OTHERS)}
        if self.queue.file is None:
            return {f"campaign.{act}": NO_FILE for act in (*ABOUT_ITEM, *OTHERS) if act != "edit"}
        found = {f"campaign.{act}": self._refusal(verb) for act, verb in ABOUT_ITEM.items()}
        found["campaign.promote"] = "" if self.proposal else NO_PROPOSAL
        return {key: why for key, why in found.items() if why}

    def _refusal(self, verb: str) -> str:
        if self.room.readonly:
            return READONLY
        if self.queue.file is None:
            return NO_FILE
        if verb not in ABOUT_ITEM.values():
            return ""
        return (
            refusal(verb, self.queue, self.item)
            if self.queue_in_sight
            else "esc goes back to the queue, to choose an item"
        )

    def _may(self, verb: str) -> bool:
        """Whether `verb` may be sent; else says why not."""
        why = self._refusal(verb)
        if why:
            self.room.say(why)
        return not why

    # acts

    def action_pause(self) -> None:
        """Starts the campaign, or pauses it."""
        if self._may("campaign-start"):
            self.room.command(campaign_verb(self.queue.view), campaign=self.name_of)

    def action_defer(self) -> None:
        """Asks why."""
        self._ask("campaign-defer")

    def action_skip(self) -> None:
        """Asks for a word."""
        self._ask("campaign-skip")

    def action_retry(self) -> None:
        """Asks for a word."""
        self._ask("campaign-retry")

    def action_reword(self) -> None:
        """Asks for other words."""
        self._ask("campaign-reword", self.item.target if self.item else "")

    def action_add(self) -> None:
        """Asks what the new item is about."""
        self._ask("campaign-add")

    def action_note(self) -> None:
        """Asks for a line of policy."""
        self._ask("campaign-note")

    def action_protect(self) -> None:
        """Asks for a pattern."""
        self._ask("campaign-protect")

    def _ask(self, verb: str, text: str = "") -> None:
        if self._may(verb):
            ask, item = ASKS[verb], self.item if verb in ABOUT_ITEM.values() else None
            self._asked = (verb, item.index if item else 0)
            self._left_off = self.focused
            self.prompt.ask(verb, label(ask, item), line(text, 4_000), ask.placeholder)
            self.show_keys()

    def action_shift(self, by: int) -> None:
        """Moves the item one up or down in the order of work.

        The next press counts from where it will be, not from where the file has it still: keys come in bursts.
        """
        item, queue = self.item, self.queue
        if not self._may("campaign-reorder") or item is None:
            return
        if not any(self.room.acts.is_open(number) for number in self._moving):
            self._moving.clear()
            self._order = [one.index for one in queue.items]
        fixed = frozenset(
            one.index for one in queue.items if (done := queue.outcome(one)) is not None and done.result != BLOCKING
        )
        to = moved(self._order, fixed, item.index, by)
        if to is None:
            self.room.say(f"item {item.index} is {'first' if by < 0 else 'last'} of what can be moved")
            return
        before, self._order = to
        act = self.room.command("campaign-reorder", campaign=self.name_of, index=item.index, before=before)
        self._moving.add(act.number)

    def action_promote(self) -> None:
        """Takes the proposal under the cursor into campaign.md."""
        proposal = self.proposal
        if proposal is None:
            self.room.say(NO_PROPOSAL)
        elif self._may("campaign-note"):
            if promoted(self.queue.view, proposal):
                self.room.say("it stands in campaign.md already")
                return
            verb = "campaign-protect" if proposal.kind == "file" else "campaign-note"
            self.room.command(verb, campaign=self.name_of, text=" ".join(proposal.text.split()))

    def action_copy(self) -> None:
        """Copies what the selected item is about."""
        if (item := self.item) is not None:
            self.room.copy_to_clipboard(line(item.target, 4_000))
            self.room.say(f"copied {line(item.target, 100)}")

    # the editor

    def action_edit(self) -> None:
        """Asks which file."""
        if self.room.readonly:
            self.room.say("read-only: nothing is edited from here")
            return
        names = [f"{digit} {name}" for digit, name in enumerate(FILES, 1)]
        if not between_runs(self.queue.view):
            names[1] += " (between runs)"
        self._left_off = self.focused
        self.prompt.ask("edit", f"edit  {'  '.join(names)} ›")
        self.show_keys()

    def edit_file(self, number: int) -> None:
        """Hands the terminal to the person's editor, on the file with that digit."""
        name = FILES[number - 1]
        if name == "campaign.md" and not between_runs(self.queue.view):
            self.room.say("campaign.md is the orchestrator's while a run is on: p pauses it")
            return
        path = self.room.state.campaign(self.name_of).root / name
        if path.is_symlink() or path.parent.is_symlink():
            self.room.say(f"{name} is a symbolic link: nothing is followed out of the state directory")
        elif name == "prompt.md" or files.exists(path):
            if why := edit(self.app, path):
                self.room.say(why)
        else:
            self.room.say(f"there is no {name}")

    # the prompt

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        """Of the files to edit, a digit is enough."""
        if message.purpose == "edit" and message.text and self.prompt.purpose:
            self.prompt.close()
            self.return_focus()
            self.show_keys()
            if message.text in ("1", "2", "3"):
                self.edit_file(int(message.text))

    def on_prompt_done(self, message: Prompt.Done) -> None:
        """Enter: what was asked for is sent."""
        self.return_focus()
        self.show_keys()
        verb, index = self._asked
        if message.purpose != verb:
            return
        text = " ".join(message.text.split())
        if not text and ASKS[verb].needed:
            self.room.say(f"nothing sent: {ASKS[verb].needed}")
        else:
            self.room.command(verb, campaign=self.name_of, index=index, text=text)

    def on_prompt_left(self, message: Prompt.Left) -> None:
        """Escape: nothing is sent."""
        self.return_focus()
        self.show_keys()
