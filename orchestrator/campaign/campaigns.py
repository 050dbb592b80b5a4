"""What a running campaign does next: a pure function from its file and its tasks to decisions.

One item is one task, `<campaign>-<index>`, whose change lands on the campaign's own branch `campaign/<name>`.
`campaign.md` is the record: an item is done when it has a line of history, and a crash between a task's end and
that line is mended by looking at both.
"""

from dataclasses import dataclass

from state.campaign_file import BLOCKING, HistoryLine, Item
from state.envelope import Campaign, Run
from state.model import CHECKING, FINAL, LIVE
from state.views import CampaignView, TaskView

__all__ = [
    "Begin",
    "Decision",
    "Halt",
    "Launch",
    "Record",
    "branch_of",
    "is_progress",
    "next_step",
    "number_of",
    "plan",
    "spec_of",
    "task_of",
]

PERSONS = frozenset({"human_deferred", "skipped"})
"""Results that a person says of an item, whatever state its task is in."""
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
    title = (file.title if file else "") or view.name
    lines = [f"# {title}: {item.target}", "", f"Item {item.index} of campaign {view.name}: `{item.target}`.", ""]
    lines += [f"- {key}: {value}" for key, value in item.fields.items()]
    return "\n".join(lines) + "\n"


def plan(
    view: CampaignView, tasks: dict[str, TaskView], busy: bool, spent: str = "", unreadable: str = ""
) -> list[Decision]:
    """What to do now for one campaign.

    `busy` says that its run is being begun at this moment, `spent` which limit of its budget is reached, `unreadable`
    what has kept everybody for too long from reading what may be done.
    """
    file, envelope = view.file, view.envelope
    if unreadable and view.runs and view.runs[-1][1].ended is None and (file is None or file.status == "running"):
        return [Halt(view.name, view.runs[-1][0], "error", unreadable)]
    if file is None or envelope is None:
        return []
    records = _unrecorded(view, tasks)
    if records:
        return [*records]
    number, run = view.runs[-1] if view.runs else (0, None)
    if file.status != "running":
        if run is None or run.ended is not None or _at_work(view, tasks):
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


def _at_work(view: CampaignView, tasks: dict[str, TaskView]) -> bool:
    """Whether anything of the campaign is still being done, or goes on by itself."""
    names = (task_of(view.name, item.index) for item in view.file.queue) if view.file else ()
    return any(tasks[name].state in LIVE | CHECKING | {"queued", "retrying"} for name in names if name in tasks)


def _unrecorded(view: CampaignView, tasks: dict[str, TaskView]) -> list[Record]:
    records = []
    for item in view.file.queue if view.file else ():
        task = tasks.get(task_of(view.name, item.index))
        if task is None or task.status is None or task.state not in RESULTS:
            continue
        result = RESULTS[task.state]
        line = view.file.outcome(item.index) if view.file else None
        same = line is not None and (line.fields.get("attempt") or "0") == str(task.status.attempt)
        by_a_person = line is not None and line.result in PERSONS and task.state != "merged"
        if line is None or not same or not (line.result == result or by_a_person):
            records.append(Record(view.name, item, task.id, result))
    return records


def _launches(view: CampaignView, tasks: dict[str, TaskView], number: int, run: Run) -> list[Decision]:
    assert view.file is not None and view.envelope is not None  # noqa: S101 - `plan` has looked
    live, stopped, timed_out = 0, "", ""
    for item in view.file.queue:
        task = tasks.get(task_of(view.name, item.index))
        if task is not None and task.state not in FINAL | {"stopped"}:
            live += 1
        elif (line := view.file.outcome(item.index)) is not None and line.result == BLOCKING:
            stopped = stopped or f"item {item.index}, {item.target}: {line.fields.get('why', '')}"
        elif line is not None and _timed_out(view, task, line, run):
            timed_out = timed_out or f"item {item.index}, {item.target}: {line.fields.get('why', '')}"
    halt = None
    if stopped:
        halt = Halt(view.name, number, "stop", stopped)
    elif timed_out:
        halt = Halt(view.name, number, "error", timed_out)
    elif said := _at_its_goal(view):
        halt = Halt(view.name, number, "complete", said)
    elif said := _without_progress(view):
        halt = Halt(view.name, number, "no_progress", said)
    open_items = [item for item in view.file.remaining if tasks.get(task_of(view.name, item.index)) is None]
    if halt is None and not open_items:
        halt = Halt(view.name, number, "complete", "every item has an outcome")
    if halt is not None:
        return [] if live else [halt]
    return [Launch(view.name, item) for item in open_items[: max(0, view.envelope.at_once - live)]]


def _timed_out(view: CampaignView, task: TaskView | None, line: HistoryLine, run: Run) -> bool:
    """Whether the item's worker ran out of time in this run, and the campaign is to halt for that."""
    if view.envelope is None or view.envelope.on_timeout != "halt" or task is None or task.exit is None:
        return False
    return line.result == "failure_reverted" and task.exit.reason == "timeout" and task.exit.ended >= run.started


def _at_its_goal(view: CampaignView) -> str:
    """That the metric is as good as it was to become, or ''."""
    metric, file = view.envelope.metric if view.envelope else None, view.file
    if metric is None or metric.goal is None or file is None:
        return ""
    now = number_of(file.metric("METRIC_CURRENT"))
    if now is None or now == metric.goal or (now < metric.goal) == (metric.better == "lower"):
        return f"metric {metric.name} is {now:g}, and {metric.goal:g} was its goal" if now is not None else ""
    return ""


def _without_progress(view: CampaignView) -> str:
    """That there was no progress for too long, or ''."""
    limit = view.envelope.no_progress if view.envelope else 0
    count = view.file.counter("NO_PROGRESS_COUNT") if view.file else 0
    if not limit or count < limit:
        return ""
    return f"{count} items in a row brought no progress" if count > 1 else "an item brought no progress"


def next_step(campaign: str, status: str) -> str:
    """What a person does about a campaign that has halted, as a sentence."""
    start = f"opsroom campaign start {campaign}"
    return {
        "complete": f"Look at it and land it: opsroom campaign land {campaign}.",
        "stop": f"Answer, reword or defer the item, then go on: {start}.",
        "budget_exhausted": f"Raise the budget in its campaign.toml, then go on: {start}.",
        "no_progress": f"Look at the last items, and change the policy or the queue, then go on: {start}.",
        "error": f"Mend what it names, then go on: {start}.",
    }.get(status, f"Go on: {start}.")


def is_progress(envelope: Campaign, before: str, after: str) -> bool:
    """Whether a commit with which the metric went from `before` to `after` is progress."""
    if envelope.metric is None:
        return True
    old, new = number_of(before), number_of(after)
    if old is None or new is None:
        return new is not None
    return new < old if envelope.metric.better == "lower" else new > old


def number_of(text: str) -> float | None:
    """The number that `text` is, or None."""
    try:
        return float(text)
    except ValueError:
        return None
