"""Takes commands: each exactly once, also across a crash between taking it and acting on it.

Every command's act ends in one write that names the command as its `cause`. So a command that was taken and has
no outcome is simply obeyed again: where its cause is found, it had been done.
"""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from orchestrator import tasks
from orchestrator.config import Config
from orchestrator.events import Events
from state import commands, files, messages
from state.campaign_file import CampaignFile
from state.envelope import Run
from state.errors import CannotWrite, OpsroomError, Refused
from state.layout import StateDir
from state.machine import PROVIDER
from state.messages import Message
from state.model import CHECKING, FINAL, Command, Outcome, Task, encode
from state.views import Fleet, TaskView

__all__ = ["Inbox", "Obeyed"]

STOPPABLE = frozenset({"queued", "starting", "running", "waiting", "retrying", "paused", "stopped"})
PAUSABLE = STOPPABLE - {"paused", "stopped"}
RETRYABLE = frozenset({"failed", "stopped", "cancelled"})


@dataclass(frozen=True, slots=True)
class Obeyed:
    """What a command touched: the paths that were written, and whether the orchestrator is to end."""

    paths: frozenset[str] = frozenset()
    shutdown: bool = False
    grace: dict[str, float] | None = None
    """Seconds that the attempt of a task gets before it is killed, where the command said so."""
    release: str | None = None
    """The agent whose hold ends, '' for every agent's."""


