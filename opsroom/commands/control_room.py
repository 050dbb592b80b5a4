"""`opsroom` and `opsroom tui`: the control room, and an orchestrator for it unless one runs."""

import subprocess
import sys

import click

from opsroom.finding import state_dir
from state import event_log
from state.errors import BadFile, Unavailable
from state.layout import StateDir

__all__ = ["check_terminal", "open_control_room", "show", "start_orchestrator", "tui"]

IDLE = 900.0
"""Seconds without anything to do after which an orchestrator that was started along with the control room ends."""


@click.command(short_help="The control room; starts no orchestrator.")
@click.option("--readonly", is_flag=True, help="Nothing that acts.")
@click.option("--theme", metavar="NAME")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.pass_obj
def tui(explicit: str | None, readonly: bool, theme: str | None, no_mouse: bool) -> None:
    """Open the control room of this repository. Leaving it touches no worker and no orchestrator."""
    state = state_dir(explicit)
    check_terminal()
    from tui.app import run

    launcher = None if readonly else lambda: restart(state)
    run(state, readonly=readonly, theme=theme, mouse=not no_mouse, start_orchestrator=launcher)


def open_control_room(explicit: str | None, *, readonly: bool, theme: str | None) -> None:
    """What `opsroom` without a command does: starts an orchestrator unless one runs, and opens the control room."""
    show(state_dir(explicit), readonly=readonly, theme=theme)


def show(state: StateDir, *, readonly: bool = False, theme: str | None = None) -> None:
    """Opens the control room of `state`, with an orchestrator unless one runs or it is `readonly`."""
    check_terminal()
    from opsroom.commands.acts import orchestrator_runs

    process = None if readonly or orchestrator_runs(state) else start_orchestrator(state)
    from tui.app import run  # takes about as long as an orchestrator that can't start takes to say so

    if process is not None and process.poll():
        raise Unavailable(f"the orchestrator could not start: {last_words(state)}", todo=f"all of it: {state.log}")
    run(state, readonly=readonly, theme=theme, start_orchestrator=None if readonly else lambda: restart(state))


def check_terminal(instead: str = "opsroom status") -> None:
    """Raises `Unavailable` unless there is a terminal to draw on, and to read keys from. `instead` needs none."""
    for stream, name in ((sys.stdin, "input"), (sys.stdout, "output")):
        if stream is None or not stream.isatty():
            why = f"the control room needs a terminal, and standard {name} is none"
            raise Unavailable(why, todo=f"as text: '{instead}'")


def restart(state: StateDir) -> None:
    """Starts an orchestrator at a person's word; one that runs already is no fault."""
    start_orchestrator(state)


def last_words(state: StateDir) -> str:
    """The last line that an orchestrator printed which was started along with a control room."""
    try:
        lines = event_log.last_lines(state.root, state.log, 1).lines
    except BadFile as error:
        return str(error)
    return lines[-1].decode("utf-8", "replace") if lines else "it said nothing"


def start_orchestrator(state: StateDir) -> "subprocess.Popen[bytes]":
    """Starts `opsroom up` in a session of its own, where neither the end of the terminal nor that of SSH reaches it.

    What it prints goes to `orchestrator/up.log`. If another one runs, it says so there and ends.
    """
    from orchestrator.config import load

    load(state.repository)  # what is wrong with opsroom.toml is said here rather than in a log
    state.create()
    argv = [sys.executable, "-I", "-m", "opsroom", "--state-dir", str(state.root), "up", "--idle", f"{IDLE:g}"]
    with state.log.open("ab") as out:
        return subprocess.Popen(
            argv, cwd=state.repository, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
