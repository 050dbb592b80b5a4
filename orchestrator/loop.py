"""The orchestrator: takes commands, decides, acts, until it is asked to end or nothing is left to do.

One thread owns everything that is written: statuses, campaign files, outcomes. What takes long (a worktree, the
checks) runs in threads that hand their result back. After a crash the next orchestrator reads the directory and
goes on: what was being landed is landed again from its branch, what runs is found by its lock.
"""

import contextlib
import functools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from orchestrator import acting, agent_commands, leftovers, schedule, tasks
from orchestrator.acting import Left, Next
from orchestrator.acts import Acts, Done, Heard
from orchestrator.campaign import campaigns
from orchestrator.campaign.campaign_runs import Begun, CampaignRuns
from orchestrator.clock_steps import ClockSteps
from orchestrator.config import Config
from orchestrator.events import Events
from orchestrator.failures import PROVIDER
from orchestrator.gate import Gate
from orchestrator.inbox import Inbox
from orchestrator.known import MISSING, Known
from orchestrator.repository import worktrees
from orchestrator.repository.git import Git
from orchestrator.running import attempts
from orchestrator.running.machine import Sampling, shortage
from orchestrator.running.streams import Streams
from orchestrator.sandboxes import enclosure
from orchestrator.troubles import Troubles
from state import messages, secrets
from state.errors import Unavailable
from state.layout import StateDir
from state.lease import Holding
from state.model import LIVE
from state.times import age, utc_now
from state.views import TaskView
from state.watch import Watcher

__all__ = ["Orchestrator"]

