"""`opsroom up` and `opsroom down`: the orchestrator in the foreground, and its end."""

import signal
import time
from collections.abc import Callable
from types import FrameType

import click

from opsroom.finding import state_dir
from opsroom.options import SECONDS
from state import lease
from state.errors import Unavailable
from state.layout import StateDir

__all__ = ["down", "run_orchestrator", "up"]


@click.command(short_help="The orchestrator, in the foreground.")
@click.option("--once", is_flag=True, help="End when nothing is left to do without a person.")
@click.option("--idle", type=SECONDS, metavar="SECONDS", help="End when there was nothing to do for so long.")
@click.option("--quiet", is_flag=True, help="Print nothing of what happens.")
@click.pass_obj
def up(explicit: str | None, once: bool, idle: float | None, quiet: bool) -> None:
    """Run the orchestrator of this repository. Ctrl-C ends it; its workers go on and the next one finds them.

    Exits with 3 if another one runs.
    """
    run_orchestrator(state_dir(explicit), once=once, idle=idle, say=None if quiet else click.echo)


def run_orchestrator(state: StateDir, *, once: bool, idle: float | None, say: Callable[[str], None] | None) -> None:
    """Runs the orchestrator of `state` in this process until it ends or a signal asks it to; `say` gets its events."""
    from opsroom.following import follow
    from orchestrator.config import load
    from orchestrator.loop import Orchestrator

    orchestrator = Orchestrator(state, load(state.repository), once=once, idle_seconds=idle)

    def ask_to_end(number: int, frame: FrameType | None) -> None:
        orchestrator.stop(f"signal {signal.Signals(number).name}")

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # else `nohup` was asked for, or a shell's `&`
            signal.signal(number, ask_to_end)
    with follow(state, say):
        orchestrator.run()


@click.command(short_help="Ask the orchestrator to end; workers go on.")
@click.option("--wait", type=SECONDS, default=30.0, show_default=True, metavar="SECONDS")
@click.pass_obj
def down(explicit: str | None, wait: float) -> None:
    """Ask the orchestrator to end, and wait for it. Workers go on, and are found again by the next 'opsroom up'."""
    from opsroom.commands.acts import orchestrator_runs, send

    state = state_dir(explicit)
    if not orchestrator_runs(state):
        raise Unavailable("no orchestrator runs here")
    send(explicit, "shutdown")
    until = time.monotonic() + wait
    while orchestrator_runs(state) or lease.held(state):  # it has ended once the next one could begin
        if time.monotonic() >= until:
            raise Unavailable(f"the orchestrator has not ended within {wait:g} s", todo="it may be landing a change")
        time.sleep(0.05)
