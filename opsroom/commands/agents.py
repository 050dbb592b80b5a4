"""`opsroom agents`: the agents that there are here, and whether one of them works."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opsroom.options import Amount
from state.errors import NotThere, Refused
from state.layout import find
from state.sanitize import clean_line

if TYPE_CHECKING:
    from opsroom.doctor.looks import Look
    from opsroom.trial.verdict import Verdict
    from orchestrator.config import Agent, Config
    from state.model import AgentReport

__all__ = ["agents"]

HEADINGS = ("agent", "kind", "version", "sandboxed", "no network", "signs in with")
COLUMN = 40
"""Characters that one column has at most."""
SECONDS = 300.0
TRIAL_SECONDS = Amount(1, 86_400)


@click.group(invoke_without_command=True, short_help="The agents that are here, and whether one works.")
@click.option("--json", "as_json", is_flag=True, help="For a program to read.")
@click.pass_context
def agents(ctx: click.Context, as_json: bool) -> int:
    """List the agents of opsroom.toml and the agent CLIs on PATH: what each is, where it starts, how it signs in.

    Each is started, with --version, as its workers are; nothing is asked of a model. Exits with 1 if an agent of
    opsroom.toml cannot start.
    """
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise click.UsageError("--json goes with the list alone.", ctx)
        return 0
    from opsroom.doctor.findings import FAIL
    from opsroom.doctor.looks import looks
    from orchestrator.config import load

    top = _top(ctx.obj)
    found = looks(load(top), top, os.environ)
    if as_json:
        click.echo(json.dumps({"agents": [look.as_json() for look in found]}, indent=2))
    else:
        for line in _table(found):
            click.echo(line)
    return 1 if any(look.verdict == FAIL for look in found) else 0


@agents.command("try", short_help="One tiny real task in a scratch repository.")
@click.argument("name")
@click.option("--keep", is_flag=True, help="Leave the scratch repository there, though all went well.")
@click.option(
    "--seconds", type=TRIAL_SECONDS, default=SECONDS, show_default=True, metavar="N", help="What it may take."
)
@click.pass_obj
def try_(explicit: str | None, name: str, keep: bool, seconds: float) -> int:
    """Have agent NAME do one tiny real task, and say whether it works. NAME may be a kind that is not configured yet.

    The task is to write one file, commit it and say so, in a scratch repository, by the real orchestrator and with the
    sandbox, prices and secrets of opsroom.toml. It costs a few tokens of yours. Exits with 1 if it does not work.
    """
    from opsroom.trial import scene
    from opsroom.trial.run import Trial
    from opsroom.trial.verdict import judge
    from orchestrator.config import load
    from orchestrator.repository.trees import remove

    top = _top(explicit)
    config = load(top)
    agent = _agent(name, config)
    _check(name, agent, config, top)
    folder = scene.folder_for(name, os.environ)
    click.echo(f"a task for {name}, real and tiny: it costs a few tokens of yours; {folder}")
    works = False
    try:
        trial = Trial(scene.make(folder, top, name, agent.kind, seconds), name, seconds, click.echo)
        seen = trial.run()
        verdict = judge(seen)
        works = verdict.works
        for line in _last_lines(name, verdict, seen.task.report, trial.seconds):
            click.echo(line)
        if not works or keep:
            click.echo(
                f"all of it is in {folder}; 'opsroom --state-dir {folder}/repository/.opsroom log 0001' shows it"
            )
        return 0 if works else 1
    except KeyboardInterrupt:
        works = True  # nobody wants to know why
        raise
    finally:
        if works and not keep:
            remove(folder)


def _top(explicit: str | None) -> Path:
    """The repository that is meant, or the folder that we are in where it is none."""
    from opsroom.doctor.git import top_of

    here = Path.cwd()
    try:
        return find(explicit, os.environ, here).repository
    except NotThere:
        if explicit:
            raise
    return top_of(here, os.environ) or here


def _agent(name: str, config: "Config") -> "Agent":
    """The agent `name`, or what a kind of that name is without any settings."""
    from orchestrator.agents import KINDS, adapter
    from orchestrator.config import Agent

    if name in config.agents:
        return config.agents[name]
    if name in KINDS:
        return Agent(kind=name, command=[adapter(name).program])
    there = f"opsroom.toml has {', '.join(config.agents)}" if config.agents else "opsroom.toml names none"
    raise NotThere(f"there is no agent {name!r}", todo=f"{there}; kinds are {', '.join(KINDS)}")


def _check(name: str, agent: "Agent", config: "Config", top: Path) -> None:
    """Says what it is and where it starts; raises `Refused` where it does not."""
    from opsroom.doctor.findings import FAIL, OK
    from opsroom.doctor.looks import look

    found = look(name, agent, config, top, os.environ)
    if found.verdict == FAIL:
        raise Refused(f"{name} cannot start: {found.said}", todo=found.advice)
    click.echo(clean_line(f"{name}: {found.said}", 600))
    if found.verdict != OK:
        click.echo(clean_line(f"it is tried all the same; {found.advice}", 600))


def _last_lines(name: str, verdict: "Verdict", report: "AgentReport | None", seconds: float) -> list[str]:
    """What it came to."""
    from state.usage import cost_text, tokens_text

    if not verdict.works:
        return [clean_line(f"{name} does not work: {verdict.why}; {verdict.todo}", 1000)]
    parts = [f"{name} works: its change was merged, and the file is right"]
    if report is not None:
        usage, model = report.usage, report.model or "a model that it does not name"
        parts.append(tokens_text(usage) or f"{usage.tokens:,} tokens")
        unknown = f"cost unknown, for [prices] has none of {clean_line(model, 80)}"
        parts.append(unknown if usage.unpriced else f"cost {cost_text(usage) or 'nothing'}")
    lines = [f"{'; '.join(parts)}; {seconds:.1f} s"]
    return [*lines, f"but {verdict.remark}"] if verdict.remark else lines


def _table(found: Iterable["Look"]) -> list[str]:
    """A line an agent, and below it one for each that has something wrong with it."""
    from opsroom.doctor.findings import OK

    listed = list(found)
    if not listed:
        return ["no agent in opsroom.toml, and no agent CLI on PATH; docs/agents.md says how to begin"]
    rows = [HEADINGS, *(_row(look) for look in listed)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
    wrong = [look for look in listed if look.verdict != OK]
    said = [clean_line(f"! {look.name}: {look.said}; {look.advice}", 600) for look in wrong]
    return [*(line.rstrip() for line in lines), *said]


def _row(look: "Look") -> tuple[str, ...]:
    from opsroom.doctor.programs import number

    version = ".".join(map(str, number(look.version))) or look.version or "-"
    signs = ", ".join(look.signs_in) or ("nothing found" if look.looked_for else "-")
    name = look.name if look.configured else f"({look.name})"
    cells = (name, look.kind, version, _went(look, "sandboxed"), _went(look, "offline"))
    return (*(clean_line(cell, COLUMN) for cell in cells), clean_line(signs, 200))


def _went(look: "Look", which: str) -> str:
    start = getattr(look.starts, which)
    return "no" if look.problem or (start and start.problem) else "-" if start is None else "starts"
