"""Reads the past for the history screen: git and the putting together in threads, each once at a time."""

import time
from pathlib import Path

from textual.message import Message
from textual.widget import Widget

from state.views import Change, Fleet
from tui.past import Past, build
from tui.past_git import GitHistory, GitUnread, Told
from tui.past_text import change_lines
from tui.text import Line, line

__all__ = ["ChangeRead", "GitSaid", "PastLoader", "PastRead", "matters"]

AGAIN = 10.0
"""Seconds after which git is read again where a campaign has changed meanwhile, or as many times as long as it took."""


class GitSaid(Message):
    """git has told of campaigns, or why it could not."""

    def __init__(self, told: Told | None, why: str = "") -> None:
        super().__init__()
        self.told = told
        self.why = why


class PastRead(Message):
    """The past was put together."""

    def __init__(self, past: Past) -> None:
        super().__init__()
        self.past = past


class ChangeRead(Message):
    """A commit was read, as lines, for the request `token`."""

    def __init__(self, token: int, lines: list[Line]) -> None:
        super().__init__()
        self.token = token
        self.lines = lines


class PastLoader:
    """Reads for one widget, which gets a message for each thing read, and hands it in here.

    Args:
        owner: who gets the messages.
        folder: of the repository.
        fleet: what the files say.
    """

    def __init__(self, owner: Widget, folder: Path, fleet: Fleet) -> None:
        self.told = Told()
        """What git said last."""
        self.why = ""
        """Why git could not be read the last time; '' where it could."""
        self.asking = False
        """Whether git is being read."""
        self.known = False
        """Whether the past has been put together once."""
        self._owner = owner
        self._fleet = fleet
        self._git = GitHistory(folder)
        self._stale = False
        self._age = 0
        self._begun = 0.0
        self._took = 0.0
        self._building = self._again = False
        self._token = 0

    def begin(self) -> None:
        """Reads everything for the first time."""
        self._ask()
        self._build()

    def close(self) -> None:
        """Ends what git still looks for."""
        self._git.close()

    def take(self, fleet: Fleet, change: Change) -> None:
        """The files say something else now."""
        before, self._fleet = self._fleet, fleet
        if matters(change, before, fleet):
            self._stale = self._stale or bool(change.campaigns)
            self._build()

    def tick(self) -> None:
        """To be called once a second."""
        self._age += 1
        if self._stale and self._age > max(AGAIN, AGAIN * self._took):
            self._ask()

    # git

    def _ask(self) -> None:
        if self.asking:
            return
        self.asking, self._stale, self._begun = True, False, time.monotonic()

        def work() -> None:
            try:
                message = GitSaid(self._git.campaigns())
            except (GitUnread, OSError) as error:
                message = GitSaid(None, str(error))
            self._owner.post_message(message)

        self._owner.run_worker(work, thread=True, group="git")

    def said(self, message: GitSaid) -> None:
        """To be called for each `GitSaid`."""
        self.asking, self.why = False, message.why
        self._age, self._took = 0, time.monotonic() - self._begun
        if message.told is not None:
            self.told = message.told
            self._build()

    # the past

    def _build(self) -> None:
        if self._building:
            self._again = True
            return
        self._building, self._again = True, False
        fleet, commits = self._fleet, self.told.commits

        def work() -> None:
            self._owner.post_message(PastRead(build(fleet, commits)))

        self._owner.run_worker(work, thread=True, group="past")

    def was_read(self) -> None:
        """To be called for each `PastRead`: reads on if something came meanwhile."""
        self._building, self.known = False, True
        if self._again:
            self._build()

    # one commit

    def change(self, commit: str) -> None:
        """Reads a commit; what was asked for before is wanted no more."""
        self.forget()
        token, git = self._token, self._git

        def work() -> None:
            try:
                lines = change_lines(git.change(commit))
            except (GitUnread, OSError) as error:
                lines = [((line(error, 1_000), "muted"),)]
            self._owner.post_message(ChangeRead(token, lines))

        self._owner.run_worker(work, thread=True, group="change")

    def forget(self) -> None:
        """The commit that is being read is wanted no more."""
        self._token += 1

    def current(self, message: ChangeRead) -> bool:
        """Whether `message` is what was asked for last."""
        return message.token == self._token


def matters(change: Change, before: Fleet, after: Fleet) -> bool:
    """Whether the past may read differently now."""
    if change.campaigns:
        return True
    for name in change.tasks:
        old, new = before.tasks.get(name), after.tasks.get(name)
        mine = (new is not None and new.campaign) or (old is not None and old.campaign)
        if mine and (old is None or new is None or (old.state, old.result) != (new.state, new.result)):
            return True
    return False
