"""`opsroom` and `opsroom tui`: the control room, and an orchestrator for it unless one runs."""

import subprocess
import sys
import time

import click

from opsroom.finding import state_dir
from state.layout import StateDir

__all__ = ["open_control_room", "start_orchestrator", "tui"]

IDLE = 900.0
"""Seconds without anything to do after which an orchestrator that was started along with the control room ends."""


@click.command(short_help="The control room; starts no orchestrator.")
@click.option("--readonly", is_flag=True, help="Nothing that acts.")
@click.option("--theme", metavar="NAME")
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.pass_obj
def tui(explicit: str | None, readonly: bool, theme: str | None, no_mouse: bool) -> None:
    """Open the control room of this repository. Leaving it touches no worker and no orchestrator."""
    from tui.app import run

    state = state_dir(explicit)
    launcher = None if readonly else lambda: start_orchestrator(state)
    run(state, readonly=readonly, theme=theme, mouse=not no_mouse, start_orchestrator=launcher)


def open_control_room(explicit: str | None, *, readonly: bool, theme: str | None) -> None:
    """What `opsroom` without a command does: starts an orchestrator unless one runs, and opens the control room."""
    from opsroom.commands.acts import orchestrator_runs
    from tui.app import run

    state = state_dir(explicit)
    if not readonly and not orchestrator_runs(state):
        start_orchestrator(state)
    run(
        state,
        readonly=readonly,
        theme=theme,
        start_orchestrator=None if readonly else lambda: start_orchestrator(state),
    )


def start_orchestrator(state: StateDir, *options: str) -> None:
    """Starts `opsroom up` in a session of its own, where neither the end of the terminal nor that of SSH reaches it.

    What it prints goes to `orchestrator/up.log`. If another one runs, it says so there and ends.
    """
    from orchestrator.config import load

    load(state.repository)  # what is wrong with the configuration is said here, not in a log
    state.create()
    argv = [sys.executable, "-I", "-m", "opsroom", "--state-dir", str(state.root), "up"]
    with state.log.open("ab") as out:
        process = subprocess.Popen(
            [*argv, *(options or ("--idle", f"{IDLE:g}"))],
            cwd=state.repository,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
