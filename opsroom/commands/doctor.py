"""`opsroom doctor`: what works here, and what to do about what does not."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from opsroom.doctor.findings import FAIL, Finding, as_json, as_lines, fail, warn
from state.errors import BadFile, NotThere
from state.layout import StateDir, find
from state.times import utc_now

__all__ = ["doctor"]


@click.command(short_help="What works here, and what to do about what doesn't.")
@click.option("--json", "as_json_", is_flag=True, help="For a program to read.")
@click.pass_obj
def doctor(explicit: str | None, as_json_: bool) -> int:
    """Look at everything that Opsroom needs here, and change nothing.

    Exits with 0 if nothing that is needed is missing, with 1 if something is, and with 2 if opsroom.toml cannot be
    understood.
    """
    found, broken = [], False
    for finding in _look(explicit, os.environ):
        found.append(finding)
        broken = broken or (finding.group == CONFIGURATION and finding.verdict == FAIL)
    if as_json_:
        click.echo(json.dumps(as_json(found), indent=2))
    else:
        for line in as_lines(found, plain=not _encoding().lower().startswith("utf")):
            click.echo(line)
    return 2 if broken else 1 if any(one.verdict == FAIL for one in found) else 0


CONFIGURATION = "opsroom.toml"


def _look(explicit: str | None, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Every finding, group by group."""
    from opsroom.doctor import agents, directory, events, git, sandbox, system, terminal
    from orchestrator.config import FILE, Config, load

    here = Path.cwd()
    state, missing = _state_directory(explicit, environment, here)
    top = state.repository if state else git.top_of(here, environment) or here
    place = state.worktrees if state and state.worktrees.is_dir() else top
    yield from system.python(sys.executable, environment)
    yield from git.findings(top, environment)
    config, faults = Config(), []
    try:
        config = load(top)
        if not (top / FILE).exists():
            faults.append(warn(CONFIGURATION, f"{top} has none", "'opsroom init' writes one"))
    except BadFile as error:
        faults.append(fail(CONFIGURATION, str(error), "mend it: nothing can be launched by it"))
    yield from faults
    yield from directory.findings(state) if state else [*missing, *directory.place(top)]
    yield from events.findings(events.needed(state), events.used(os.geteuid()), network=directory.network(place))
    yield from system.processes(sys.executable)
    understood = not faults or faults[0].verdict != FAIL
    if understood:
        yield from sandbox.findings(config, top, environment)
    yield from system.machine(place, config.orchestrator, utc_now())
    yield from terminal.findings(terminal.of(sys.stdout), environment)
    if understood:
        yield from agents.findings(config, top, environment)


def _state_directory(
    explicit: str | None, environment: Mapping[str, str], here: Path
) -> tuple[StateDir | None, list[Finding]]:
    """The state directory, or what to say where there is none."""
    try:
        return find(explicit, environment, here), []
    except NotThere as error:
        named = explicit or environment.get("OPSROOM_STATE_DIR")
        return None, [(fail if named else warn)("state directory", error.message, error.todo)]


def _encoding() -> str:
    return sys.stdout.encoding or ""
