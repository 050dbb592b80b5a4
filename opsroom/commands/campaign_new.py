"""`opsroom campaign new`: an envelope, a queue and a prompt that a person wants to edit, whole or not at all."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from opsroom.finding import state_dir
from opsroom.options import SECONDS, Amount, Finite
from state import files, journal
from state.campaign_edits import item_text
from state.campaign_file import CampaignFile
from state.envelope import Campaign
from state.errors import BadFile, BadName, CannotWrite, Fault, OpsroomError, Refused
from state.layout import CampaignDir, StateDir
from state.model import decode

__all__ = ["new"]

LONGEST = 4000
"""Characters of one item."""
HEAD = """\
# The envelope of campaign {name}: what its workers may do, and how much they may use. What is changed here while it
# runs holds for the next item. docs/campaigns.md explains every line.
"""
METRIC = """
# [metric]                     # a command that prints a number, last on its standard output
# name = "warnings"
# command = ["./count-warnings.sh"]
# better = "lower"
# goal = 0.0                   # the campaign is complete once the metric is as good as this
"""
CHECK = """
# [[checks]]                   # must end with 0 on top of the campaign's branch before a change is taken
# name = "test"
# command = ["make", "test"]
# seconds = 600.0
"""
SHORT = 40
"""Characters of what a command is called."""
COLUMN = 30
"""Where comments begin."""
QUEUE = """\
# {name}

STATUS: paused
STOP_REASON:
NEXT_INDEX: 1
INVOCATIONS_STARTED: 0
NO_PROGRESS_COUNT: 0
NOTES:

## Queue
{items}

## History
"""
PROMPT = """\
You do one item of campaign {campaign}: `{item}`.

- An item is one bounded change. Make this change and no other: what else you notice is for `opsroom note "TEXT"`.
- The checks decide. Your change is taken when they pass with it on top of the campaign's branch, and is rolled back
  whole when they don't. Run what you can of them before you leave.
- What you may do, below, is permission and envelope at once: within it go on without asking; outside of it change
  nothing, however sensible it would be. It is enforced by code.
- If the item cannot be done within it, or is not what its text says, stop: `opsroom stop "REASON"`, with what a
  person has to decide in one sentence, and leave.
- At the end: `opsroom result success --summary "WHAT WAS DONE" --learned "RULE"`. The rule is what the next worker
  should know: one sentence, "always …" or "never …", or nothing if there is none.
