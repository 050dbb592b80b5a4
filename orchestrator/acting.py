"""What takes long, each as one function that runs in a thread and says what is to follow.

Nothing here writes a status: it returns a `Next`, and the loop, which owns the statuses, makes the move.
"""

import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from orchestrator import attempts, merge_queue, prompts, tasks, worktrees
from orchestrator.config import Agent
from orchestrator.git import Git, GitError
from state import commands, event_log, files, messages
from state.errors import BadFile
from state.fleet import TaskView
from state.layout import AttemptDir, StateDir
from state.messages import Message
from state.model import CHECKING, Check, Launch, Metric, Result, decode
from state.times import utc_now

__all__ = ["Envelope", "Next", "file_messages", "land", "launch", "merging", "put_away", "write_wrapper"]


@dataclass(frozen=True, slots=True)
class Next:
    """The move that follows an act. It is made only while the task is in one of the states `expect`."""

    to: str
    expect: frozenset[str]
    why: str = ""
    waiting_on: str = ""
    wait_seconds: float | None = None
    commit: str | None = None
    start: str | None = None
    checks: list[str] | None = None
    metric: str | None = None

    def changes(self, now: datetime) -> dict[str, Any]:
        """The fields of the status that change with the move."""
        later = None if self.wait_seconds is None else now + timedelta(seconds=self.wait_seconds)
        found: dict[str, Any] = {"why": self.why, "waiting_on": self.waiting_on, "not_before": later}
        for name in ("commit", "start", "checks", "metric"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        return found


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a task gets from its campaign, or from the configuration where it has none."""

    checks: list[Check]
    metric: Metric | None
    message: str
    """The commit message for what the worker left uncommitted."""
    prompt: str = ""


STARTING = frozenset({"starting"})
merging = Next("merging", frozenset({"verifying"}))


def write_wrapper(state: StateDir) -> None:
    """Writes `bin/opsroom`, by which a worker reaches the verbs of this very installation.

    Isolated (`-I`), so that a repository with a folder named `state` can't put its own code in the way.
    """
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -m opsroom "$@"\n'
    path = state.root / "bin" / "opsroom"
    files.replace(state.root, path, script.encode())
    path.chmod(0o700)


def launch(state: StateDir, view: TaskView, agent: Agent, envelope: Envelope, earlier: str) -> Next:
    """Makes the worktree ready, builds the prompt and starts the attempt. `earlier`: how the last one ended."""
    assert view.task is not None and view.status is not None  # noqa: S101 - only readable tasks are launched
    number = view.status.attempt
    folder, attempt = state.task(view.id), state.task(view.id).attempt(number)
    worktree = state.worktree(view.id)
    try:
        head = worktrees.prepare(state.repository, worktree, view.id, number, view.task.base)
    except (GitError, OSError) as error:
        return Next("failed", STARTING, why=f"no worktree: {error}")
    unread = messages.unread(state.root, folder)
    text = prompts.build(
        spec=_text(state, folder.spec),
        campaign=envelope.prompt,
        checkpoint=_text(state, folder.checkpoint),
        answers=_answers(view, unread),
        unread=[message for message in unread if message.kind != "answer"],
        earlier=earlier,
    )
    environment = environment_of(state, view, number)
    attempts.start(
        state.root,
        attempt,
        Launch(
            argv=agent.command,
            cwd=str(worktree),
            environment=environment,
            seconds=agent.seconds,
            grace=agent.grace,
        ),
        text.encode("utf-8", "replace"),
    )
    note(state, attempt, "session_started", agent=view.task.agent, argv=agent.command, branch=view.status.branch)
    for message in unread:  # what stands in the prompt counts as read
        _file(state, view.id, message, "")
    return Next("running", STARTING, start=view.status.start or head)


def environment_of(state: StateDir, view: TaskView, attempt: int) -> dict[str, str]:
    """What a worker finds in its environment besides what the orchestrator has in its own."""
    task = view.task
    assert task is not None  # noqa: S101 - only readable tasks are launched
    folder = state.task(view.id)
    found = {
        "OPSROOM_STATE_DIR": str(state.root),
        "OPSROOM_TASK": view.id,
        "OPSROOM_TASK_DIR": str(folder.root),
        "OPSROOM_ATTEMPT": str(attempt),
        "OPSROOM_PROMPT": str(folder.attempt(attempt).prompt),
        "PATH": f"{state.root / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    if task.campaign:
        found |= {"OPSROOM_CAMPAIGN": task.campaign, "OPSROOM_ITEM": task.item, "OPSROOM_INDEX": str(task.index)}
    return found


def land(state: StateDir, view: TaskView, envelope: Envelope, on_merging: Callable[[], None]) -> Next:
    """Verifies what the worker left and lands it."""
    assert view.task is not None and view.status is not None  # noqa: S101 - only readable tasks are landed
    number = view.status.attempt
    attempt = state.task(view.id).attempt(number)
    change = merge_queue.Change(
        repository=state.repository,
        worktree=state.worktree(view.id),
        branch=view.status.branch or worktrees.attempt_branch(view.id, number),
        start=view.status.start,
        base=view.task.base,
        message=envelope.message,
        checks=envelope.checks,
        metric=envelope.metric,
        environment=environment_of(state, view, number),
        logs=attempt.root / "checks",
    )
    if not change.worktree.exists():  # an earlier life removed it, or a person did: the branch has the work
        worktrees.prepare(state.repository, change.worktree, view.id, number, view.task.base)
    landing = merge_queue.land(change, on_merging)
    for check in landing.checks:
        note(state, attempt, "check", name=check.name, status=check.status, seconds=round(check.seconds, 3))
    passed = [check.name for check in landing.checks if check.passed]
    match landing.outcome:
        case "merged":
            return Next("merged", CHECKING, commit=landing.commit, checks=passed, metric=landing.metric)
        case "nothing":
            return _nothing(state, view)
        case "blocked":
            return Next("merging", CHECKING, waiting_on=landing.why, wait_seconds=5.0)
        case _:
            return Next("failed", CHECKING, why=landing.why, checks=passed)


def _nothing(state: StateDir, view: TaskView) -> Next:
    path = state.task(view.id).result
    try:
        said = decode(Result, files.read_text(state.root, path), state.relative(path)).outcome
    except BadFile:
        said = ""
    if said == "success":
        return Next("done", CHECKING, why="nothing had to change")
    return Next("failed", CHECKING, why="the worker exited with 0, but changed nothing and gave no result")


def put_away(state: StateDir, view: TaskView) -> bool:
    """Keeps what the worktree of an ended task holds on its branch and removes the worktree; whether it is gone.

    Branches that the base contains are removed with it; one with work of its own stays.
    """
    worktree = state.worktree(view.id)
    number = view.status.attempt if view.status else 0
    branch = worktrees.attempt_branch(view.id, number)
    try:
        worktrees.keep(worktree, branch, f"{view.title}\n\nKept as the worker left it.\n\nOpsroom-Task: {view.id}")
    except (GitError, OSError):
        return False
    gone = worktrees.remove(state.repository, worktree)
    if gone and view.task is not None:
        git = Git(state.repository)
        for attempt in range(1, number + 1):
            name = worktrees.attempt_branch(view.id, attempt)
            tip = git.branch_tip(name)
            if tip and git.is_ancestor(tip, f"refs/heads/{view.task.base}"):
                git.ask("branch", "--quiet", "--delete", "--force", "--", name)
    return gone


def file_messages(state: StateDir, view: TaskView) -> frozenset[str]:
    """Files away what the worker acknowledged, and refuses answers that came second; the paths that changed."""
    changed: set[str] = set()
    answered = {message.reply_to for message in view.filed if message.kind == "answer"}
    questions = {message.name for message in view.outbox if message.kind == "question"}
    for message in view.inbox:
        refusal = ""
        if message.kind == "answer":
            if message.reply_to in answered:
                refusal = "the question was answered before"
            elif message.reply_to not in questions:
                refusal = "there is no such question"
            answered.add(message.reply_to)
        if refusal or message.name in view.acknowledged:
            changed |= _file(state, view.id, message, refusal)
    return frozenset(changed)


def _file(state: StateDir, task: str, message: Message, refusal: str) -> set[str]:
    folder = state.task(task)
    source, target = folder.inbox / message.name, folder.inbox_done / message.name
    outcome = commands.refused(tasks.BY, refusal) if refusal else commands.accepted(tasks.BY, task)
    commands.conclude(state, folder.inbox_done, message.name, outcome)
    files.take(state.root, source, target)
    return {state.relative(source), state.relative(target)}


def _answers(view: TaskView, unread: list[Message]) -> list[tuple[Message, Message]]:
    replies = {message.reply_to: message for message in reversed((*view.filed, *unread)) if message.kind == "answer"}
    questions = [message for message in view.outbox if message.kind == "question"]
    return [(question, replies[question.name]) for question in questions if question.name in replies]


def note(state: StateDir, attempt: AttemptDir, kind: str, **fields: object) -> None:
    """Appends an event to the attempt's own log."""
    event_log.append(state.root, attempt.events, utc_now(), kind, **fields)


def _text(state: StateDir, path: Path) -> str:
    try:
        return files.read_text(state.root, path)
    except BadFile as error:
        return "" if not files.exists(path) else f"({error.fault})"
