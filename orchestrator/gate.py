"""What keeps attempts from being launched, or ends them: budgets, a provider that fails, a machine that is short.

Keeps the sums and the holds for the loop, writes `orchestrator/holds.toml` when they change, and tells of each hold
once. The rules themselves are in `budgets` and `holds`.
"""

import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from orchestrator import budgets, holds
from orchestrator.config import Agent, Config
from orchestrator.events import Events
from orchestrator.holds import Pass, Waits
from state import files
from state.errors import BadFile
from state.layout import StateDir
from state.machine import PROVIDER, Hold, Holds
from state.record import decode, encode
from state.usage import Budget, used_up
from state.views import Fleet, TaskView

__all__ = ["Gate"]

TRIAL = 60.0
"""Seconds after which an attempt that still runs, and whose stream nobody reads, is taken to have its provider."""
NONE = Budget()
LEAST = 1.0
"""Seconds that an attempt is given at least."""


class Gate:
    """The gate of one orchestrator. For the loop's own thread."""

    def __init__(self, state: StateDir, config: Config, events: Events) -> None:
        self._state = state
        self._config = config
        self._events = events
        self._ledger = budgets.Ledger()
        limits = config.orchestrator
        self._waits = Waits(limits.hold_seconds, limits.hold_limit, limits.hold_longest)
        self._shortage = ""
        self._spent: dict[str, str] = {}
        """Of each campaign that was asked for since the last look."""
        self._now = datetime.min
        self._holds = self._read()
        self._written = list(self._holds)

    def _read(self) -> list[Hold]:
        """The holds that an earlier orchestrator left. One that cannot be read is a fault, and holds nothing."""
        with contextlib.suppress(BadFile):
            return decode(Holds, files.read_text(self._state.root, self._state.holds), "holds.toml").holds
        return []

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────

    def note(self, task: str, view: TaskView | None) -> None:
        """Takes in that the files of `task` changed; None where it is gone."""
        self._ledger.note(task, view)

    def look(self, fleet: Fleet, running: Mapping[str, float], shortage: str, now: datetime) -> None:
        """Takes in the moment: what runs and for how many seconds, and what the machine is short of."""
        self._now, self._shortage = now, shortage
        self._spent.clear()
        views = [(fleet.tasks[task], seconds) for task, seconds in running.items() if task in fleet.tasks]
        self._ledger.run({view.id: (view.campaign, budgets.of_running(view, seconds)) for view, seconds in views})
        found = holds.with_shortage(self._holds, shortage, now)
        spent = used_up(self._ledger.of_fleet(), self._config.budgets.fleet, "the fleet's", before_launch=True)
        found = holds.with_budget(found, spent, now)
        for view, seconds in views:
            if _is_served(view, seconds) and view.task and view.run:
                found = holds.after_success(found, view.task.agent, view.run.started)
        self._change(found)

    def failed(self, agent: str, why: str, started: datetime, until: datetime | None, by: str = "") -> None:
        """Takes in that an attempt of `agent` failed by its provider; `by` what, where that is known."""
        self._change(holds.after_failure(self._holds, agent, why, started, self._now, self._waits, until, by))

    def worked(self, agent: str, started: datetime) -> None:
        """Takes in that an attempt of `agent` ended in another way than by its provider."""
        self._change(holds.after_success(self._holds, agent, started))

    def set_back(self, step: timedelta) -> None:
        """Takes in that the clock was set back by `step`: what was to end in a minute still does."""
        moved = []
        for hold in self._holds:
            until = None if hold.until is None else hold.until - step
            moved.append(msgspec.structs.replace(hold, since=hold.since - step, until=until))
        self._holds = moved

    def release(self, agent: str) -> list[str]:
        """Ends the provider's hold on `agent`, or on all where it is ''; the agents that were held."""
        freed = [hold for hold in self._holds if hold.kind == PROVIDER and agent in ("", hold.agent)]
        self._change([hold for hold in self._holds if hold not in freed])
        return [hold.agent for hold in freed]

    def _change(self, found: Iterable[Hold]) -> None:
        after = list(found)
        if after == self._holds:
            return
        known = {(hold.kind, hold.agent): hold for hold in self._holds}
        self._holds = after
        for hold in after:
            before = known.pop((hold.kind, hold.agent), None)
            if before is None or before.failures != hold.failures:
                until = hold.until.isoformat() if hold.until else ""
                by = hold.failure
                self._events.tell("hold", what=hold.kind, agent=hold.agent, why=hold.why, until=until, failure=by)
        for kind, agent in known:
            self._events.tell("released", what=kind, agent=agent)

    def write(self) -> None:
        """Writes the holds down, if they are others than those written; raises `CannotWrite`."""
        if self._holds != self._written:
            files.replace(self._state.root, self._state.holds, encode(Holds(holds=self._holds)))
            self._written = list(self._holds)

    # ── what follows ────────────────────────────────────────────────────────────────────────────────────────

    def for_task(self, view: TaskView, envelope: Budget | None) -> Pass:
        """What holds for a task now. `envelope` is the budget of its campaign."""
        agent = view.task.agent if view.task else ""
        settings = self._config.agents.get(agent)
        running = self._ledger.running(view)
        spent = over = ""
        if self._config.budgets.task != NONE:
            used = self._ledger.of_task(view)
            spent = used_up(used, self._config.budgets.task, "the task's", before_launch=running is None)
        if running is not None and settings is not None:
            limit = Budget(tokens=settings.tokens, dollars=settings.dollars)
            over = used_up(running, limit, "the attempt's") or spent or self._over(view.campaign, envelope)
        campaign = self.campaign_spent(view.campaign, envelope)
        return Pass(
            spent=spent,
            held=campaign or holds.reason(self._holds, agent, self._now),
            for_good=bool(campaign) or holds.for_good(self._holds),
            over=over,
            trial=holds.only_a_trial(self._holds, agent),
            shortage=self._shortage,
        )

    def campaign_spent(self, campaign: str, envelope: Budget | None) -> str:
        """Why no more attempt of `campaign` may be launched by its own budget, or ''."""
        if envelope is None or envelope == NONE:
            return ""
        if campaign not in self._spent:
            used = self._ledger.of_campaign(campaign)
            self._spent[campaign] = used_up(used, envelope, f"campaign {campaign}'s", before_launch=True)
        return self._spent[campaign]

    def _over(self, campaign: str, envelope: Budget | None) -> str:
        """Why what runs is to end by the budget of its campaign or of the fleet, or ''."""
        used = self._ledger.of_campaign(campaign)
        mine = used_up(used, envelope, f"campaign {campaign}'s") if envelope else ""
        return mine or used_up(self._ledger.of_fleet(), self._config.budgets.fleet, "the fleet's")

    def seconds_for(self, view: TaskView, agent: Agent, envelope: Budget | None) -> float:
        """How many seconds the next attempt of a task may take: the least of what its budgets leave."""
        left = [
            budgets.seconds_left(self._ledger.of_task(view), self._config.budgets.task),
            budgets.seconds_left(self._ledger.of_campaign(view.campaign), envelope) if envelope else None,
            budgets.seconds_left(self._ledger.of_fleet(), self._config.budgets.fleet),
        ]
        return max(LEAST, min([agent.seconds, *(seconds for seconds in left if seconds is not None)]))


def _is_served(view: TaskView, seconds: float) -> bool:
    """Whether the attempt that runs for `seconds` shows that its provider is there: by its stream, else by lasting."""
    return view.report.worked if view.report is not None else seconds >= TRIAL
