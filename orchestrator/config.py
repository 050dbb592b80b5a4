"""`opsroom.toml`, beside the state directory: what a person set up for one repository."""

import re
import shlex
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from orchestrator import agents
from state import files
from state.envelope import Check
from state.errors import BadFile, Fault
from state.model import Record, decode
from state.secrets import Masker
from state.usage import Budget

__all__ = ["FILE", "Agent", "Checks", "Config", "Limits", "load"]

FILE = "opsroom.toml"
LOCK_SECONDS = 3600.0
Seconds = Annotated[float, msgspec.Meta(gt=0, le=30 * 86_400)]


OfHome = Annotated[str, msgspec.Meta(pattern=r"\A(~/|/)(?!.*(\A|/)\.\.(/|\Z))[^\0\n]+\Z")]
"""A path that begins with `~/` or `/`."""
Named = Annotated[str, msgspec.Meta(pattern=r"\A(?!/+\Z)(?!~/*\Z)(?!.*(\A|/)\.\.(/|\Z))[^\0\n]+\Z")]
"""The same, or one below the repository; no whole home, and not everything."""


class Limits(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[orchestrator]`: how much at once, how long, onto which branch."""

    max_workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 4
    base: str = ""
    """The branch that changes land on; the one that is checked out where it is empty."""
    backoff_seconds: Seconds = 5.0
    """Before the second attempt; doubled before each further one."""
    backoff_limit: Seconds = 300.0
    min_free_memory_mib: Annotated[int, msgspec.Meta(ge=0)] = 512
    """MiB of memory that must be free for an attempt to be launched; 0 launches however little there is."""
    min_free_disk_mib: Annotated[int, msgspec.Meta(ge=0)] = 1024
    """The same of the file system that holds the worktrees."""
    hold_seconds: Seconds = 30.0
    """For how long an agent is held whose provider fails without saying for how long; doubled with each trial."""
    hold_limit: Seconds = 1800.0
    hold_longest: Seconds = 86_400.0
    """The longest time that is believed when a provider states one."""
    unreadable_seconds: Seconds = 60.0
    """For how long a campaign's files may not be readable before it halts: somebody may be saving them."""


class Agent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[agents.<name>]`: a program that does tasks, its prompt on standard input."""

    command: list[str] = []
    """How it is started; for a kind that is known the kind's own program where it is empty."""
    kind: str = agents.COMMAND
    """Which agent CLI it is, one of `agents.KINDS`; `command` is any other program."""
    model: str = ""
    """The model that a known kind is told to use; its own choice where it is empty."""
    args: list[str] = []
    """What is added to its command line."""
    environment: dict[Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z")], str] = {}
    """What is set in its environment, besides; no secrets, for it stands in a file."""
    continues: Literal["fresh", "session"] = msgspec.field(default="fresh", name="continue")
    """What a further attempt at a task begins with: `fresh`, spec and checkpoint, or the agent's own `session`."""
    resume_seconds: Seconds = 120.0
    """How long a session that is resumed may take to begin before the attempt is ended, to begin afresh."""
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    seconds: Seconds = 600.0
    """How long one attempt may take."""
    grace: Seconds = 10.0
    """Between TERM and KILL."""
    silence: Annotated[float, msgspec.Meta(ge=0, le=30 * 86_400)] = 0.0
    """Seconds without a sign of life (output, message, checkpoint, picture) that end an attempt; 0 sets no limit."""
    max_output_mib: Annotated[int, msgspec.Meta(ge=0, le=1_048_576)] = 1024
    """What one attempt may print, to standard output and standard error together; 0 sets no limit."""
    tokens: Annotated[int, msgspec.Meta(ge=0)] = 0
    """What one attempt may use, as far as it is told; 0 sets no limit."""
    dollars: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    credentials: list[OfHome] | None = None
    """Instead of those of `[sandbox]`."""
    network: bool | None = None
    """The same."""


class Price(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[prices.<model>]`: dollars a million tokens, of a model whose agent tells none; `*` in its name is any text."""

    input: Annotated[float, msgspec.Meta(ge=0)]
    output: Annotated[float, msgspec.Meta(ge=0)]
    cached: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """For those of the input that came from the provider's cache; as for the others where it is not given."""


class Limit(Budget, forbid_unknown_fields=True):
    """A budget in which a key that is not known is an error, for it would limit nothing."""


class Budgets(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[budgets.task]` and `[budgets.fleet]`: what one task, and all there is in this directory, may use."""

    task: Limit = msgspec.field(default_factory=Limit)
    fleet: Limit = msgspec.field(default_factory=Limit)


class Checks(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[checks]`: what must end with 0 before a change is taken."""

    commands: list[str] = []
    """Each split into words as a shell does it, but run without one."""
    seconds: Seconds = 600.0
    """How long each may take."""
    lock_seconds: Seconds = LOCK_SECONDS
    """How long their turn at the lock `build` is waited for before the change has to queue up again."""

    def as_checks(self) -> list[Check]:
        """The commands as checks, each named by its own words."""
        return [Check(name=text, command=shlex.split(text), seconds=self.seconds) for text in self.commands]


class Worktrees(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[worktrees]`: what of a large repository workers get to see."""

    sparse: list[Annotated[str, msgspec.Meta(pattern=r"\A(?![-/!#])(?!.*(\A|/)\.\.?(/|\Z))[^\0\n\\*?\[\]]+\Z")]] = []
    """Folders to check out, with the files above them, as `git sparse-checkout set --cone` has it; all if empty."""


class Sandbox(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[sandbox]`: what workers and checks run in, and what they may see and write besides their worktree."""

    kind: Literal["auto", "bubblewrap", "none"] = "auto"
    """`auto` runs them without one where bubblewrap does not work, and says so; `bubblewrap` does not start then."""
    network: bool = True
    credentials: list[OfHome] = []
    """Files and folders of the person's home that are there in the worker's, read-only."""
    readable: list[Named] = []
    """What is hidden otherwise, as it is, read-only."""
    writable: list[Named] = []
    keep: list[Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z")]] = []
    """Names of variables of the environment besides those that are always kept."""
    checks: bool = True
    """Whether checks and metrics run in it, too: they run what the worker wrote."""


class Notify(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[notify]`: how a person hears that a campaign has halted."""

    config: Annotated[str, msgspec.Meta(pattern=r"\A((~/|/)[^\0\n]+)?\Z")] = ""
    """A file of apprise's, text or YAML, that names services; ''  for none."""
    seconds: Seconds = 30.0
    """How long they are waited for."""


class Secrets(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`[secrets]`: what is masked wherever it would be written, besides known formats and the agents' own keys."""

    variables: list[Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z_][A-Za-z0-9_]*\Z")]] = []
    """Names of variables of the environment, whose values are meant; those of fewer than 8 bytes stay as they are."""


class Config(Record):
    """The whole file."""

    orchestrator: Limits = msgspec.field(default_factory=Limits)
    agents: dict[str, Agent] = {}
    checks: Checks = msgspec.field(default_factory=Checks)
    budgets: Budgets = msgspec.field(default_factory=Budgets)
    worktrees: Worktrees = msgspec.field(default_factory=Worktrees)
    sandbox: Sandbox = msgspec.field(default_factory=Sandbox)
    notify: Notify = msgspec.field(default_factory=Notify)
    prices: dict[str, Price] = {}
    secrets: Secrets = msgspec.field(default_factory=Secrets)


def load(folder: Path) -> Config:
    """What `opsroom.toml` in `folder` says, or the defaults if there is none; raises `BadFile`."""
    path = folder / FILE
    if not path.exists():
        return Config()
    text = files.read_text(folder, path)
    config = decode(Config, text, FILE)
    if config.extra:
        key = next(iter(config.extra))
        fault = Fault(FILE, _line_of(text, key), f"unknown key {key!r}")
        raise BadFile(
            fault, todo="known: orchestrator, agents, checks, budgets, worktrees, sandbox, notify, prices, secrets"
        )
    for name, agent in config.agents.items():
        _complete(agent)
        if reason := _wrong(agent):
            raise BadFile(Fault(FILE, _line_of(text, "agents", name), f"agents.{name}: {reason}"))
    for command in config.checks.commands:
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise BadFile(Fault(FILE, _line_of(text, "commands"), f"checks: {command!r}: {error}")) from None
        if not words:
            raise BadFile(Fault(FILE, _line_of(text, "commands"), "checks: an empty command"))
    return config


def _complete(agent: Agent) -> None:
    """Gives an agent of a known kind the kind's own program, unless it names another one."""
    if agent.kind in agents.KINDS and not agent.command:
        agent.command = [agents.adapter(agent.kind).program]


def _wrong(agent: Agent) -> str:
    """What is wrong with the settings of one agent; '' if nothing is."""
    if agent.kind not in (agents.COMMAND, *agents.KINDS):
        return f"no kind {agent.kind!r}; there are {', '.join((agents.COMMAND, *agents.KINDS))}"
    if not agent.command or not agent.command[0]:
        return f"command is empty; name a program, or a kind: {', '.join(agents.KINDS)}"
    if agent.kind == agents.COMMAND and (agent.model or agent.continues != "fresh"):
        key = "model" if agent.model else "continue"
        return f"{key} is for agents of a known kind: set kind to one of {', '.join(agents.KINDS)}"
    for key, value in agent.environment.items():
        if Masker().text(value) != value:
            return f"environment.{key} looks like a key, and this is a file: name the variable in sandbox.keep instead"
    if agent.continues == "session" and not agents.adapter(agent.kind).resumes:
        return f"{agent.kind} has no session that could be resumed: leave out continue"
    if any(Masker().text(word) != word for word in (*agent.command, *agent.args)):
        return "its command line holds what looks like a key: name a variable in sandbox.keep that has it instead"
    return ""


def _line_of(text: str, *keys: str) -> int | None:
    """The first line of `text` that begins with the key or the table that `keys` name, dotted."""
    name = r"""["']?[ \t]*\.[ \t]*["']?""".join(map(re.escape, keys))
    found = re.search(rf"""^[ \t]*\[*[ \t]*["']?{name}["']?[ \t]*[].=]""", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else None
