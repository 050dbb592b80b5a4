"""What the history screen says of one campaign, run, item or commit, and of two runs side by side. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice

from state.campaign_file import HistoryLine
from state.times import age
from state.usage import Usage, cost_text, dollars_text
from tui.campaign_queue import OUTCOMES, outcome_cell
from tui.campaign_text import field
from tui.costs import usage_text
from tui.past import PastCampaign, PastItem, PastRun, when
from tui.past_git import Change
from tui.past_rows import Row, metric_text, standing, status_text
from tui.plot import number
from tui.summary import uptime
from tui.text import Cell, Line, block, line, pad

__all__ = ["change_lines", "compared", "row_lines"]

COMMITS = 20
"""Commits of one item that are listed."""
LINES = 100
"""Lines of one item's history that are listed."""
DIFF = 3_000
"""Lines of a diff that are shown."""
OURS = "Opsroom-"
"""How the orchestrator's own lines in a message begin."""
DIFFERING = 200
"""Items of two runs that are told apart."""
_KINDS: tuple[tuple[str, str], ...] = (
    ("diff --git ", "strong"),
    ("index ", "muted"),
    ("@@", "head"),
    ("+++ ", "muted"),
    ("--- ", "muted"),
    ("+", "accent"),
    ("-", "muted"),
)
"""How a line of a diff begins, and its tone: quiet, for nothing in it needs a person."""


def row_lines(row: Row, now: datetime, *, followed: bool = False) -> list[Line]:
    """All that is known of what a row is about; `followed`: by its newest commit, which says some of it itself."""
    if row.item is not None:
        return _item(row.item, now, followed)
    return _run(row.run, now) if row.run is not None else _campaign(row.campaign, now)


