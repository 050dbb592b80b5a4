"""`opsroom init`: a configuration and a state directory for this repository."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import click

from opsroom import signing_in
from state import files
from state.errors import OpsroomError, Unavailable
from state.layout import DIRECTORY, StateDir

__all__ = ["CONFIG", "init", "prepare", "program"]

CONFIG = """\
[orchestrator]
max_workers = 4                # attempts at once; memory decides, not only cores
min_free_memory_mib = 512      # with less than this free nothing is launched; what runs goes on
min_free_disk_mib = 1024       # the same, where the worktrees are
base = {base}{pad}# the branch that changes land on
backoff_seconds = 5.0          # before the second attempt, doubled before each further one

{agents}
[checks]
commands = []                  # what must end with 0 before a change lands, such as ["make test"]
seconds = 600.0
lock_seconds = 3600.0          # how long they wait for their turn; one change is checked at a time

[sandbox]
kind = "auto"                  # bubblewrap where it works; "bubblewrap" starts nothing without it; or "none"
network = true                 # false: not even the loopback of this machine
credentials = []               # of your home, there in a worker's, read-only, such as ["~/.npmrc"]
keep = []                      # variables of your environment that workers get, such as ["NPM_TOKEN"]
readable = []                  # what is hidden otherwise, such as ["~/datasets"]
"""
KNOWN = """\
# A coding agent whose CLI is known ({kinds}).
# It gets the keys and the sign-in of its kind, and those alone. 'opsroom doctor' says whether it starts here, 'opsroom
# agents try {agent}' whether it works. All that can be set stands in docs/agents.md.
[agents.{agent}]
kind = "{agent}"
# model = ""                   # its own choice where none is named
max_attempts = 3               # crashes and time-outs in a row before the task fails
seconds = 1800.0               # how long one attempt may take
# tokens = 2000000             # what one attempt may use, as far as it is told
"""
OTHER = """\

# [agents.{agent}]
# kind = "{agent}"
# seconds = 1800.0
"""
PROGRAM = """\
# Any program can be an agent: its prompt comes on standard input, it works in the current directory, a git
# worktree of its own, and exits with 0 when it is done. Its environment tells it more: docs/agents.md.
[agents.{agent}]
command = {command}
max_attempts = 3
seconds = 600.0                # how long one attempt may take
grace = 10.0                   # between TERM and KILL
"""
KINDS = """
# Or a coding agent that is known: install one of {kinds}, and instead of the above
# [agents.codex]
# kind = "codex"
"""


@click.command(short_help="Set this repository up: opsroom.toml and .opsroom/.")
def init() -> None:
    """Write opsroom.toml and .opsroom/, which ignores itself in git. No other file is touched.

    The agent CLIs that are on PATH are its agents: the first one, with the others to be taken out of their comments.
    """
    top = _top_of(Path.cwd())
    found = _on_path()
    state = prepare(top, _agents(found), _branch_of(top))
    click.echo(f"{state.root}\n{top / 'opsroom.toml'}: {_what_next(found)}")


def prepare(top: Path, agents: str, base: str) -> StateDir:
    """Makes the state directory of the repository at `top`, and `opsroom.toml` with `agents` unless there is one."""
    state = StateDir(top / DIRECTORY)
    state.create()
    branch = json.dumps(base, ensure_ascii=False)
    text = CONFIG.format(base=branch, pad=" " * max(1, 24 - len(branch)), agents=agents)
    try:
        files.create(top, top / "opsroom.toml", text.encode())
    except FileExistsError:
        click.echo("opsroom.toml is there already and stays as it is", err=True)
    return state


def program(agent: str, command: list[str]) -> str:
    """The table of an agent that is a program of which nothing is known, as text for `prepare`."""
    return PROGRAM.format(agent=agent, command=json.dumps(command, ensure_ascii=False))


def _on_path() -> list[str]:
    """The kinds of agents whose program is on PATH, those first that seem to be signed in."""
    from orchestrator.agents import KINDS as KNOWN_KINDS
    from orchestrator.agents import adapter

    found = [kind for kind in KNOWN_KINDS if shutil.which(adapter(kind).program)]
    return sorted(found, key=lambda kind: not signing_in.found(adapter(kind), os.environ))


def _agents(found: list[str]) -> str:
    from orchestrator.agents import KINDS as KNOWN_KINDS

    kinds = f"{', '.join(KNOWN_KINDS[:-1])} or {KNOWN_KINDS[-1]}"
    if not found:
        return program("example", ["./agent.sh"]) + KINDS.format(kinds=kinds)
    first, *others = found
    return KNOWN.format(agent=first, kinds=kinds) + "".join(OTHER.format(agent=kind) for kind in others)


def _what_next(found: list[str]) -> str:
    if not found:
        return "name your agents there, then 'opsroom' opens the control room"
    return f"its agent is {found[0]}; 'opsroom agents try {found[0]}' says whether it works"


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        raise Unavailable("git is not installed", todo="install git") from None
    except subprocess.TimeoutExpired:
        raise OpsroomError(f"git {arguments[0]} did not answer within 30 s") from None
    return done.stdout.strip() if done.returncode == 0 else ""


def _top_of(folder: Path) -> Path:
    top = _git(folder, "rev-parse", "--show-toplevel")
    if not top:
        raise OpsroomError(f"{folder} is in no git repository", todo="run 'git init' first")
    if not _git(folder, "rev-parse", "--verify", "--quiet", "HEAD"):
        raise OpsroomError(f"{top} has no commit yet", todo="make one: worktrees begin at a commit")
    return Path(top)


def _branch_of(folder: Path) -> str:
    return _git(folder, "symbolic-ref", "--short", "HEAD") or "main"
