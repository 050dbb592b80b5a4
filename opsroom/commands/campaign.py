"""`opsroom campaign …`: a queue of items, from its beginning over every move between runs to its landing.

What a person does to a campaign that is there stands here; to make one, run it, look at it and land it have modules of
their own.
"""

import importlib
from typing import Any

import click

from opsroom.finding import state_dir
from state.errors import NotThere
from state.layout import StateDir

__all__ = ["campaign", "check_there"]

ELSEWHERE = {
    "new": "opsroom.commands.campaign_new",
    "run": "opsroom.commands.campaign_run",
    "status": "opsroom.commands.campaign_status",
    "land": "opsroom.commands.campaign_land",
}
"""Subcommands and the modules that have them, under their own names."""
ORDER = ("new", "run", "start", "pause", "status", "land", "defer", "skip", "retry", "reorder", "reword", "add", "note")
INDEX = click.IntRange(1, 999_999_999)


class Campaigns(click.Group):
    """A group whose larger commands are imported when they are named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every subcommand, in the order in which they are needed."""
        return [*ORDER, *sorted({*self.commands, *ELSEWHERE} - {*ORDER})]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand `cmd_name`; None if there is none of that name."""
        if cmd_name not in ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command = getattr(importlib.import_module(ELSEWHERE[cmd_name]), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=Campaigns, short_help="A queue of items that workers go through without asking.")
def campaign() -> None:
    """A queue of items that workers go through without asking, within an envelope that you write.

    INDEX is an item's number in the queue of campaign.md. What changes the queue works while a run is on, too.
    """


def check_there(state: StateDir, name: str) -> None:
    """Raises `NotThere` where there is no campaign `name`, and `BadName` where there could be none."""
    if not state.campaign(name).root.is_dir():
        raise NotThere(f"there is no campaign {name!r}", todo="'opsroom campaign status' lists them")


def ask(explicit: str | None, verb: str, name: str, **fields: Any) -> None:
    """Sends a command about the campaign `name` and reports what became of it."""
    from opsroom.commands.acts import send

    check_there(state_dir(explicit), name)
    given = {key: value for key, value in fields.items() if value}
    send(explicit, f"campaign-{verb}", campaign=name, **given)


@campaign.command(short_help="Start it, or go on with it, and return.")
@click.argument("name")
@click.pass_obj
def start(explicit: str | None, name: str) -> None:
    """Start a run of campaign NAME, from where the one before halted. 'run' does the same and waits for its end."""
    ask(explicit, "start", name)


@campaign.command(short_help="Begin no further item; what runs is finished.")
@click.argument("name")
@click.pass_obj
def pause(explicit: str | None, name: str) -> None:
    """Begin no further item of campaign NAME. What runs is finished and recorded."""
    ask(explicit, "pause", name)


@campaign.command(short_help="Leave an item for a person.")
@click.argument("name")
@click.argument("index", type=INDEX)
@click.argument("words", nargs=-1, required=True)
@click.pass_obj
def defer(explicit: str | None, name: str, index: int, words: tuple[str, ...]) -> None:
    """Leave item INDEX for a person, with your WORDS in the history. The work of its worker stays on its branch."""
    ask(explicit, "defer", name, index=index, text=" ".join(words))


@campaign.command(short_help="Pass an item over for good.")
@click.argument("name")
@click.argument("index", type=INDEX)
@click.argument("words", nargs=-1)
@click.pass_obj
def skip(explicit: str | None, name: str, index: int, words: tuple[str, ...]) -> None:
    """Pass item INDEX over, with your WORDS, if any, in the history."""
    ask(explicit, "skip", name, index=index, text=" ".join(words))


@campaign.command(short_help="Give an item back to a worker.")
@click.argument("name")
@click.argument("index", type=INDEX)
@click.argument("words", nargs=-1)
@click.pass_obj
def retry(explicit: str | None, name: str, index: int, words: tuple[str, ...]) -> None:
    """Give item INDEX back that failed, stopped, was deferred or skipped. The worker is told your WORDS, if any."""
    ask(explicit, "retry", name, index=index, text=" ".join(words))


@campaign.command(short_help="Move an item within the queue.")
@click.argument("name")
@click.argument("index", type=INDEX)
@click.option("--before", type=INDEX, metavar="N", help="Above item N.")
@click.option("--last", is_flag=True, help="Below all others.")
@click.pass_obj
def reorder(explicit: str | None, name: str, index: int, before: int | None, last: bool) -> None:
    """Move item INDEX, which keeps its number: the order of the lines is the order of work."""
    if last == (before is not None):
        raise click.UsageError("give --before N or --last")
    ask(explicit, "reorder", name, index=index, before=before)


@campaign.command(short_help="Change what an item is, before it is begun.")
@click.argument("name")
@click.argument("index", type=INDEX)
@click.argument("text")
@click.pass_obj
def reword(explicit: str | None, name: str, index: int, text: str) -> None:
    """Make TEXT the target of item INDEX, which nobody has begun yet. What else its line says stays."""
    ask(explicit, "reword", name, index=index, text=text)


@campaign.command(short_help="Add an item at the end of the queue.")
@click.argument("name")
@click.argument("text")
@click.pass_obj
def add(explicit: str | None, name: str, text: str) -> None:
    """Add TEXT at the end of the queue, as an item with the next free number."""
    ask(explicit, "add", name, text=text)


@campaign.command(short_help="Add a line to the policy that workers are told.")
@click.argument("name")
@click.argument("text")
@click.pass_obj
def note(explicit: str | None, name: str, text: str) -> None:
    """Add TEXT to '## Policy' of campaign.md: every worker that starts from now on is told."""
    ask(explicit, "note", name, text=text)


@campaign.command(short_help="Add a pattern of paths that no change may touch.")
@click.argument("name")
@click.argument("pattern")
@click.pass_obj
def protect(explicit: str | None, name: str, pattern: str) -> None:
    """Add PATTERN, as in .gitignore, to '## Do not touch' of campaign.md: no change that touches such a path lands."""
    ask(explicit, "protect", name, text=pattern)
