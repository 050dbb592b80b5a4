"""`opsroom init`: a configuration and a state directory for this repository."""

import subprocess
from pathlib import Path

import click

from state import files
from state.errors import OpsroomError, Unavailable
from state.layout import DIRECTORY, StateDir

__all__ = ["CONFIG", "init", "prepare"]

CONFIG = """\
[orchestrator]
max_workers = 4                # attempts at once; memory decides, not only cores
min_free_memory_mib = 512      # with less than this free nothing is launched; what runs goes on
min_free_disk_mib = 1024       # the same, where the worktrees are
base = {base}{pad}# the branch that changes land on
backoff_seconds = 5.0          # before the second attempt, doubled before each further one

# Any program can be an agent: its prompt comes on standard input, it works in the current directory, a git
# worktree of its own, and exits with 0 when it is done. Its environment tells it more: docs/agents.md.
[agents.{agent}]
command = {command}
max_attempts = 3
seconds = 600.0                # how long one attempt may take
grace = 10.0                   # between TERM and KILL

[checks]
commands = []                  # what must end with 0 before a change lands, such as ["make test"]
seconds = 600.0
lock_seconds = 3600.0          # how long they wait for their turn; one change is checked at a time

[sandbox]
kind = "auto"                  # bubblewrap where it works; "bubblewrap" starts nothing without it; or "none"
network = true                 # false: not even the loopback of this machine
credentials = []               # of your home, there in a worker's, read-only, such as ["~/.codex/auth.json"]
keep = []                      # variables of your environment that workers get, such as ["ANTHROPIC_API_KEY"]
readable = []                  # what is hidden otherwise, such as ["~/datasets"]
"""


@click.command(short_help="Set this repository up: opsroom.toml and .opsroom/.")
def init() -> None:
    """Write opsroom.toml and .opsroom/, which ignores itself in git. No other file is touched."""
    top = _top_of(Path.cwd())
    state = prepare(top, "example", ["./agent.sh"], _branch_of(top))
    click.echo(f"{state.root}\n{top / 'opsroom.toml'}: name your agents there, then 'opsroom' opens the control room")


def prepare(top: Path, agent: str, command: list[str], base: str) -> StateDir:
    """Makes the state directory of the repository at `top`, and `opsroom.toml` unless there is one."""
    import json

    state = StateDir(top / DIRECTORY)
    state.create()
    branch = json.dumps(base, ensure_ascii=False)
    text = CONFIG.format(
        base=branch,
        pad=" " * max(1, 24 - len(branch)),
        agent=agent,
        command=json.dumps(command, ensure_ascii=False),
    )
    try:
        files.create(top, top / "opsroom.toml", text.encode())
    except FileExistsError:
        click.echo("opsroom.toml is there already and stays as it is", err=True)
    return state


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
