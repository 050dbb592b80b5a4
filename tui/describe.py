"""The Status pane: a task, or a campaign, in lines of cells. Pure."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from state.campaign_file import CampaignFile
from state.errors import Fault
from state.machine import stale
from state.model import Exit, Status, Task
from state.spending import of_task, of_tasks
from state.times import age
from state.usage import Budget
from state.views import CampaignView, Fleet, TaskView
from tui.agent_text import agent_lines, held_lines
from tui.attention import HALTED
from tui.cells import bar, state_tone
from tui.costs import budget_text, usage_text
from tui.machine import takes_text
from tui.quiet import silence
from tui.summary import uptime
from tui.text import Cell, Line, block, line, pad

__all__ = ["describe_campaign", "describe_nothing", "describe_task"]

LABEL = 11
"""Columns of a label."""
HISTORY = 12
"""Lines of a campaign's history that are shown, the newest first."""
_RESULTS = {"failure_reverted": "reverted", "STOP-NEEDS-HUMAN": "stopped", "human_deferred": "deferred"}
_COUNTERS = ("STATUS", "STOP_REASON", "METRIC_START", "METRIC_CURRENT", "STRICT_START", "STRICT_CURRENT", "NOTES")


def _field(label: str, *cells: Cell) -> Line:
    return ((pad(label, LABEL), "muted"), *cells)


def _ago(at: datetime, now: datetime) -> str:
    return f"{age((now - at).total_seconds())} ago"


def _text(label: str, text: str, tone: str = "", limit: int = 4_000) -> list[Line]:
    """A field whose text may have several lines."""
    if not text.strip():
        return []
    first, *rest = block(text.strip(), limit, 60)
    return [_field(label, (first, tone)), *((((" " * LABEL), ""), (one, tone)) for one in rest)]


def _faults(faults: Iterable[Fault]) -> list[Line]:
    return [_field("fault", (line(fault, 1_000), "trouble")) for fault in faults]


def describe_nothing(reading: bool) -> list[Line]:
    """What stands where nothing is selected."""
    return [(("reading the state directory …" if reading else "nothing here yet", "muted"),)]


def describe_task(view: TaskView, fleet: Fleet, now: datetime, quiet: bool) -> list[Line]:
    """All that is known of a task, what a person needs first at the top."""
    lines: list[Line] = []
    status, task = view.status, view.task
    if status:
        head = f"{line(status.state, 60)}  for {age((now - status.since).total_seconds())}"
        lines.append(_field("state", (head, state_tone(view)), (f"  said by {line(status.by, 60)}", "muted")))
        if quiet:
            lines.append(
                _field("quiet", (f"nothing written for {uptime(silence(view, now))}", ""), (", not an error", "muted"))
            )
        lines += _text("why", f"{status.why} ({status.failure})" if status.failure else status.why)
        lines += _text("stop reason", view.stop_reason, "trouble")
        if status.waiting_on:
            lines.append(_field("waiting on", (line(status.waiting_on), "")))
        if status.not_before:
            left = (status.not_before - now).total_seconds()
            lines.append(_field("next try", (f"in {age(left)}" if left > 0 else "now", "")))
    elif view.faults:
        lines.append(_field("state", ("unknown: its status cannot be read", "trouble")))
    lines += _faults(view.faults)
    if task:
        lines.append(_field("title", (line(task.title), "strong")))
        if task.campaign:
            lines.append(_field("campaign", (_of_campaign(task, fleet), "")))
        if task.parent:
            lines.append(_field("parent", (line(task.parent), "")))
        about = f"{line(task.agent, 60)}, {line(task.role, 60)}"
        lines.append(_field("agent", (about, ""), (f", made {_ago(task.created, now)}", "muted")))
    if status:
        lines += held_lines(view, fleet, now)
        lines += _work(view, status, now)
        lines += agent_lines(view, now)
        lines += _running(view, fleet, now)
        if used := usage_text(of_task(view, now)):
            lines.append(_field("usage", (used, "")))
    if view.heard:
        lines.append(_field("last word", (_ago(view.heard, now), "")))
    lines += _result(view, now)
    return lines