TICK = 1.0
"""Seconds after which processes and deadlines are looked at though nothing was heard."""
LANDINGS = 32
"""Threads beside those that start attempts, which nothing that waits for its turn to be checked may keep waiting."""
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
        self._campaigns = CampaignRuns(state, config, self._events, self._enclosure.checking)
        self._heard: Heard = queue.SimpleQueue()
        self._acts = Acts(self._heard, config.orchestrator.max_workers + LANDINGS)
        self._inbox = Inbox(state, config, self._events, self._acts.busy)
        self._sampling = Sampling(state, config.orchestrator)
        self._gate = Gate(state, config, self._events)
        self._known = Known(state, config, self._gate, self._acts.busy, clock)
        self._streams = Streams(state, config, self._heard.put)
        self._troubles = Troubles(self._events)
        self._stops = 0
        self._idle_since: float | None = None
        self._clock_steps = ClockSteps(clock)
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
            with self._acts:
                listening.start()
                for paths in _portions(self._heard.get()):  # everything there is, before anything is decided
                    self._known.apply(paths)
                    self._beat(lease)
                self._events.catch_up(self._known.fleet.tasks.values())
                acting.clear_checks(self.state, self._known.fleet.tasks.values())
                with self._troubles.trying("landings"):
                    self._known.landed = acting.landed_before(self.state, self._known.fleet.tasks.values())
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
                    self._streams.close()
                    self._sampling.close()
                    self._campaigns.close()
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
        if not self._acts.busy or self.why == GONE:
            return
        self._events.tell("ending", why=self.why, waits_for=sorted(self._acts.busy))
        self._acts.ending.soon.set()
        until = time.monotonic() + DRAIN
        while self._acts.busy:
            if self._stops > 1 or time.monotonic() >= until:
                self._acts.ending.now.set()
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
            self._take(self._heard.get(timeout=seconds))
            until = time.monotonic() + MOMENT
            while time.monotonic() < until:
                self._take(self._heard.get_nowait())

    def _patience(self) -> float:
        now = self._clock()
        due = schedule.next_moment(self._known.facts(), now)
        return TICK if due is None else min(TICK, max(0.01, (due - now).total_seconds()))

    def _take(self, news: frozenset[str] | Done | None) -> None:
        if isinstance(news, Done):
            self._acts.over(news)
            with self._troubles.trying(news.key):
                self._finish(news)
        elif news:
            self._known.apply(news)

    def _finished(self) -> bool:
        """Whether this orchestrator was to end once nothing is left to do, and nothing is."""
        if self._once:
            return True
        if self._idle_seconds is None:
            return False
        now = time.monotonic()
        self._idle_since = self._idle_since or now
        return now - self._idle_since >= self._idle_seconds

    # ── one turn ────────────────────────────────────────────────────────────────────────────────────────────

    def _turn(self) -> bool:
        """Does what there is to do now; whether nothing is left that will go on without a person."""
        attempts.reap()
        if TRUST in self._troubles:
            self._trust()
        self._events.flush()
        for task in self._known.living.tasks:
            view = self._known.fleet.tasks.get(task)
            if view is not None:
                self._known.look(view)
        with self._troubles.trying("streams"):
            self._follow_streams()
        now, step = self._clock_steps.read()
        if step:
            self._set_back(step, now)
        with self._troubles.trying("inbox"):
            for name in self._inbox.next():
                obeyed = self._inbox.obey(name, self._known.fleet, self._known.living.tasks, now)
                self._known.living.hurry(obeyed.grace or {})
                if obeyed.release is not None:
                    self._gate.release(obeyed.release)
                self._known.apply(obeyed.paths)
                if obeyed.shutdown:
                    self.stop("shutdown was asked for")
                    return False
        if "inbox" in self._troubles:  # a command may have been obeyed that could not be concluded
            self._known.apply(frozenset().union(*map(tasks.paths_of, tasks.names(self.state))))
        for task in list(self._known.open):
            self._file_messages(task)
            self._count(task)
        self._gate.look(
            self._known.fleet, self._known.living.seconds(self._known.fleet.tasks), self._shortage(now), now
        )
        with self._troubles.trying("holds"):
            self._gate.write()
        most = 0 if self._sampling.awaited else self.config.orchestrator.max_workers
        decisions = schedule.decide(self._known.facts(), now, most)
        for decision in decisions:
            with self._troubles.trying(decision.task):
                self._carry_out(decision, now)
        self._campaigns.look()
        planned = 0
        for name in list(self._known.fleet.campaigns):
            with self._troubles.trying(f"campaign {name}"):
                planned += self._plan(name, now)
        busy = bool(decisions or planned or self._acts.busy or self._known.living)
        active = busy or self._known.waits()
        if active:
            self._idle_since = None
        return not active

    def _set_back(self, step: timedelta, now: datetime) -> None:
        """Takes in that the clock was set back by `step`: what waits waits no longer for it."""
        self._events.tell("clock", why=f"it was set back by {age(step.total_seconds())}")
        self._gate.set_back(step)
        for task in list(self._known.open):
            view = self._known.fleet.tasks[task]
            if view.status is not None and view.status.not_before is not None:
                same = {"why": view.status.why, "waiting_on": view.status.waiting_on, "since": view.status.since - step}
                with self._troubles.trying(task):
                    self._move(view, now, view.state, not_before=view.status.not_before - step, **same)

    def _follow_streams(self) -> None:
        """Has the streams of attempts that run followed, and those of attempts that have ended read to their end."""
        for task in list(self._known.open):
            view = self._known.fleet.tasks[task]
            if task in self._known.living:
                self._streams.follow(view)
            elif self._known.is_unjudged(view):
                if view.exit is None:  # it may have come after it was looked for, and before the look at who lives
                    self._known.reread(task)
                self._streams.finish(self._known.fleet.tasks.get(task, view))
        if self._streams.trouble is not None:
            raise self._streams.trouble

    def _shortage(self, now: datetime) -> str:
        """What the machine is short of by its newest sample; takes the next one if it is due."""
        with self._troubles.trying("machine"):
            wanted = any(self._known.fleet.tasks[task].state in ("queued", "retrying") for task in self._known.open)
            self._sampling.turn(now, self._known.living.processes(self._known.fleet.tasks), wanted=wanted)
        machine = self._sampling.machine
        return shortage(machine, self.config.orchestrator) if machine else ""

    def _count(self, task: str) -> None:
        """Adds what the newest attempt has used to its task's usage, once it has ended."""
        view = self._known.fleet.tasks.get(task)
        if view is None or view.status is None or task in self._known.living or task in self._acts.busy:
            return
        if view.status.attempt <= view.status.counted or view.status.attempt not in view.attempts:
            return
        if self._known.is_unjudged(view):
            return  # its stream is still being read
        self._known.reread(task)
        view = self._known.fleet.tasks[task]
        if view.exit is None:  # its supervisor was killed, and so ended nothing that the worker had started
            attempts.sweep(self.state.task(task).root, view.attempts[-1])
        with self._troubles.trying(task):
            self._known.apply(tasks.count(self.state, view))

    def _file_messages(self, task: str) -> None:
        """Files away what the worker acknowledged, and answers that came second."""
        view = self._known.fleet.tasks.get(task)
        if view is not None and view.inbox:
            with self._troubles.trying(f"messages to {task}"):
                self._known.apply(acting.file_messages(self.state, view))

    # ── acting ──────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, decision: schedule.Decision, now: datetime) -> None:
        view = self._known.fleet.tasks.get(decision.task)
        if view is None:
            return
        match decision:
            case schedule.Move():
                self._judge(view, decision)
                failures = {} if decision.failures is None else {"failures": decision.failures}
                self._move(
                    view,
                    now,
                    decision.to,
                    why=decision.why,
                    waiting_on=decision.waiting_on,
                    not_before=decision.not_before,
                    failure=decision.failure,
                    **failures,
                )
            case schedule.Answer(question=question):
                folder = self.state.task(view.id)
                messages.reply(self.state.root, folder, question, question.default, "default", now)
                self._known.reread(view.id)
            case schedule.End():
                agent = self.config.agents.get(view.task.agent if view.task else "", MISSING)
                self._known.living.end(view, agent.grace, decision.over)
            case schedule.Launch():
                if not self._known.passing(view).held:  # an earlier decision of this very turn may have begun a hold
                    self._launch(view, now)
            case schedule.Land():
                self._land(view)
            case schedule.PutAway():
                self._acts.submit(view.id, functools.partial(acting.put_away, self.state, view))

    def _judge(self, view: TaskView, decision: schedule.Move) -> None:
        """Holds the agent whose provider failed, or ends the hold, before the task moves on."""
        if view.exit is None or view.task is None or view.state not in LIVE:
            return
        if decision.failure == PROVIDER:
            self._gate.failed(view.task.agent, decision.why, view.exit.started, decision.until)
            self._gate.write()
        elif view.exit.reason == "exited":
            self._gate.worked(view.task.agent, view.exit.started)

    def _launch(self, view: TaskView, now: datetime) -> None:
        agent = self.config.agents.get(view.task.agent if view.task else "")
        if agent is None:
            name = view.task.agent if view.task else ""
            self._move(view, now, "failed", why=f"there is no agent {name!r} in opsroom.toml")
            return
        agent = msgspec.structs.replace(agent, seconds=self._gate.seconds_for(view, agent, self._known.budget_of(view)))
        number = max(view.status.attempt if view.status else 0, *view.attempts, 0)
        if not number or self._known.was_started(view.id, number):
            number += 1
        earlier = view.status.why if view.status and view.status.why != schedule.ANSWERED else ""
        branch = worktrees.attempt_branch(view.id, number)
        envelope = self._envelope_of(view)  # before the move: it may be one that cannot be kept
        self._move(view, now, "starting", attempt=number, branch=branch)
        ready = self._known.fleet.tasks[view.id]
        self._known.left.pop(view.id, None)
        self._acts.submit(view.id, lambda: acting.launch(self.state, ready, agent, envelope, self._enclosure, earlier))

    def _land(self, view: TaskView) -> None:
        envelope = self._envelope_of(view)
        news, ending = functools.partial(self._acts.news, view.id), self._acts.ending
        self._acts.submit(view.id, lambda: acting.land(self.state, view, envelope, self._enclosure, news, ending))

    def _envelope_of(self, view: TaskView) -> acting.Envelope:
        """What holds for a task now: a person may have changed its campaign this instant. Raises `BadFile`."""
        if view.campaign:
            self._known.reread_campaign(view.campaign)
        return self._campaigns.envelope(self._known.fleet, view)

    def _plan(self, name: str, now: datetime) -> int:
        """Does what the campaign `name` asks for, one decision at a time, each on what the last one left."""
        key = f"campaign/{name}"
        done: list[campaigns.Decision] = []
        while (view := self._known.fleet.campaigns.get(name)) is not None:
            fleet = self._known.fleet
            spent = self._gate.campaign_spent(name, view.envelope.budgets) if view.envelope else ""
            decision = next(iter(campaigns.plan(view, fleet.tasks, key in self._acts.busy, spent)), None)
            if decision is None or decision in done:
                break
            done.append(decision)
            if isinstance(decision, campaigns.Begin):
                if self._known.rests(key):
                    return 1
                self._acts.submit(key, functools.partial(self._campaigns.begin, view, decision.run, self._acts.ending))
                break
            self._known.apply(self._campaigns.carry_out(decision, fleet, now))
        return len(done)

    def _finish(self, done: Done) -> None:
        """Does what an act says is next, if the task is still where the act left it."""
        now = self._clock()
        after = done.after
        self._known.rest(done.key, 0)
        if isinstance(after, Begun | Left) and after.again:
            self._known.rest(done.key, acting.AGAIN)
        if isinstance(after, Begun):
            name = done.key.removeprefix("campaign/")
            if after.again is not None:
                raise after.again
            self._known.apply(self._campaigns.finish(name, after, self._known.fleet, now))
            return
        if isinstance(after, Left):
            if self._known.left.get(done.key) != after:
                self._events.tell("worktree", task=done.key, why=f"it stays: {after.why}")
            self._known.left[done.key] = after
        view = self._known.fleet.tasks.get(done.key)
        if view is None:
            return
        if view.status and view.status.attempt:
            self._known.apply(frozenset({f"tasks/{view.id}/attempts/{view.status.attempt}"}))
        view = self._known.fleet.tasks[done.key]
        self._known.look(view)
        if isinstance(after, Next) and view.state in after.expect:
            before = "queued" if view.state in LIVE else view.state
            self._move(view, now, after.to or before, **after.changes(now))
        elif isinstance(after, Next) and after.why:  # it came to nothing, and what it was for is still to be done
            self._known.rest(done.key, acting.AGAIN)
        self._known.sort(self._known.fleet.tasks[done.key])

    def _move(self, view: TaskView, now: datetime, to: str, **changes: object) -> None:
        tasks.move(self.state, self._events, view.id, view.status, now, to, **changes)
        folder = f"tasks/{view.id}"
        paths = {f"{folder}/status.toml"}
        if view.status and view.status.attempt:
            paths.add(f"{folder}/attempts/{view.status.attempt}")
        self._known.apply(frozenset(paths))


def _portions(news: frozenset[str] | Done | None) -> Iterator[frozenset[str]]:
    """Changed paths in portions, a folder before what is in it, so that a very full one keeps nothing else waiting."""
    paths = sorted(news) if isinstance(news, frozenset) else []
    for begin in range(0, len(paths), PORTION):
        yield frozenset(paths[begin : begin + PORTION])