class Inbox:
    """Commands of one state directory, obeyed in the order in which they were sent.

    It does not end on a word to an earlier one: that is what lay there before it was made. `busy` has at any time the
    tasks that are being acted on.
    """

    def __init__(self, state: StateDir, config: Config, events: Events, busy: Collection[str]) -> None:
        self._state = state
        self._config = config
        self._events = events
        self._busy = busy
        self._earlier = frozenset((*commands.waiting(state), *commands.unfinished(state)))
        self._taken: list[str] | None = None
        """Commands that were taken and have no outcome yet, oldest first; None before the first look."""

    def next(self) -> list[str]:
        """Names of the commands to obey now, in order: those that were left unfinished, and what is new."""
        if self._taken is None:
            self._taken = commands.unfinished(self._state)
        for name in commands.waiting(self._state):
            if commands.claim(self._state, name):
                self._taken.append(name)
            elif not files.exists(self._state.inbox / name):
                continue  # another took it
            else:  # a second command under a name that was used: never obeyed, and said so
                self._tell(name, "", commands.refused(tasks.BY, "its name was used by an earlier command"))
                with contextlib.suppress(FileNotFoundError):
                    (self._state.inbox / name).unlink()
        return list(self._taken)

    def obey(self, name: str, fleet: Fleet, alive: Collection[str], now: datetime) -> Obeyed:
        """Obeys the taken command `name` and writes its outcome. A refusal is an outcome, not an exception.

        `alive` are the tasks that have a running attempt. Raises `CannotWrite`; the command is then still the next.
        """
        verb = ""
        try:
            command = commands.read(self._state, name)
            verb = command.verb
            task, obeyed = self._act(name, command, fleet, alive, now)
            outcome = commands.accepted(tasks.BY, task)
        except CannotWrite:
            raise
        except OpsroomError as error:
            outcome, obeyed = commands.refused(tasks.BY, str(error)), Obeyed()
        commands.conclude(self._state, self._state.inbox_done, name, outcome)
        if self._taken:
            self._taken.remove(name)
        self._tell(name, verb, outcome)
        return obeyed

    def _tell(self, name: str, verb: str, outcome: Outcome) -> None:
        self._events.tell("command", name=name, verb=verb, outcome=outcome.outcome, why=outcome.why, task=outcome.task)

    def _act(
        self, name: str, command: Command, fleet: Fleet, alive: Collection[str], now: datetime
    ) -> tuple[str, Obeyed]:
        match command.verb:
            case "spawn":
                return self._spawn(name, command, fleet, now)
            case "pause" | "resume" | "stop" | "kill" | "retry":
                return command.task, self._move(name, command, self._find(command, fleet), alive, now)
            case "message":
                return command.task, self._message(name, command, self._find(command, fleet))
            case "campaign-start":
                return "", self._start_campaign(name, command, fleet, now)
            case "campaign-pause":
                return "", self._pause_campaign(command, fleet)
            case "release":
                return "", self._release(command, fleet)
            case "shutdown":
                if name in self._earlier:
                    raise Refused("it was sent before this orchestrator started")
                return "", Obeyed(shutdown=True)
            case _:
                raise Refused(f"this orchestrator does not know the command {command.verb[:40]!r}")

    def _release(self, command: Command, fleet: Fleet) -> Obeyed:
        held = {hold.agent for hold in fleet.holds if hold.kind == PROVIDER}
        if not held or command.agent not in ("", *held):
            names = ", ".join(sorted(held)) or "none"
            raise Refused(f"nothing holds {command.agent or 'any agent'} (held by their providers: {names})")
        return Obeyed(release=command.agent)

    def _find(self, command: Command, fleet: Fleet) -> TaskView:
        view = fleet.tasks.get(command.task)
        if view is None:
            raise Refused(f"there is no task {command.task[:100]!r}")
        if view.status is None:
            raise Refused(f"the status of {view.id} cannot be read: {view.faults[0] if view.faults else 'missing'}")
        return view

    # ── tasks ───────────────────────────────────────────────────────────────────────────────────────────────

    def _spawn(self, name: str, command: Command, fleet: Fleet, now: datetime) -> tuple[str, Obeyed]:
        for view in fleet.tasks.values():
            if view.task and view.task.cause == name:
                return view.id, Obeyed()
        agents = self._config.agents
        agent = command.agent or next(iter(agents), "")
        if agent not in agents:
            known = ", ".join(agents) or "none is configured"
            raise Refused(f"there is no agent {agent!r} in opsroom.toml (agents: {known})")
        if command.parent and command.parent not in fleet.tasks:
            raise Refused(f"there is no task {command.parent[:100]!r} to be the parent")
        if not command.title.strip():
            raise Refused("a task needs a title")
        if not self._config.orchestrator.base:
            raise Refused("there is no branch to land on: set orchestrator.base in opsroom.toml")
        task = Task(
            title=command.title,
            created=now,
            agent=agent,
            parent=command.parent,
            base=self._config.orchestrator.base,
            by=command.by,
            cause=name,
        )
        taken = [*fleet.tasks, *(path.name for path in (self._state.root / "archive").glob("*"))]
        task_id = tasks.next_id(taken)
        while not tasks.create(self._state, self._events, task_id, task, command.spec):
            task_id = f"{int(task_id) + 1:04d}"
        return task_id, Obeyed(tasks.paths_of(task_id))

    def _move(self, name: str, command: Command, view: TaskView, alive: Collection[str], now: datetime) -> Obeyed:
        status = view.status
        assert status is not None  # noqa: S101 - `_find` has looked
        verb, state = command.verb, status.state
        grace = {view.id: 0.0} if verb == "kill" else None
        if status.cause == name:
            return Obeyed(grace=grace)
        if verb == "kill" and state in FINAL and view.id in alive:  # stopped before, and still in its grace
            return Obeyed(grace=grace)
        allowed = {"pause": PAUSABLE, "resume": {"paused"}, "retry": RETRYABLE}.get(verb, STOPPABLE)
        waits = state in CHECKING and status.waiting_on and view.id not in self._busy  # it may do so for ever
        if state not in allowed and not (waits and verb in ("stop", "kill")):
            raise Refused(f"{view.id} is {state}; {_hint(verb, state)}")
        to = {"pause": "paused", "stop": "cancelled", "kill": "cancelled"}.get(verb, "queued")
        changes = {"failures": 0} if to == "queued" else {}
        why = f"{verb} by {command.by}{': ' if command.text else ''}{command.text}"
        tasks.move(self._state, self._events, view.id, status, now, to, why=why, cause=name, **changes)
        return Obeyed(frozenset({f"tasks/{view.id}/status.toml"}), grace=grace)

    def _message(self, name: str, command: Command, view: TaskView) -> Obeyed:
        folder = self._state.task(view.id)
        text = f"{name.removesuffix('.toml').removesuffix('-message')}-message.md"
        message = Message(kind="message", at=command.at, by=command.by, body=command.text)
        if not files.exists(folder.inbox_done / text):
            with contextlib.suppress(FileExistsError):
                files.create(self._state.root, folder.inbox / text, messages.render(message))
        return Obeyed(frozenset({f"tasks/{view.id}/inbox/{text}"}))

    # ── campaigns ───────────────────────────────────────────────────────────────────────────────────────────

    def _start_campaign(self, name: str, command: Command, fleet: Fleet, now: datetime) -> Obeyed:
        view = fleet.campaigns.get(command.campaign)
        if view is None:
            raise Refused(f"there is no campaign {command.campaign[:100]!r}")
        if view.file is None or view.envelope is None:
            raise Refused(str(view.faults[0]))
        numbers = [number for number, run in view.runs if run.cause == name]
        paths = set()
        if not numbers:
            if view.file.faults:
                raise Refused(str(view.file.faults[0]))
            if not view.file.queue:
                raise Refused(f"campaigns/{view.name}/campaign.md has no item in its queue")
            if view.envelope.agent not in self._config.agents:
                raise Refused(f"there is no agent {view.envelope.agent!r} in opsroom.toml")
            if unknown := next(iter(view.envelope.budgets.extra), ""):
                file = f"campaigns/{view.name}/campaign.toml"
                raise Refused(f"{file}: unknown key {unknown!r} in budgets: it would limit nothing")
            if view.file.status == "running" and view.runs and view.runs[-1][1].ended is None:
                raise Refused(f"campaign {view.name} is running")
            number = max((number for number, _ in view.runs), default=0) + 1
            path = self._state.campaign(view.name).run(number)
            files.create(self._state.root, path, encode(Run(started=now, cause=name)))
            paths.add(self._state.relative(path))
        elif dict(view.runs)[numbers[0]].ended is not None:
            return Obeyed()
        paths.add(self._set_status(view.name, "running", ""))
        return Obeyed(frozenset(paths))

    def _pause_campaign(self, command: Command, fleet: Fleet) -> Obeyed:
        view = fleet.campaigns.get(command.campaign)
        if view is None or view.file is None:
            raise Refused(f"there is no campaign {command.campaign[:100]!r} that can be read")
        if view.file.status == "paused":  # it was done before a crash, or by hand
            return Obeyed()
        if view.file.status != "running":
            raise Refused(f"campaign {view.name} is not running: {view.file.status}")
        return Obeyed(frozenset({self._set_status(view.name, "paused", f"paused by {command.by}")}))

    def _set_status(self, campaign: str, status: str, why: str) -> str:
        path = self._state.campaign(campaign).queue
        file = CampaignFile(files.read(self._state.root, path), self._state.relative(path))
        file.set("STATUS", status)
        file.set("STOP_REASON", why)
        files.replace(self._state.root, path, file.render())
        return self._state.relative(path)


def _hint(verb: str, state: str) -> str:
    if state in CHECKING:
        return "it is being landed and ends by itself"
    if state in FINAL and verb != "retry":
        return "nothing runs there"
    return {
        "resume": "only a paused task is resumed",
        "retry": "only a failed, stopped or cancelled task is tried again",
    }.get(verb, "there is nothing to end")
