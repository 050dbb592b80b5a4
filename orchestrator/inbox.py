"""Takes commands: each exactly once, also across a crash between taking it and acting on it.

Every command's act ends in one write that names the command as its `cause`. So a command that was taken and has
no outcome is simply obeyed again: where its cause is found, it had been done.
"""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from orchestrator import tasks
from orchestrator.campaign import campaign_moves
from orchestrator.campaign.campaign_moves import CampaignMoves
from orchestrator.config import Config
from orchestrator.events import Events
from state import commands, files
from state.errors import CannotWrite, OpsroomError, Refused
from state.layout import StateDir
from state.machine import PROVIDER
from state.model import CHECKING, FINAL, Command, Outcome, Task
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
    said: str = ""
    """What whoever sent it would not know otherwise."""


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
        self._campaign_moves = CampaignMoves(state, config, events)
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
            outcome = commands.accepted(tasks.BY, task, obeyed.said)
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
                view = self._find(command, fleet)
                return command.task, Obeyed(tasks.send_on(self._state, view.id, name, command))
            case verb if verb in campaign_moves.VERBS:
                moved = self._campaign_moves.obey(name, command, fleet, now)
                return "", Obeyed(moved.paths, said=moved.said)
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
        changes |= {"repairs": 0, "conflicts": 0} if verb == "retry" else {}
        why = f"{verb} by {command.by}{': ' if command.text else ''}{command.text}"
        tasks.move(self._state, self._events, view.id, status, now, to, why=why, cause=name, **changes)
        return Obeyed(frozenset({f"tasks/{view.id}/status.toml"}), grace=grace)


def _hint(verb: str, state: str) -> str:
    if state in CHECKING:
        return "it is being landed and ends by itself"
    if state in FINAL and verb != "retry":
        return "nothing runs there"
    return {
        "resume": "only a paused task is resumed",
        "retry": "only a failed, stopped or cancelled task is tried again",
    }.get(verb, "there is nothing to end")
