"""The whole state directory as one snapshot in memory, changed path by path.

`FleetReader` reads files and stays in the thread that reads; `Fleet` and the views in it (`state.views`) never change
and may be handed to any other. A file that cannot be read becomes a fault of its task, never an exception, never a
status.
"""

import contextlib
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TypeVar

from state import files, messages
from state.campaign_file import CampaignFile
from state.envelope import Campaign, Run
from state.errors import BadFile, BadName, Fault
from state.layout import WATCHED, StateDir, check_name
from state.lock_reader import LockReader
from state.machine import Hold, Holds, Machine
from state.messages import Message
from state.model import AgentReport, Attempt, Exit, Lease, Record, Result, Spent, Status, Task, decode
from state.views import CampaignView, Change, Fleet, TaskView

__all__ = ["FleetReader"]

R = TypeVar("R", bound=Record)
LIMIT = 1024 * 1024
"""Bytes that a record may have; one of this size takes a second to read."""
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(slots=True)
class _TaskParts:
    view: TaskView
    outbox: dict[str, Message] = field(default_factory=dict)
    inbox: dict[str, Message] = field(default_factory=dict)
    filed: dict[str, Message] = field(default_factory=dict)
    captures: set[str] = field(default_factory=set)
    attempts: set[int] = field(default_factory=set)
    newest: int = 0
    """The attempt whose processes the view shows."""
    stale: bool = False
    """Whether what it shows of them is to be read again."""
    heard: dict[str, datetime] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)


@dataclass(slots=True)
class _CampaignParts:
    view: CampaignView
    runs: dict[int, Run] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)


