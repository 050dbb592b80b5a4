"""The life of an orchestrator: it holds the lease and makes one turn after the other, until it is to end.

After a crash the next orchestrator reads the directory and goes on: what was being landed is landed again from its
branch, what runs is found by its lock.
"""

import contextlib
import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from orchestrator import acting, agent_commands, leftovers, schedule
from orchestrator.acts import Done, Heard
from orchestrator.config import Config
from orchestrator.events import Events
from orchestrator.repository import worktrees
from orchestrator.repository.git import Git
from orchestrator.sandboxes import enclosure
from orchestrator.troubles import Troubles
from orchestrator.turns import Turns
from state import secrets
from state.errors import Unavailable
from state.layout import StateDir
from state.lease import Holding
from state.times import utc_now
from state.watch import Watcher

__all__ = ["Orchestrator"]

TICK = 1.0
"""Seconds after which processes and deadlines are looked at though nothing was heard."""
GONE = "it was removed, moved away or made anew, and is no longer this orchestrator's"
"""Why an orchestrator ends whose state directory is not there any more."""
DRAIN = 10.0
"""Seconds that an end waits for checks that run; then they are broken off, and the next orchestrator runs them."""
MOMENT = 0.5
"""Seconds after which news that still come in wait for the next turn."""
PORTION = 2000
"""Changed paths that are taken in at a time."""
TRUST = "git's configuration"
"""What the trouble is called that what is trusted of it can't be read or written."""


class Orchestrator:
    """One state directory's orchestrator. `run` returns when it is done; `stop` may be called from any thread."""

    def __init__(
        self,
        state: StateDir,
        config: Config,
        *,
        once: bool = False,
        idle_seconds: float | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.state = state
        self.config = config
        config.orchestrator.base = config.orchestrator.base or Git(state.repository).current_branch()
        secrets.name_variables(agent_commands.secret_variables(config))
        self._once = once
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._events = Events(state, clock)
        self._enclosure = enclosure.choose(state, config)
        self._heard: Heard = queue.SimpleQueue()
        self._troubles = Troubles(self._events)
        self._turns = Turns(state, config, self._events, self._enclosure, self._troubles, self._heard, clock)
        self._stops = 0
        self._idle_since: float | None = None
        self.why = ""

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self, why: str = "asked to end") -> None:
        """Makes `run` return soon, at a second call at once. Workers go on; the next orchestrator finds them."""
        self.why = self.why or why
        self._stops += 1
        self._heard.put(None)

    def run(self) -> None:
        """Runs until it is stopped, or until nothing is left to do where that was asked for.

        Raises `Unavailable` if another orchestrator holds the lease, or when the state directory is gone.
        """
        self.state.create()
        limits, budget = self.config.orchestrator, self.config.budgets.fleet
        ours = Holding(
            self.state,
            max_workers=limits.max_workers,
            budget=budget,
            sandbox=self._enclosure.kind,
            sandbox_why=self._enclosure.why,
        )
        with ours as lease:
            self._trust()
            watcher = Watcher(self.state)
            listening = threading.Thread(target=self._listen, args=(watcher,), name="watch", daemon=True)
            self._events.tell("up", pid=lease.lease.pid, host=lease.lease.host)
            acting.write_wrapper(self.state)
            self._mend()
            with self._turns.acts:
                listening.start()
                for paths in _portions(self._heard.get()):  # everything there is, before anything is decided
                    self._turns.take(paths)
                    self._beat(lease)
                self._events.catch_up(self._turns.known.fleet.tasks.values())
                acting.clear_checks(self.state, self._turns.known.fleet.tasks.values())
                with self._troubles.trying("landings"):
                    self._turns.known.landed = acting.landed_before(self.state, self._turns.known.fleet.tasks.values())
                try:
                    while not self._stops:
                        self._beat(lease)
                        if self._turn() and self._finished():
                            self.why = self.why or "nothing is left to do"
                            break
                        self._hear(self._patience())
                    self._drain(lease)
                finally:
                    watcher.stop()
                    self._turns.close()
            lease.lease.why = self.why
            self._events.tell("down", why=self.why)
        listening.join(timeout=2)
        if self.why == GONE:
            raise Unavailable(
                f"{self.state.root}: {GONE}", todo="workers of a directory that was removed end themselves"
            )

    def _mend(self) -> None:
        """Mends what a crash left half done."""
        leftovers.remove_unfinished_tasks(self.state)
        sweeping = functools.partial(leftovers.remove_unfinished_writes, self.state)
        threading.Thread(target=sweeping, name="sweep", daemon=True).start()  # it looks into every folder
        with self._troubles.trying("worktrees"):
            for told in worktrees.mend(self.state.repository, self.state.worktrees):
                self._events.tell("worktree", why=told)

    def _trust(self) -> None:
        with self._troubles.trying(TRUST):
            Git(self.state.repository).trust(self.state.root, self.state.git_trust)

    def _drain(self, lease: Holding) -> None:
        """Waits for what threads are doing, so that what comes of it is written; not for long."""
        if not self._turns.acts.busy or self.why == GONE:
            return
        self._events.tell("ending", why=self.why, waits_for=sorted(self._turns.acts.busy))
        self._turns.acts.ending.soon.set()
        until = time.monotonic() + DRAIN
        while self._turns.acts.busy:
            if self._stops > 1 or time.monotonic() >= until:
                self._turns.acts.ending.now.set()
            self._hear(0.2)
            self._beat(lease)

    def _beat(self, lease: Holding) -> None:
        if lease.lost:  # not a word more: whatever has its name now is somebody else's
            self.why = GONE
            self._events.close()
            self.stop()
            return
        with self._troubles.trying("lease"):
            lease.beat(self._clock())

    def _listen(self, watcher: Watcher) -> None:
        batches = watcher.batches()
        for batch in batches:
            self._heard.put(batch.paths)  # all there is: nothing is decided on a part of it
            break
        for batch in batches:
            for paths in _portions(batch.paths):
                self._heard.put(paths)

    def _hear(self, seconds: float) -> None:
        """Waits at most `seconds` for news and takes in all there is, or as much as can be within a moment."""
        with contextlib.suppress(queue.Empty):
            self._turns.take(self._heard.get(timeout=seconds))
            until = time.monotonic() + MOMENT
            while time.monotonic() < until:
                self._turns.take(self._heard.get_nowait())

    def _patience(self) -> float:
        now = self._clock()
        due = schedule.next_moment(self._turns.known.facts(), now)
        return TICK if due is None else min(TICK, max(0.01, (due - now).total_seconds()))

    def _turn(self) -> bool:
        """Makes one turn; whether nothing is left that will go on without a person."""
        if TRUST in self._troubles:
            self._trust()
        turned = self._turns.turn()
        if turned.shutdown:
            self.stop("shutdown was asked for")
        if not turned.idle:
            self._idle_since = None
        return turned.idle

    def _finished(self) -> bool:
        """Whether this orchestrator was to end once nothing is left to do, and nothing is."""
        if self._once:
            return True
        if self._idle_seconds is None:
            return False
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        return now - self._idle_since >= self._idle_seconds


def _portions(news: frozenset[str] | Done | None) -> Iterator[frozenset[str]]:
    """Changed paths in portions, a folder before what is in it, so that a very full one keeps nothing else waiting."""
    paths = sorted(news) if isinstance(news, frozenset) else []
    for begin in range(0, len(paths), PORTION):
        yield frozenset(paths[begin : begin + PORTION])
