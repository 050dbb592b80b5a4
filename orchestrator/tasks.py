"""Makes tasks and moves them: the two things that write `task.toml`, `spec.md` and `status.toml`."""

import contextlib
import os
import shutil
from datetime import datetime
from typing import Any

import msgspec

from orchestrator.budgets import of_running
from orchestrator.events import Events
from state import files, messages
from state.errors import CannotWrite
from state.layout import StateDir, TaskDir
from state.messages import Message
from state.model import FINAL, Command, Status, Task, encode
from state.views import TaskView

__all__ = ["BY", "count", "create", "move", "names", "next_id", "paths_of", "send_on"]

BY = "orchestrator"


def next_id(existing: list[str]) -> str:
    """The next free number of four digits or more, above every number that a task has had."""
    return f"{max((int(name) for name in existing if name.isdecimal() and len(name) < 10), default=0) + 1:04d}"


def create(state: StateDir, events: Events, task_id: str, task: Task, spec: str) -> bool:
    """Makes the task, `queued`, whole or not at all; False if there is one of that id already."""
    made = state.tasks / f".new-{task_id}-{os.urandom(4).hex()}"
    folder = TaskDir(made)
    status = Status(state="queued", since=task.created, by=BY, cause=task.cause)
    try:
        files.create(state.root, folder.task, encode(task), sync="file")
        files.create(state.root, folder.spec, spec.encode("utf-8", "replace"), sync="file")
        files.create(state.root, folder.status, encode(status), sync="file")
        for name in (folder.inbox_done, folder.outbox, folder.worker, folder.captures, folder.attempts):
            files.make_folder(state.root, name)
        os.rename(made, state.task(task_id).root)  # fails on a folder that is not empty
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        return False
    except CannotWrite:
        shutil.rmtree(made, ignore_errors=True)
        raise
    events.tell("task", task=task_id, title=task.title, by=task.by, cause=task.cause)
    return True


def names(state: StateDir) -> list[str]:
    """The ids of all tasks that have a folder now."""
    try:
        return sorted(name for name in os.listdir(state.tasks) if not name.startswith("."))
    except OSError:
        return []


def paths_of(task_id: str) -> frozenset[str]:
    """The paths that `create` writes and readers follow, below the state directory."""
    folder = f"tasks/{task_id}"
    return frozenset({folder, f"{folder}/task.toml", f"{folder}/status.toml"})


def move(
    state: StateDir, events: Events, task_id: str, before: Status | None, now: datetime, to: str, **changes: Any
) -> Status:
    """Writes the task's next status and the event that tells of it; returns the status.

    `why`, `waiting_on` and `failure` are those of the new state alone; every other field stays unless `changes` has it.
    """
    fresh: dict[str, Any] = {"state": to, "by": BY, "why": "", "waiting_on": "", "not_before": None, "failure": ""}
    if before is None or before.state != to:
        fresh["since"] = now
    fresh |= changes
    status = Status(**fresh) if before is None else msgspec.structs.replace(before, **fresh)
    if status == before:
        return status
    lasting = to in FINAL or "cause" in changes  # of the others an older one leads to the same end
    files.replace(state.root, state.task(task_id).status, encode(status), sync="folder" if lasting else "file")
    if before is None or before.state != to or status.why != before.why:
        events.tell(
            "move",
            task=task_id,
            **{"from": before.state if before else ""},
            to=to,
            by=changes.get("by", BY),
            attempt=status.attempt,
            why=status.why or status.waiting_on,
        )
    return status


def send_on(state: StateDir, task_id: str, name: str, command: Command) -> frozenset[str]:
    """Puts the text of the command `name` into the task's inbox, once however often it is called; its path."""
    folder = state.task(task_id)
    message = Message(kind="message", at=command.at, by=command.by, body=command.text)
    file = f"{name.removesuffix('.toml').removesuffix(f'-{command.verb}')}-message.md"
    if not files.exists(folder.inbox_done / file):
        with contextlib.suppress(FileExistsError):
            files.create(state.root, folder.inbox / file, messages.render(message))
    return frozenset({f"tasks/{task_id}/inbox/{file}"})


def count(state: StateDir, view: TaskView) -> frozenset[str]:
    """Adds what the newest attempt of a task, which has ended, used to its usage; the paths that changed.

    One write says both that it is counted and how much it was, so no crash makes it count twice.
    """
    assert view.status is not None  # noqa: S101 - only readable tasks are counted
    seconds = 0.0
    if view.exit is not None:
        seconds = view.exit.seconds or (view.exit.ended - view.exit.started).total_seconds()
    elif view.run is not None and view.heard is not None:  # its supervisor was killed: until its last word
        seconds = (view.heard - view.run.started).total_seconds()
    usage = view.status.usage.plus(of_running(view, max(0.0, seconds)))
    status = msgspec.structs.replace(view.status, usage=usage, counted=view.status.attempt)
    path = state.task(view.id).status
    files.replace(state.root, path, encode(status), sync="file")
    return frozenset({state.relative(path)})