def _of_campaign(task: Task, fleet: Fleet) -> str:
    campaign = fleet.campaigns.get(task.campaign)
    total = f" of {len(campaign.file.queue)}" if campaign and campaign.file else ""
    item = f": {line(task.item)}" if task.item and task.item != task.title else ""
    return f"{line(task.campaign)}, item {task.index}{total}{item}"


def _work(view: TaskView, status: Status, now: datetime) -> list[Line]:
    lines: list[Line] = []
    if status.attempt:
        failures = f", {status.failures} failed in a row" if status.failures else ""
        started = f", started {_ago(view.run.started, now)}" if view.run and not view.exit else ""
        lines.append(_field("attempt", (f"{status.attempt}{failures}", ""), (started, "muted")))
    if view.exit:
        lines.append(_field("its exit", *_exit(view.exit, now)))
    if status.branch:
        base = f"  onto {line(view.task.base)}" if view.task and view.task.base else ""
        lines.append(_field("branch", (line(status.branch), ""), (base, "muted")))
    if status.commit:
        lines.append(_field("commit", (line(status.commit, 64), "")))
    return lines


def _running(view: TaskView, fleet: Fleet, now: datetime) -> list[Line]:
    """What the newest attempt runs in, and what it takes of the machine while it does."""
    lines: list[Line] = []
    if fleet.machine and (worker := fleet.takes(view)):
        old = f", {_ago(fleet.machine.at, now)}" if stale(fleet.machine, now) else ""
        lines.append(_field("takes", (takes_text(worker), "muted" if old else ""), (old, "muted")))
    if view.run and view.run.sandbox:
        none = view.run.sandbox == "none"
        why = f"  {line(fleet.lease.sandbox_why, 300)}" if none and fleet.lease and fleet.lease.sandbox_why else ""
        lines.append(_field("sandbox", (line(view.run.sandbox, 60), "attention" if why else ""), (why, "muted")))
    return lines


def _exit(found: Exit, now: datetime) -> list[Cell]:
    good = found.reason == "exited" and found.status == 0
    status = "" if found.status is None else f" with {found.status}"
    took = age((found.ended - found.started).total_seconds())
    cells: list[Cell] = [(f"{line(found.reason, 60)}{status}", "" if good else "strong")]
    cells.append((f", after {took}, {_ago(found.ended, now)}", "muted"))
    if found.max_rss_kib:
        cells.append((f", {found.max_rss_kib // 1024:,} MiB", "muted"))
    if found.leaked:
        cells.append((f", {found.leaked} left behind and ended", "muted"))
    if found.error:
        cells.append((f": {line(found.error)}", ""))
    return cells


def _result(view: TaskView, now: datetime) -> list[Line]:
    result = view.result
    if not result:
        return []
    lines = [_field("result", (line(result.outcome, 60), ""), (f", {_ago(result.at, now)}", "muted"))]
    lines += _text("summary", result.summary)
    lines += _text("learned", result.learned)
    if result.commits:
        lines.append(_field("commits", (line(" ".join(commit[:12] for commit in result.commits[:20])), "")))
    return lines


