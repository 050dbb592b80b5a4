"""Runs what takes long in threads, one act a task at a time, and hands back to the loop what is to follow."""

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

from orchestrator.acting import Left, Next, later
from orchestrator.campaign.campaign_runs import Begun
from orchestrator.repository.git import GitLocked
from orchestrator.verify import Ending, Interrupted
from state.errors import CannotWrite, OpsroomError, Unavailable
from state.model import CHECKING, LIVE

__all__ = ["Acts", "After", "Done", "Heard"]

After = Next | Begun | Left | None
"""What follows from an act: a move of the task, a campaign's run, a worktree that stays, or nothing."""


class Done(NamedTuple):
    """What a thread has to say of the task, or campaign as `campaign/<name>`, that it acts on."""

    key: str
    after: After
    last: bool = True
    """The act is over; else it is only news."""


Heard = queue.SimpleQueue[frozenset[str] | Done | None]
"""What wakes the loop: changed paths, an act's word, or None."""


class Acts:
    """The threads. `busy` belongs to the loop's own thread, which adds to it by `submit` and takes off by `over`."""

    def __init__(self, heard: Heard, threads: int) -> None:
        self._heard = heard
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="act")
        self.busy: set[str] = set()
        """Tasks, and campaigns as `campaign/<name>`, that a thread is acting on."""
        self.ending = Ending()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.soon.set()
        self.ending.now.set()
        self._pool.shutdown(cancel_futures=True)

    def submit(self, key: str, act: Callable[[], After]) -> None:
        """Runs `act` in a thread; the loop hears of it as `Done`. An exception becomes what follows from it."""
        self.busy.add(key)
        self._pool.submit(lambda: self._heard.put(Done(key, self._outcome(key, act))))

    def news(self, key: str, after: Next) -> None:
        """Tells the loop something while the act goes on. For the act's own thread."""
        self._heard.put(Done(key, after, last=False))

    def over(self, done: Done) -> None:
        """Takes note that the loop has heard `done`."""
        if done.last:
            self.busy.discard(done.key)

    def _outcome(self, key: str, act: Callable[[], After]) -> After:
        if self.ending.soon.is_set():
            return None
        try:
            return act()
        except Interrupted:
            return None
        except (CannotWrite, GitLocked, Unavailable) as error:
            if key.startswith("campaign/"):
                return Begun(0, again=error)
            return later("", LIVE | CHECKING, str(error))
        except Exception as error:  # noqa: BLE001 - a thread's last words; the task says them, none is lost
            why = str(error) if isinstance(error, OpsroomError) else f"{type(error).__name__}: {error}"
            return Begun(0, error=why) if key.startswith("campaign/") else Next("failed", LIVE | CHECKING, why=why)
