"""What the keys of the fleet screen do to the fleet: each act says why it can't be done, or sends."""

from abc import abstractmethod
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from textual.screen import Screen

from state.views import TaskView
from tui import post
from tui.acts import campaign_verb, pause_verb, refusal
from tui.attention import Entry
from tui.room import Room
from tui.rows import Row
from tui.text import cut, line
from tui.widgets.needs_you import NeedsYou
from tui.widgets.prompt import Prompt
from tui.widgets.task_list import TaskList

__all__ = ["ActingScreen"]

TWICE = timedelta(seconds=3)
"""Within which a key that ends a worker must be pressed again."""
READONLY = "read-only: nothing is sent from here"


class ActingScreen(Screen[None]):
    """The acting half of a screen that has a task list, a Needs-you strip and a prompt."""

    tasks: TaskList
    needs: NeedsYou
    prompt: Prompt
    _armed: tuple[str, str, datetime] | None = None
    _message_to = ""

    @property
    def room(self) -> Room:
        """The app."""
        return cast("Room", self.app)

    @property
    def row(self) -> Row | None:
        """What is selected."""
        return self.tasks.row

    # what the other half does

    @abstractmethod
    def select_entry(self, entry: Entry) -> None:
        """Goes to the row that `entry` is about."""

    @abstractmethod
    def open_list(self) -> None:
        """Goes to the list."""

    @abstractmethod
    def return_focus(self) -> None:
        """Goes back to where the person was before a line was opened to type on."""

    @abstractmethod
    def set_filter(self, text: str) -> None:
        """Shows only what `text` accepts."""

    @abstractmethod
    def show_keys(self) -> None:
        """Draws the line of keys for where the focus is."""

    @abstractmethod
    def entries_changed(self) -> None:
        """An entry was dealt with here, before the files say so."""

    # why not

    def reasons(self) -> dict[str, str]:
        """For each key that would refuse now, why."""
        found: dict[str, str] = {}
        if self.room.readonly:
            return {f"fleet.{act}": READONLY for act in ("answer", "message", "pause", "stop", "retry")}
        for act, verb in (("message", "message"), ("pause", "pause"), ("stop", "stop"), ("retry", "retry")):
            if why := self._refusal(verb):
                found[f"fleet.{act}"] = why
        if not any(entry.question for entry in self.needs.entries):
            found["fleet.answer"] = "no question is open"
        if not self.needs.entries:
            found["fleet.next"] = "nothing needs you"
        return found

    def _refusal(self, verb: str) -> str:
        if self.room.readonly:
            return READONLY
        row = self.row
        if row is None:
            return "nothing is selected"
        if row.task is None:
            if verb == "pause":
                return "" if row.campaign and row.campaign.file else "its campaign.md cannot be read"
            return f"{verb} is for a task; on a campaign p pauses or starts it"
        return refusal(pause_verb(row.task) if verb == "pause" else verb, row.task)

    def _chosen_task(self, verb: str) -> TaskView | None:
        """The selected task if `verb` may be sent to it; else says why not."""
        if why := self._refusal(verb):
            self.room.say(why)
            return None
        return self.row.task if self.row else None

    # acts

    def action_pause(self) -> None:
        """Pauses or resumes."""
        row = self.row
        if row is not None and row.campaign is not None:
            if why := self._refusal("pause"):
                self.room.say(why)
            else:
                self.room.command(campaign_verb(row.campaign), campaign=row.campaign.name)
        elif view := self._chosen_task("pause"):
            self.room.command(pause_verb(view), task=view.id)

    def action_retry(self) -> None:
        """Tries again."""
        if view := self._chosen_task("retry"):
            self.room.command("retry", task=view.id)

    def action_stop(self) -> None:
        """Stops, at the second press."""
        self._twice("stop", "x")

    def action_kill(self) -> None:
        """Kills, at the second time."""
        self._twice("kill", "kill")

    def _twice(self, verb: str, again: str) -> None:
        view = self._chosen_task(verb)
        if view is None:
            return
        now = self.room.clock()
        armed, self._armed = self._armed, None
        if armed and armed[:2] == (verb, view.id) and now - armed[2] <= TWICE:
            self.room.command(verb, task=view.id)
            return
        self._armed = (verb, view.id, now)
        name = line(view.id, 60)
        self.room.say(f"{again} again within 3 s {verb}s {name}; worktree, branch and logs stay")

    def disarm(self) -> None:
        """Another row is selected: a second press would mean another task."""
        row = self.row
        if self._armed and (row is None or row.task is None or row.task.id != self._armed[1]):
            self._armed = None

    def action_message(self) -> None:
        """Opens the line for a message."""
        if view := self._chosen_task("message"):
            self._message_to = view.id
            self.prompt.ask("message", f"message to {cut(line(view.id), 30)} ›")
            self.show_keys()

    def action_copy(self) -> None:
        """Copies the selected task's id, or the campaign's name."""
        if (row := self.row) is not None:
            name = row.key.partition(":")[2]
            self.room.copy_to_clipboard(name)
            self.room.say(f"copied {line(name, 100)}")

    def campaign_command(self, verb: str) -> None:
        """Sends a command about the selected campaign, or about the one that the selected task is of."""
        row = self.row
        name = row.campaign.name if row and row.campaign else row.task.campaign if row and row.task else ""
        if self.room.readonly:
            self.room.say(READONLY)
        elif not name:
            self.room.say("no campaign is selected")
        else:
            self.room.command(verb, campaign=name)

    # questions

    def action_answer(self) -> None:
        """Opens the line to answer on."""
        why = READONLY if self.room.readonly else self.needs.answer()
        if why:
            self.room.say(why)
        self.show_keys()

    def action_next_needing(self) -> None:
        """Goes to the next entry, around the end."""
        entries = self.needs.entries
        row, current = self.row, self.needs.entry
        if not entries or current is None:
            self.room.say("nothing needs you")
            return
        here = row is not None and row.key == current.key
        entry = self.needs.move(1) if here else current
        if entry is not None:
            self.open_list()
            self.select_entry(entry)

    def on_needs_you_answered(self, message: NeedsYou.Answered) -> None:
        """Sends the answer; its entry leaves at once."""
        text = message.text
        act = self.room.send(
            f"answer to {line(message.task, 60)}: “{cut(line(text), 60)}”",
            self.room.state.task(message.task).inbox_done,
            partial(post.answer, self.room.state, message.task, message.question, text, self.room.clock()),
            to_worker=True,
        )
        self.room.answered[message.task, message.question.name] = act.number
        self.entries_changed()

    def on_needs_you_too_late(self) -> None:
        """Says why nothing is sent."""
        self.room.say("nothing sent: the question is open no more")

    def on_needs_you_left(self) -> None:
        """Back to where the person came from."""
        self.return_focus()
        self.show_keys()

    # the prompt

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        """A filter holds while it is typed."""
        if message.purpose == "filter":
            self.set_filter(message.text)

    def on_prompt_done(self, message: Prompt.Done) -> None:
        """Enter: a message is sent, a filter kept."""
        self.return_focus()
        text = message.text.strip()
        if message.purpose == "message" and text:
            task = self._message_to
            self.room.send(
                f"message to {line(task, 60)}: “{cut(line(text), 60)}”",
                self.room.state.task(task).inbox_done,
                partial(post.message, self.room.state, task, text, self.room.clock()),
                to_worker=True,
            )
        self.show_keys()

    def on_prompt_left(self, message: Prompt.Left) -> None:
        """Escape: a filter is cleared."""
        if message.purpose == "filter":
            self.set_filter("")
        self.return_focus()
        self.show_keys()
