"""The orchestrator: takes commands, decides, acts, until it is asked to end or nothing is left to do.

One thread owns everything that is written: statuses, campaign files, outcomes. What takes long (a worktree, the
checks) runs in threads that hand their result back. After a crash the next orchestrator reads the directory and
goes on: what was being landed is landed again from its branch, what runs is found by its lock.
"""

import functools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

from orchestrator import acting, attempts, campaigns, schedule, tasks, worktrees
from orchestrator.acting import Next
from orchestrator.campaign_runs import Begun, CampaignRuns
from orchestrator.config import Agent, Config
from orchestrator.inbox import Inbox
from state import event_log, files, messages
from state.errors import OpsroomError
from state.fleet import FleetReader, TaskView
from state.layout import StateDir
from state.lease import Holding
from state.model import CHECKING, FINAL, LIVE
from state.times import utc_now
from state.watch import Watcher

__all__ = ["Orchestrator"]

TICK = 1.0
"""Seconds after which processes and deadlines are looked at though nothing was heard."""
MISSING = Agent(command=["false"])
"""Stands for the limits of an agent that is not configured any more."""


class Done(NamedTuple):
    """What a thread has to say of the task, or campaign as `campaign/<name>`, that it acts on."""

    key: str
    after: Next | Begun | None
    last: bool = True
    """The act is over; else it is only news."""


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
        self._once = once
        self._idle_seconds = idle_seconds
        self._clock = clock
        self._reader = FleetReader(state)
        self._inbox = Inbox(state, config)
        self._campaigns = CampaignRuns(state, config)
        self._heard: queue.SimpleQueue[frozenset[str] | Done | None] = queue.SimpleQueue()
        self._busy: set[str] = set()
        """Tasks, and campaigns as `campaign/<name>`, that a thread is acting on."""
        self._alive: set[str] = set()
        self._open: set[str] = set()
        """Tasks that may still need something done."""
        self._left: set[str] = set()
        """Ended tasks whose worktree has to stay."""
        self._grace: dict[str, float] = {}
        self._ending = threading.Event()
        self._idle_since: datetime | None = None
        self.why = ""

    # ── life ────────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self, why: str = "asked to end") -> None:
        """Makes `run` return soon. Workers go on; the next orchestrator finds them."""
        self.why = self.why or why
        self._ending.set()
        self._heard.put(None)

    def run(self) -> None:
        """Runs until it is stopped, or until nothing is left to do where that was asked for.

        Raises `Unavailable` if another orchestrator holds the lease.
        """
        self.state.create()
        limits = self.config.orchestrator
        with Holding(self.state, max_workers=limits.max_workers) as lease:
            watcher = Watcher(self.state)
            listening = threading.Thread(target=self._listen, args=(watcher,), name="watch", daemon=True)
            self._tell("up", pid=lease.lease.pid, host=lease.lease.host)
            acting.write_wrapper(self.state)
            tasks.leftovers(self.state)
            with ThreadPoolExecutor(max_workers=limits.max_workers + 2, thread_name_prefix="act") as self._pool:
                listening.start()
                self._take(self._heard.get())  # everything there is, before anything is decided
                try:
                    while not self._ending.is_set():
                        self._hear()
                        lease.beat(self._clock())
                        if self._turn() and self._finished():
                            self.why = self.why or "nothing is left to do"
                            break
                finally:
                    watcher.stop()
            lease.lease.why = self.why
            self._tell("down", why=self.why)
        listening.join(timeout=2)

    def _listen(self, watcher: Watcher) -> None:
        for batch in watcher.batches():
            self._heard.put(batch.paths)

    def _hear(self) -> None:
        """Waits for news, at most until something is due, and takes in all there is."""
        try:
            self._take(self._heard.get(timeout=self._patience()))
            while True:
                self._take(self._heard.get_nowait())
        except queue.Empty:
            return

    def _patience(self) -> float:
        now = self._clock()
        due = schedule.next_moment(self._facts(), now)
        return TICK if due is None else min(TICK, max(0.01, (due - now).total_seconds()))

    def _take(self, news: frozenset[str] | Done | None) -> None:
        if isinstance(news, Done):
            self._finish(news)
        elif news:
            self._apply(news)

    def _apply(self, paths: frozenset[str]) -> None:
        for task in self._reader.apply(paths).tasks:
            view = self._reader.fleet.tasks.get(task)
            if view is None:
                self._open.discard(task)
                self._alive.discard(task)
                continue
            if task not in self._open:
                self._look(view)  # an attempt may live that an earlier orchestrator started
            over = view.state in FINAL and task not in self._alive and not self._has_worktree(task)
            (self._open.discard if over else self._open.add)(task)

    def _has_worktree(self, task: str) -> bool:
        return task not in self._left and files.exists(self.state.worktree(task))

    def _finished(self) -> bool:
        """Whether this orchestrator was to end once nothing is left to do, and nothing is."""
        if self._once:
            return True
        if self._idle_seconds is None:
            return False
        now = self._clock()
        self._idle_since = self._idle_since or now
        return (now - self._idle_since).total_seconds() >= self._idle_seconds

    # ── one turn ────────────────────────────────────────────────────────────────────────────────────────────

    def _turn(self) -> bool:
        """Does what there is to do now; whether nothing is left that will go on without a person."""
        attempts.reap()
        for task in list(self._alive):
            view = self._reader.fleet.tasks.get(task)
            if view is not None:
                self._look(view)
        now = self._clock()
        for name in self._inbox.next(now):
            obeyed = self._inbox.obey(name, self._reader.fleet, now)
            self._grace |= obeyed.grace or {}
            self._apply(obeyed.paths)
            if obeyed.shutdown:
                self.stop("shutdown was asked for")
                return False
        for task in list(self._open):
            self._file_messages(task)
        decisions = schedule.decide(self._facts(), now, self.config.orchestrator.max_workers)
        for decision in decisions:
            self._carry_out(decision, now)
        planned = sum(self._plan(name, now) for name in list(self._reader.fleet.campaigns))
        active = bool(decisions or planned or self._busy or self._alive or self._waits())
        if active:
            self._idle_since = None
        return not active

    def _waits(self) -> bool:
        """Whether something will go on by itself later: a backoff, a deadline, a blocked branch."""
        for task in self._open:
            view = self._reader.fleet.tasks[task]
            if view.state in ("queued", "retrying", *LIVE, *CHECKING):
                if view.task is not None and view.status is not None:
                    return True
            elif view.state == "waiting" and any(q.default and q.deadline for q in view.questions):
                return True
        return False

    def _facts(self) -> list[schedule.Facts]:
        limits = self.config.orchestrator
        facts = []
        for task in sorted(self._open, key=self._order):
            view = self._reader.fleet.tasks[task]
            agent = self.config.agents.get(view.task.agent, MISSING) if view.task else MISSING
            facts.append(
                schedule.Facts(
                    view=view,
                    alive=task in self._alive,
                    busy=task in self._busy,
                    limits=schedule.Limits(agent.max_attempts, limits.backoff_seconds, limits.backoff_limit),
                    worktree=view.state in FINAL and self._has_worktree(task),
                )
            )
        return facts

    def _order(self, task: str) -> tuple[int, datetime, str]:
        """Tasks that were started before come first, then the oldest."""
        view = self._reader.fleet.tasks[task]
        created = view.task.created if view.task else self._clock()
        return (0 if view.status and view.status.attempt else 1, created, task)

    def _look(self, view: TaskView) -> None:
        """Notices that an attempt lives, or that it has ended, and then reads what it left before it did."""
        number = view.status.attempt if view.status else 0
        if number and attempts.is_alive(self.state.task(view.id).attempt(number)):
            self._alive.add(view.id)
        elif view.id in self._alive:
            self._alive.discard(view.id)
            self._grace.pop(view.id, None)
            self._reread(view.id)

    def _reread(self, task: str) -> None:
        """Reads all that a task's worker may have written, ahead of the watcher."""
        folder = self.state.task(task)
        paths = {folder.result}
        for box in (folder.outbox, folder.inbox):
            paths |= {box / name for name in files.names(self.state.root, box)}
        view = self._reader.fleet.tasks.get(task)
        for number in view.attempts[-1:] if view else ():
            attempt = folder.attempt(number)
            paths |= {attempt.run, attempt.exit}
        self._apply(frozenset(self.state.relative(path) for path in paths))

    def _file_messages(self, task: str) -> None:
        """Files away what the worker acknowledged, and answers that came second."""
        view = self._reader.fleet.tasks.get(task)
        if view is not None and view.inbox:
            self._apply(acting.file_messages(self.state, view))

    # ── acting ──────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, decision: schedule.Decision, now: datetime) -> None:
        view = self._reader.fleet.tasks[decision.task]
        match decision:
            case schedule.Move():
                failures = {} if decision.failures is None else {"failures": decision.failures}
                self._move(
                    view,
                    now,
                    decision.to,
                    why=decision.why,
                    waiting_on=decision.waiting_on,
                    not_before=decision.not_before,
                    **failures,
                )
            case schedule.Answer(question=question):
                folder = self.state.task(view.id)
                messages.reply(self.state.root, folder, question, question.default, "default", now)
                self._reread(view.id)
            case schedule.End():
                agent = self.config.agents.get(view.task.agent if view.task else "", MISSING)
                grace = self._grace.get(view.id, agent.grace)
                number = view.status.attempt if view.status else 0
                attempts.end(self.state.root, self.state.task(view.id).attempt(number), grace)
            case schedule.Launch():
                self._launch(view, now)
            case schedule.Land():
                envelope = self._campaigns.envelope(self._reader.fleet, view)
                merging = Done(view.id, acting.merging, last=False)
                self._submit(view.id, lambda: acting.land(self.state, view, envelope, lambda: self._heard.put(merging)))
            case schedule.PutAway():
                self._submit(view.id, lambda: self._put_away(view))

    def _launch(self, view: TaskView, now: datetime) -> None:
        agent = self.config.agents.get(view.task.agent if view.task else "")
        if agent is None:
            name = view.task.agent if view.task else ""
            self._move(view, now, "failed", why=f"there is no agent {name!r} in opsroom.toml")
            return
        number = max(view.status.attempt if view.status else 0, *view.attempts, 0) + 1
        earlier = view.status.why if view.status and view.status.why != schedule.ANSWERED else ""
        branch = worktrees.attempt_branch(view.id, number)
        self._move(view, now, "starting", attempt=number, branch=branch)
        ready = self._reader.fleet.tasks[view.id]
        envelope = self._campaigns.envelope(self._reader.fleet, ready)
        self._submit(view.id, lambda: acting.launch(self.state, ready, agent, envelope, earlier))

    def _put_away(self, view: TaskView) -> None:
        if not acting.put_away(self.state, view):
            self._left.add(view.id)
            self._tell("worktree", task=view.id, why="kept: not all of it could be committed to its branch")

    def _plan(self, name: str, now: datetime) -> int:
        """Does what the campaign `name` asks for, one decision at a time, each on what the last one left."""
        key = f"campaign/{name}"
        done: list[campaigns.Decision] = []
        while (view := self._reader.fleet.campaigns.get(name)) is not None:
            fleet = self._reader.fleet
            decision = next(iter(campaigns.plan(view, fleet.tasks, key in self._busy)), None)
            if decision is None or decision in done:
                break
            done.append(decision)
            if isinstance(decision, campaigns.Begin):
                self._submit(key, functools.partial(self._campaigns.begin, view, decision.run))
                break
            self._apply(self._campaigns.carry_out(decision, fleet, now))
        return len(done)

    def _submit(self, key: str, act: Callable[[], Next | Begun | None]) -> None:
        """Runs `act` in a thread; the loop's own thread then does what it says is next."""
        self._busy.add(key)

        def work() -> None:
            try:
                after = act()
            except Exception as error:  # noqa: BLE001 - a thread's last words; the task says them, none is lost
                why = str(error) if isinstance(error, OpsroomError) else f"{type(error).__name__}: {error}"
                begun = Begun(0, error=why)
                after = begun if key.startswith("campaign/") else Next("failed", LIVE | CHECKING, why=why)
            self._heard.put(Done(key, after))

        self._pool.submit(work)

    def _finish(self, done: Done) -> None:
        now = self._clock()
        if done.last:
            self._busy.discard(done.key)
        if isinstance(done.after, Begun):
            name = done.key.removeprefix("campaign/")
            self._apply(self._campaigns.finish(name, done.after, now))
            return
        view = self._reader.fleet.tasks.get(done.key)
        if view is None:
            return
        self._look(view)
        after = done.after
        if after is not None and view.state in after.expect:
            self._move(view, now, after.to, **after.changes(now))
        else:
            self._apply(
                frozenset({f"tasks/{view.id}/attempts/{n}" for n in (view.status.attempt,) if n} if view.status else ())
            )

    def _move(self, view: TaskView, now: datetime, to: str, **changes: object) -> None:
        tasks.move(self.state, view.id, view.status, now, to, **changes)
        folder = f"tasks/{view.id}"
        paths = {f"{folder}/status.toml"}
        if view.status and view.status.attempt:
            paths.add(f"{folder}/attempts/{view.status.attempt}")
        self._apply(frozenset(paths))

    def _tell(self, kind: str, **fields: object) -> None:
        event_log.append(self.state.root, self.state.events, self._clock(), kind, **fields)
