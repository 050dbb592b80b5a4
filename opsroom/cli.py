"""The `opsroom` command: finds the subcommand, loads only its module, and turns errors into exit statuses.

Exit statuses: 0 it went well; 1 it ran and the answer is no; 2 wrong use or our own fault; 3 something needed is
not there. An error is one line on standard error; `--debug` shows the traceback.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from opsroom import __version__
from state.errors import OpsroomError

__all__ = ["COMMANDS", "group", "run"]

COMMANDS = {
    "agents": "opsroom.commands.agents",
    "answer": "opsroom.commands.acts",
    "ask": "opsroom.commands.worker",
    "campaign": "opsroom.commands.campaign",
    "capture": "opsroom.commands.worker",
    "checkpoint": "opsroom.commands.worker",
    "demo": "opsroom.commands.demo",
    "doctor": "opsroom.commands.doctor",
    "down": "opsroom.commands.running",
    "handoff": "opsroom.commands.worker",
    "history": "opsroom.commands.history",
    "init": "opsroom.commands.init",
    "kill": "opsroom.commands.acts",
    "lock": "opsroom.commands.lock",
    "log": "opsroom.commands.show",
    "note": "opsroom.commands.worker",
    "pause": "opsroom.commands.acts",
    "release": "opsroom.commands.acts",
    "result": "opsroom.commands.worker",
    "resume": "opsroom.commands.acts",
    "retry": "opsroom.commands.acts",
    "show": "opsroom.commands.show",
    "spawn": "opsroom.commands.acts",
    "status": "opsroom.commands.show",
    "stop": "opsroom.commands.stop",
    "tell": "opsroom.commands.acts",
    "tui": "opsroom.commands.control_room",
    "unavailable": "opsroom.commands.worker",
    "up": "opsroom.commands.running",
    "usage": "opsroom.commands.worker",
}
"""Each subcommand and the module that has it, under its own name."""

SECTIONS = (
    ("See and steer", ("demo", "init", "doctor", "agents", "up", "down", "tui", "status", "show", "log")),
    ("Tasks", ("spawn", "tell", "answer", "pause", "resume", "stop", "kill", "retry", "release")),
    ("Campaigns", ("campaign", "history")),
    (
        "For workers",
        ("ask", "checkpoint", "note", "handoff", "stop", "result", "capture", "lock", "usage", "unavailable"),
    ),
)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every subcommand."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand `cmd_name`, imported now; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> Any:
        """The subcommand's result; 0 where nobody reads any more what it prints."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to flush to
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The subcommands, by what they are for."""
        for title, names in SECTIONS:
            rows = [
                (name, command.get_short_help_str(90)) for name in names if (command := self.get_command(ctx, name))
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--state-dir", metavar="DIR", help="The state directory; else $OPSROOM_STATE_DIR, else upwards from here."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.option("--readonly", is_flag=True, help="Open the control room without anything that acts.")
@click.option("--theme", metavar="NAME", help="The control room's theme.")
@click.version_option(__version__, prog_name="opsroom")
@click.pass_context
def group(ctx: click.Context, state_dir: str | None, debug: bool, readonly: bool, theme: str | None) -> None:
    """A terminal control room for campaigns of coding agents, and the orchestrator it controls.

    Without a command: the control room of this repository.
    """
    ctx.obj = state_dir
    if ctx.invoked_subcommand is None:
        from opsroom.commands.control_room import open_control_room

        open_control_room(state_dir, readonly=readonly, theme=theme)


def run(argv: Sequence[str]) -> int:
    """Runs `opsroom <argv>` and returns its exit status. Nothing but an interrupt gets out."""
    own = argv[: argv.index("--")] if "--" in argv else argv  # what follows is a command of the caller's
    debug = "--debug" in own
    try:
        status = group.main(list(argv), prog_name="opsroom", standalone_mode=False)
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        todo = f"; '{context.command_path} --help' shows how" if context else ""
        return _say(f"{error.format_message().rstrip('.')}{todo}", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except OpsroomError as error:
        if debug:
            raise
        return _say(str(error), error.exit_status)
    except Exception as error:  # our own fault is one line, too; --debug shows where
        if debug:
            raise
        return _say(f"{type(error).__name__}: {error} (our own fault; --debug shows where)", 2)
    return status if isinstance(status, int) else 0


def _say(message: str, status: int) -> int:
    from state.sanitize import clean_line

    click.echo(f"opsroom: {clean_line(message, 2000)}", err=True)
    return status
