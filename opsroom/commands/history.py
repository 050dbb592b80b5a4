"""`opsroom history`: past campaigns, their runs and items, from the state directory and from git, or from git alone."""

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opsroom.as_json import usage_as_json
from opsroom.finding import state_dir
from state.errors import NotThere
from state.sanitize import clean_line
from state.times import age, rfc3339, utc_now
from state.usage import cost_text
from state.views import Fleet

if TYPE_CHECKING:
    from tui.past import Past, PastCampaign, PastItem, PastRun

__all__ = ["history"]

WIDEST = 40
"""Columns of a name, at most."""


@click.command(short_help="Past campaigns, runs and items, also of what git alone knows.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="The newest N campaigns; with NAME, the last N items.",
)
@click.pass_obj
def history(explicit: str | None, name: str | None, as_json: bool, limit: int | None) -> None:
    """Show past campaigns with their runs, or the runs and items of campaign NAME.

    A campaign whose files are gone is told from the commits that it has left in this repository.
    """
    from tui.past import Past

    past, why = _read(explicit)
    found = [one for one in past.campaigns if name in (None, one.name)]
    if name is not None and not found:
        raise NotThere(
            f"there is no campaign {name!r}, neither in the files nor in git", todo="'opsroom history' lists them"
        )
    if as_json:
        click.echo(json.dumps(_as_json(found if name else found[:limit], name, limit, why), indent=2))
        return
    now = utc_now()
    lines = (
        [line for one in found for line in _whole(one, limit, now)] if name else _table(Past(tuple(found)), limit, now)
    )
    for line in lines:
        click.echo(clean_line(line, 1_000))
    if why:
        click.echo(clean_line(f"! {why}", 1_000), err=True)


def _read(explicit: str | None) -> tuple["Past", str]:
    """The past, and why that may not be all."""
    from opsroom.commands.show import read_fleet
    from tui.past import build
    from tui.past_git import GitHistory, GitUnread

    folder, fleet = Path.cwd(), Fleet()
    alone = False
    try:
        state = state_dir(explicit)
    except NotThere:
        if explicit:
            raise
        alone = True  # git may know
    else:
        folder, fleet = state.repository, read_fleet(state)
    try:
        told = GitHistory(folder).campaigns()
    except GitUnread as error:
        if alone:
            raise NotThere(f"no state directory in {folder} or above it, and {error}") from None
        return build(fleet, ()), str(error)
    return build(fleet, told.commits), told.cut


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def _at(at: datetime | None) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}" if at else "-"


