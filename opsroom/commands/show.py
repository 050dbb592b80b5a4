"""`opsroom status`, `opsroom show` and `opsroom log`: what the control room shows, for a pipe or a script."""

import json
import os
import time
from datetime import datetime
from pathlib import Path

import click

from opsroom.as_json import fleet_as_json, task_as_json
from opsroom.finding import state_dir
from state import disk, event_log, files, lease
from state.errors import BadFile, NotThere
from state.fleet import FleetReader
from state.layout import StateDir
from state.machine import Hold, Worker, amount, stale, until
from state.sanitize import clean_line
from state.scan import Scan
from state.spending import of_tasks
from state.times import age, utc_now
from state.today import Today
from state.usage import Usage, cost_text
from state.views import CampaignView, Fleet, LockView, TaskView

__all__ = ["log", "read_fleet", "show", "status"]


def read_fleet(state: StateDir) -> Fleet:
    """Everything that the state directory says now."""
    reader = FleetReader(state)
    reader.apply(frozenset(Scan(str(state.root)).everything()))
    return reader.fleet


@click.command(short_help="What goes on: a table, or JSON.")
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
@click.pass_obj
def status(explicit: str | None, as_json: bool) -> None:
    """Show every campaign and task with its state, who said so and how long ago."""
    state = state_dir(explicit)
    fleet = read_fleet(state)
    now = utc_now()
    troubles = _troubles(state, fleet, now)
    today = Today(state).take(fleet.tasks, (), now)
    if as_json:
        said = fleet_as_json(fleet, today, now)
        said["faults"] += troubles
        click.echo(json.dumps(said, indent=2, default=str))
        return
    for line in (*_table(fleet, today, now), *(f"! {trouble}" for trouble in troubles)):
        click.echo(line)


def _troubles(state: StateDir, fleet: Fleet, now: datetime) -> list[str]:
    """What keeps things from going on that stands in no file, because it keeps files from being written."""
    troubles = [clean_line(trouble)] if (trouble := disk.trouble(state.root)) else []
    if fleet.lease and not lease.alive(fleet.lease, now) and lease.held(state):
        silent = age((now - fleet.lease.beat).total_seconds())
        who = f"pid {fleet.lease.pid} on {clean_line(fleet.lease.host)}"
        troubles.append(f"an orchestrator ({who}) runs, but has written nothing for {silent}")
    return troubles


def _table(fleet: Fleet, today: Usage, now: datetime) -> list[str]:
    lines = [_orchestrator(fleet, now), *_machine(fleet, now), *_used(fleet, today, now)]
    lines += [_hold(hold, now) for hold in fleet.holds]
    lines += [_campaign(view) for view in fleet.campaigns.values()]
    width = max((len(view.id) for view in fleet.tasks.values()), default=4)
    doubted = fleet.machine is None or stale(fleet.machine, now)
    for view in sorted(fleet.tasks.values(), key=lambda view: view.id):
        lines.append(_task(view, now, width, None if doubted else fleet.takes(view)))
    lines += [_lock(view, now) for _, view in sorted(fleet.locks.items()) if view.busy]
    faults = [*fleet.faults, *(fault for view in fleet.campaigns.values() for fault in view.faults)]
    faults += [fault for view in fleet.tasks.values() for fault in view.faults]
    lines += [clean_line(f"! {fault}") for fault in faults]
    return lines


def _orchestrator(fleet: Fleet, now: datetime) -> str:
    if fleet.lease is None:
        return "orchestrator: never started"
    since = age((now - fleet.lease.started).total_seconds())
    beat = age((now - fleet.lease.beat).total_seconds())
    if lease.alive(fleet.lease, now):
        return f"orchestrator: up {since}, pid {fleet.lease.pid} on {clean_line(fleet.lease.host)}"
    return (
        f"orchestrator: not running, last seen {beat} ago{': ' if fleet.lease.why else ''}{clean_line(fleet.lease.why)}"
    )


def _machine(fleet: Fleet, now: datetime) -> list[str]:
    """What is left of the machine, and what attempts run in, as far as the orchestrator has said."""
    lines, machine, run = [], fleet.machine, fleet.lease
    if machine is not None:
        old = f", {age(abs((now - machine.at).total_seconds()))} ago" if stale(machine, now) else ""
        memory = f"{amount(machine.memory_free_mib)} of {amount(machine.memory_total_mib)} memory free"
        disk = f"{amount(machine.disk_free_mib)} of {amount(machine.disk_total_mib)} disk free"
        lines.append(f"machine: {memory}, {disk}, load {machine.load:.1f} on {machine.cores} cores{old}")
    if run is not None and run.sandbox:
        lines.append(clean_line(f"sandbox: {run.sandbox}{': ' if run.sandbox_why else ''}{run.sandbox_why}"))
    return lines


def _used(fleet: Fleet, today: Usage, now: datetime) -> list[str]:
    """What everything has used, and what of it today; nothing where nobody tells."""
    whole = _figures(of_tasks(fleet.tasks.values(), now))
    return [f"used: {whole}; today: {_figures(today) or 'nothing'}"] if whole else []


