"""Commands to the orchestrator: one file each in `inbox/`, consumed exactly once, each with an outcome.

Consuming has three steps, each durable before the next: the file moves to `inbox/done/` (of several processes
that try, one succeeds), the orchestrator acts, `<name>.outcome.toml` is written beside it. A crash after the
first leaves a command without an outcome, which `unfinished` finds. Whoever acts writes the command's name as
`cause` into the one file that is the act, so that acting again on an unfinished command can be told from acting twice.
"""

import os
from pathlib import Path

from state import files
from state.errors import BadFile, CannotWrite
from state.layout import StateDir, check_name
from state.model import Command, Outcome, decode, encode
from state.times import stamp, utc_now

__all__ = [
    "VERBS",
    "claim",
    "conclude",
    "outcome_of",
    "outcome_path",
    "read",
    "send",
    "unfinished",
    "waiting",
]

VERBS = (
    "spawn",
    "pause",
    "resume",
    "stop",
    "kill",
    "retry",
    "merge",
    "message",
    "campaign-start",
    "campaign-pause",
    "campaign-defer",
    "campaign-skip",
    "campaign-retry",
    "campaign-reorder",
    "campaign-reword",
    "campaign-add",
    "campaign-note",
    "campaign-protect",
    "correct",
    "archive",
    "shutdown",
)
LIMIT = 1024 * 1024
OUTCOME = ".outcome.toml"


def send(state: StateDir, command: Command) -> str:
    """Puts `command` into the inbox and returns its name, under which its outcome will be found.

    Raises `CannotWrite`, also for a command that no reader would take because it is too long.
    """
    data = encode(command)
    if len(data) > LIMIT:
        raise CannotWrite(
            f"a command of {len(data):,} bytes; it has at most {LIMIT:,}", todo="write a file and name it instead"
        )
    while True:
        name = check_name("command", f"{stamp(command.at)}-{os.urandom(2).hex()}-{command.verb}.toml")
        try:
            files.create(state.root, state.inbox / name, data)
        except FileExistsError:
            continue
        return name


def waiting(state: StateDir) -> list[str]:
    """Names of the commands that nobody has taken yet, oldest first."""
    return files.names(state.root, state.inbox, ".toml")


def claim(state: StateDir, name: str) -> bool:
    """Takes the command `name` for this process; True for one process only, once."""
    return files.take(state.root, state.inbox / name, state.inbox_done / name)


def unfinished(state: StateDir) -> list[str]:
    """Names of the commands that were taken and have no outcome yet, oldest first."""
    done = files.names(state.root, state.inbox_done, ".toml")
    told = {name.removesuffix(OUTCOME) for name in done if name.endswith(OUTCOME)}
    return [name for name in done if not name.endswith(OUTCOME) and name.removesuffix(".toml") not in told]


def read(state: StateDir, name: str) -> Command:
    """The taken command `name`; raises `BadFile`."""
    path = state.inbox_done / name
    return decode(Command, files.read_text(state.root, path, LIMIT), state.relative(path))


def outcome_path(done: Path, name: str) -> Path:
    """Where the outcome of the command or message `name` stands in its `done` folder."""
    return done / f"{name.removesuffix('.toml' if name.endswith('.toml') else '.md')}{OUTCOME}"


def conclude(state: StateDir, done: Path, name: str, outcome: Outcome) -> None:
    """Writes the outcome of `name`, unless it has one: the first word stands."""
    try:
        files.create(state.root, outcome_path(done, name), encode(outcome))
    except FileExistsError:
        return


def accepted(by: str, task: str = "", why: str = "") -> Outcome:
    """It was done; `why` is what the person would not know otherwise."""
    return Outcome(outcome="accepted", at=utc_now(), by=by, task=task, why=why)


def refused(by: str, why: str) -> Outcome:
    """It was not done, for the reason `why`, which the person reads where the command was typed."""
    return Outcome(outcome="refused", at=utc_now(), by=by, why=why)


def outcome_of(state: StateDir, done: Path, name: str) -> Outcome | None:
    """The outcome of `name`, or None while there is none. One that cannot be read counts as refused."""
    path = outcome_path(done, name)
    try:
        return decode(Outcome, files.read_text(state.root, path, LIMIT), state.relative(path))
    except BadFile as error:
        return None if files.is_missing(error) else refused("reader", str(error.fault))
