"""What the orchestrator knows: the directory as it was read last, which tasks are open, which attempts live.

It decides nothing and writes nothing. The loop tells it which paths have changed, and asks it for the facts.
"""

import time
from collections.abc import Callable, Set
from datetime import datetime

from orchestrator import agents, schedule
from orchestrator.acting import Left
from orchestrator.campaign.unreadable import Unreadable
from orchestrator.config import Agent, Config
from orchestrator.gate import Gate
from orchestrator.holds import Pass
from orchestrator.mail import OVER
from orchestrator.running import attempts
from orchestrator.running.living import Living
from state import files
from state.fleet import FleetReader
from state.layout import StateDir
from state.model import CHECKING, FINAL, LIVE
from state.usage import Budget
from state.views import Fleet, TaskView

__all__ = ["MISSING", "Known"]

MISSING = Agent(command=["false"])
"""Stands for the limits of an agent that is not configured any more."""


class Known:
    """One state directory as its orchestrator knows it. All of it belongs to the loop's own thread."""

    def __init__(
        self, state: StateDir, config: Config, gate: Gate, busy: Set[str], clock: Callable[[], datetime]
    ) -> None:
        self._state = state
        self._config = config
        self._gate = gate
        self._busy = busy
        """Tasks and campaigns for which a thread is doing something."""
        self._clock = clock
        self._reader = FleetReader(state)
        self.living = Living(state)
        self.open: set[str] = set()
        """Tasks that may still need something done."""
        self.landed: set[str] = set()
        """Tasks whose change was on its branch before this orchestrator began, and that are still to be told so."""
        self.unreadable = Unreadable(config.orchestrator.unreadable_seconds)
        """Campaigns for whose tasks nobody can say what they may do."""
        self.left: dict[str, Left] = {}
        """Ended tasks whose worktree has to stay."""
        self._resting: dict[str, float] = {}
        """When, by the monotonic clock, what could not be done now is tried again."""

    @property
    def fleet(self) -> Fleet:
        """Everything, as it was read last."""
        return self._reader.fleet

    def apply(self, paths: frozenset[str]) -> None:
        """Takes in that `paths` have changed."""
        change = self._reader.apply(paths)
        for name in change.campaigns:
            campaign = self.fleet.campaigns.get(name)
            if campaign is not None and campaign.file is not None and campaign.envelope is not None:
                self.unreadable.forget(name)
        for task in change.tasks:
            view = self.fleet.tasks.get(task)
            self._gate.note(task, view)
            if view is None:
                self.open.discard(task)
                self.living.forget(task)
                continue
            if task not in self.open:
                self.look(view)  # an attempt may live that an earlier orchestrator started
            self.sort(view)

    def sort(self, view: TaskView) -> None:
        """Takes the task up among the open ones, or drops it from them."""
        told = not (view.inbox and view.state in OVER)
        ended = view.state in FINAL and view.id not in self.living and not self.is_unjudged(view)
        over = ended and told and not self._has_worktree(view.id)
        (self.open.discard if over else self.open.add)(view.id)

    def _has_worktree(self, task: str) -> bool:
        left = self.left.get(task)
        return (left is None or left.again) and files.exists(self._state.worktree(task))

    def look(self, view: TaskView) -> None:
        """Notices that an attempt lives, or that it has ended, and then reads what it left before it did."""
        if self.living.look(view):
            self.reread(view.id)

    def reread(self, task: str) -> None:
        """Reads all that a task's worker may have written, ahead of the watcher."""
        folder = self._state.task(task)
        paths = {folder.result, folder.spent}
        paths |= {folder.inbox / name for name in files.names(self._state.root, folder.inbox)}
        view = self.fleet.tasks.get(task)
        for number in view.attempts[-1:] if view else ():
            attempt = folder.attempt(number)
            paths |= {attempt.run, attempt.exit, attempt.report}
        self.apply(self._reader.unseen(task) | {self._state.relative(path) for path in paths})

    def reread_campaign(self, name: str) -> None:
        """Reads what a person may have changed in a campaign, ahead of the watcher."""
        folder = self._state.campaign(name)
        self.apply(frozenset({self._state.relative(folder.envelope), self._state.relative(folder.queue)}))

    def rest(self, key: str, seconds: float) -> None:
        """Has `key` rest for `seconds`, or with 0 no longer."""
        if seconds:
            self._resting[key] = time.monotonic() + seconds
        else:
            self._resting.pop(key, None)

    def rests(self, key: str) -> bool:
        """Whether what could not be done now is not to be tried again yet."""
        return time.monotonic() < self._resting.get(key, 0.0)

    def facts(self) -> list[schedule.Facts]:
        """What decisions rest on, a line a task, those first that are first to be launched."""
        limits = self._config.orchestrator
        facts = []
        for task in sorted(self.open, key=self._order):
            view = self.fleet.tasks[task]
            agent = self._config.agents.get(view.task.agent, MISSING) if view.task else MISSING
            facts.append(
                schedule.Facts(
                    view=view,
                    alive=task in self.living,
                    busy=task in self._busy or self.is_unjudged(view),
                    limits=schedule.Limits(agent.max_attempts, limits.backoff_seconds, limits.backoff_limit),
                    worktree=view.state in FINAL and not self.rests(task) and self._has_worktree(task),
                    gate=self.passing(view),
                    started=view.state != "starting"
                    or self.was_started(task, view.attempts[-1] if view.attempts else 0),
                )
            )
        return facts

    def is_unjudged(self, view: TaskView) -> bool:
        """Whether the newest attempt has ended, and what its stream comes to is not known yet."""
        if view.report is None or view.report.kind not in agents.KINDS or view.report.verdict:
            return False
        if view.id in self.living or view.id in self._busy:
            return False
        return bool(view.attempts) and self.was_started(view.id, view.attempts[-1])

    def waits(self) -> bool:
        """Whether something will go on by itself later: a backoff, a deadline, a blocked branch."""
        for task in self.open:
            view = self.fleet.tasks[task]
            if self.is_unjudged(view):
                return True
            if view.state in ("queued", "retrying", *LIVE, *CHECKING):
                passing = self.passing(view)
                held = passing.for_good if view.state in ("queued", "retrying") else bool(passing.unreadable)
                if view.task is not None and view.status is not None and not held:
                    return True
            elif view.state == "waiting" and any(q.default and q.deadline for q in view.questions):
                return True
        return False

    def was_started(self, task: str, number: int) -> bool:
        """Whether attempt `number` came to have a supervisor."""
        return attempts.was_started(self._state.task(task).attempt(number))

    def _order(self, task: str) -> tuple[int, datetime, str]:
        """What landed before all others, for the record is in the order of the branch; then what was started before,
        then the oldest.
        """
        view = self.fleet.tasks[task]
        created = view.task.created if view.task else self._clock()
        return (0 if task in self.landed else 1 if view.status and view.status.attempt else 2, created, task)

    def passing(self, view: TaskView) -> Pass:
        """Whether the task may be launched, by all holds and budgets."""
        passing = self._gate.for_task(view, self.budget_of(view))
        if view.campaign and (why := self.unreadable.over(view.campaign)):
            return passing._replace(held=why, for_good=True, unreadable=why)
        return passing

    def budget_of(self, view: TaskView) -> Budget | None:
        """The budget of the task's campaign."""
        campaign = self.fleet.campaigns.get(view.campaign)
        return campaign.envelope.budgets if campaign and campaign.envelope else None