def _figures(usage: Usage) -> str:
    return ", ".join(part for part in (f"{usage.tokens:,} tokens" if usage.tokens else "", cost_text(usage)) if part)


def _hold(hold: Hold, now: datetime) -> str:
    since = age((now - hold.since).total_seconds())
    return clean_line(f"held: {hold.agent or 'all agents'} for {since}: {hold.why}{until(hold, now)}")


def _campaign(view: CampaignView) -> str:
    if view.file is None:
        return f"{view.name}  fault"
    metric = f"  metric {view.file.metric('METRIC_START')} → {view.file.metric('METRIC_CURRENT')}"
    why = view.file.headers.get("STOP_REASON", "")
    said = f"{view.name}  {view.file.status}  {view.done}/{len(view.file.queue)}"
    return clean_line(f"{said}{metric if view.file.metric('METRIC_CURRENT') else ''}{'  ' + why if why else ''}")


def _task(view: TaskView, now: datetime, width: int, worker: Worker | None) -> str:
    if view.status is None:
        return f"{view.id:{width}}  fault"
    since = age((now - view.status.since).total_seconds())
    asked = view.questions[0].body if view.questions else view.status.why
    takes = f"  {worker.cpu_percent:.0f}% {amount(worker.memory_mib)}" if worker else ""
    return clean_line(
        f"{view.id:{width}}  {view.state:9}  {since:>4}{takes}  {view.title}{'  ' + asked if asked else ''}", 300
    )


def _lock(view: LockView, now: datetime) -> str:
    has_it = "free"
    if view.holder:
        has_it = f"{view.holder.label}, {age((now - view.holder.since).total_seconds())}"
    waiting = f" · waiting: {', '.join(ticket.label for ticket in view.waiting)}" if view.waiting else ""
    lately = f" · lately {', '.join(age(seconds) for seconds in view.lasted)}" if view.lasted else ""
    return clean_line(f"{view.name} lock: {has_it}{waiting}{lately}")


@click.command(short_help="All that is known of a task.")
@click.argument("task")
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
@click.pass_obj
def show(explicit: str | None, task: str, as_json: bool) -> None:
    """Show what is known of TASK: its state, its agent, how the newest attempt goes or went, what it has used."""
    from tui.describe import describe_task
    from tui.text import plain

    state = state_dir(explicit)
    fleet, now = read_fleet(state), utc_now()
    view = fleet.tasks.get(task)
    if view is None:
        raise NotThere(f"there is no task {task!r}", todo="'opsroom status' lists them")
    if as_json:
        click.echo(json.dumps(task_as_json(view, fleet, now), indent=2, default=str))
        return
    for line in describe_task(view, fleet, now, quiet=False):
        click.echo(plain(line).rstrip())


PLAIN = bytes((0x0A, *range(0x20, 0x7F)))
"""Bytes that a terminal shows as what they are."""
LONGEST = 100_000
"""Characters of one line that are shown."""


@click.command(short_help="What a task's worker printed.")
@click.argument("task")
@click.option("-f", "--follow", is_flag=True, help="Go on as it grows, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), metavar="N", help="The last N lines, not all of it.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="The newest if not given.")
@click.option("--errors", is_flag=True, help="Standard error instead of standard output.")
@click.pass_obj
def log(explicit: str | None, task: str, follow: bool, lines: int | None, attempt: int | None, errors: bool) -> None:
    """Print what the worker of TASK wrote to its standard output; control characters are made visible."""
    state = state_dir(explicit)
    folder = state.task(task)
    if not folder.root.is_dir():
        raise NotThere(f"there is no task {task!r}", todo="'opsroom status' lists them")
    numbers = [int(p.name) for p in folder.attempts.glob("*") if p.name.isdecimal()] if folder.attempts.is_dir() else []
    if not numbers or (attempt is not None and attempt not in numbers):
        raise NotThere(f"task {task} has no attempt{'' if attempt is None else f' {attempt}'} yet")
    here = folder.attempt(attempt or max(numbers))
    path, place = here.stderr if errors else here.stdout, event_log.Place()
    if lines is not None:
        last = event_log.last_lines(state.root, path, lines)
        _say(last.lines)
        place = last.place
    while True:
        batch = event_log.tail(state.root, path, place)
        place = batch.place
        _say(batch.lines)
        if batch.more:
            continue
        if not follow:
            _say_unended(state, path, place)
            return
        time.sleep(0.2)


def _say(lines: list[bytes]) -> None:
    if not lines:
        return
    text = b"\n".join(lines)
    if not text.translate(None, PLAIN) and len(max(lines, key=len)) <= LONGEST:  # most output: no need to look twice
        click.echo(text)
    else:
        click.echo("\n".join(clean_line(line.decode("utf-8", "replace"), LONGEST) for line in lines))


def _say_unended(state: StateDir, path: Path, place: event_log.Place) -> None:
    """Prints the last line, which has no end yet and is not handed out by `tail`."""
    try:
        with os.fdopen(files.open_inside(state.root, path), "rb") as file:
            file.seek(place.offset)
            rest = file.read(event_log.LINE)
    except BadFile:
        return
    if rest:
        _say([rest])
