"""Obeys what a person asks of a campaign: to begin, to pause, and the moves between its items.

A move that would do harm when it is made twice leaves the command's name behind: in the run, in the item's task, or as
`CAUSE` in campaign.md. The others find what they were to make and leave it as it is.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from orchestrator import policy, tasks
from orchestrator.campaign import campaigns
from orchestrator.config import Config
from orchestrator.events import Events
from state import campaign_edits, files
from state.campaign_file import POLICY, UNTOUCHABLE, CampaignFile, Item
from state.envelope import Campaign, Run, unknown_limit
from state.errors import NotThere, Refused
from state.layout import StateDir
from state.model import CHECKING, FINAL, LIVE, Command, Task, encode
from state.views import CampaignView, Fleet, TaskView

__all__ = ["VERBS", "CampaignMoves", "Moved"]

VERBS: Final = frozenset(
    f"campaign-{verb}"
    for verb in ("start", "pause", "defer", "skip", "retry", "reorder", "reword", "add", "note", "protect")
)
CAUSE = "CAUSE"
"""The header of campaign.md that names the last command whose act ended in that file, if it must not be done twice."""
GIVEN_BACK = frozenset({"failed", "stopped", "cancelled"})
"""States of a task from which its item can be tried again."""
SUCCESS = "success"


class Moved(NamedTuple):
    """What a command did: the paths that it has written, and what whoever sent it would not know otherwise."""

    paths: frozenset[str]
    said: str = ""


class CampaignMoves:
    """The campaigns of one state directory, as commands change them."""

    def __init__(self, state: StateDir, config: Config, events: Events) -> None:
        self._state = state
        self._config = config
        self._events = events

    def obey(self, name: str, command: Command, fleet: Fleet, now: datetime) -> Moved:
        """Obeys the command `name`, whose verb is one of `VERBS`.

        Raises `Refused` or `NotThere` with the reason where it may not be, and `CannotWrite`.
        """
        match command.verb:
            case "campaign-add":
                return self._add(name, command, _known(fleet, command), fleet)
            case "campaign-reword":
                return self._reword(name, command, _known(fleet, command), fleet, now)
            case _:
                return Moved(self._obey(name, command, fleet, now))

    def _obey(self, name: str, command: Command, fleet: Fleet, now: datetime) -> frozenset[str]:
        if command.verb == "campaign-pause":
            return self._pause(command, fleet.campaigns.get(command.campaign))
        view = _known(fleet, command)
        match command.verb:
            case "campaign-start":
                return self._start(name, view, now)
            case "campaign-defer":
                return self._settle(name, command, view, fleet, now, "human_deferred")
            case "campaign-skip":
                return self._settle(name, command, view, fleet, now, "skipped")
            case "campaign-retry":
                return self._retry(name, command, view, fleet, now)
            case "campaign-reorder":
                return self._edit(view, lambda file: campaign_edits.move_item(file, command.index, command.before))
            case "campaign-note":
                return self._edit(view, lambda file: campaign_edits.add_rule(file, POLICY, command.text))
            case _:
                return self._edit(view, lambda file: campaign_edits.add_rule(file, UNTOUCHABLE, command.text))

    # ── runs ────────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, name: str, view: CampaignView, now: datetime) -> frozenset[str]:
        if view.file is None or view.envelope is None:
            raise Refused(str(view.faults[0]))
        numbers = [number for number, run in view.runs if run.cause == name]
        paths = set()
        if not numbers:
            if view.file.faults:
                raise Refused(str(view.file.faults[0]))
            if not view.file.queue:
                raise Refused(f"campaigns/{view.name}/campaign.md has no item in its queue")
            self._examine(view.name, view.envelope)
            if view.runs and view.runs[-1][1].ended is None:
                if view.file.headers.get(CAUSE) == name:  # it was done before a crash
                    return frozenset()
                if view.file.status == "running":
                    raise Refused(f"campaign {view.name} is running")
                return self._set_status(view, "running", "", name)  # what was at work when it was paused still is
            number = max((number for number, _ in view.runs), default=0) + 1
            path = self._state.campaign(view.name).run(number)
            files.create(self._state.root, path, encode(Run(started=now, cause=name)))
            paths.add(self._state.relative(path))
        elif dict(view.runs)[numbers[0]].ended is not None:
            return frozenset()
        return frozenset(paths) | self._set_status(view, "running", "")

    def _examine(self, name: str, envelope: Campaign) -> None:
        """Refuses an envelope that would limit less than it says."""
        if envelope.agent not in self._config.agents:
            raise Refused(f"there is no agent {envelope.agent!r} in opsroom.toml")
        where = f"campaigns/{name}/campaign.toml"
        if found := unknown_limit(envelope):
            raise Refused(f"{where}: unknown key {found!r}: it would limit nothing")
        if found := policy.fault(envelope.policy):
            raise Refused(f"{where}: policy: {found}")

    def _pause(self, command: Command, view: CampaignView | None) -> frozenset[str]:
        if view is None or view.file is None:
            raise Refused(f"there is no campaign {command.campaign[:100]!r} that can be read")
        if view.file.status == "paused":  # it was done before a crash, or by hand
            return frozenset()
        if view.file.status != "running":
            raise Refused(f"campaign {view.name} is not running: {view.file.status}")
        return self._set_status(view, "paused", f"paused by {command.by}")

    def _set_status(self, view: CampaignView, status: str, why: str, cause: str = "") -> frozenset[str]:
        file = self._read(view)
        if cause:
            file.set(CAUSE, cause)
        file.set("STATUS", status)
        file.set("STOP_REASON", why)
        return self._write(view, file)

    # ── items ───────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(
        self, name: str, command: Command, view: CampaignView, fleet: Fleet, now: datetime, result: str
    ) -> frozenset[str]:
        """Gives an item the outcome that a person says; its work, if there is any, stays on its branch."""
        file = self._sound(view)
        item, task = self._find(file, command, view, fleet)
        paths: frozenset[str] = frozenset()
        if file.headers.get(CAUSE) != name:
            _refuse_settled(file, item, task, result)
            paths = self._record(name, command, view, file, item, task, now, result, command.text.strip())
        return paths if task is None else paths | self._leave(name, command, task, now)

    def _record(
        self,
        name: str,
        command: Command,
        view: CampaignView,
        file: CampaignFile,
        item: Item,
        task: TaskView | None,
        now: datetime,
        result: str,
        why: str,
    ) -> frozenset[str]:
        """Writes the line of history that a person's move makes, and the command's name beside it."""
        file.add_history(
            now,
            index=item.index,
            file=item.target,
            result=result,
            attempt=task.status.attempt if task is not None and task.status is not None else "",
            why=why or f"{_verb(command)} by {command.by}",
            by=command.by,
        )
        file.set("NEXT_INDEX", file.first_open)
        file.set(CAUSE, name)
        paths = self._write(view, file)
        self._events.tell("item", campaign=view.name, index=item.index, result=result, why=why)
        return paths

    def _leave(self, name: str, command: Command, task: TaskView, now: datetime) -> frozenset[str]:
        """Cancels the item's task, unless it has ended or its worker is at it; its work stays on its branch."""
        if task.status is None or task.state in FINAL | LIVE | CHECKING:
            return frozenset()
        words = command.text.strip()
        why = f"{_verb(command)} by {command.by}{': ' if words else ''}{words}"
        tasks.move(self._state, self._events, task.id, task.status, now, "cancelled", why=why, cause=name)
        return frozenset({f"tasks/{task.id}/status.toml"})

    def _retry(self, name: str, command: Command, view: CampaignView, fleet: Fleet, now: datetime) -> frozenset[str]:
        """Gives an item back to a worker: its task is queued again, or made."""
        file = self._sound(view)
        item, task = self._find(file, command, view, fleet)
        task_id = campaigns.task_of(view.name, item.index)
        if task is None:
            return self._give_anew(name, command, view, file, item, now)
        if task.task is not None and task.task.cause == name:  # made by this very command, before a crash
            return self._words(name, command, task_id)
        if task.status is None or task.task is None:
            raise Refused(f"{task.id} cannot be read: {task.faults[0] if task.faults else 'missing'}")
        if task.status.cause == name:
            return frozenset()
        if task.state not in GIVEN_BACK:
            raise Refused(f"item {item.index} is {task.state}; only what failed, stopped or was left is tried again")
        paths = self._words(name, command, task_id)
        fresh = {"failures": 0, "repairs": 0, "conflicts": 0}
        why = f"retry by {command.by}"
        tasks.move(self._state, self._events, task_id, task.status, now, "queued", why=why, cause=name, **fresh)
        return paths | {f"tasks/{task_id}/status.toml"}

    def _give_anew(
        self, name: str, command: Command, view: CampaignView, file: CampaignFile, item: Item, now: datetime
    ) -> frozenset[str]:
        outcome = file.outcome(item.index)
        if outcome is None:
            raise Refused(f"item {item.index} was not tried yet", todo="it has its turn as the queue says")
        if outcome.result == SUCCESS:
            raise Refused(f"item {item.index} has an outcome already: {outcome.result}")
        if view.envelope is None or not any(run.branch for _, run in view.runs):
            raise Refused(
                f"campaign {view.name} has no branch yet", todo=f"start it first, then retry item {item.index}"
            )
        task_id = campaigns.task_of(view.name, item.index)
        task = Task(
            title=item.target,
            created=now,
            agent=view.envelope.agent,
            campaign=view.name,
            item=item.target,
            index=item.index,
            base=campaigns.branch_of(view.name),
            by=command.by,
            cause=name,
        )
        if not tasks.create(self._state, self._events, task_id, task, campaigns.spec_of(view, item)):
            raise Refused(f"there is something in the place of task {task_id}")
        paths = tasks.paths_of(task_id) | self._words(name, command, task_id)
        file.set("INVOCATIONS_STARTED", file.counter("INVOCATIONS_STARTED") + 1)
        return paths | self._write(view, file)

    def _words(self, name: str, command: Command, task_id: str) -> frozenset[str]:
        """Sends the worker what the person said, if anything."""
        return tasks.send_on(self._state, task_id, name, command) if command.text.strip() else frozenset()

    def _add(self, name: str, command: Command, view: CampaignView, fleet: Fleet) -> Moved:
        file = self._sound(view)
        if file.headers.get(CAUSE) == name:  # it was done before a crash, and nothing was added since
            return Moved(frozenset(), f"item {max(item.index for item in file.queue)}")
        index = campaign_edits.add_item(file, command.text, _highest(view, fleet))
        file.set(CAUSE, name)
        return Moved(self._write(view, file), f"item {index}")

    def _reword(self, name: str, command: Command, view: CampaignView, fleet: Fleet, now: datetime) -> Moved:
        """Gives an item other words. One that was begun keeps its own, and another one takes its place in the queue."""
        file = self._sound(view)
        item, task = self._find(file, command, view, fleet)
        if task is None:
            return Moved(self._edit(view, lambda file: campaign_edits.reword_item(file, item.index, command.text)))
        paths: frozenset[str] = frozenset()
        if file.headers.get(CAUSE) == name:
            index = max(entry.index for entry in file.queue)
        else:
            if item.target == command.text.strip():
                return Moved(paths)
            _refuse_settled(file, item, task, "skipped")
            text = command.text.strip() + "".join(f" | {key}={value}" for key, value in item.fields.items())
            index = campaign_edits.add_item(file, text, _highest(view, fleet))
            item = campaign_edits.item_of(file, command.index)  # adding has moved lines
            behind = (entry for entry in file.queue if entry.line > item.line and entry.index != index)
            if (following := next(behind, None)) is not None:
                campaign_edits.move_item(file, index, following.index)
            paths = self._record(name, command, view, file, item, task, now, "skipped", f"reworded as item {index}")
        return Moved(paths | self._leave(name, command, task, now), f"item {index} in its place")

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────

    def _find(
        self, file: CampaignFile, command: Command, view: CampaignView, fleet: Fleet
    ) -> tuple[Item, TaskView | None]:
        item = campaign_edits.item_of(file, command.index)
        return item, fleet.tasks.get(campaigns.task_of(view.name, item.index))

    def _edit(self, view: CampaignView, change: Callable[[CampaignFile], object]) -> frozenset[str]:
        file = self._sound(view)
        before = file.render()
        change(file)
        return frozenset() if file.render() == before else self._write(view, file)

    def _read(self, view: CampaignView) -> CampaignFile:
        path = self._state.campaign(view.name).queue
        return CampaignFile(files.read(self._state.root, path), self._state.relative(path))

    def _sound(self, view: CampaignView) -> CampaignFile:
        """The file as it is now; refused where a run could not go by it."""
        file = self._read(view)
        if file.faults:
            raise Refused(str(file.faults[0]))
        return file

    def _write(self, view: CampaignView, file: CampaignFile) -> frozenset[str]:
        path = self._state.campaign(view.name).queue
        files.replace(self._state.root, path, file.render())
        return frozenset({self._state.relative(path)})


def _verb(command: Command) -> str:
    return command.verb.removeprefix("campaign-")


def _highest(view: CampaignView, fleet: Fleet) -> int:
    """The highest number that an item of the campaign has a task for."""
    known = (task.task.index for task in fleet.tasks.values() if task.task and task.campaign == view.name)
    return max(known, default=0)


def _refuse_settled(file: CampaignFile, item: Item, task: TaskView | None, result: str) -> None:
    """Refuses an outcome by a person where a worker is at it, has succeeded, or the item has that outcome."""
    before = file.outcome(item.index)
    if before is not None and before.result in (SUCCESS, result):
        raise Refused(f"item {item.index} has an outcome already: {before.result}")
    if task is not None and task.state in LIVE:
        raise Refused(f"item {item.index} is {task.state}", todo=f"'opsroom stop {task.id}' ends its worker")
    if task is not None and task.state in CHECKING | {"merged", "done"}:
        raise Refused(f"item {item.index} is {task.state}")


def _known(fleet: Fleet, command: Command) -> CampaignView:
    view = fleet.campaigns.get(command.campaign)
    if view is None:
        raise NotThere(f"there is no campaign {command.campaign[:100]!r}")
    return view