class FleetReader:
    """Reads the files behind changed paths into the next `Fleet`. Not for two threads at once."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self.fleet = Fleet()
        self._tasks: dict[str, _TaskParts] = {}
        self._campaigns: dict[str, _CampaignParts] = {}
        self._commands: set[str] = set()
        self._faults: dict[str, Fault] = {}
        self._locks = LockReader(state, self._lstat)
        self._lease: Lease | None = None
        self._machine: Machine | None = None
        self._holds: tuple[Hold, ...] = ()

    def apply(self, paths: frozenset[str]) -> Change:
        """Reads what `paths` name, makes `fleet` the new snapshot and says what differs from the one before.

        With no paths it looks whether those who have or want a lock live: no file says so when they don't.
        """
        tasks: set[str] = set()
        campaigns: set[str] = set()
        other = False
        if not paths:
            self._locks.look()
        for path in sorted(paths):  # a folder before what is in it
            top, _, rest = path.partition("/")
            name, _, below = rest.partition("/")
            if top in ("tasks", "campaigns") and name and not self._named(top, name, path):
                other = True
            elif top == "tasks" and name:
                tasks.add(name)
                self._read_task(name, below)
            elif top == "campaigns" and name:
                campaigns.add(name)
                self._read_campaign(name, below)
            elif top == "locks" and name:
                self._locks.read(path)
            else:
                self._read_other(path)
                other = True
        before, faults = self.fleet, self._faults | self._locks.faults
        after_tasks = dict(before.tasks) if tasks else before.tasks
        for name in tasks:
            self._settle_task(name, after_tasks)
        after_campaigns = dict(before.campaigns) if campaigns else before.campaigns
        for name in campaigns:
            self._settle_campaign(name, after_campaigns)
        self.fleet = Fleet(
            tasks=after_tasks,
            campaigns=after_campaigns,
            locks=self._locks.views,
            lease=self._lease,
            machine=self._machine,
            holds=self._holds,
            commands=tuple(sorted(self._commands)),
            faults=tuple(faults[path] for path in sorted(faults)),
        )
        other = other or (before.locks, before.faults) != (self.fleet.locks, self.fleet.faults)
        changed = frozenset(name for name in tasks if before.tasks.get(name) != after_tasks.get(name))
        turned = frozenset(name for name in campaigns if before.campaigns.get(name) != after_campaigns.get(name))
        return Change(changed, turned, other, paths)

    def unseen(self, task: str) -> frozenset[str]:
        """The messages in the outbox of `task` that no `apply` has read yet. A message, once there, never changes."""
        parts = self._tasks.get(task)
        known = {*parts.outbox, *(path.rpartition("/")[2] for path in parts.faults)} if parts else set()
        found = files.names(self.state.root, self.state.task(task).outbox, ".md")
        return frozenset(f"tasks/{task}/outbox/{name}" for name in found if name not in known)

    # ── tasks ───────────────────────────────────────────────────────────────────────────────────────────────

    def _named(self, top: str, name: str, path: str) -> bool:
        try:
            check_name("task id" if top == "tasks" else "campaign name", name)
        except BadName as error:
            folder = f"{top}/{name}"
            if self._lstat(folder):
                self._faults[folder] = Fault(folder, None, error.message)
            else:
                self._faults.pop(folder, None)
            return False
        return True

    def _read_task(self, name: str, below: str) -> None:
        parts = self._tasks.setdefault(name, _TaskParts(TaskView(name)))
        path = f"tasks/{name}/{below}" if below else f"tasks/{name}"
        if below in ("", "inbox", "inbox/done", "outbox", "captures", "attempts", "worker"):
            self._folder(path, parts.faults)
            return
        head, *rest = below.split("/")
        if below == "task.toml":
            parts.view = replace(parts.view, task=self._record(Task, path, parts.faults))
        elif below == "status.toml":
            parts.view = replace(parts.view, status=self._record(Status, path, parts.faults))
        elif below == "worker/result.toml":
            parts.view = replace(parts.view, result=self._record(Result, path, parts.faults, optional=True))
        elif below == "worker/usage.toml":
            parts.view = replace(parts.view, spent=self._record(Spent, path, parts.faults, optional=True))
        elif head == "outbox" and len(rest) == 1:
            self._message(path, parts.outbox, parts.faults)
        elif head == "inbox" and len(rest) == 1:
            self._message(path, parts.inbox, parts.faults)
        elif head == "inbox" and rest[0] == "done" and len(rest) == 2:
            self._message(path, parts.filed, parts.faults)
        elif head == "captures" and len(rest) == 1 and rest[0].lower().endswith(".png"):
            (parts.captures.add if self._found(path, stat.S_ISREG) else parts.captures.discard)(rest[0])
        elif head == "attempts" and _NUMBER.fullmatch(rest[0]):
            self._read_attempt(name, parts, int(rest[0]), rest[1:])
        if (
            below in ("worker/checkpoint.md", "worker/result.toml")
            or (head in ("outbox", "captures") and len(rest) == 1)
            or (head == "attempts" and rest[1:] in (["stdout.log"], ["stderr.log"]))
        ):
            self._heard(parts, path)

    def _read_attempt(self, name: str, parts: _TaskParts, number: int, rest: list[str]) -> None:
        folder = f"tasks/{name}/attempts/{number}"
        if not rest:
            self._folder(folder, parts.faults)
        (parts.attempts.add if self._found(folder, stat.S_ISDIR) else parts.attempts.discard)(number)
        if number == parts.newest and rest in ([], ["run.toml"], ["exit.toml"], ["agent.toml"]):
            parts.stale = True

    def _read_newest_attempt(self, name: str, parts: _TaskParts) -> None:
        newest = max(parts.attempts, default=0)
        if newest == parts.newest and not parts.stale:
            return
        before = f"tasks/{name}/attempts/{parts.newest}"
        for file in ("run.toml", "exit.toml", "agent.toml"):
            parts.faults.pop(f"{before}/{file}", None)
        parts.newest, parts.stale = newest, False
        folder = f"tasks/{name}/attempts/{newest}"
        parts.view = replace(
            parts.view,
            run=self._record(Attempt, f"{folder}/run.toml", parts.faults, optional=True) if newest else None,
            exit=self._record(Exit, f"{folder}/exit.toml", parts.faults, optional=True) if newest else None,
            report=self._record(AgentReport, f"{folder}/agent.toml", parts.faults, optional=True) if newest else None,
        )

    def _heard(self, parts: _TaskParts, path: str) -> None:
        parts.heard.pop(path, None)
        found = self._lstat(path)
        if found and stat.S_ISREG(found.st_mode):
            with contextlib.suppress(OverflowError, ValueError, OSError):  # a time that no calendar has
                parts.heard[path] = datetime.fromtimestamp(found.st_mtime, UTC)

    def _message(self, path: str, into: dict[str, Message], faults: dict[str, Fault]) -> None:
        name = PurePosixPath(path).name
        if not name.endswith(".md"):
            return
        faults.pop(path, None)
        if not self._lstat(path):
            into.pop(name, None)
            return
        try:
            into[name] = messages.read(self.state.root, self.state.root / path)
        except BadFile as error:
            into.pop(name, None)
            if not files.is_missing(error):
                faults[path] = error.fault

    def _settle_task(self, name: str, into: dict[str, TaskView]) -> None:
        parts = self._tasks[name]
        if not self._lstat(f"tasks/{name}"):
            del self._tasks[name]
            into.pop(name, None)
            return
        self._read_newest_attempt(name, parts)
        for file, value in (("task.toml", parts.view.task), ("status.toml", parts.view.status)):
            path = f"tasks/{name}/{file}"
            if value is None and path not in parts.faults:
                parts.faults[path] = Fault(path, None, "missing")
        sent = [message for message in parts.outbox.values() if message.kind != "ack"]
        into[name] = parts.view = replace(
            parts.view,
            outbox=tuple(sorted(sent, key=_by_name)),
            acknowledged=frozenset(message.of for message in parts.outbox.values() if message.kind == "ack"),
            inbox=tuple(sorted(parts.inbox.values(), key=_by_name)),
            filed=tuple(sorted(parts.filed.values(), key=_by_name)),
            captures=tuple(sorted(parts.captures, reverse=True)),
            attempts=tuple(sorted(parts.attempts)),
            heard=max(parts.heard.values(), default=None),
            faults=tuple(parts.faults[path] for path in sorted(parts.faults)),
        )

    # ── campaigns and the rest ──────────────────────────────────────────────────────────────────────────────

    def _read_campaign(self, name: str, below: str) -> None:
        parts = self._campaigns.setdefault(name, _CampaignParts(CampaignView(name)))
        path = f"campaigns/{name}/{below}" if below else f"campaigns/{name}"
        if below in ("", "runs"):
            self._folder(path, parts.faults)
        elif below == "campaign.toml":
            parts.view = replace(parts.view, envelope=self._record(Campaign, path, parts.faults))
        elif below == "campaign.md":
            parts.faults.pop(path, None)
            try:
                if not self._lstat(path):
                    raise files.missing(path)
                file = CampaignFile(files.read(self.state.root, self.state.root / path), path)
            except BadFile as error:
                parts.view = replace(parts.view, file=None)
                parts.faults[path] = error.fault
            else:
                parts.view = replace(parts.view, file=file)
                if file.faults:
                    parts.faults[path] = file.faults[0]
        elif below.startswith("runs/") and below.endswith(".toml"):
            number = below[len("runs/") : -len(".toml")]
            if _NUMBER.fullmatch(number):
                run = self._record(Run, path, parts.faults, optional=True)
                if run is None:
                    parts.runs.pop(int(number), None)
                else:
                    parts.runs[int(number)] = run

    def _settle_campaign(self, name: str, into: dict[str, CampaignView]) -> None:
        parts = self._campaigns[name]
        if not self._lstat(f"campaigns/{name}"):
            del self._campaigns[name]
            into.pop(name, None)
            return
        for file, value in (("campaign.toml", parts.view.envelope), ("campaign.md", parts.view.file)):
            path = f"campaigns/{name}/{file}"
            if value is None and path not in parts.faults:
                parts.faults[path] = Fault(path, None, "missing")
        into[name] = parts.view = replace(
            parts.view,
            runs=tuple(sorted(parts.runs.items())),
            faults=tuple(parts.faults[path] for path in sorted(parts.faults)),
        )

    def _read_other(self, path: str) -> None:
        if path in WATCHED or path == "inbox/done":
            self._folder(path, self._faults)
        elif path == "orchestrator/lease.toml":
            self._lease = self._record(Lease, path, self._faults, optional=True)
        elif path == "orchestrator/machine.toml":
            self._machine = self._record(Machine, path, self._faults, optional=True)
        elif path == "orchestrator/holds.toml":
            holds = self._record(Holds, path, self._faults, optional=True)
            self._holds = tuple(holds.holds) if holds else ()
        elif path.startswith("inbox/") and path.endswith(".toml") and path.count("/") == 1:
            name = path.removeprefix("inbox/")
            (self._commands.add if self._found(path, stat.S_ISREG) else self._commands.discard)(name)

    def _lstat(self, path: str) -> os.stat_result | None:
        """What stands at `path`; None if nothing does, or only by way of a symbolic link, which the scan skips."""
        found = None
        at = str(self.state.root)
        for part in path.split("/"):
            if found and not stat.S_ISDIR(found.st_mode):
                return None
            at = f"{at}/{part}"
            try:
                found = os.lstat(at)
            except OSError:
                return None
        return found

    def _found(self, path: str, is_kind: Callable[[int], bool]) -> bool:
        found = self._lstat(path)
        return bool(found and is_kind(found.st_mode))

    def _folder(self, path: str, faults: dict[str, Fault]) -> None:
        """Makes it a fault if at `path`, where the protocol has a folder, there is something else."""
        faults.pop(path, None)
        found = self._lstat(path)
        if found and not stat.S_ISDIR(found.st_mode):
            faults[path] = Fault(path, None, "not a directory")

    def _record(self, kind: type[R], path: str, faults: dict[str, Fault], *, optional: bool = False) -> R | None:
        """The record in the file `path`, or None with a fault; a missing optional file is no fault."""
        faults.pop(path, None)
        try:
            if not self._lstat(path):
                raise files.missing(path)
            return decode(kind, files.read_text(self.state.root, self.state.root / path, LIMIT), path)
        except BadFile as error:
            if not optional or not files.is_missing(error):
                faults[path] = error.fault
            return None


def _by_name(message: Message) -> str:
    return message.name
