"""What an orchestrator does at each turn: reads the streams, obeys, decides, acts, and writes down what came of it.

For the one thread that owns everything that is written: statuses, campaign files, outcomes. What takes long (a
worktree, the checks) runs in threads that hand their result back.
"""

import functools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from orchestrator import acting, mail, schedule, tasks
from orchestrator.acting import Left, Next
from orchestrator.acts import Acts, Done, Heard
from orchestrator.campaign import campaigns
from orchestrator.campaign.campaign_runs import Begun, CampaignRuns
from orchestrator.campaign.envelopes import Envelope
from orchestrator.clock_steps import ClockSteps
from orchestrator.config import Config
from orchestrator.events import Events
from orchestrator.failures import PROVIDER
from orchestrator.gate import Gate
from orchestrator.inbox import Inbox
from orchestrator.known import MISSING, Known
from orchestrator.repository import worktrees
from orchestrator.running import attempts
from orchestrator.running.machine import Sampling, shortage
from orchestrator.running.streams import Streams
from orchestrator.sandboxes.enclosure import Enclosure
from orchestrator.troubles import Troubles
from state import messages
from state.errors import BadFile
from state.layout import StateDir
from state.model import LIVE
from state.times import age
from state.views import TaskView

__all__ = ["Turned", "Turns"]

LANDINGS = 32
"""Threads beside those that start attempts, which nothing that waits for its turn to be checked may keep waiting."""


class Turned(NamedTuple):
    """What a turn came to."""

    idle: bool = False
    """Nothing is left that will go on without a person."""
    shutdown: bool = False
    """A command asked for the orchestrator's end."""