"""


@click.command(short_help="Make a campaign from a queue.")
@click.argument("name")
@click.option(
    "--queue", "source", required=True, metavar="FILE", help="A line an item, or a campaign.md; '-' reads it."
)
@click.option("--agent", metavar="A", help="An agent of opsroom.toml; the first if not given.")
@click.option("--base", default="", metavar="B", help="The branch that the campaign's own begins at.")
@click.option("--metric", metavar="CMD", help="What prints the number that should get better.")
@click.option("--better", type=click.Choice(["lower", "higher"]), default="lower", show_default=True)
@click.option("--goal", type=Finite(), metavar="X", help="The campaign is complete once the metric is as good as X.")
@click.option("--check", "checks", multiple=True, metavar="CMD", help="What must end with 0; repeat it.")
@click.option("--allow", multiple=True, metavar="P", help="What an item may change, as in .gitignore; repeat it.")
@click.option("--deny", multiple=True, metavar="P", help="What it may not; repeat it.")
@click.option("--forbid", multiple=True, metavar="RE", help="What no added line may match; repeat it.")
@click.option("--repairs", type=click.IntRange(0, 100), default=0, metavar="N", help="Before a change is reverted.")
@click.option("--no-progress", type=click.IntRange(0), default=0, metavar="N", help="Halt after N items without any.")
@click.option("--at-once", type=click.IntRange(1), default=1, metavar="N", help="Items at the same time.")
@click.option("--seconds", type=SECONDS, default=0.0, metavar="S", help="What all its attempts may take together.")
@click.option("--dollars", type=Amount(0, 1e9), default=0.0, metavar="D", help="What they may cost together.")
@click.option("--message", default="{campaign}: {item}", metavar="M", help="Of each commit.")
@click.pass_obj
def new(explicit: str | None, /, name: str, source: str, agent: str | None, **given: Any) -> None:
    """Make campaign NAME of the items in FILE: campaign.toml, campaign.md and prompt.md, to be edited by you.

    FILE has a line an item, blank lines and lines that begin with '# ' aside, or is a campaign.md, which is taken byte
    for byte. CMD is split into words as a shell does it, and run without one.
    """
    state = state_dir(explicit)
    folder = state.campaign(name)
    if files.exists(folder.root):
        raise Refused(f"there is a campaign {name!r}", todo=f"edit what is in {folder.root}, or take another name")
    data = _read(source)
    queue = _campaign_file(data, source) or _queue_of(name, _items(data, source))
    envelope = _envelope(name, _agent(state, agent), given)
    _make(state, folder, envelope, queue)
    items = CampaignFile(queue).queue
    journal.write(state, "campaign", "human", campaign=name, items=len(items))
    strange = [item.target for item in items if not os.path.lexists(state.repository / item.target)]
    if strange and not given["allow"]:
        said = f"{len(strange)} of {len(items)} items are no paths, and an item may change its own path only"
        click.echo(f"opsroom: {said}; say what may be changed in {folder.envelope} ([policy] allow)", err=True)
    click.echo(f"{folder.root}: {len(items)} items; 'opsroom campaign run {name}' goes through them")


# ── the queue ───────────────────────────────────────────────────────────────────────────────────────────────


def _read(source: str) -> bytes:
    try:
        if source == "-":
            data = sys.stdin.buffer.read(files.LIMIT + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(files.LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise BadFile(Fault(source, None, reason.lower())) from None
    if len(data) > files.LIMIT:
        raise BadFile(Fault(_called(source), None, f"larger than {files.LIMIT:,} bytes"))
    return data


def _called(source: str) -> str:
    return "standard input" if source == "-" else source


def _campaign_file(data: bytes, source: str) -> bytes | None:
    """`data`, where it is a campaign.md that a run could go by; None where it is none."""
    file = CampaignFile(data, _called(source))
    if file.section("queue") is None:
        return None
    if file.faults:
        raise BadFile(file.faults[0])
    if not file.queue:
        raise BadFile(Fault(_called(source), None, "no item in its queue: a line such as '1. src/a.py'"))
    return data


def _items(data: bytes, source: str) -> list[str]:
    source = _called(source)
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadFile(Fault(source, data.count(b"\n", 0, error.start) + 1, "not UTF-8")) from None
    found: dict[str, int] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line == "#" or line.startswith("# "):
            continue
        try:
            item = item_text(line)
        except Refused as error:
            raise BadFile(Fault(source, number, error.message)) from None
        if len(item) > LONGEST:
            raise BadFile(Fault(source, number, f"an item has at most {LONGEST:,} characters"))
        if item in found:
            raise BadFile(Fault(source, number, f"the item of line {found[item]} a second time: {item[:80]!r}"))
        found[item] = number
    if not found:
        raise BadFile(Fault(source, None, "no item in it"), todo="write a line for each")
    return list(found)


def _queue_of(name: str, items: list[str]) -> bytes:
    lines = "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
    return QUEUE.format(name=name, items=lines).encode()


# ── the envelope ────────────────────────────────────────────────────────────────────────────────────────────


def _agent(state: StateDir, agent: str | None) -> str:
    from orchestrator.config import load

    agents = load(state.repository).agents
    if not agents:
        raise OpsroomError("no agent is configured", todo=f"name one in {state.repository / 'opsroom.toml'}")
    chosen = next(iter(agents)) if agent is None else agent
    if chosen not in agents:
        raise BadName(f"there is no agent {chosen!r} in opsroom.toml (agents: {', '.join(agents)})")
    return chosen


def _envelope(name: str, agent: str, given: dict[str, Any]) -> bytes:
    """campaign.toml, with a comment for all that a person may want to change."""
    if given["goal"] is not None and given["metric"] is None:
        raise click.UsageError("--goal is of a metric: give --metric CMD")
    base = _text(given["base"]) if given["base"] else ""
    rows = [
        ("agent", _text(agent), "of opsroom.toml"),
        ("base" if base else "# base", base or '"main"', "the branch that the campaign's own begins at"),
        ("at_once", given["at_once"], "items at the same time, each in a worktree of its own"),
        ("message", _text(given["message"]), "of each commit: {campaign}, {item}, {index}, {title}"),
        ("repairs", given["repairs"], "how often a change that fails is given back before it is reverted"),
        ("no_progress", given["no_progress"], "halt after so many items in a row without progress; 0: never"),
        ("on_timeout", '"revert"', 'the item whose worker ran out of time; "halt": the campaign, too'),
        ("", "", ""),
        ("[policy]", "", "patterns as in .gitignore, from the top of the repository"),
        ("allow", _list(given["allow"] or ("{item}",)), "what an item may change; {item} is the item itself"),
        ("deny", _list(given["deny"]), "what it may not, whatever allow says"),
        ("forbid", _list(given["forbid"]), "regular expressions that no added line may match"),
        ("max_files", 0, "how many files a change may touch; 0: any number"),
        ("max_lines", 0, "how many lines it may add and remove together"),
        ("", "", ""),
        ("[budgets]", "", "of the whole campaign, over all its runs; 0 sets no limit"),
        ("seconds", given["seconds"], "that its attempts run, summed"),
        ("dollars", given["dollars"], "as far as its workers tell"),
        ("tokens", 0, ""),
        ("attempts", 0, ""),
    ]
    text = HEAD.format(name=name) + _table(rows) + _metric(given) + _checks(given["checks"])
    envelope = decode(Campaign, text, "campaign.toml")
    from orchestrator.policy import fault

    if found := fault(envelope.policy):
        raise click.UsageError(found)
    return text.encode()


def _metric(given: dict[str, Any]) -> str:
    if given["metric"] is None:
        return METRIC
    goal = given["goal"]
    return "\n" + _table(
        [
            ("[metric]", "", "a command that prints a number, last on its standard output"),
            ("name", _text(_in_few_words(given["metric"])), ""),
            ("command", _list(_words("--metric", given["metric"])), ""),
            ("better", _text(given["better"]), ""),
            (
                "# goal" if goal is None else "goal",
                0.0 if goal is None else goal,
                "complete once it is as good as this",
            ),
            ("# tolerance", 0.0, "by which share of its first value a change may make it worse; not said: by any"),
        ]
    )


def _checks(commands: tuple[str, ...]) -> str:
    about = "must end with 0 on top of the campaign's branch before a change is taken"
    tables = (
        [
            ("[[checks]]", "", about),
            ("name", _text(_in_few_words(command)), ""),
            ("command", _list(_words("--check", command)), ""),
            ("seconds", 600.0, ""),
        ]
        for command in commands
    )
    return "".join("\n" + _table(rows) for rows in tables) or CHECK


def _in_few_words(command: str) -> str:
    """What a command is called on screen and in the history: in few words, without the folders of its program."""
    program, blank, rest = command.strip().partition(" ")
    name = f"{Path(program).name}{blank}{rest}"
    return name if len(name) <= SHORT else f"{name[: SHORT - 1]}…"


def _table(rows: Iterable[tuple[str, object, str]]) -> str:
    lines = []
    for key, value, comment in rows:
        said = f"{key} = {value}" if value != "" else key
        lines.append(f"{said:<{COLUMN}} # {comment}" if comment else said)
    return "".join(f"{line}\n" for line in lines)


def _words(option: str, command: str) -> list[str]:
    """The argv that `command` stands for."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise click.UsageError(f"{option} {command!r}: {str(error).lower()}") from None
    if not words or not words[0]:
        raise click.UsageError(f"{option}: an empty command")
    return words


def _text(value: str) -> str:
    """`value` as a string of TOML on one line."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"{value!r} is not UTF-8") from None
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(values: list[str] | tuple[str, ...]) -> str:
    return f"[{', '.join(map(_text, values))}]"


# ── the files ───────────────────────────────────────────────────────────────────────────────────────────────


def _make(state: StateDir, folder: CampaignDir, envelope: bytes, queue: bytes) -> None:
    """Writes the campaign's files under another name and gives them their own: all of them, or none."""
    made = CampaignDir(state.campaigns / f".new-{folder.name}-{os.urandom(4).hex()}")
    try:
        for path, data in ((made.envelope, envelope), (made.queue, queue), (made.prompt, PROMPT.encode())):
            files.create(state.root, path, data)
        os.rename(made.root, folder.root)
    except OSError as error:
        shutil.rmtree(made.root, ignore_errors=True)
        if files.exists(folder.root):
            raise Refused(f"there is a campaign {folder.name!r}") from None
        raise CannotWrite(f"{folder.root}: {error.strerror or error}") from None
    except CannotWrite:
        shutil.rmtree(made.root, ignore_errors=True)
        raise
