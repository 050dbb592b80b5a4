"""How a campaign stands: its status and why, budgets as bars, its metric as a plot. Pure."""

from collections.abc import Iterable
from datetime import datetime
from math import isfinite

from state.campaign_file import CampaignFile
from state.envelope import Campaign
from state.times import age
from state.usage import Budget, Usage, cost_text, dollars_text
from state.views import CampaignView
from tui.attention import HALTED
from tui.campaign_queue import Queue
from tui.campaign_text import LABEL, field
from tui.cells import bar
from tui.plot import numbers, plot
from tui.summary import NEARLY, uptime
from tui.text import Cell, Line, cut, line, width

__all__ = ["head", "progress", "since", "why_line"]

BAR = 20


def since(view: CampaignView) -> datetime | None:
    """Since when the campaign has the status that it has, as its newest run tells; None where none does."""
    if not view.runs:
        return None
    run = view.runs[-1][1]
    return run.ended or run.started


def _status(view: CampaignView) -> Cell:
    if view.file is None:
        return ("no campaign.md that can be read", "trouble")
    status = view.file.status
    word = line(status, 40).replace("_", " ")
    if status in HALTED:
        return (word, "attention" if status == "stop" else "trouble")
    return (word, "strong" if status == "running" else "")


def head(queue: Queue, now: datetime, columns: int) -> Line:
    """`strict  running for 12m · run 2   12/60 ▓▓░░░  next 13 src/a.py`, in at most `columns`."""
    view = queue.view
    at, word = since(view), _status(view)
    old = f" for {age((now - at).total_seconds())}" if at else ""
    run = f" · run {view.runs[-1][0]}" if view.runs else ""
    cells: list[Cell] = [(" " + line(view.name, 100), "strong"), ("  ", ""), word, (old, ""), (run, "muted")]
    if view.file:
        total = len(queue)
        cells += [(f"   {queue.done}/{total} ", ""), (bar(queue.done, total, BAR if columns >= 100 else 8), "muted")]
        if queue.next_place < total:
            item = queue.items[queue.next_place]
            cells += [(f"   next {item.index} ", "muted"), (line(item.target), "")]
        elif total:
            cells.append(("   no item is left", "muted"))
    return _fitted(cells, columns)


def why_line(view: CampaignView, columns: int) -> Line:
    """Why the campaign has halted, in at most `columns`; () where it has not, or nobody says why."""
    if view.faults:
        return ((cut(f" {line(view.faults[0], 1_000)}", columns), "trouble"),)
    reason = view.file.headers.get("STOP_REASON", "") if view.file else ""
    if view.file is None or not reason.strip():
        return ()
    return (
        (cut(f" {line(' '.join(reason.split()), 1_000)}", columns), "attention" if view.file.status in HALTED else ""),
    )


def _fitted(cells: Iterable[Cell], columns: int) -> Line:
    found: list[Cell] = []
    for text, tone in cells:
        piece = cut(text, columns)
        columns -= width(piece)
        if piece:
            found.append((piece, tone))
    return tuple(found)


# progress


def progress(queue: Queue, spent: Usage, columns: int, rows: int, *, reason: bool = False) -> list[Line]:
    """Budgets as bars and the metric as a plot; the plot takes what is left of `rows`, and at least six lines.

    `reason`: why the campaign has halted stands nowhere else in full.
    """
    view, envelope = queue.view, queue.view.envelope
    lines: list[Line] = [field("fault", (line(fault, 1_000), "trouble")) for fault in view.faults]
    if reason and view.file and (why := view.file.headers.get("STOP_REASON", "").strip()):
        lines += [field("why", (line(why, 4_000), "")), ()]
    lines += _budgets(view, envelope, spent, columns)
    if view.file:
        lines += _metric(view.file, envelope, columns, rows - len(lines))
    return lines or [(("nothing is known yet", "muted"),)]


def _budgets(view: CampaignView, envelope: Campaign | None, spent: Usage, columns: int) -> list[Line]:
    budget = envelope.budgets if envelope else Budget()
    count = view.file.counter("NO_PROGRESS_COUNT") if view.file else 0
    limit = envelope.no_progress if envelope else 0
    none = dollars_text(0)
    figures: tuple[tuple[str, float, float, str, str], ...] = (
        ("time", spent.seconds, budget.seconds, uptime(spent.seconds), uptime(budget.seconds)),
        ("attempts", spent.attempts, budget.attempts, f"{spent.attempts:,}", f"{budget.attempts:,}"),
        ("tokens", spent.tokens, budget.tokens, f"{spent.tokens:,}", f"{budget.tokens:,}"),
        ("dollars", spent.dollars, budget.dollars, cost_text(spent) or none, dollars_text(budget.dollars)),
        ("no progress", count, limit, f"{count:,}", f"{limit:,}"),
    )
    room = max(8, min(32, columns - LABEL - 26))
    lines: list[Line] = []
    for label, value, most, said, limit_said in figures:
        if not most:
            lines.append(field(label, (said, ""), ("  no limit", "muted")))
            continue
        share = value / most
        tone = "trouble" if share >= 1 else "attention" if share >= NEARLY else ""
        drawn = bar(min(int(share * 1_000), 1_000), 1_000, room)
        lines.append(field(label, (drawn, tone or "muted"), (f"  {said} of {limit_said}", tone)))
    return lines


def _metric(file: CampaignFile, envelope: Campaign | None, columns: int, rows: int) -> list[Line]:
    metric = envelope.metric if envelope else None
    start, now = file.metric("METRIC_START"), file.metric("METRIC_CURRENT")
    if metric is None and not start and not now:
        return []
    goal = metric.goal if metric else None
    wanted = "not set" if goal is None else f"{goal:g}"
    said = f"start {line(start, 20) or '?'} · now {line(now, 20) or '?'} · goal {wanted}"
    lines: list[Line] = [(), field("metric", (said, ""))]
    if metric:
        lines.append(field("", (f"{line(metric.name, 80)}, {metric.better} is better", "muted")))
    values = numbers([start, *(one.fields.get("metric", "") for one in file.history), now])
    if goal is not None and not isfinite(goal):
        goal = None
    return [*lines, *plot(values, columns, max(6, min(16, rows - len(lines))), goal)]
