"""What a person sends, and what becomes of it: files written in threads, outcomes read, a word on the activity line."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from textual.app import App
from textual.message import Message

from state import commands
from state.errors import OpsroomError
from state.layout import StateDir
from state.model import Command, Outcome
from tui import post
from tui.acts import Act, Acts, act_line
from tui.post import Posted
from tui.text import Line, cut, line

__all__ = ["Sending"]

NOTICE = timedelta(seconds=8)
"""How long a word about a key that did nothing stays."""


class Sending(App[None], inherit_bindings=False):
    """An app that sends what a person says to one state directory.

    Args:
        state: what is written to.
        clock: the time from which every age is worked out.
        ansi_color: as of `App`.
    """

    class Wrote(Message):
        """The file of act `number` was written, or why it was not."""

        def __init__(self, number: int, posted: Posted | None, why: str = "") -> None:
            super().__init__()
            self.number = number
            self.posted = posted
            self.why = why

    class Concluded(Message):
        """The outcome of act `number` was read."""

        def __init__(self, number: int, outcome: Outcome) -> None:
            super().__init__()
            self.number = number
            self.outcome = outcome

    class Said(Message):
        """A thread has a word for the activity line."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, state: StateDir, clock: Callable[[], datetime], *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.state = state
        self.clock = clock
        self.acts = Acts()
        self.answered: dict[tuple[str, str], int] = {}
        """Task and name of each question that was answered here, with the number of the act."""
        self._notice: tuple[str, datetime] | None = None
        self._unwritten: deque[tuple[int, Callable[[], Posted]]] = deque()
        """What is yet to be written, with the number of its act, in the order in which it was sent."""
        self._writing = False
        self._write_lock = threading.Lock()
        """For the two above."""

    def show_activity(self) -> None:
        """Called when what `activity` says may be something else."""

    def entries_changed(self) -> None:
        """Called when what `answered` has may be something else."""

    # what is sent

    def command(
        self,
        verb: str,
        *,
        task: str = "",
        agent: str = "",
        campaign: str = "",
        text: str = "",
        index: int = 0,
        before: int = 0,
    ) -> Act:
        """Sends a command to the orchestrator; `index` and `before` are items of the campaign."""
        sent = Command(
            verb=verb,
            at=self.clock(),
            by=post.BY,
            task=task,
            agent=agent,
            campaign=campaign,
            text=text,
            index=index,
            before=before,
        )
        item = f" {index}" if index else ""
        words = f": “{cut(line(text), 60)}”" if text else ""
        label = f"{verb.replace('-', ' ')} {line(task or agent or campaign, 60)}{item}{words}"
        return self.send(label, self.state.inbox_done, partial(post.command, self.state, sent))

    def send(self, label: str, done: Path, write: Callable[[], Posted], *, to_worker: bool = False) -> Act:
        """Has `write` write in a thread, and follows what becomes of it; `done` is where its outcome will be.

        What is sent first is written first: a pause and the word to go on mean another thing the other way round.
        """
        act = self.acts.begin(label, self.clock(), done, to_worker=to_worker)
        self._notice = None
        with self._write_lock:
            self._unwritten.append((act.number, write))
            begin, self._writing = not self._writing, True
        if begin:
            self.run_worker(self._write, thread=True, group="acts")
        self.show_activity()
        return act

    def _write(self) -> None:
        while True:
            with self._write_lock:
                if not self._unwritten:
                    self._writing = False
                    return
                number, write = self._unwritten.popleft()
            try:
                posted = write()
            except (OpsroomError, OSError) as error:
                self.post_message(self.Wrote(number, None, str(error)))
            else:
                self.post_message(self.Wrote(number, posted))

    def on_sending_wrote(self, message: Wrote) -> None:
        """An act is sent, or could not be."""
        if message.posted is None:
            self.acts.not_sent(message.number, message.why)
            self._reopen(message.number)
        else:
            act = self.acts.sent(message.number, message.posted.name, message.posted.unrecorded)
            self._look_for_outcome(act)  # it may have come before its name was known here
        self.show_activity()

    def _look_for_outcome(self, act: Act) -> None:
        def work() -> None:
            outcome = commands.outcome_of(self.state, act.done, act.name)
            if outcome is not None:
                self.post_message(self.Concluded(act.number, outcome))

        self.run_worker(work, thread=True, group="outcomes")

    def on_sending_concluded(self, message: Concluded) -> None:
        """What became of an act is known."""
        if not self.acts.is_open(message.number):
            return  # two have looked, and the other was faster
        act = self.acts.settle(message.number, message.outcome)
        if act.fate == "refused":
            self._reopen(act.number)
        self._notice = None
        self.show_activity()

    def _reopen(self, number: int) -> None:
        """An answer came to nothing: its question is open again, as far as the files say so."""
        self.answered = {question: act for question, act in self.answered.items() if act != number}
        self.entries_changed()

    # what is said

    def say(self, text: str) -> None:
        """Puts a word on the activity line for a while."""
        self._notice = (line(text), self.clock())
        self.show_activity()

    def on_sending_said(self, message: Said) -> None:
        """A word from a thread."""
        self.say(message.text)

    def activity(self) -> Line:
        """The activity line: a fresh word, else the last act and what became of it, else nothing."""
        if self._notice and self.clock() - self._notice[1] > NOTICE:
            self._notice = None
        if self._notice:
            return ((f"   {self._notice[0]}", ""),)
        return act_line(self.acts.shown, self.size.width) if self.acts.shown else ()