def describe_campaign(view: CampaignView, fleet: Fleet, now: datetime) -> list[Line]:
    """All that is known of a campaign."""
    lines = _faults(view.faults)
    file = view.file
    if file:
        status = file.status
        tone = "trouble" if status in HALTED else ""
        lines.append(_field("status", (line(status, 60).replace("_", " "), tone or "strong")))
        lines += _text("reason", file.headers.get("STOP_REASON", ""), tone)
        done, total = view.done, len(file.queue)
        next_item = file.item(file.next_index)
        where = f"   next is {file.next_index}: {line(next_item.target)}" if next_item else ""
        lines.append(_field("queue", (f"{done}/{total} ", ""), (bar(done, total, 20), "muted"), (where, "")))
        lines += _metric(view, file)
        counters = [
            f"{line(key, 60).replace('_', ' ').lower()} {line(value, 60)}"
            for key, value in islice(file.headers.items(), 40)
            if value and key not in _COUNTERS
        ]
        if counters:
            lines.append(_field("counters", (" · ".join(counters), "")))
        lines += _text("notes", file.headers.get("NOTES", ""))
    elif not view.faults:
        tasks = sum(task.campaign == view.name for task in fleet.tasks.values())
        lines.append(_field("status", (f"no campaign of this name, but {tasks} tasks say they are of it", "muted")))
    lines += _envelope(view, fleet, now)
    lines += _history(view)
    lines += _runs(view, now)
    return lines


def _metric(view: CampaignView, file: CampaignFile) -> list[Line]:
    start, current = line(file.metric("METRIC_START"), 40), line(file.metric("METRIC_CURRENT"), 40)
    metric = view.envelope.metric if view.envelope else None
    if not (start or current or metric):
        return []
    goal = f"{metric.goal:g}" if metric and metric.goal is not None else "not set"
    name = f"   {line(metric.name, 80)}" if metric else ""
    said = f"start {start or '?'} · now {current or '?'} · goal {goal}"
    return [_field("metric", (said, ""), (name, "muted"))]


def _envelope(view: CampaignView, fleet: Fleet, now: datetime) -> list[Line]:
    envelope = view.envelope
    if not envelope:
        return []
    base = f" · from {line(envelope.base, 100)}" if envelope.base else ""
    lines = [_field("policy", (f"agent {line(envelope.agent, 60)} · {envelope.at_once} at once{base}", ""))]
    if envelope.budgets != Budget():
        used = of_tasks((task for task in fleet.tasks.values() if task.campaign == view.name), now)
        lines.append(_field("budget", (budget_text(used, envelope.budgets), "")))
    for check in envelope.checks[:10]:
        lines.append(_field("check", (line(check.name, 60), ""), (f"   {line(' '.join(check.command))}", "muted")))
    return lines


def _history(view: CampaignView) -> list[Line]:
    if not view.file or not view.file.history:
        return []
    newest = view.file.history[-HISTORY:][::-1]
    lines: list[Line] = [(), ((f"History, newest of {len(view.file.history)}", "head"),)]
    for one in newest:
        what = line(one.fields.get("file", ""), 120)
        tone = "trouble" if one.result == "STOP-NEEDS-HUMAN" else ""
        index = "?" if one.index is None else str(one.index)
        lines.append(
            (
                (pad(index, 4, right=True) + "  ", "muted"),
                (pad(line(_RESULTS.get(one.result, one.result), 40), 10), tone),
                (what, ""),
            )
        )
        if learned := one.fields.get("learned"):
            lines.append(((" " * 6, ""), (line(learned), "muted")))
    return lines


def _runs(view: CampaignView, now: datetime) -> list[Line]:
    if not view.runs:
        return []
    lines: list[Line] = [(), (("Runs", "head"),)]
    for number, run in reversed(view.runs[-5:]):
        ended = run.ended or now
        took = uptime((ended - run.started).total_seconds())
        state = line(run.halted.replace("_", " ") or "ended", 60) if run.ended else "running"
        before, after = line(run.metric_before, 20), line(run.metric_after, 20)
        metric = f", metric {before or '?'} to {after or '?'}" if before or after else ""
        lines.append(
            (
                (pad(str(number), 4, right=True) + "  ", "muted"),
                (state, ""),
                (f", {_ago(run.started, now)}, {took}, {run.items} items{metric}", "muted"),
                (f": {line(run.why)}" if run.why else "", ""),
            )
        )
    return lines
