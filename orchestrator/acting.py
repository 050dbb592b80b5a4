"""What takes long, each as one function that runs in a thread and says what is to follow.

Nothing here writes a status: it returns a `Next`, and the loop, which owns the statuses, makes the move.
"""

import contextlib
import dataclasses
import functools
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from orchestrator import agent_commands, agents, mail, prompts, verify
from orchestrator.campaign import repairs
from orchestrator.campaign.envelopes import Envelope
from orchestrator.config import Agent
from orchestrator.failures import AGENT, CHECKS, of_attempt
from orchestrator.repository import clones, merge_queue, trees, worktrees
from orchestrator.repository.clones import Clone
from orchestrator.repository.git import GitError, GitLocked
from orchestrator.running import attempts
from orchestrator.sandboxes.enclosure import Enclosure
from state import event_log, files, locks, messages, secrets
from state.errors import BadFile, CannotWrite, OpsroomError, Refused
from state.layout import AttemptDir, StateDir
from state.model import CHECKING, AgentReport, Exit, Launch, decode, encode
from state.times import utc_now
from state.views import TaskView

__all__ = [
    "AGAIN",
    "Left",
    "Next",
    "clear_checks",
    "land",
    "landed_before",
    "later",
    "launch",
    "put_away",
    "write_wrapper",
]

AGAIN = 5.0
"""Seconds after which what could not be done now is tried again."""


