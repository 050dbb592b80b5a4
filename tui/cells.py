"""Rows of the task tree as cells: pure, so that what the screen shows is tested without one."""

from datetime import datetime

from state.machine import Worker, amount
from state.model import FINAL
from state.times import age
from state.views import CampaignView, TaskView
from tui.attention import HALTED
from tui.machine import cores
from tui.rows import Row
from tui.text import Cell, Line, cut, cut_path, line, pad, width

__all__ = ["GLYPHS", "bar", "glyph", "row_cells", "short_id", "state_tone", "state_word"]

GLYPHS = {
    "queued": "◌",
    "starting": "◔",
    "running": "●",
    "verifying": "◑",
    "merging": "◕",
    "merged": "✓",
    "done": "✓",
    "waiting": "?",
    "paused": "‖",
    "stopped": "■",
    "retrying": "↻",
    "failed": "✗",
    "cancelled": "–",
}
"""One column each, in every font that has box drawing."""
STATE = 9
"""Columns of a state's word."""
AGE = 4
ROOMY = 64
"""Columns of a row from which it says what a worker takes: those of a list on a screen of 160."""
BAR = 8


def glyph(view: TaskView) -> str:
    """The sign of a task's state; `!` for one whose files are not understood, `·` for a state that has no sign."""
    if view.faults:
        return "!"
    return "?" if view.questions else GLYPHS.get(view.state, "·")


def state_word(view: TaskView, quiet: bool = False) -> str:
    """The state as it stands in the file, `fault` where it cannot be trusted, `quiet` for a silent worker."""
    if view.faults:
        return "fault"
    return "quiet" if quiet and not view.questions else line(view.state, 40)


def state_tone(view: TaskView) -> str:
    """Colour only for what needs a person; what is over steps back."""
    if view.faults or view.state == "stopped":
        return "trouble"
    if view.state == "failed":  # an item of a campaign was reverted, and the campaign goes on
        return "trouble" if view.needs_human else ""
    if view.questions or view.state == "waiting":
        return "attention"
    return "muted" if view.state in FINAL or view.state == "queued" else ""


def short_id(view: TaskView) -> str:
    """The task's id without the name of the campaign that it stands below."""
    short = view.id.removeprefix(f"{view.campaign}-") if view.campaign else view.id
    return line(short or view.id, 100)


def bar(done: int, total: int, columns: int) -> str:
    """`▓▓▓░░`: full only when all is done, and not empty once something is."""
    if total <= 0:
        return "░" * columns
    full = done * columns // total
    if done and not full:
        full = 1
    full = min(full, columns)
    return "▓" * full + "░" * (columns - full)


def row_cells(row: Row, columns: int, now: datetime, quiet: bool = False, takes: Worker | None = None) -> Line:
    """What stands on a row, in exactly `columns`. `takes`: what the task's worker takes, said where there is room."""
    if row.task is not None:
        return _task(row, row.task, columns, now, quiet, takes if columns >= ROOMY else None)
    if row.campaign is not None:
        return _campaign(row, row.campaign, columns)
    return ()


def _fold(row: Row) -> str:
    return "  " if row.folded is None else "▸ " if row.folded else "▾ "


def _task(row: Row, view: TaskView, columns: int, now: datetime, quiet: bool, takes: Worker | None) -> Line:
    tone = state_tone(view)
    load = (
        f" {pad(cores(takes.cpu_percent), 5, right=True)} {pad(amount(takes.memory_mib), 5, right=True)} "
        if takes
        else ""
    )
    old = age((now - view.status.since).total_seconds()) if view.status else ""
    state = max(STATE, min(width(state_word(view, quiet)), STATE + 4))
    lead = " " * (2 * max(0, row.depth - 1)) + _fold(row)
    room = columns - width(lead) - 2 - width(load) - state - AGE - 3
    if room < 6:  # too narrow for words: the sign and the name must do
        return (
            (lead, ""),
            (f"{glyph(view)} ", tone),
            (pad(_name(view, columns - width(lead) - 2), columns - width(lead) - 2), ""),
        )
    name_tone = "muted" if tone == "muted" and not view.faults else ""
    return (
        (lead, "muted"),
        (f"{glyph(view)} ", tone),
        *_name_cells(view, room, name_tone),
        (load, "muted"),
        (" " + pad(state_word(view, quiet), state), tone or ("muted" if quiet else "")),
        (" " + pad(old, AGE, right=True) + " ", "muted"),
    )


def _name(view: TaskView, columns: int) -> str:
    return cut(f"{short_id(view)} {line(view.title)}" if view.title != view.id else short_id(view), columns)


def _name_cells(view: TaskView, columns: int, tone: str) -> tuple[Cell, ...]:
    name = short_id(view)
    room = columns - width(name) - 1
    if view.title == view.id or room < 4:
        return ((pad(name, columns), tone),)
    return ((name + " ", "muted"), (pad(cut_path(line(view.title), room), room), tone))


def _campaign(row: Row, view: CampaignView, columns: int) -> Line:
    status = line(view.file.status, 40).replace("_", " ") if view.file else ""
    tone = "strong"
    if view.faults:
        status, status_tone = "fault", "trouble"
    elif status.replace(" ", "_") in HALTED:
        status_tone = "attention" if status == "stop" else "trouble"
    else:
        status_tone = "" if status == "running" else "muted"
    figures = f"{row.done}/{row.total}"
    metric = _metric(view)
    right: list[Cell] = [(f" {figures} ", "")]
    if columns >= 34:
        right.append((bar(row.done, row.total, BAR if columns >= 44 else BAR // 2), "muted"))
    if status:
        right.append((f" {status}", status_tone))
    if metric and columns >= 60:
        right.append((f"  {metric}", "muted"))
    right.append((" ", ""))
    taken = sum(width(text) for text, _ in right)
    room = columns - 2 - taken
    if room < 6:
        return (_fold(row), "muted"), (pad(line(view.name, 100), columns - 2), tone)
    return (_fold(row), "muted"), (pad(line(view.name, 100), room), tone), *right


def _metric(view: CampaignView) -> str:
    if not view.file:
        return ""
    start, current = line(view.file.metric("METRIC_START"), 12), line(view.file.metric("METRIC_CURRENT"), 12)
    return f"{start}→{current}" if start and current and start != current else current
