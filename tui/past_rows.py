"""The past as rows: campaigns with their runs below, or the items of one of them; made into cells when seen. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from state.times import age
from state.usage import cost_text
from tui.campaign_queue import OUTCOMES, outcome_cell
from tui.cells import glyph, state_word
from tui.past import Past, PastCampaign, PastItem, PastRun, matches
from tui.plot import number
from tui.text import Cell, Line, cut, cut_path, line, pad, plain, width

__all__ = [
    "Row",
    "campaign_rows",
    "cells",
    "found_again",
    "head_line",
    "item_rows",
    "metric_text",
    "results_text",
    "standing",
    "status_text",
]

AGE = 4
STATUS = 11
RESULTS = 12
METRIC = 10
COST = 8
WORD = 10
COMMIT = 7
WHY = 12
"""The least columns in which a reason says anything."""
ROOMY = (47, 58, 67)
"""Columns of a row from which it says the results, the metric, the cost."""
_SHORT = {"budget_exhausted": "budget"}


@dataclass(frozen=True)
class Row:
    """One line: an item, else a run, else a campaign."""

    campaign: PastCampaign
    run: PastRun | None = None
    item: PastItem | None = None
    below: bool = False
    """Whether it stands below the row of its campaign."""

    @property
    def key(self) -> tuple[object, ...]:
        """What it is known by when everything has been read again."""
        item = self.item
        number_of = self.run.number if self.run else None
        return (
            self.campaign.name,
            self.campaign.view is None,
            number_of,
            (item.index, item.target) if item else None,
        )


def found_again(past: Past, row: Row) -> Row | None:
    """The campaign or run of `row` as it is now, or None where it is gone."""
    for one in past.campaigns:
        if (one.name, one.view is None) != (row.campaign.name, row.campaign.view is None):
            continue
        if row.run is None:
            return Row(one)
        return next((Row(one, run, below=True) for run in one.runs if run.number == row.run.number), None)
    return None


def head_line(path: Sequence[str], words: str, note: str, columns: int) -> Line:
    """Where one is, what is searched for, and at the end how much there is, as far as that has room."""
    note = cut(note, columns * 3 // 4)
    found: tuple[Cell, ...] = ((f"  /{line(words, 60)}", "accent"),) if words else ()
    taken = width(plain(found))
    where = cut(" › ".join(path), max(8, columns - width(note) - taken - 2))
    gap = columns - 1 - width(where) - taken - width(note) - 1
    if gap < 1:
        note, gap = "", 0
    return ((" ", ""), (where, "strong"), *found, (pad("", gap), ""), (note, "muted"))


def campaign_rows(past: Past, words: Sequence[str] = ()) -> list[Row]:
    """Each campaign with its runs below it; with `words` only what has them all, items among it."""
    rows: list[Row] = []
    for one in past.campaigns:
        if matches(one.name.lower(), words):
            below = [Row(one, run, below=True) for run in one.runs]
        else:
            below = [Row(one, run, below=True) for run in one.runs if matches(run.text, words)]
        if words:
            below += [Row(one, None, item, below=True) for item in one.items if matches(item.text, words)]
        if below or not words or matches(one.text, words):
            rows += [Row(one), *below]
    return rows


def item_rows(campaign: PastCampaign, run: PastRun | None, words: Sequence[str] = ()) -> list[Row]:
    """The items of a run, else of the campaign; with `words` only those that have them all."""
    items = run.items if run else campaign.items
    return [Row(campaign, run, item) for item in items if not words or matches(item.text, words)]


# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────────


def results_text(results: Mapping[str, int]) -> str:
    """`2✓ 1✗ 1■`: how many of each result; those of no known name together as `·`."""
    said = [f"{results[name]:,}{sign}" for name, (sign, _, _) in OUTCOMES.items() if results.get(name)]
    others = sum(count for name, count in results.items() if name not in OUTCOMES)
    return " ".join([*said, f"{others:,}·"] if others else said)


def metric_text(before: str, after: str) -> str:
    """`27 → 19`; '' where there is none."""
    first, last = line(before, 12), line(after, 12)
    return f"{first or '?'} → {last or '?'}" if first or last else ""


def status_text(row: Row) -> str:
    """The status in a word or two."""
    if row.run is not None:
        said = row.run.run.halted or "ended" if row.run.run.ended else "running"
    elif row.campaign.view is None:
        return "from git" if row.campaign.from_git else "files gone"
    else:
        said = row.campaign.status or "fault"
    return line(_SHORT.get(said, said), 40).replace("_", " ")


def standing(item: PastItem) -> tuple[str, str, str]:
    """Sign, word and tone of what became of an item; what is over needs nobody, and so has no colour."""
    if item.outcome is not None:
        sign, word, tone = outcome_cell(item.result)
        return sign, word, "strong" if tone == "trouble" else tone
    if item.commits:
        return "✓", "committed", "muted"
    if item.task is not None and item.task.state:
        return glyph(item.task), state_word(item.task), "muted"
    return "·", "pending", "muted"


# ── cells ───────────────────────────────────────────────────────────────────────────────────────────────────────


def cells(row: Row, columns: int, now: datetime, marked: bool = False) -> Line:
    """What `row` says, in exactly `columns`."""
    return _item(row, row.item, columns, now) if row.item is not None else _head(row, columns, now, marked)


def _head(row: Row, columns: int, now: datetime, marked: bool) -> Line:
    """The row of a campaign or of a run."""
    campaign, run = row.campaign, row.run
    lead: tuple[Cell, ...] = (("*" if marked else " ", "accent"), (" ", ""))
    name, tone = line(campaign.name, 100), "strong"
    if run is not None:
        name, tone = f"  run {run.number}", "accent" if marked else ""
    right: list[Cell] = [(" " + pad(status_text(row), STATUS), _quiet(row))]
    for room, text, size in zip(ROOMY, _figures(row), (RESULTS, METRIC, COST), strict=True):
        if columns >= room:
            right.append((" " + pad(text, size, right=size == COST), "muted" if size != RESULTS else ""))
    last = campaign.span[1] if campaign.span else None
    at = (run.run.ended or run.run.started) if run else last
    old = age((now - at).total_seconds()) if at else ""
    right.append((" " + pad(old, AGE, right=True) + " ", "muted"))
    room = columns - 2 - sum(width(text) for text, _ in right)
    if room < 6:  # too narrow for words
        return (*lead, (pad(name, columns - 2), tone))
    return (*lead, (pad(name, room), tone), *right)


def _quiet(row: Row) -> str:
    return "muted" if row.run is None and row.campaign.view is None else ""


def _figures(row: Row) -> tuple[str, str, str]:
    """Results, metric and cost of a campaign or a run."""
    campaign, run = row.campaign, row.run
    if run is not None:
        spent = run.run.spent
        metric = metric_text(run.run.metric_before, run.run.metric_after)
        results = results_text(run.run.results)
    else:
        spent = campaign.spent
        metric = metric_text(*campaign.metric)
        commits = f"{campaign.commits:,} commit{'s' * (campaign.commits != 1)}"
        results = results_text(campaign.results) if campaign.view else commits
    return results, metric, cost_text(spent)


def _item(row: Row, item: PastItem, columns: int, now: datetime) -> Line:
    sign, word, tone = standing(item)
    index = "" if item.index is None else str(item.index)
    lead: tuple[Cell, ...] = (
        ("    " if row.below else "", ""),
        (f"{pad(index, max(3, len(index)), right=True)} ", "muted"),
        (f"{sign} ", tone),
    )
    took = number(item.field("seconds"))
    right: list[Cell] = [
        (" " + pad(word, WORD), tone),
        (pad("" if took is None else age(took), AGE, right=True) + " ", "muted"),
    ]
    if columns >= ROOMY[0]:
        right.append((pad(line(item.commit, 64)[:COMMIT], COMMIT) + " ", "muted"))
    if columns >= ROOMY[1]:
        old = age((now - item.at).total_seconds()) if item.at else ""
        right.append((pad(old, AGE, right=True) + " ", "muted"))
    room = columns - sum(width(text) for text, _ in (*lead, *right))
    if room < 6:  # too narrow for words: the sign and the name must do
        room = columns - sum(width(text) for text, _ in lead)
        return (*lead, (pad(cut_path(line(item.target), room), room), ""))
    return (*lead, *_target(item, room), *right)


def _target(item: PastItem, room: int) -> Iterable[Cell]:
    target = line(item.target)
    about = " ".join((item.field("why") or item.field("learned") or _subject(item)).split())
    left = room - width(target) - 2
    if not about or left < WHY:
        return ((pad(cut_path(target, room), room), ""),)
    return ((target + "  ", ""), (pad(line(about), left), "muted"))


def _subject(item: PastItem) -> str:
    """The subject of its commit, where that says more than what the item is about."""
    subject = item.commits[0].subject if item.commits else ""
    return "" if subject == item.target else subject