@dataclass(frozen=True, slots=True)
class Next:
    """The move that follows an act. It is made only while the task is in one of the states `expect`."""

    to: str
    """The next state; '' for the one before the act, from which it is tried again."""
    expect: frozenset[str]
    why: str = ""
    waiting_on: str = ""
    wait_seconds: float | None = None
    commit: str | None = None
    start: str | None = None
    checks: list[str] | None = None
    metric: str | None = None
    failure: str = ""
    repairs: int | None = None
    conflicts: int | None = None

    def changes(self, now: datetime) -> dict[str, Any]:
        """The fields of the status that change with the move."""
        later = None if self.wait_seconds is None else now + timedelta(seconds=self.wait_seconds)
        found: dict[str, Any] = {
            "why": self.why,
            "waiting_on": self.waiting_on,
            "not_before": later,
            "failure": self.failure,
        }
        for name in ("commit", "start", "checks", "metric", "repairs", "conflicts"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        return found


@dataclass(frozen=True, slots=True)
class Left:
    """A worktree had to stay."""

    why: str
    again: bool = False
    """Whether putting it away is to be tried again soon."""


STARTING = frozenset({"starting"})


def later(to: str, expect: frozenset[str], why: str) -> Next:
    """The move after an act that could not be done now, through no fault of the task: into `to`, tried again soon."""
    return Next(to, expect, waiting_on=why, wait_seconds=AGAIN)


def write_wrapper(state: StateDir) -> None:
    """Writes `bin/opsroom`, by which a worker reaches the verbs of this very installation.

    Isolated (`-I`), so that a repository with a folder named `state` can't put its own code in the way.
    """
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -m opsroom "$@"\n'
    path = state.root / "bin" / "opsroom"
    files.replace(state.root, path, script.encode())
    path.chmod(0o700)


def launch(
    state: StateDir, view: TaskView, agent: Agent, envelope: Envelope, enclosure: Enclosure, earlier: str | None
) -> Next:
    """Makes the worktree ready, builds the prompt and starts the attempt.

    `earlier` says how the last one ended; None where the status no longer does, for this one was being started before.
    """
    assert view.task is not None and view.status is not None  # noqa: S101 - only readable tasks are launched
    number = view.status.attempt
    folder, attempt = state.task(view.id), state.task(view.id).attempt(number)
    worktree = state.worktree(view.id)
    for last in view.attempts[-1:]:
        _clear(state, view.id, last)
        _collect(state, view, last, envelope.sparse)
    before = [other for other in view.attempts if other < number]  # a start that was cut off left a folder of this one
    packet = repairs.read(state, folder.attempt(before[-1])) if before else None
    if earlier is None:
        earlier = _how_ended(state, view, before[-1]) if before else ""
    again = packet is not None and packet.kind == "conflict"
    try:
        anew, base = not any(attempts.was_started(folder.attempt(n)) for n in view.attempts), view.task.base
        how = {"anew": anew, "at_base": again}
        head = worktrees.prepare(state.repository, worktree, view.id, number, base, envelope.sparse, **how)
    except GitLocked:
        raise
    except worktrees.BaseGone as error:  # it may be made again
        return later("", STARTING, str(error))
    except (GitError, Refused) as error:
        return Next("failed", STARTING, why=f"no worktree: {error}")
    sandboxed = enclosure.kind != "none"
    started = agent_commands.start(state, view, agent, sandboxed=sandboxed, afresh=anew or again)
    own = environment_of(state, view, number) | started.environment
    try:
        enclosed = enclosure.worker(worktree, view.id, msgspec.structs.replace(agent, command=started.argv), own)
    except Refused as error:
        return Next("failed", STARTING, why=f"cannot start the agent: {error}", failure=AGENT)
    unread = messages.unread(state.root, folder)
    told = prompts.fitting([message for message in unread if message.kind != "answer"])
    answers = mail.answers(state, view)
    fresh = not started.resumed  # else it knows them
    text = prompts.build(
        spec=_text(state, folder.spec) if fresh else prompts.GO_ON,
        campaign=envelope.prompt if fresh else "",
        checkpoint=_text(state, folder.checkpoint) if fresh else "",
        answers=answers,
        unread=told,
        earlier="" if packet else earlier,
        packet=packet,
    )
    note(state, attempt, "launched", agent=view.task.agent, argv=started.argv, branch=view.status.branch)
    if agent.kind != agents.COMMAND:
        session, resumed = started.session, started.resumed
        report = AgentReport(kind=agent.kind, at=utc_now(), model=agent.model, session=session, resumed=resumed)
        files.replace(state.root, attempt.report, encode(report), sync="none")
    attempts.start(
        state.root,
        attempt,
        Launch(
            argv=enclosed.argv,
            cwd=str(worktree),
            environment=enclosed.environment,
            seconds=agent.seconds,
            grace=agent.grace,
            silence=agent.silence,
            output=agent.max_output_mib * 1024 * 1024,
            signs=[str(path) for path in (folder.outbox, folder.worker, folder.captures)],
            sandbox=enclosed.sandbox,
            kept=enclosed.kept or [],
            secrets=secrets.names(),
        ),
        text.encode("utf-8", "replace"),
    )
    for message in (*told, *(answer for _, answer in answers if answer in unread)):
        with contextlib.suppress(CannotWrite):  # the attempt runs; it is told once more then
            mail.file_away(state, view.id, message)  # what stands in the prompt counts as read
    return Next("running", STARTING, start=head if again else view.status.start or (head if anew else None))


def _how_ended(state: StateDir, view: TaskView, number: int) -> str:
    """How attempt `number` failed, by its own record; '' where it did not."""
    record = state.task(view.id).attempt(number).exit
    ended = None
    with contextlib.suppress(BadFile):
        ended = decode(Exit, files.read_text(state.root, record), state.relative(record))
    own = [message for message in view.outbox if message.attempt in (number, 0)]
    failure = of_attempt(number, ended, own, False, "", agent_commands.report_of(state, view.id, number))
    return failure.why if failure else ""


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
    # a worker's git does not tidy up the repository that all share: killed at that, it would leave its lock there
    begun = os.environ.get("GIT_CONFIG_COUNT", "")
    count = int(begun) if begun.isdecimal() else 0
    for number, (key, value) in enumerate((("gc.auto", "0"), ("maintenance.auto", "false")), count):
        found |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    found["GIT_CONFIG_COUNT"] = str(count + 2)
    if named := secrets.names():
        found[secrets.VARIABLE] = ",".join(named)
    if task.campaign:
        found |= {"OPSROOM_CAMPAIGN": task.campaign, "OPSROOM_ITEM": task.item, "OPSROOM_INDEX": str(task.index)}
    return found


def land(
    state: StateDir,
    view: TaskView,
    envelope: Envelope,
    enclosure: Enclosure,
    on_merging: Callable[[Next], None],
    ending: verify.Ending,
) -> Next:
    """Verifies what the worker left and lands it; `on_merging` hears when the checks have passed.

    Raises `Interrupted` soon after the end was said to be near, and what else `merge_queue.land` raises.
    """
    assert view.task is not None and view.status is not None  # noqa: S101 - only readable tasks are landed
    number = view.status.attempt
    attempt = state.task(view.id).attempt(number)
    _clear(state, view.id, number)
    change = merge_queue.Change(
        worktree=state.worktree(view.id),
        branch=view.status.branch or worktrees.attempt_branch(view.id, number),
        base=view.task.base,
        message=secrets.known().text(envelope.message),
        checks=envelope.checks,
        environment=environment_of(state, view, number),
        folder=attempt.root,
        turn=verify.Turn(state, locks.Who(view.id, number, "its checks"), envelope.lock_seconds),
        start=view.status.start,
        enclosing=functools.partial(enclosure.checking, task=view.id),
        rules=envelope.rules,
        bounds=envelope.bounds,
        trailers=envelope.trailers,
    )
    if not change.worktree.exists():  # an earlier life removed it, or a person did: the branch has the work
        worktrees.prepare(state.repository, change.worktree, view.id, number, view.task.base, envelope.sparse)
    worktrees.claim(state.repository, change.worktree)
    _collect(state, view, number, envelope.sparse)

    def passed_checks(checked: merge_queue.Checked) -> None:
        on_merging(Next("merging", frozenset({"verifying"}), checks=checked.checks, metric=checked.metric))

    landing = merge_queue.land(change, passed_checks, ending)
    for check in landing.results:
        note(state, attempt, "check", name=check.name, status=check.status, seconds=round(check.seconds, 3))
    passed = list(landing.checks)
    match landing.outcome:
        case "merged":
            return Next("merged", CHECKING, commit=landing.commit, checks=passed, metric=landing.metric)
        case "nothing":
            return _nothing(view)
        case "blocked":
            return later("merging", CHECKING, landing.why)
        case _:
            return _not_taken(state, view, envelope, change, landing)


def _clear(state: StateDir, task: str, number: int) -> None:
    """Ends what an attempt whose supervisor was killed, or a landing that was cut off, left running."""
    folder = state.task(task)
    attempt = folder.attempt(number)
    if not files.exists(attempt.exit) or files.exists(attempt.root / "landing.toml"):
        attempts.sweep(folder.root, number)


def _not_taken(
    state: StateDir, view: TaskView, envelope: Envelope, change: merge_queue.Change, landing: merge_queue.Landing
) -> Next:
    """The move after a change that was not taken: repaired, begun again, given to a person, or reverted."""
    status = view.status
    assert status is not None  # noqa: S101 - `land` has looked
    given_back = None
    if landing.cause in ("check", "metric") and status.repairs < envelope.repairs:
        count = status.repairs + 1
        given_back = Next("queued", CHECKING, why=f"repair {count} of {envelope.repairs}: {landing.why}", repairs=count)
    elif landing.cause == "conflict" and envelope.begins_again and not status.conflicts:
        given_back = Next("queued", CHECKING, why=f"begins again: {landing.why}", repairs=0, conflicts=1)
    elif landing.cause == "conflict" and envelope.begins_again:
        why = f"{landing.why}, though it had begun again"
        return Next("stopped", CHECKING, why=why, failure=CHECKS)
    if given_back is None:
        return Next("failed", CHECKING, why=landing.why, checks=list(landing.checks), failure=CHECKS)
    attempt = state.task(view.id).attempt(status.attempt)
    repairs.write(state, attempt, repairs.packet_of(state, view, change, landing, envelope.metric_now))
    return dataclasses.replace(given_back, failure=CHECKS)


def clear_checks(state: StateDir, views: Iterable[TaskView]) -> None:
    """Ends the checks that an orchestrator which was killed left running: nobody holds the lock `build` for them."""
    for view in views:
        if view.state in CHECKING and view.status is not None:
            _clear(state, view.id, view.status.attempt)


def landed_before(state: StateDir, views: Iterable[TaskView]) -> set[str]:
    """The tasks whose change is on its base already, though their status does not say so: there was a crash."""
    found = set()
    for view in views:
        if view.state in CHECKING and view.status is not None and view.task is not None:
            folder = state.task(view.id).attempt(view.status.attempt).root
            if merge_queue.has_landed(state.repository, folder, view.task.base):
                found.add(view.id)
    return found


def _collect(state: StateDir, view: TaskView, number: int, sparse: Sequence[str] = ()) -> None:
    """Takes what the worker of an attempt that has ended committed in its sandbox into the repository."""
    clone, worktree = Clone(state.clones / view.id), state.worktree(view.id)
    if clone.git.exists() and not worktree.exists() and view.task is not None:
        worktrees.prepare(state.repository, worktree, view.id, number, view.task.base, sparse)
    if trouble := clones.collect(worktree, clone, view.id, number):
        note(state, state.task(view.id).attempt(number), "not_collected", why=trouble)


def _nothing(view: TaskView) -> Next:
    number = view.status.attempt if view.status else 0
    if view.result and view.result.outcome == "success" and view.result.attempt in (number, 0):
        return Next("done", CHECKING, why="nothing had to change")
    return Next("failed", CHECKING, why="the worker exited with 0, but changed nothing and gave no result")


def put_away(state: StateDir, view: TaskView) -> Left | None:
    """Keeps what the worktree of an ended task holds on its branch and removes the worktree, or says why it stays.

    Branches that the base contains are removed with it; one with work of its own stays.
    """
    number = view.status.attempt if view.status else 0
    _clear(state, view.id, number)
    base = view.task.base if view.task else ""
    message = f"{view.title}\n\nKept as the worker left it.\n\nOpsroom-Task: {view.id}"
    try:
        _collect(state, view, number)
        # before the worktree: while there is one, a crash in between is made good
        clones.forget(Clone(state.clones / view.id))
        trees.remove(state.homes / view.id)
        landed = merge_queue.landed_from(state.task(view.id).attempt(number).root) if view.state == "merged" else ""
        worktrees.put_away(state.repository, state.worktree(view.id), view.id, number, base, message, landed)
    except (CannotWrite, GitLocked) as error:
        return Left(str(error), again=True)
    except (OpsroomError, OSError) as error:
        return Left(str(error))
    return None


def note(state: StateDir, attempt: AttemptDir, kind: str, **fields: object) -> None:
    """Appends an event to the attempt's own log."""
    event_log.append(state.root, attempt.events, utc_now(), kind, **fields)


def _text(state: StateDir, path: Path) -> str:
    try:
        return files.read_text(state.root, path)
    except BadFile as error:
        return "" if not files.exists(path) else f"({error.fault})"