def _columns(rows: list[list[str]]) -> list[str]:
    """`rows` as lines, each column as wide as its widest; the last one as it is."""
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(text.ljust(size) for text, size in zip(row, wide, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def _table(past: "Past", limit: int | None, now: datetime) -> list[str]:
    if not past.campaigns:
        return ["no campaign yet, neither in the files nor in git"]
    rows = [["CAMPAIGN", "LAST", "STATUS", "ITEMS", "METRIC", "COST"]]
    shown = past.campaigns[:limit]
    for one in shown:
        rows.append(_campaign(one))
        rows += [_run(run, now) for run in one.runs]
    lines = _columns([[clean_line(text) for text in row] for row in rows])
    more = len(past.campaigns) - len(shown)
    return [*lines, f"… {more:,} older (--limit)"] if more else lines


def _campaign(one: "PastCampaign") -> list[str]:
    if one.view is None:
        known = "known from git alone" if one.from_git else "its files are gone"
        items = f"{len(one.items):,} in {one.commits:,} commit{'s' * (one.commits != 1)}"
        return [
            one.name[:WIDEST],
            _at(one.span[1] if one.span else None),
            known,
            items,
            "-",
            cost_text(one.spent) or "-",
        ]
    return [
        one.name[:WIDEST],
        _at(one.span[1] if one.span else None),
        one.status or "fault",
        f"{one.view.done:,}/{len(one.items):,}{_counted(one.results)}",
        _metric(*one.metric),
        cost_text(one.spent) or "-",
    ]


def _run(one: "PastRun", now: datetime) -> list[str]:
    run = one.run
    took = age(((run.ended or now) - run.started).total_seconds())
    status = f"{run.halted or 'ended'} after {took}" if run.ended else f"running for {took}"
    items = f"{run.items:,}{_counted(run.results)}"
    metric, cost = _metric(run.metric_before, run.metric_after), cost_text(run.spent) or "-"
    return [f"  run {one.number}", _at(run.ended or run.started), status, items, metric, cost]


def _counted(results: Any) -> str:
    return ": " + ", ".join(f"{count} {result}" for result, count in results.items()) if results else ""


def _metric(before: str, after: str) -> str:
    return f"{before or '?'} → {after or '?'}" if before or after else "-"


def _whole(one: "PastCampaign", limit: int | None, now: datetime) -> list[str]:
    """A campaign, its runs and its items."""
    lines = _table_of(one, now)
    items = one.items[-limit:] if limit else one.items
    if items:
        rows = [["ITEM", "RESULT", "WHEN", "COMMIT", "TOOK", "WHAT"], *(_item(item) for item in items)]
        lines += ["", *_columns([[clean_line(text, 1_000) for text in row] for row in rows])]
    return [*lines, ""]


def _table_of(one: "PastCampaign", now: datetime) -> list[str]:
    rows = [
        ["CAMPAIGN", "LAST", "STATUS", "ITEMS", "METRIC", "COST"],
        _campaign(one),
        *(_run(run, now) for run in one.runs),
    ]
    lines = _columns([[clean_line(text) for text in row] for row in rows])
    return [*lines, *([f"why: {one.why}"] if one.why else [])]


def _item(item: "PastItem") -> list[str]:
    seconds = item.field("seconds")
    said = [item.target]
    said += [f"{label}: {text}" for label in ("why", "learned") if (text := " ".join(item.field(label).split()))]
    if not item.outcome and item.commits and item.commits[0].subject != item.target:
        said.append(item.commits[0].subject)
    return [
        "-" if item.index is None else str(item.index),
        item.result or ("committed" if item.commits else (item.task.state if item.task else "") or "pending"),
        _at(item.at),
        item.commit[:12] or "-",
        f"{seconds} s" if seconds else "-",
        " | ".join(said),
    ]


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────


def _as_json(found: list["PastCampaign"], name: str | None, limit: int | None, why: str) -> dict[str, Any]:
    return {
        "campaigns": [
            {
                "name": one.name,
                "from_git": one.from_git,
                "status": one.status or None,
                "why": one.why or None,
                "first": rfc3339(one.span[0]) if one.span else None,
                "last": rfc3339(one.span[1]) if one.span else None,
                "items": len(one.items),
                "results": dict(one.results),
                "commits": one.commits,
                "metric_start": one.metric[0] or None,
                "metric_current": one.metric[1] or None,
                "spent": usage_as_json(one.spent),
                "runs": [_run_as_json(run) for run in one.runs],
            }
            | (
                {"queue": [_item_as_json(item) for item in (one.items[-limit:] if limit else one.items)]}
                if name
                else {}
            )
            for one in found
        ],
        "incomplete": why or None,
    }


def _run_as_json(one: "PastRun") -> dict[str, Any]:
    run = one.run
    return {
        "run": one.number,
        "started": rfc3339(run.started),
        "ended": rfc3339(run.ended) if run.ended else None,
        "halted": run.halted or None,
        "why": run.why or None,
        "items": [item.index for item in one.items],
        "results": run.results,
        "metric_before": run.metric_before or None,
        "metric_after": run.metric_after or None,
        "spent": usage_as_json(run.spent) if run.ended else None,
    }


def _item_as_json(item: "PastItem") -> dict[str, Any]:
    return {
        "index": item.index,
        "item": item.target,
        "result": item.result or None,
        "at": rfc3339(item.at) if item.at else None,
        "commit": item.commit or None,
        "seconds": item.field("seconds") or None,
        "why": item.field("why") or None,
        "learned": item.learned or None,
        "commits": [{"id": one.id, "at": rfc3339(one.at), "subject": one.subject} for one in item.commits],
    }
