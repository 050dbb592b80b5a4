"""The figures of the top line, and the line itself: does anything need me, is it moving, what has it cost."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from state import lease as leases
from state.machine import Machine, stale
from state.model import CHECKING, LIVE, Lease
from state.spending import told
from state.times import age
from state.usage import Usage, cost_text
from state.views import Fleet
from tui import attention
from tui.machine import left_cells, short_cells, unsafe_text
from tui.text import Cell, Line, cut, line, pad, width

__all__ = ["Summary", "orchestrator", "summarise", "top_line", "uptime"]

HOUR = timedelta(hours=1)
NEARLY = 0.9
"""The part of a budget from which on a person should look."""
NOTHING = Usage()
ROOMY = 120
"""Columns from which all that is left of the machine is said even where some of it is short."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a snapshot amounts to, worked out once, in the thread that read it."""

    entries: tuple[attention.Entry, ...] = ()
    running: int = 0
    failed: int = 0
    done: int = 0
    total: int = 0
    spent: Usage = field(default_factory=Usage)
    """Tokens and dollars of all attempts, as far as they have told."""
    today: Usage = field(default_factory=Usage)
    """Of these, those of today, as `state.today` counts."""
    merged: tuple[datetime, ...] = ()
    """When each merged task was merged."""
    base: str = ""
    """The branch that most tasks are to land on."""


def summarise(fleet: Fleet) -> Summary:
    """The figures of `fleet`. A campaign counts by its queue, everything else by its tasks."""
    running = failed = done = total = 0
    tokens, dollars, unpriced = 0, 0.0, 0
    merged: list[datetime] = []
    bases: Counter[str] = Counter()
    queued = {name: view.file for name, view in fleet.campaigns.items() if view.file}
    for view in fleet.tasks.values():
        running += view.state in LIVE or view.state in CHECKING
        failed += view.state == "failed"
        if view.campaign not in queued:
            total += 1
            done += view.state in ("merged", "done")
        if view.state == "merged" and view.status:
            merged.append(view.status.since)
        if view.task and view.task.base:
            bases[view.task.base] += 1
        if view.status is not None:
            now = told(view) if view.status.attempt > view.status.counted else NOTHING
            tokens += view.status.usage.tokens + now.tokens
            dollars += view.status.usage.dollars + now.dollars
            unpriced += view.status.usage.unpriced + now.unpriced
    for name, file in queued.items():
        total += len(file.queue)
        done += fleet.campaigns[name].done
    return Summary(
        entries=attention.entries(fleet),
        running=running,
        failed=failed,
        done=done,
        total=total,
        spent=Usage(tokens=tokens, dollars=round(dollars, 6), unpriced=unpriced),
        merged=tuple(merged),
        base=bases.most_common(1)[0][0] if bases else "",
    )


def uptime(seconds: float) -> str:
    """`12m`, `2h14m`, `3d4h`: two units where the larger alone would say little."""
    minutes = int(max(0.0, seconds)) // 60
    if minutes < 60:
        return age(seconds)
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d{minutes % 1440 // 60}h"


def orchestrator(lease: Lease | None, now: datetime) -> Cell:
    """What is known of the orchestrator, by its lease alone."""
    if lease is None:
        return ("✗ orchestrator never started", "trouble")
    if leases.alive(lease, now):
        return (f"● up {uptime((now - lease.started).total_seconds())}", "")
    return (f"✗ no orchestrator, last seen {age((now - lease.beat).total_seconds())} ago", "trouble")


@dataclass(frozen=True, slots=True)
class _Part:
    cells: tuple[Cell, ...]
    keep: int
    """What has the smallest goes first when there is no room."""


def top_line(
    columns: int,
    now: datetime,
    project: str,
    lease: Lease | None,
    figures: Summary,
    *,
    machine: Machine | None = None,
    note: str = "",
    polling: str = "",
    readonly: bool = False,
) -> Line:
    """The top line in exactly `columns`; what matters least is left out where there is no room.

    `note` is said in place of the figures' beginning: that the directory is still being read, or cannot be.
    What is left of the `machine` is said where there is room, and what is short of it always.
    """
    need = len(figures.entries)
    parts = [
        _Part((("opsroom", "accent"),), 1),
        _Part(((cut(line(project, 60), max(10, columns // 4)), "strong"),), 6),
    ]
    if figures.base:
        parts.append(_Part(((line(figures.base, 30), "muted"),), 2))
    parts.append(_Part((orchestrator(lease, now),), 8))
    if note:
        parts.append(_Part(((line(note, 80), "attention"),), 9))
    parts.append(_Part(((f"{figures.running} running", ""),), 9))
    parts.append(_Part(((f"{need} need you" if need != 1 else "1 needs you", "attention" if need else "muted"),), 10))
    if figures.failed:
        parts.append(_Part(((f"{figures.failed} failed", ""),), 5))
    if figures.total:
        parts.append(_Part(((f"{figures.done}/{figures.total} done", ""),), 8))
    if cost := cost_text(figures.spent):
        limit = lease.budget.dollars if lease else 0.0
        of = f" of ${limit:,.2f}".removesuffix(".00") if limit else ""
        tone = "attention" if limit and figures.spent.dollars >= NEARLY * limit else ""
        parts.append(_Part(((f"{cost}{of}", tone),), 7))
        if (today := cost_text(figures.today)) and today != cost:
            parts.append(_Part(((f"{today} today", "muted"),), 2))
    if hour := sum(now - HOUR <= at <= now for at in figures.merged):
        parts.append(_Part(((f"{hour}/h", "muted"),), 3))
    if leases.alive(lease, now) and unsafe_text(lease):
        parts.append(_Part((("no sandbox", "attention"),), 8))
    if machine is not None:
        parts.append(_left(machine, now, columns))
    if readonly:
        parts.append(_Part((("read-only", "muted"),), 4))
    if polling:
        parts.append(_Part(((f"polling: {line(polling, 60)}", "muted"),), 4))
    return _fit(parts, columns)


def _left(machine: Machine, now: datetime, columns: int) -> _Part:
    short = short_cells(machine, now)
    if short and columns < ROOMY:
        return _Part(short, 9)
    return _Part(left_cells(machine, now), 9 if short else 0 if stale(machine, now) else 2)


def _fit(parts: list[_Part], columns: int) -> Line:
    def taken(kept: list[_Part]) -> int:
        return 1 + sum(sum(width(text) for text, _ in part.cells) + 2 for part in kept)

    kept = list(parts)
    while len(kept) > 1 and taken(kept) > columns + 1:
        kept.remove(min(kept, key=lambda part: part.keep))
    cells: list[Cell] = []
    for part in kept:
        cells += [("  " if cells else " ", ""), *part.cells]
    room = columns
    fitted: list[Cell] = []
    for text, tone in cells:
        piece = cut(text, room)
        room -= width(piece)
        fitted.append((piece, tone))
    return (*fitted, (pad("", room), ""))
