"""Fills the pane in sight: reads in threads, and drops what comes too late."""

from collections.abc import Callable
from functools import partial
from typing import Any

from textual.message import Message
from textual.widget import Widget

from state.errors import BadName
from state.layout import StateDir
from state.views import TaskView
from tui import loads, pictures
from tui.loads import EventTail, LogTail
from tui.rows import Row
from tui.text import line

__all__ = ["Loaded", "Loader"]

_PATHS = {
    "Checkpoint": ("worker",),
    "Outbox": ("outbox", "inbox"),
    "Log": ("attempts",),
    "Captures": ("captures",),
    "Spec": ("spec.md", "campaign.md"),
}
"""What each pane is read from, below the folder of its task or campaign."""


class Loaded(Message):
    """What a pane asked for: lines, outcomes, new lines of a log, or a picture; `token` tells for which request."""

    def __init__(self, token: int, pane: str, content: Any) -> None:
        super().__init__()
        self.token = token
        self.pane = pane
        self.content = content


class Loader:
    """Reads for one widget, which gets a `Loaded` for each thing read."""

    def __init__(self, owner: Widget, state: StateDir) -> None:
        self._owner = owner
        self._state = state
        self._token = 0
        self._tail: LogTail | None = None
        self._tail_of: tuple[str, int, bool] = ("", 0, False)
        self.raw = False
        """Whether the log is what the worker printed, also where its events are known."""
        self._tailing = False
        self._again = False

    def current(self, message: Loaded) -> bool:
        """Whether `message` is what was asked for last."""
        return message.token == self._token

    def forget(self) -> None:
        """Nothing that is being read is wanted any more."""
        self._token += 1
        self._tail, self._tail_of = None, ("", 0, False)
        self._tailing = self._again = False

    def touched(self, pane: str, row: Row, paths: frozenset[str]) -> bool:
        """Whether any of `paths` is what the pane shows."""
        folder = f"tasks/{row.task.id}/" if row.task else f"campaigns/{row.campaign.name if row.campaign else ''}/"
        names = _PATHS.get(pane, ())
        return any(path[len(folder) :].partition("/")[0] in names for path in paths if path.startswith(folder))

    def load(self, pane: str, row: Row) -> None:
        """Reads what `pane` shows of `row`, once more or for the first time."""
        view = row.task
        if view is None:
            if pane == "Spec" and row.campaign is not None and row.campaign.file is not None:
                self._read(pane, partial(loads.campaign_text, self._state, row.campaign.name))
            else:
                self._say(
                    pane, f"a campaign has no {pane.lower()}; its tasks have" if pane != "Spec" else "no campaign.md"
                )
        elif pane == "Log":
            self._load_log(view)
        elif pane == "Outbox":
            self._read(pane, partial(loads.outcomes, self._state, view))
        elif pane in ("Checkpoint", "Spec"):
            name = "checkpoint.md" if pane == "Checkpoint" else "spec.md"
            self._read(pane, partial(loads.task_text, self._state, view.id, name))

    def picture(self, task_id: str, name: str, columns: int, lines: int) -> None:
        """Reads a picture for a pane of `columns` × `lines`."""
        self._read("Captures", partial(pictures.read, self._state, task_id, name, columns, lines))

    def _say(self, pane: str, text: str) -> None:
        self._token += 1
        self._owner.post_message(Loaded(self._token, pane, [((text, "muted"),)]))

    def _read(self, pane: str, read: Callable[[], Any]) -> None:
        self._token += 1
        self._run(pane, read, self._token)

    def _run(self, pane: str, read: Callable[[], Any], token: int) -> None:
        def work() -> None:
            try:
                content = read()
            except BadName as error:
                content = [((line(error), "trouble"),)]
            self._owner.post_message(Loaded(token, pane, content))

        self._owner.run_worker(work, thread=True, group="pane", exit_on_error=True)

    # the log

    def _load_log(self, view: TaskView) -> None:
        attempt = view.attempts[-1] if view.attempts else 0
        if not attempt:
            self.forget()
            self._say("Log", "no attempt has been started yet")
            return
        events = view.report is not None and not self.raw
        if self._tail is None or self._tail_of != (view.id, attempt, events):
            self.forget()
            self._token += 1
            kind = EventTail if events else LogTail
            self._tail, self._tail_of = kind(self._state, view.id, attempt), (view.id, attempt, events)
        self._read_log()

    def _read_log(self) -> None:
        if self._tail is None:
            return
        if self._tailing:
            self._again = True
            return
        self._tailing, self._again = True, False
        self._run("Log", self._tail.read, self._token)

    def log_was_read(self) -> None:
        """To be called for each `Loaded` of the log that is current: reads on if something came meanwhile."""
        self._tailing = False
        if self._again:
            self._read_log()
