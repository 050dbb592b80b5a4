"""What the screens and their parts know of the app: what it was told, what it sends and says, and where it goes."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from state.layout import StateDir
from state.views import TaskView
from tui.acts import Act, Acts
from tui.attention import Entry
from tui.post import Posted
from tui.text import Line

__all__ = ["Room"]


class Room(Protocol):
    """The app, as a screen sees it: `OpsroomApp`, which screens don't import, for it imports them."""

    state: StateDir
    readonly: bool
    clock: Callable[[], datetime]
    acts: Acts
    answered: dict[tuple[str, str], int]

    # what was read

    def quiet(self, view: TaskView, now: datetime) -> bool:
        """Whether a worker is silent beyond its habit."""

    def unanswered(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """`entries` without the questions that were answered here."""

    # what is sent and said

    def command(
        self, verb: str, *, task: str = "", campaign: str = "", text: str = "", index: int = 0, before: int = 0
    ) -> Act:
        """Sends a command to the orchestrator; `index` and `before` are items of the campaign."""

    def send(self, label: str, done: Path, write: Callable[[], Posted], *, to_worker: bool = False) -> Act:
        """Has `write` write in a thread, and follows what becomes of it; `done` is where its outcome will be."""

    def say(self, text: str) -> None:
        """Puts a word on the activity line for a while."""

    def activity(self) -> Line:
        """The activity line."""

    def copy_to_clipboard(self, text: str) -> None:
        """Puts `text` on the clipboard of the terminal."""

    # where it goes

    def open_task(self, task: str) -> None:
        """Opens a task's panes, in the fleet."""

    def next_needing(self) -> None:
        """Goes to the next that needs a person, in the fleet."""

    def open_campaign(self, name: str) -> None:
        """Opens the screen of a campaign."""

    def close_campaign(self) -> None:
        """Goes back to the fleet."""

    def close_history(self) -> None:
        """Goes back to where the history was opened from."""
