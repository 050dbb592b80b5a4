"""What needs a person: questions, stops, budgets, refused keys, failures, halts, faults; each oldest first."""

from dataclasses import dataclass
from datetime import UTC, datetime

from state.agent_events import AUTHENTICATION
from state.errors import Fault
from state.machine import needs_person, not_let_in
from state.messages import Message
from state.views import CampaignView, Fleet, TaskView

__all__ = ["HALTED", "Entry", "campaign_key", "entries", "task_key"]

HALTED = frozenset({"stop", "error", "no_progress", "budget_exhausted"})
"""A campaign's statuses in which it waits for a person."""
_ORDER = ("question", "stop", "budget", "authentication", "failed", "halted", "fault")
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def task_key(task_id: str) -> str:
    """The key by which a task is selected."""
    return f"task:{task_id}"


def campaign_key(name: str) -> str:
    """The key by which a campaign is selected."""
    return f"campaign:{name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a person has to look at. `key` is the row that it is about, '' where none is."""

    kind: str
    """`question`, `stop`, `budget`, `authentication`, `failed`, `halted` or `fault`."""
    key: str
    name: str
    at: datetime | None
    text: str
    """Word for word as it was read: not yet safe to show."""
    question: Message | None = None

    @property
    def id(self) -> str:
        """What tells this entry from any other."""
        return f"{self.kind}:{self.key or self.name}:{self.question.name if self.question else ''}"


def entries(fleet: Fleet) -> tuple[Entry, ...]:
    """Everything in `fleet` that needs a person."""
    found: list[Entry] = []
    stopped: set[str] = set()
    for view in fleet.tasks.values():
        if view.needs_human:
            found.extend(_of_task(view))
            if view.state == "stopped":
                stopped.add(view.campaign)
    for campaign in fleet.campaigns.values():
        found.extend(_of_campaign(campaign, campaign.name in stopped))
    for hold in fleet.holds:
        if needs_person(hold):
            kind = AUTHENTICATION if not_let_in(hold) else "budget"
            found.append(Entry(kind, "", hold.agent or "all agents", hold.since, hold.why))
    if fleet.faults:
        found.append(Entry("fault", "", "state directory", None, _lines(fleet.faults)))
    return tuple(sorted(found, key=lambda entry: (_ORDER.index(entry.kind), entry.at or _LONG_AGO, entry.name)))


def _of_task(view: TaskView) -> list[Entry]:
    key, since = task_key(view.id), view.status.since if view.status else None
    found = [Entry("question", key, view.id, one.at, one.body, one) for one in view.questions]
    why = view.status.why if view.status else ""
    if view.state == "stopped":
        found.append(Entry("stop", key, view.id, since, view.stop_reason or why))
    elif view.state == "failed":
        found.append(Entry("failed", key, view.id, since, why or (view.result.summary if view.result else "")))
    if view.faults:
        found.append(Entry("fault", key, view.id, since, _lines(view.faults)))
    return found


def _of_campaign(view: CampaignView, stopped: bool) -> list[Entry]:
    key = campaign_key(view.name)
    if view.faults:
        return [Entry("fault", key, view.name, None, _lines(view.faults))]
    status = view.file.status if view.file else ""
    if status not in HALTED or (status == "stop" and stopped):
        return []  # of a stop the task that stopped says more
    ended = view.runs[-1][1].ended if view.runs else None
    reason = view.file.headers.get("STOP_REASON", "") if view.file else ""
    return [Entry("halted", key, view.name, ended, f"{status.replace('_', ' ')}: {reason}" if reason else status)]


def _lines(faults: tuple[Fault, ...]) -> str:
    return "\n".join(str(fault) for fault in faults)
