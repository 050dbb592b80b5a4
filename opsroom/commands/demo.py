"""`opsroom demo`: a real campaign on a copy of a real package's source, offline, with nothing to configure."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import click

from opsroom.commands.init import prepare, program
from opsroom.options import Amount
from state import commands, files, journal
from state.envelope import Campaign, Check, Metric
from state.errors import OpsroomError, Refused, Unavailable
from state.layout import StateDir
from state.model import Command, encode
from state.times import utc_now

__all__ = ["demo"]

NAME = "typing-imports"
ANSWER_SECONDS = {"tui": 300.0, "plain": 20.0}
"""How long the worker that asks waits for a person before it takes its stated default."""

QUEUE = """\
# typing imports

STATUS: paused
STOP_REASON:
NEXT_INDEX: 1
INVOCATIONS_STARTED: 0
NO_PROGRESS_COUNT: 0
METRIC_START:
METRIC_CURRENT:
NOTES: Names come from typing by name, `import typing as t` goes. Nothing else changes, no line over 125 columns.

## Queue
{items}

## History
"""
PROMPT = """\
Replace `import typing as t` in the one file that is your item by `from typing import …`, and each `t.Name` by `Name`.
Change nothing else. If a name is taken in the file already, ask. If the file cannot be imported on this machine, stop.
"""


@click.command(short_help="A real campaign to look at, offline, nothing to configure.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), metavar="DIR", help="Where the repository is made.")
@click.option("--no-tui", is_flag=True, help="Run to the end without a person, a line for each event.")
@click.option("--speed", type=Amount(0.1, 1000), default=1.0, show_default=True, metavar="X")
@click.option("--theme", metavar="NAME", help="The control room's theme.")
def demo(folder: Path | None, no_tui: bool, speed: float, theme: str | None) -> None:
    """Copy click's source into a fresh git repository and run a campaign on it: each file loses its
    `import typing as t`, one worker and one commit a file, without a model and without network.

    One worker asks a question, one fails a check and is reverted, one stops for a human.
    """
    from opsroom.commands.control_room import check_terminal, show

    if not no_tui:
        check_terminal("opsroom demo --no-tui")  # before anything is made
    seconds = ANSWER_SECONDS["plain" if no_tui else "tui"] / (max(speed, 1.0) if no_tui else 1.0)
    # the workers are grandchildren of this process: the orchestrator hands its environment on
    os.environ |= {"OPSROOM_DEMO_SPEED": f"{speed:g}", "OPSROOM_DEMO_ANSWER_SECONDS": f"{seconds:g}"}
    for name in ("OPSROOM_STATE_DIR", "OPSROOM_TASK"):
        os.environ.pop(name, None)
    top = _empty(folder or _default_folder())
    state = _build(top)
    _start(state)
    if no_tui:
        _run_to_the_end(state)
    else:
        show(state, theme=theme)
    click.echo(_where(top))
    if no_tui:
        _judge(state)


def _default_folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "opsroom" / f"demo-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}" / "click"


def _empty(folder: Path) -> Path:
    top = folder.absolute()
    try:
        top.mkdir(parents=True, exist_ok=True)
        if any(top.iterdir()):
            raise Refused(f"{top} is not empty", todo="name another directory; nothing there was touched")
    except OSError as error:
        raise OpsroomError(f"{top}: {error.strerror or error}", todo="name a directory you can write to") from None
    return top


def _git(top: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(["git", *arguments], cwd=top, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise Unavailable("git is not installed", todo="install git") from None
    if done.returncode:
        raise OpsroomError(f"git {arguments[0]} in {top}: {done.stderr.strip().splitlines()[-1:]}")


def _build(top: Path) -> StateDir:
    """Makes the repository, the configuration and the campaign."""
    from opsroom.demo.package import copy_source
    from opsroom.demo.queue import items

    copied = copy_source(top)
    _git(top, "init", "--quiet", "--initial-branch=main")
    _git(top, "config", "user.name", "Opsroom demo")
    _git(top, "config", "user.email", "demo@localhost")
    state = prepare(top, program("codemod", [sys.executable, "-I", "-m", "opsroom.demo.worker"]), "main")
    _git(top, "add", "--all")
    _git(top, "commit", "--quiet", "--no-verify", "--message", f"click {copied.version}, as it is installed here")
    checks = [sys.executable, "-I", "-m", "opsroom.demo.checks"]
    campaign = Campaign(
        agent="codemod",
        base="main",
        at_once=3,
        message="{item}: names from typing by name",
        metric=Metric(name="t. references", command=[*checks, "metric"]),
        checks=[Check(name=name, command=[*checks, name]) for name in ("compile", "imports", "columns")],
    )
    folder = state.campaign(NAME)
    queue = "\n".join(f"{number}. {item}" for number, item in enumerate(items(top), 1))
    files.create(state.root, folder.envelope, encode(campaign))
    files.create(state.root, folder.queue, QUEUE.format(items=queue).encode())
    files.create(state.root, folder.prompt, PROMPT.encode())
    return state


def _start(state: StateDir) -> None:
    command = Command(verb="campaign-start", at=utc_now(), by="human", campaign=NAME)
    name = commands.send(state, command)
    journal.write(state, "command", "human", verb=command.verb, campaign=NAME, name=name)


def _run_to_the_end(state: StateDir) -> None:
    from opsroom.commands.running import run_orchestrator

    run_orchestrator(state, once=True, idle=None, say=click.echo)


def _where(top: Path) -> str:
    return f"""
Everything lies in {top}
  git -C {top} log --oneline campaign/{NAME}      the commits, one a file
  git -C {top} diff --stat main campaign/{NAME}   what they changed; main is as it was
  cat {top}/.opsroom/campaigns/{NAME}/campaign.md   the queue and its history
  ls {top}/.opsroom/tasks                         a folder for each item: status, checkpoint, pictures, output
  opsroom --state-dir {top}/.opsroom              the control room again ('… status', '… down')"""


def _judge(state: StateDir) -> None:
    """Raises `Refused` unless the campaign came to its end; a stop for a human is the demo's proper end."""
    from opsroom.commands.show import read_fleet

    view = read_fleet(state).campaigns.get(NAME)
    status = view.file.status if view and view.file else "missing"
    if status not in ("complete", "stop"):
        raise Refused(f"the campaign ended as {status}")