def stamp(at: datetime) -> str:
    """A time as it is read here."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def _text(label: str, text: str, limit: int = 4_000) -> list[Line]:
    """A field whose text may have several lines."""
    if not text.strip():
        return []
    first, *rest = block(text.strip(), limit, 60)
    return [field(label, (first, "")), *(field("", (one, "")) for one in rest)]


def _ago(at: datetime, now: datetime) -> Cell:
    return (f", {age((now - at).total_seconds())} ago", "muted")


# ── campaigns and runs ──────────────────────────────────────────────────────────────────────────────────────────


def _campaign(one: PastCampaign, now: datetime) -> list[Line]:
    status = status_text(Row(one))
    lines: list[Line] = [((line(one.name, 100), "strong"),)]
    if one.view is None:
        gone = "its files are gone: this is what git alone knows" if one.from_git else "its files are gone"
        lines.append(((gone, "muted"),))
    else:
        lines.append(field("status", (status, "")))
        lines += _text("why", one.why)
    if one.span:
        first, last = one.span
        until = f" to {stamp(last)}" if stamp(first) != stamp(last) else ""
        lines.append(field("when", (f"{stamp(first)}{until}", ""), _ago(last, now)))
    lines.append(field("items", (f"{len(one.items):,}", ""), *_counted(one.results)))
    if metric := metric_text(*one.metric):
        lines.append(field("metric", (metric, "")))
    if spent := usage_text(one.spent):
        lines.append(field("spent", (spent, "")))
    if one.runs:
        lines.append(field("runs", (f"{len(one.runs):,}", "")))
    if one.commits:
        lines.append(field("in git", (f"{one.commits:,} commit{'s' * (one.commits != 1)}", "")))
    for fault in islice(one.view.faults if one.view else (), 10):
        lines.append(field("fault", (line(fault, 1_000), "trouble")))
    return lines


def _counted(results: Mapping[str, int]) -> tuple[Cell, ...]:
    said = ", ".join(f"{count:,} {outcome_cell(name)[1]}" for name, count in islice(results.items(), 20))
    return ((f": {said}", ""),) if said else ()


def _run(one: PastRun, now: datetime) -> list[Line]:
    run = one.run
    took = uptime(((run.ended or now) - run.started).total_seconds())
    lines: list[Line] = [
        ((f"{line(one.campaign, 100)}, run {one.number}", "strong"),),
        field("status", (f"{_halted(one)} after {took}" if run.ended else f"running for {took}", "")),
        *_text("why", run.why),
        field("when", (f"{stamp(run.started)}{f' to {stamp(run.ended)}' if run.ended else ''}", "")),
        field("items", (f"{run.items if run.ended else len(one.items):,}", ""), *_counted(run.results)),
    ]
    if metric := metric_text(run.metric_before, run.metric_after):
        lines.append(field("metric", (metric, "")))
    if spent := usage_text(run.spent):
        lines.append(field("spent", (spent, "")))
    if run.branch:
        lines.append(field("branch", (line(run.branch, 200), "")))
    proposed: list[Line] = [
        ((pad(line(one.kind, 20), 6) + " ", "muted"), (line(one.text, 1_000), "")) for one in run.proposals[:50]
    ]
    return [*lines, (), (("It proposed", "head"),), *proposed] if proposed else lines


def _halted(one: PastRun) -> str:
    return line(one.run.halted or "ended", 60).replace("_", " ")


# ── items ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _item(item: PastItem, now: datetime, followed: bool) -> list[Line]:
    sign, word, tone = standing(item)
    index = "" if item.index is None else f"{item.index} "
    lines: list[Line] = [((index, "muted"), (line(item.target), "strong"))]
    at: tuple[Cell, ...] = ((f" {stamp(item.at)}", ""), _ago(item.at, now)) if item.at else ()
    lines.append(field("outcome", (f"{sign} {word}", tone), *at))
    if item.commit and not followed:
        lines.append(field("commit", (line(item.commit, 64), "")))
    lines += _text("why", item.field("why"))
    lines += _text("learned", item.learned)
    if item.task and item.task.result:
        lines += _text("said", item.task.result.summary)
    if about := _about(item):
        lines.append(field("took", (about, "")))
    lines += [
        field(name, (line(item.field(name), 300), ""))
        for name in ("checks", "metric", "attempt", "repairs", "by")
        if item.field(name)
    ]
    if len(item.commits) > followed:
        lines += [(), (("Commits in git", "head"),)]
        for one in item.commits[:COMMITS]:
            lines.append(((f"{line(one.id, 64)[:10]}  {stamp(one.at)}  ", "muted"), (line(one.subject), "")))
        if (more := len(item.commits) - COMMITS) > 0:
            lines.append(((f"… {more:,} older ones", "muted"),))
    if item.lines:
        lines += [(), (("History", "head"),), *(_line(one) for one in item.lines[-LINES:])]
    return lines


def _about(item: PastItem) -> str:
    seconds, dollars = number(item.field("seconds")), number(item.field("dollars"))
    tokens, unpriced = item.field("tokens"), number(item.field("unpriced"))
    if item.task and item.task.status and seconds is None:
        return usage_text(item.task.status.usage)
    parts = [] if seconds is None else [uptime(max(0.0, seconds)) if seconds >= 60 else f"{seconds:.0f}s"]
    if tokens:
        parts.append(f"{int(tokens):,} tokens" if tokens.isdecimal() and len(tokens) < 16 else line(tokens, 20))
    if cost := cost_text(Usage(dollars=max(0.0, dollars or 0.0), unpriced=1 if unpriced else 0)):
        parts.append(cost)
    return " · ".join(parts)


def _line(one: HistoryLine) -> Line:
    """A line of history with its fields as they stand in campaign.md."""
    sign, word, _ = outcome_cell(one.result)
    at = when(one.at)
    hidden = ("index", "file", "result")
    rest = " · ".join(f"{line(key, 40)} {line(text)}" for key, text in one.fields.items() if key not in hidden)
    begun = stamp(at) if at else line(one.at, 16)
    return ((f"{pad(begun, 16)}  ", "muted"), (f"{sign} {word}  ", ""), (rest, "muted"))


# ── a commit ────────────────────────────────────────────────────────────────────────────────────────────────────


def change_lines(change: Change) -> list[Line]:
    """A commit: who, when, its message, and the diff."""
    lines: list[Line] = [(("commit ", "muted"), (line(change.id, 64), "strong"))]
    if change.at is not None:
        lines.append(((f"{line(change.author, 100)}, {stamp(change.at)}", "muted"),))
    message = block(change.message, 16_000, 200)
    lines += [(), *((("  " + one, "muted" if one.startswith(OURS) else ""),) for one in message), ()]
    for one in change.lines[:DIFF]:
        text = line(one.removesuffix("\r").replace("\t", "    "))
        lines.append(((text, next((tone for begin, tone in _KINDS if one.startswith(begin)), "")),))
    if not change.lines and not change.cut:
        lines.append((("it changes no file", "muted"),))
    if (more := len(change.lines) - DIFF) > 0:
        lines.append(((f"… {more:,} more lines", "muted"),))
    if change.cut:
        lines.append(((f"… {change.cut}", "muted"),))
    return lines


# ── two runs ────────────────────────────────────────────────────────────────────────────────────────────────────


def compared(first: PastRun, second: PastRun, columns: int, now: datetime) -> list[Line]:
    """Two runs side by side, in `columns`."""
    half = max(8, (columns - 13) // 2)
    runs = (first, second)

    def pair(label: str, texts: Iterable[str], tone: str = "") -> Line:
        left, right = texts
        differs = tone or ("" if left != right else "muted")
        return field(label, (pad(left, half) + " ", differs), (pad(right, half), differs))

    lines = [pair("", [f"{line(one.campaign, 100)}, run {one.number}" for one in runs], "strong")]
    lines.append(pair("status", [_halted(one) if one.run.ended else "running" for one in runs]))
    lines.append(pair("why", [line(" ".join(one.run.why.split())) for one in runs]))
    lines.append(pair("started", [stamp(one.run.started) for one in runs]))
    spans = [((one.run.ended or now) - one.run.started).total_seconds() for one in runs]
    lines.append(pair("lasted", [uptime(span) for span in spans]))
    lines.append(pair("items", [f"{one.run.items:,}" for one in runs]))
    names = dict.fromkeys(name for name in OUTCOMES if any(one.run.results.get(name) for one in runs))
    names |= dict.fromkeys(name for one in runs for name in islice(one.run.results, 20) if name not in names)
    for name in names:
        sign, word, _ = outcome_cell(name)
        lines.append(pair(f" {sign} {word}", [f"{one.run.results.get(name, 0):,}" for one in runs]))
    lines.append(pair("metric", [metric_text(one.run.metric_before, one.run.metric_after) or "-" for one in runs]))
    lines.append(pair("change", [_gained(one) for one in runs]))
    for label, texts in _costs(first.run.spent, second.run.spent, first, second):
        lines.append(pair(label, texts))
    return [*lines, *_differing(first, second, columns)]


def _gained(one: PastRun) -> str:
    before, after = number(one.run.metric_before), number(one.run.metric_after)
    return "-" if before is None or after is None else f"{after - before:+g}"


def _costs(left: Usage, right: Usage, first: PastRun, second: PastRun) -> Iterable[tuple[str, tuple[str, str]]]:
    yield "attempts", (f"{left.attempts:,}", f"{right.attempts:,}")
    yield "time", (uptime(left.seconds), uptime(right.seconds))
    yield "tokens", (f"{left.tokens:,}", f"{right.tokens:,}")
    yield "cost", (cost_text(left) or dollars_text(0), cost_text(right) or dollars_text(0))
    yield "a success", (_each(left, first), _each(right, second))


def _each(spent: Usage, one: PastRun) -> str:
    """What a success cost."""
    many = one.run.results.get("success", 0)
    if not many:
        return "-"
    each = Usage(dollars=spent.dollars / many, unpriced=spent.unpriced)
    return f"{cost_text(each) or dollars_text(0)} · {uptime(spent.seconds / many)}"


def _differing(first: PastRun, second: PastRun, columns: int) -> list[Line]:
    """Items that both runs have dealt with, and what became of them in each."""
    before = {(item.index, item.target): item for item in first.items}
    both = [(before[key], item) for item in second.items if (key := (item.index, item.target)) in before]
    if not both:
        return []
    lines: list[Line] = [(), ((f"Items in both, {len(both):,}", "head"),)]
    room = max(8, columns - 33)
    for left, right in both[:DIFFERING]:
        (sign, word, tone), (then_sign, then, then_tone) = standing(left), standing(right)
        lines.append(
            (
                (pad(f"{'' if left.index is None else left.index} {line(left.target)}", room) + " ", ""),
                (f"{sign} {pad(word, 11)}", tone),
                ("→ ", "muted"),
                (f"{then_sign} {pad(then, 11)}", then_tone),
            )
        )
    if (more := len(both) - DIFFERING) > 0:
        lines.append(((f"… {more:,} more", "muted"),))
    return lines
