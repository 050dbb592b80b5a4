"""What a running campaign does next: a pure function from its file and its tasks to decisions.

One item is one task, `<campaign>-<index>`, whose change lands on the campaign's own branch `campaign/<name>`.
`campaign.md` is the record: an item is done when it has a line of history, and a crash between a task's end and
that line is mended by looking at both.
"""

from dataclasses import dataclass

from state.campaign_file import BLOCKING, Item
from state.envelope import Run
from state.model import CHECKING, FINAL, LIVE
from state.views import CampaignView, TaskView

__all__ = ["Begin", "Decision", "Halt", "Launch", "Record", "branch_of", "plan", "spec_of", "task_of"]

RESULTS = {
    "merged": "success",
    "done": "success",
    "failed": "failure_reverted",
    "cancelled": "skipped",
    "stopped": BLOCKING,
}
"""What the history says of an item whose task is in the state."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Make the campaign's branch and measure, before anything is launched."""

    campaign: str
    run: int


@dataclass(frozen=True, slots=True)
class Launch:
    """Make the item's task."""

    campaign: str
    item: Item


@dataclass(frozen=True, slots=True)
class Record:
    """Write the item's line of history."""

    campaign: str
    item: Item
    task: str
    result: str


@dataclass(frozen=True, slots=True)
class Halt:
    """End the run, with the campaign's new status and the sentence a person needs."""

    campaign: str
    run: int
    status: str
    why: str


Decision = Begin | Launch | Record | Halt


def branch_of(campaign: str) -> str:
    """The branch that the campaign's changes land on."""
    return f"campaign/{campaign}"


def task_of(campaign: str, index: int) -> str:
    """The id of the task that does item `index`."""
    return f"{campaign[:90]}-{index:04d}"


def spec_of(view: CampaignView, item: Item) -> str:
    """The narrow contract of one item: what it is, and what holds for all of the campaign."""
    file = view.file
    notes = file.headers.get("NOTES", "") if file else ""
    title = (file.title if file else "") or view.name
    lines = [f"# {title}: {item.target}", "", f"Item {item.index} of campaign {view.name}: `{item.target}`.", ""]
    lines += [f"- {key}: {value}" for key, value in item.fields.items()]
    if notes:
        lines += ["", f"Policy: {notes}"]
    return "\n".join(lines) + "\n"


def plan(view: CampaignView, tasks: dict[str, TaskView], busy: bool, spent: str = "") -> list[Decision]:
    """What to do now for one campaign.

    `busy` says that its run is being begun at this moment, `spent` which limit of its budget is reached.
    """
    file, envelope = view.file, view.envelope
    if file is None or envelope is None:
        return []
    records = _unrecorded(view, tasks)
    if records:
        return [*records]
    number, run = view.runs[-1] if view.runs else (0, None)
    if file.status != "running":
        if run is None or run.ended is not None:
            return []
        return [Halt(view.name, number, file.status, file.headers.get("STOP_REASON", ""))]
    if view.faults:
        return [Halt(view.name, number, "error", str(view.faults[0]))]
    if run is None or run.ended is not None:
        return []  # STATUS was set by hand; `campaign-start` makes the run
    if not run.branch:
        return [] if busy else [Begin(view.name, number)]
    if spent:
        names = (task_of(view.name, item.index) for item in file.queue)
        running = any(tasks[name].state in LIVE | CHECKING for name in names if name in tasks)
        return [] if running else [Halt(view.name, number, "budget_exhausted", spent)]
    return _launches(view, tasks, number, run)


def _unrecorded(view: CampaignView, tasks: dict[str, TaskView]) -> list[Record]:
    records = []
    for item in view.file.queue if view.file else ():
        task = tasks.get(task_of(view.name, item.index))
        if task is None or task.status is None or task.state not in RESULTS:
            continue
        result = RESULTS[task.state]
        line = view.file.outcome(item.index) if view.file else None
        if line is None or line.result != result or line.fields.get("attempt", "") != str(task.status.attempt):
            records.append(Record(view.name, item, task.id, result))
    return records


def _launches(view: CampaignView, tasks: dict[str, TaskView], number: int, run: Run) -> list[Decision]:
    assert view.file is not None and view.envelope is not None  # noqa: S101 - `plan` has looked
    open_items: list[Item] = []
    live = 0
    stopped = ""
    for item in sorted(view.file.queue, key=lambda item: item.index):
        task = tasks.get(task_of(view.name, item.index))
        if task is not None and task.state not in FINAL | {"stopped"}:
            live += 1
            continue
        outcome = view.file.outcome(item.index)
        if outcome is not None and outcome.result == BLOCKING:
            stopped = stopped or f"item {item.index}, {item.target}: {outcome.fields.get('why', '')}"
        elif outcome is None and item.index >= view.file.next_index and task is None:
            open_items.append(item)
    if stopped:
        return [] if live else [Halt(view.name, number, "stop", stopped)]
    if not open_items:
        return [] if live else [Halt(view.name, number, "complete", "every item has an outcome")]
    room = max(0, view.envelope.at_once - live)
    return [Launch(view.name, item) for item in open_items[:room]]
