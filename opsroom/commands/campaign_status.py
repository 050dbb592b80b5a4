"""`opsroom campaign status`: where a campaign stands, what it has used of its budgets, and what its runs came to."""

import json
from collections import Counter
from datetime import datetime
from typing import Any

import click

from opsroom.as_json import usage_as_json
from opsroom.finding import state_dir
from state.campaign_file import BLOCKING, CampaignFile
from state.envelope import Metric, Run
from state.sanitize import clean_line
from state.spending import of_tasks
from state.times import age, rfc3339, utc_now
from state.usage import Budget, Usage, cost_text, dollars_text
from state.views import CampaignView, Fleet

__all__ = ["results_of", "spent_by", "status", "used"]

LIMITS = ("attempts", "seconds", "tokens", "dollars")


@click.command(short_help="Where it stands: items, budgets, metric, runs.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
@click.pass_obj
def status(explicit: str | None, name: str | None, as_json: bool) -> None:
    """Show where campaign NAME stands, or every campaign."""
    from opsroom.commands.campaign import check_there
    from opsroom.commands.show import read_fleet

    state = state_dir(explicit)
    if name is not None:
        check_there(state, name)
    fleet, now = read_fleet(state), utc_now()
    views = [view for view in fleet.campaigns.values() if name in (None, view.name)]
    if as_json:
        found = {view.name: _as_json(view, spent_by(fleet, view.name, now)) for view in views}
        click.echo(json.dumps(found if name is None else found[name], indent=2))
        return
    if not views:
        click.echo("there is no campaign ('opsroom campaign new' makes one)")
    for number, view in enumerate(views):
        lines = _lines(view, spent_by(fleet, view.name, now), now)
        click.echo("\n".join(clean_line(line, 2000) for line in (*[""] * bool(number), *lines)))


def spent_by(fleet: Fleet, name: str, now: datetime) -> Usage:
    """What the attempts of campaign `name` have used together, those that run included as far as they have told."""
    return of_tasks((view for view in fleet.tasks.values() if view.campaign == name), now)


def results_of(file: CampaignFile) -> dict[str, int]:
    """How many items have which newest result; a stop is one too."""
    newest = (file.outcome(item.index) for item in file.queue)
    return dict(Counter(line.result for line in newest if line is not None))


def used(name: str, usage: Usage | Budget) -> str:
    """What was used of the limit `name`, or that limit, as one word: `12`, `1,200`, `34.5`, `$0.12`, `$0.12+?`."""
    if name == "dollars":
        return (cost_text(usage) if isinstance(usage, Usage) else "") or dollars_text(usage.dollars)
    value = getattr(usage, name)
    return f"{value:,.1f}" if name == "seconds" else f"{value:,.0f}"


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(view: CampaignView, spent: Usage, now: datetime) -> list[str]:
    faults = [f"! {fault}" for fault in view.faults]
    if view.file is None:
        return [f"{view.name}: cannot be read", *faults]
    file = view.file
    why = file.headers.get("STOP_REASON", "")
    lines = [f"{view.name}: {file.status}{': ' if why else ''}{why}"]
    lines.append(f"  items: {view.done} of {len(file.queue)} done{_counted(results_of(file))}")
    if file.remaining:
        item = file.remaining[0]
        outcome = file.outcome(item.index)
        stopped = f" (stopped: {outcome.fields.get('why', '')})" if outcome else ""
        lines.append(f"  next: {item.index}. {item.target}{stopped}")
    budget = view.envelope.budgets if view.envelope else Budget()
    lines.append("  budget: " + ", ".join(_spent_of(name, spent, budget) for name in LIMITS))
    metric = view.envelope.metric if view.envelope else None
    if metric is not None or file.metric("METRIC_START"):
        lines.append(f"  metric{_metric_name(metric)}: {_metric(file, metric)}")
    lines += [_run(number, run, view, spent, now) for number, run in view.runs]
    lines += _proposals(view)
    return lines + faults


def _counted(results: dict[str, int]) -> str:
    return ": " + ", ".join(f"{count} {result}" for result, count in results.items()) if results else ""


def _spent_of(name: str, spent: Usage, budget: Budget) -> str:
    of = f" of {used(name, budget)}" if getattr(budget, name) else ""
    return f"{name} {used(name, spent)}{of}"


def _metric_name(metric: Metric | None) -> str:
    return f" {metric.name}" if metric is not None and metric.name else ""


def _metric(file: CampaignFile, metric: Metric | None) -> str:
    goal = f" (goal {metric.goal:g})" if metric is not None and metric.goal is not None else ""
    return f"{file.metric('METRIC_START') or '?'} → {file.metric('METRIC_CURRENT') or '?'}{goal}"


def _run(number: int, run: Run, view: CampaignView, spent: Usage, now: datetime) -> str:
    begun = f"  run {number}: {run.started.astimezone():%Y-%m-%d %H:%M}, "
    took = age(((run.ended or now) - run.started).total_seconds())
    if run.ended is None:
        return f"{begun}running for {took}, {_cost(spent.minus(run.spent_before))}"
    why = f" ({run.why})" if run.why else ""
    items = f"{run.items} item{'' if run.items == 1 else 's'}"
    return f"{begun}{run.halted} after {took}{why}, {items}, {_cost(run.spent)}"


def _cost(usage: Usage) -> str:
    return f"{used('seconds', usage)} s, {used('tokens', usage)} tokens, {used('dollars', usage)}"


def _proposals(view: CampaignView) -> list[str]:
    number, run = view.runs[-1] if view.runs else (0, None)
    if run is None or not run.proposals:
        return []
    lines = [
        f"    {proposal.kind}: {proposal.text}{f' ({proposal.source})' if proposal.source else ''}"
        for proposal in run.proposals
    ]
    return [f"  proposed by run {number} ('opsroom campaign note {view.name} TEXT' makes one policy):", *lines]


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────


def _as_json(view: CampaignView, spent: Usage) -> dict[str, Any]:
    file, envelope = view.file, view.envelope
    metric = envelope.metric if envelope else None
    next_item = file.remaining[0] if file and file.remaining else None
    return {
        "status": file.status if file else None,
        "why": file.headers.get("STOP_REASON", "") or None if file else None,
        "agent": envelope.agent if envelope else None,
        "done": view.done,
        "items": len(file.queue) if file else None,
        "results": results_of(file) if file else {},
        "stopped": [line.index for line in _newest(file) if line.result == BLOCKING],
        "next": {"index": next_item.index, "target": next_item.target} if next_item else None,
        "policy": list(file.policy) if file else [],
        "untouchable": list(file.untouchable) if file else [],
        "budget": {name: {"spent": usage_as_json(spent)[name], "limit": _limit(view, name)} for name in LIMITS},
        "spent": usage_as_json(spent),
        "metric": {
            "name": metric.name if metric else None,
            "start": file.metric("METRIC_START") or None,
            "now": file.metric("METRIC_CURRENT") or None,
            "goal": metric.goal if metric else None,
            "better": metric.better if metric else None,
        }
        if file
        else None,
        "runs": [_run_as_json(number, run) for number, run in view.runs],
        "faults": [str(fault) for fault in view.faults],
    }


def _newest(file: CampaignFile | None) -> list[Any]:
    lines = (file.outcome(item.index) for item in file.queue) if file else ()
    return [line for line in lines if line is not None]


def _limit(view: CampaignView, name: str) -> float | None:
    return (getattr(view.envelope.budgets, name) if view.envelope else 0) or None


def _run_as_json(number: int, run: Run) -> dict[str, Any]:
    return {
        "run": number,
        "started": rfc3339(run.started),
        "ended": rfc3339(run.ended) if run.ended else None,
        "halted": run.halted or None,
        "why": run.why or None,
        "items": run.items,
        "results": run.results,
        "metric_before": run.metric_before or None,
        "metric_after": run.metric_after or None,
        "spent": usage_as_json(run.spent) if run.ended else None,
        "proposals": [{"kind": p.kind, "text": p.text, "source": p.source or None} for p in run.proposals],
    }
