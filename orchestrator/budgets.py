"""What tasks, campaigns and the fleet have used, kept as sums that follow what changed. Pure; no disk, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from state.spending import told
from state.usage import Budget, Usage
from state.views import TaskView

__all__ = ["Ledger", "of_running", "seconds_left"]


def of_running(view: TaskView, seconds: float) -> Usage:
    """What the running attempt of a task has used in the `seconds` that it has run."""
    return told(view).plus(Usage(attempts=1, seconds=seconds))


@dataclass(slots=True)
class Ledger:
    """Sums over the ended attempts of all tasks, by campaign and whole; running ones are added when asked."""

    total: Usage = field(default_factory=Usage)
    _campaigns: dict[str, Usage] = field(default_factory=dict)
    _tasks: dict[str, tuple[str, Usage]] = field(default_factory=dict)
    _running: dict[str, tuple[str, Usage]] = field(default_factory=dict)

    def note(self, task: str, view: TaskView | None) -> None:
        """Takes in what the files say of `task` now; None where there is no such task any more."""
        campaign, before = self._tasks.pop(task, ("", Usage()))
        if view is not None and view.status is None:  # unreadable for now: what is known of it stays
            self._tasks[task] = (campaign, before)
            return
        usage = view.status.usage if view and view.status else Usage()
        if view is not None:
            self._tasks[task] = (view.campaign, usage)
        if view is not None and (campaign, before) == (view.campaign, usage):
            return
        self.total = self.total.minus(before).plus(usage)
        self._campaigns[campaign] = self._campaigns.get(campaign, Usage()).minus(before)
        if view is not None:
            self._campaigns[view.campaign] = self._campaigns.get(view.campaign, Usage()).plus(usage)

    def run(self, running: Mapping[str, tuple[str, Usage]]) -> None:
        """Says what runs now: each task's campaign, and what its running attempt has used so far."""
        self._running = dict(running)

    def of_task(self, view: TaskView) -> Usage:
        """What a task has used, its running attempt included."""
        usage = view.status.usage if view.status else Usage()
        return usage.plus(self._running[view.id][1]) if view.id in self._running else usage

    def running(self, view: TaskView) -> Usage | None:
        """What the running attempt of a task has used so far; None while none runs."""
        return self._running[view.id][1] if view.id in self._running else None

    def of_campaign(self, campaign: str) -> Usage:
        """What the tasks of `campaign` have used together."""
        usage = self._campaigns.get(campaign, Usage())
        for name, running in self._running.values():
            usage = usage.plus(running) if name == campaign else usage
        return usage

    def of_fleet(self) -> Usage:
        """What all tasks have used together."""
        usage = self.total
        for _, running in self._running.values():
            usage = usage.plus(running)
        return usage


def seconds_left(usage: Usage, budget: Budget) -> float | None:
    """How many seconds of `budget` are left; None where it sets no limit."""
    return max(0.0, budget.seconds - usage.seconds) if budget.seconds else None
