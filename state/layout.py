"""Every path of the state directory, in one place.

Nothing here touches the disk except `find` and `StateDir.create`.
"""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from state import files
from state.errors import BadName, NotThere

__all__ = [
    "FORMAT_VERSION",
    "WATCHED",
    "AttemptDir",
    "CampaignDir",
    "LockDir",
    "StateDir",
    "TaskDir",
    "check_name",
    "find",
]

FORMAT_VERSION = 1
DIRECTORY = ".opsroom"
WATCHED = ("inbox", "orchestrator", "tasks", "campaigns", "lessons", "locks", "pulls")
"""The folders whose changes readers follow."""
UNWATCHED = ("worktrees", "homes", "clones", "archive")
"""The folders that are large and say nothing of their own."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_name(kind: str, name: str) -> str:
    """`name`, if it may be a `kind` (a task id, a campaign name, a file of an inbox); else raises `BadName`."""
    if not _NAME.fullmatch(name):
        raise BadName(
            f"{kind} {name[:110]!r} is not a name",
            todo="use 1 to 100 letters, digits, '.', '_' or '-', beginning with a letter or digit",
        )
    return name


class _Folder:
    """A folder with known names in it; two of the same path are equal."""

    __slots__ = ("root",)

    def __init__(self, root: Path) -> None:
        self.root = root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.root == other.root

    def __hash__(self) -> int:
        return hash(self.root)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.root)!r})"


class AttemptDir(_Folder):
    """`tasks/<id>/attempts/<n>/`: one start of a worker, and how it ended."""

    __slots__ = ()

    prompt = property(lambda self: self.root / "prompt.md")
    launch = property(lambda self: self.root / "launch.toml")
    run = property(lambda self: self.root / "run.toml")
    exit = property(lambda self: self.root / "exit.toml")
    lock = property(lambda self: self.root / "lock")
    cancel = property(lambda self: self.root / "cancel")
    stdout = property(lambda self: self.root / "stdout.log")
    stderr = property(lambda self: self.root / "stderr.log")
    events = property(lambda self: self.root / "events.jsonl")
    report = property(lambda self: self.root / "agent.toml")


class TaskDir(_Folder):
    """`tasks/<id>/`: all that is known of one task."""

    __slots__ = ()

    task = property(lambda self: self.root / "task.toml")
    spec = property(lambda self: self.root / "spec.md")
    intent = property(lambda self: self.root / "intent.toml")
    status = property(lambda self: self.root / "status.toml")
    worker = property(lambda self: self.root / "worker")
    checkpoint = property(lambda self: self.root / "worker" / "checkpoint.md")
    inbox = property(lambda self: self.root / "inbox")
    inbox_done = property(lambda self: self.root / "inbox" / "done")
    outbox = property(lambda self: self.root / "outbox")
    result = property(lambda self: self.root / "worker" / "result.toml")
    spent = property(lambda self: self.root / "worker" / "usage.toml")
    captures = property(lambda self: self.root / "captures")
    attempts = property(lambda self: self.root / "attempts")

    @property
    def id(self) -> str:
        """The task's id, which is the folder's name."""
        return self.root.name

    def attempt(self, number: int) -> AttemptDir:
        """The folder of attempt `number`, counted from 1."""
        return AttemptDir(self.root / "attempts" / str(number))


class CampaignDir(_Folder):
    """`campaigns/<name>/`: an envelope, its queue and its runs."""

    __slots__ = ()

    envelope = property(lambda self: self.root / "campaign.toml")
    queue = property(lambda self: self.root / "campaign.md")
    prompt = property(lambda self: self.root / "prompt.md")
    runs = property(lambda self: self.root / "runs")

    @property
    def name(self) -> str:
        """The campaign's name, which is the folder's."""
        return self.root.name

    def run(self, number: int) -> Path:
        """The record of run `number`, counted from 1."""
        return self.root / "runs" / f"{number}.toml"


class LockDir(_Folder):
    """`locks/<name>/`: a named lock, who has it and who waits for it."""

    __slots__ = ()

    lock = property(lambda self: self.root / "lock")
    holder = property(lambda self: self.root / "holder.toml")
    tickets = property(lambda self: self.root / "tickets")
    history = property(lambda self: self.root / "history.jsonl")

    @property
    def name(self) -> str:
        """The lock's name, which is the folder's."""
        return self.root.name


class StateDir(_Folder):
    """The state directory itself, usually `.opsroom` at the top of the supervised repository."""

    __slots__ = ()

    format = property(lambda self: self.root / "format.toml")
    inbox = property(lambda self: self.root / "inbox")
    inbox_done = property(lambda self: self.root / "inbox" / "done")
    lease = property(lambda self: self.root / "orchestrator" / "lease.toml")
    lease_lock = property(lambda self: self.root / "orchestrator" / "lease.lock")
    machine = property(lambda self: self.root / "orchestrator" / "machine.toml")
    holds = property(lambda self: self.root / "orchestrator" / "holds.toml")
    events = property(lambda self: self.root / "orchestrator" / "events.jsonl")
    git_trust = property(lambda self: self.root / "orchestrator" / "git.toml")
    log = property(lambda self: self.root / "orchestrator" / "up.log")
    journal = property(lambda self: self.root / "journal.jsonl")
    tasks = property(lambda self: self.root / "tasks")
    campaigns = property(lambda self: self.root / "campaigns")
    locks = property(lambda self: self.root / "locks")
    worktrees = property(lambda self: self.root / "worktrees")
    homes = property(lambda self: self.root / "homes")
    clones = property(lambda self: self.root / "clones")

    @property
    def repository(self) -> Path:
        """The top of the repository that this directory supervises."""
        return self.root.parent

    def task(self, task_id: str) -> TaskDir:
        """The folder of `task_id`; raises `BadName`."""
        return TaskDir(self.root / "tasks" / check_name("task id", task_id))

    def campaign(self, name: str) -> CampaignDir:
        """The folder of campaign `name`; raises `BadName`."""
        return CampaignDir(self.root / "campaigns" / check_name("campaign name", name))

    def lock(self, name: str) -> LockDir:
        """The folder of lock `name`; raises `BadName`."""
        return LockDir(self.root / "locks" / check_name("lock name", name))

    def worktree(self, task_id: str) -> Path:
        """Where the worker of `task_id` works; raises `BadName`."""
        return self.root / "worktrees" / check_name("task id", task_id)

    def relative(self, path: Path) -> str:
        """`path` as faults and the watcher name it: below the state directory, with slashes."""
        return path.relative_to(self.root).as_posix()

    def create(self) -> None:
        """Makes what is missing, folders 0700, and the `.gitignore` by which the directory ignores itself.

        Raises `CannotWrite`.
        """
        for folder in (
            self.root,
            self.inbox_done,
            *(self.root / name for name in (*WATCHED, *UNWATCHED)),
        ):
            files.make_folder(self.root, folder)
        for path, text in (
            (self.root / ".gitignore", "*\n"),
            (self.format, f"version = {FORMAT_VERSION}\n"),
        ):
            with contextlib.suppress(FileExistsError):
                files.create(self.root, path, text.encode())


def find(explicit: str | None, environment: Mapping[str, str], start: Path) -> StateDir:
    """The state directory a command means: `explicit`, else `OPSROOM_STATE_DIR`, else upwards from `start`.

    Raises `NotThere` if there is none.
    """
    if given := explicit or environment.get("OPSROOM_STATE_DIR"):
        root = Path(given).absolute()
        if not root.is_dir():
            raise NotThere(f"{root} is not a directory", todo="name a state directory, or run 'opsroom init' first")
        return StateDir(root)
    for folder in (start, *start.parents):
        if os.path.isfile(folder / DIRECTORY / "format.toml"):
            return StateDir(folder / DIRECTORY)
    raise NotThere(
        f"no state directory in {start} or above it",
        todo="run 'opsroom init' in a git repository, or 'opsroom demo' to look around",
    )