class Turns:
    """The turns of one orchestrator. What its threads have done comes to `heard`, and is to be handed to `take`."""

    def __init__(
        self,
        state: StateDir,
        config: Config,
        events: Events,
        enclosure: Enclosure,
        troubles: Troubles,
        heard: Heard,
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._config = config
        self._events = events
        self._enclosure = enclosure
        self._troubles = troubles
        self._clock = clock
        self._acts = Acts(heard, config.orchestrator.max_workers + LANDINGS)
        self._campaigns = CampaignRuns(state, config, events, enclosure.checking)
        self._inbox = Inbox(state, config, events, self._acts.busy)
        self._sampling = Sampling(state, config.orchestrator)
        self._gate = Gate(state, config, events)
        self._known = Known(state, config, self._gate, self._acts.busy, clock)
        self._streams = Streams(state, config, heard.put)
        self._clock_steps = ClockSteps(clock)

    @property
    def acts(self) -> Acts:
        """What runs in threads. To be entered before the first turn."""
        return self._acts

    @property
    def known(self) -> Known:
        """What the files say, as far as it was taken in."""
        return self._known

    def close(self) -> None:
        """Ends what runs beside the turns, but for the acts."""
        self._streams.close()
        self._sampling.close()
        self._campaigns.close()

    # ── one turn ────────────────────────────────────────────────────────────────────────────────────────────

    def turn(self) -> Turned:
        """Does what there is to do now."""
        attempts.reap()
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
                    return Turned(shutdown=True)
        if "inbox" in self._troubles:  # a command may have been obeyed that could not be concluded
            self._known.apply(frozenset().union(*map(tasks.paths_of, tasks.names(self._state))))
        for task in list(self._known.open):
            self._file_messages(task)
            self._count(task)
        awaited = self._sample(now)  # asked first: what comes in between may be what forbids a launch
        self._gate.look(self._known.fleet, self._known.living.seconds(self._known.fleet.tasks), self._shortage(), now)
        with self._troubles.trying("holds"):
            self._gate.write()
        most = 0 if awaited else self._config.orchestrator.max_workers
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
        return Turned(idle=not (busy or self._known.waits()))

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

    def _sample(self, now: datetime) -> bool:
        """Takes the next sample of the machine if it is due; whether nothing should be launched without it."""
        with self._troubles.trying("machine"):
            wanted = any(self._known.fleet.tasks[task].state in ("queued", "retrying") for task in self._known.open)
            self._sampling.turn(now, self._known.living.processes(self._known.fleet.tasks), wanted=wanted)
        return self._sampling.awaited

    def _shortage(self) -> str:
        """What the machine is short of by its newest sample."""
        machine = self._sampling.machine
        return shortage(machine, self._config.orchestrator) if machine else ""

    def _count(self, task: str) -> None:
        """Adds what the newest attempt has used to its task's usage, once it has ended."""
        view = self._known.fleet.tasks.get(task)
        if view is None or view.status is None or task in self._known.living or task in self._acts.busy:
            return
        if view.status.attempt <= view.status.counted or view.status.attempt not in view.attempts:
            return
        if not self._known.was_started(task, view.status.attempt):
            return  # there was a crash in between: it will be started under the same number
        if self._known.is_unjudged(view):
            return  # its stream is still being read
        self._known.reread(task)
        view = self._known.fleet.tasks.get(task)
        if view is None or not view.attempts:  # somebody removes it at this very moment
            return
        if view.exit is None:  # its supervisor was killed, and so ended nothing that the worker had started
            attempts.sweep(self._state.task(task).root, view.attempts[-1])
        with self._troubles.trying(task):
            self._known.apply(tasks.count(self._state, view))

    def _file_messages(self, task: str) -> None:
        """Files away what the worker acknowledged, and answers that came second."""
        view = self._known.fleet.tasks.get(task)
        if view is not None and view.inbox:
            with self._troubles.trying(f"messages to {task}"):
                self._known.apply(mail.file_messages(self._state, view))

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
                folder = self._state.task(view.id)
                messages.reply(self._state.root, folder, question, question.default, "default", now)
                self._known.reread(view.id)
            case schedule.End():
                agent = self._config.agents.get(view.task.agent if view.task else "", MISSING)
                self._known.living.end(view, agent.grace, decision.over)
            case schedule.Launch():
                if not self._known.passing(view).held:  # an earlier decision of this very turn may have begun a hold
                    self._launch(view, now)
            case schedule.Land():
                self._land(view)
            case schedule.PutAway():
                self._acts.submit(view.id, functools.partial(acting.put_away, self._state, view))

    def _judge(self, view: TaskView, decision: schedule.Move) -> None:
        """Holds the agent whose provider failed, or ends the hold, before the task moves on."""
        if view.exit is None or view.task is None or view.state not in LIVE:
            return
        if decision.failure == PROVIDER:
            self._gate.failed(view.task.agent, decision.why, view.exit.started, decision.until, decision.by)
            self._gate.write()
        elif view.exit.reason == "exited":
            self._gate.worked(view.task.agent, view.exit.started)

    def _launch(self, view: TaskView, now: datetime) -> None:
        agent = self._config.agents.get(view.task.agent if view.task else "")
        if agent is None:
            name = view.task.agent if view.task else ""
            self._move(view, now, "failed", why=f"there is no agent {name!r} in opsroom.toml")
            return
        agent = msgspec.structs.replace(agent, seconds=self._gate.seconds_for(view, agent, self._known.budget_of(view)))
        number = max(view.status.attempt if view.status else 0, *view.attempts, 0)
        earlier = None
        if not number or self._known.was_started(view.id, number):
            number += 1
            earlier = view.status.why if view.status and view.status.why != schedule.ANSWERED else ""
        branch = worktrees.attempt_branch(view.id, number)
        envelope = self._envelope_of(view)  # before the move: it may be one that cannot be kept
        self._move(view, now, "starting", attempt=number, branch=branch)
        ready = self._known.fleet.tasks.get(view.id)
        if ready is None:
            return
        self._known.left.pop(view.id, None)
        self._acts.submit(view.id, lambda: acting.launch(self._state, ready, agent, envelope, self._enclosure, earlier))

    def _land(self, view: TaskView) -> None:
        envelope = self._envelope_of(view)
        news, ending = functools.partial(self._acts.news, view.id), self._acts.ending
        self._acts.submit(view.id, lambda: acting.land(self._state, view, envelope, self._enclosure, news, ending))

    def _envelope_of(self, view: TaskView) -> Envelope:
        """What holds for a task now: a person may have changed its campaign this instant. Raises `BadFile`."""
        if view.campaign:
            self._known.reread_campaign(view.campaign)
        try:
            envelope = self._campaigns.envelope(self._known.fleet, view)
        except BadFile as error:
            self._known.unreadable.found(view.campaign, str(error.fault))
            raise
        self._known.unreadable.forget(view.campaign)
        return envelope

    def _plan(self, name: str, now: datetime) -> int:
        """Does what the campaign `name` asks for, one decision at a time, each on what the last one left."""
        key = f"campaign/{name}"
        done: list[campaigns.Decision] = []
        while (view := self._known.fleet.campaigns.get(name)) is not None:
            fleet = self._known.fleet
            if view.file is None or view.envelope is None:
                self._known.unreadable.found(name, str(view.faults[0]))
            spent = self._gate.campaign_spent(name, view.envelope.budgets) if view.envelope else ""
            unreadable = self._known.unreadable.over(name)
            plan = campaigns.plan(view, fleet.tasks, key in self._acts.busy, spent, unreadable)
            decision = next(iter(plan), None)
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

    def take(self, news: frozenset[str] | Done | None) -> None:
        """Takes in that paths have changed, or that an act is over."""
        if isinstance(news, Done):
            self._acts.over(news)
            with self._troubles.trying(news.key):
                self._finish(news)
        elif news:
            self._known.apply(news)

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
        view = self._known.fleet.tasks.get(done.key, view)
        self._known.look(view)
        if isinstance(after, Next) and view.state in after.expect:
            before = "queued" if view.state in LIVE else view.state
            self._move(view, now, after.to or before, **after.changes(now))
        elif isinstance(after, Next) and after.why:  # it came to nothing, and what it was for is still to be done
            self._known.rest(done.key, acting.AGAIN)
        if (view := self._known.fleet.tasks.get(done.key)) is not None:
            self._known.sort(view)

    def _move(self, view: TaskView, now: datetime, to: str, **changes: object) -> None:
        tasks.move(self._state, self._events, view.id, view.status, now, to, **changes)
        folder = f"tasks/{view.id}"
        paths = {f"{folder}/status.toml"}
        if view.status and view.status.attempt:
            paths.add(f"{folder}/attempts/{view.status.attempt}")
        self._known.apply(frozenset(paths))
