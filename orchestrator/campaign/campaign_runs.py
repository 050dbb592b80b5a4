"""Carries out what `campaigns.plan` decides: branches, tasks, lines of history, halts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from orchestrator import tasks, verify
from orchestrator.campaign import campaigns, envelopes, proposals
from orchestrator.campaign.envelopes import Envelope
from orchestrator.campaign.notify import Notifier
from orchestrator.config import Config
from orchestrator.enclosed import Enclosing, unenclosed
from orchestrator.events import Events
from orchestrator.repository import merge_queue, worktrees
from orchestrator.repository.git import Git, GitError, GitLocked
from orchestrator.running import attempts
from state import files, locks
from state.campaign_file import CampaignFile
from state.envelope import Run
from state.errors import OpsroomError
from state.layout import StateDir
from state.model import Task, decode, encode
from state.usage import Usage
from state.views import CampaignView, Fleet, TaskView

__all__ = ["Begun", "CampaignRuns"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that is ready to launch, or `error`, why it is not."""

    run: int
    branch: str = ""
    measured: dict[str, str] = field(default_factory=dict)
    """What the metric and each guard measured, by their names."""
    error: str = ""
    again: OpsroomError | None = None
    """Why it could not be done now, through nobody's fault; it is tried again soon."""


class CampaignRuns:
    """The campaigns of one state directory. Each method but `begin` belongs to the loop's own thread."""

    def __init__(self, state: StateDir, config: Config, events: Events, enclosing: Enclosing = unenclosed) -> None:
        self._state = state
        self._config = config
        self._events = events
        self._enclosing = enclosing
        self._notifier = Notifier(config.notify)
        self._sparse = tuple(config.worktrees.sparse)

    def envelope(self, fleet: Fleet, view: TaskView) -> Envelope:
        """What holds for a task. Raises `BadFile` where its campaign's policy cannot be read or kept."""
        return envelopes.of_task(self._state, self._config, fleet, view)

    def begin(self, view: CampaignView, run: int, ending: verify.Ending) -> Begun:
        """Makes the campaign's branch, if it has none, and measures it in a worktree that is removed again.

        Raises `Interrupted` soon after the end was said to be near, `CannotWrite`, `GitLocked` and `Unavailable`.
        """
        envelope = view.envelope
        if envelope is None:
            return Begun(run, error="campaign.toml cannot be read")
        branch = campaigns.branch_of(view.name)
        git = Git(self._state.repository)
        base = envelope.base or self._config.orchestrator.base
        try:
            if git.branch_tip(branch) is None:
                if git.commit_of(base) is None:
                    return Begun(run, error=f"branch {base!r} does not exist")
                git.run("branch", "--no-track", "--", branch, base)
            if occupied := merge_queue.occupied(git, branch):
                return Begun(run, error=occupied)
            measured = self._measure(view, branch, ending)
        except GitLocked:
            raise
        except GitError as error:
            return Begun(run, error=str(error))
        for name, value in measured.items():
            if not value:
                said = verify.tail_of(self._metric_log(view.name)).decode("utf-8", "replace").strip()
                return Begun(run, error=f"metric {name} gave no number: {said.rpartition(chr(10))[2][:200]}")
        return Begun(run, branch, measured)

    def _measure(self, view: CampaignView, branch: str, ending: verify.Ending) -> dict[str, str]:
        """The campaign's metric and its guards where the branch stands; '' for one that gives no number, the last."""
        found = [view.envelope.metric, *view.envelope.guards] if view.envelope else []
        metrics = [metric for metric in found if metric is not None]
        if not metrics:
            return {}
        worktree = self._state.worktrees / f"_{view.name}"  # no task id begins with '_'
        folder = self._state.campaign(view.name).root
        attempts.sweep_metric(folder)  # of an orchestrator that was killed at this
        environment = {"OPSROOM_STATE_DIR": str(self._state.root), "OPSROOM_CAMPAIGN_DIR": str(folder)}
        who = locks.Who(what=f"metric of {view.name}")
        turn = verify.Turn(self._state, who, self._config.checks.lock_seconds)
        there = worktrees.scratch(self._state.repository, worktree, branch, self._sparse)
        with there, verify.building(turn, ending) as given, self._enclosing(worktree) as enclose:
            measured: dict[str, str] = {}
            for metric in metrics:
                log = self._metric_log(view.name)
                measured[metric.name] = verify.measure(metric, worktree, environment | given, log, ending, enclose)
                if not measured[metric.name]:
                    break
            return measured

    def _metric_log(self, campaign: str) -> Path:
        return self._state.campaign(campaign).root / "metric.log"

    def finish(self, name: str, begun: Begun, fleet: Fleet, now: datetime) -> frozenset[str]:
        """Writes down that a run has begun, or that it could not; the paths that changed."""
        if begun.error:
            return self._halt(campaigns.Halt(name, begun.run, "error", begun.error), fleet, now)
        file = self._file(name)
        view = fleet.campaigns.get(name)
        if view is None:  # its folder was moved away and is back: it is read again, and the run begun again
            return frozenset()
        metric = view.envelope.metric if view.envelope else None
        value = begun.measured.get(metric.name, "") if metric else ""
        if metric and value:
            if not file.metric("METRIC_START"):
                file.set("METRIC_START", value)
            file.set("METRIC_CURRENT", value)
        if file.counter("NO_PROGRESS_COUNT"):  # a person has looked and started it: it may try again
            file.set("NO_PROGRESS_COUNT", 0)
        # the file first: a run that has a branch is not begun again, and what the file is to say would be lost
        written = self._write(name, file)
        path = self._change_run(
            name,
            begun.run,
            branch=begun.branch,
            metric_before=value,
            baselines=self._baselines(view, file, begun.measured),
            spent_before=_spent(fleet, name),
        )
        self._events.tell("run", campaign=name, run=begun.run, branch=begun.branch, metric=value)
        return frozenset({path, written})

    def _baselines(self, view: CampaignView, file: CampaignFile, measured: dict[str, str]) -> dict[str, str]:
        """What each metric was before the campaign's first run that knew it."""
        first: dict[str, str] = {}
        for _, run in view.runs:
            first = run.baselines | first
        metric = view.envelope.metric if view.envelope else None
        start = {metric.name: file.metric("METRIC_START")} if metric and file.metric("METRIC_START") else {}
        return {name: first.get(name) or start.get(name) or value for name, value in measured.items()}

    def carry_out(self, decision: campaigns.Decision, fleet: Fleet, now: datetime) -> frozenset[str]:
        """Does what was decided; the paths that changed."""
        match decision:
            case campaigns.Launch():
                return self._launch(decision, fleet, now)
            case campaigns.Record():
                return self._record(decision, fleet, now)
            case campaigns.Halt():
                return self._halt(decision, fleet, now)
            case _:
                return frozenset()

    def _launch(self, decision: campaigns.Launch, fleet: Fleet, now: datetime) -> frozenset[str]:
        view, item = fleet.campaigns[decision.campaign], decision.item
        task_id = campaigns.task_of(view.name, item.index)
        task = Task(
            title=item.target,
            created=now,
            agent=view.envelope.agent if view.envelope else "",
            campaign=view.name,
            item=item.target,
            index=item.index,
            base=campaigns.branch_of(view.name),
            by=f"campaign {view.name}",
        )
        paths = tasks.paths_of(task_id)
        if tasks.create(self._state, self._events, task_id, task, campaigns.spec_of(view, item)):
            file = self._file(view.name)
            file.set("INVOCATIONS_STARTED", file.counter("INVOCATIONS_STARTED") + 1)
            paths |= {self._write(view.name, file, sync="file")}
        return paths

    def _record(self, decision: campaigns.Record, fleet: Fleet, now: datetime) -> frozenset[str]:
        view, item = fleet.tasks[decision.task], decision.item
        status = view.status
        if status is None:
            return frozenset()
        file = self._file(decision.campaign)
        learned = view.result.learned if view.result else ""
        usage = status.usage
        file.add_history(
            now,
            index=item.index,
            file=item.target,
            result=decision.result,
            commit=status.commit[:12] if decision.result == "success" else "",
            checks=",".join(status.checks),
            metric=status.metric,
            seconds=f"{usage.seconds:.1f}" if usage.seconds else "",
            tokens=usage.tokens or "",
            dollars=f"{usage.dollars:.4f}" if usage.dollars else "",
            unpriced=usage.unpriced or "",
            attempt=status.attempt,
            repairs=status.repairs or "",
            why="" if decision.result == "success" else status.why,
            learned=learned,
        )
        before, after = file.metric("METRIC_CURRENT"), status.metric
        progress = decision.result == "success" and bool(status.commit)
        envelope = fleet.campaigns[decision.campaign].envelope
        if after and decision.result == "success":
            file.set("METRIC_CURRENT", after)
        progress = progress and envelope is not None and campaigns.is_progress(envelope, before, after)
        file.set("NO_PROGRESS_COUNT", 0 if progress else file.counter("NO_PROGRESS_COUNT") + 1)
        file.set("NEXT_INDEX", file.first_open)
        path = self._write(decision.campaign, file)  # before it is told: what cannot be written is tried at each turn
        self._events.tell("item", campaign=decision.campaign, index=item.index, result=decision.result, task=view.id)
        return frozenset({path})

    def _halt(self, decision: campaigns.Halt, fleet: Fleet, now: datetime) -> frozenset[str]:
        file, paths = None, set()
        view = fleet.campaigns.get(decision.campaign)
        if view is None or view.file is not None:  # else what cannot be read is a person's to mend
            file = self._file(decision.campaign)
            file.set("STATUS", decision.status)
            file.set("STOP_REASON", decision.why)
            # the file first: a run that goes on though its campaign has halted is ended by `plan`, the other way not
            paths.add(self._write(decision.campaign, file))
        if decision.run:
            run = self._run(decision.campaign, decision.run)
            lines = [line for line in file.history if _at_or_after(line.at, run.started)] if file else []
            paths.add(
                self._change_run(
                    decision.campaign,
                    decision.run,
                    ended=now,
                    notified=now if self._config.notify.config and decision.status != "paused" else None,
                    halted=decision.status,
                    why=decision.why,
                    items=len(lines),
                    results=dict(Counter(line.result for line in lines)),
                    metric_after=file.metric("METRIC_CURRENT") if file else "",
                    spent=_spent(fleet, decision.campaign).minus(run.spent_before),
                    proposals=proposals.of_run(
                        lines, _notes(fleet, decision.campaign, run.started), file.policy if file else ()
                    ),
                )
            )
        self._events.tell("halt", campaign=decision.campaign, status=decision.status, why=decision.why)
        if decision.run and decision.status != "paused":  # a person did that, and knows
            self._tell_person(decision, file)
        return frozenset(paths)

    def _tell_person(self, decision: campaigns.Halt, file: CampaignFile | None) -> None:
        body = f"{decision.why or decision.status}\n"
        if file is not None:
            body += f"{len(file.queue) - len(file.remaining)} of {len(file.queue)} items are done. "
        self._notifier.send(
            f"Opsroom: {decision.campaign} halted: {decision.status}",
            body + campaigns.next_step(decision.campaign, decision.status),
        )

    def close(self) -> None:
        """Waits until what is being told a person has been told."""
        self._notifier.close()
        self.look()

    def look(self) -> None:
        """Says which notifications did not get through."""
        for why in self._notifier.failures():
            self._events.tell("trouble", what="notify", why=why)

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────

    def _file(self, name: str) -> CampaignFile:
        path = self._state.campaign(name).queue
        return CampaignFile(files.read(self._state.root, path), self._state.relative(path))

    def _write(self, name: str, file: CampaignFile, sync: files.Sync = "folder") -> str:
        path = self._state.campaign(name).queue
        files.replace(self._state.root, path, file.render(), sync)
        return self._state.relative(path)

    def _run(self, name: str, number: int) -> Run:
        path = self._state.campaign(name).run(number)
        return decode(Run, files.read_text(self._state.root, path), self._state.relative(path))

    def _change_run(self, name: str, number: int, **changes: Any) -> str:
        path = self._state.campaign(name).run(number)
        files.replace(self._state.root, path, encode(msgspec.structs.replace(self._run(name, number), **changes)))
        return self._state.relative(path)


def _spent(fleet: Fleet, campaign: str) -> Usage:
    """What the ended attempts of a campaign have used together."""
    used = Usage()
    for view in fleet.tasks.values():
        if view.campaign == campaign and view.status is not None:
            used = used.plus(view.status.usage)
    return used


def _notes(fleet: Fleet, campaign: str, since: datetime) -> list[tuple[str, str]]:
    """What the campaign's workers have noted since, each with its item."""
    return [
        (view.task.item if view.task else view.id, message.body)
        for view in fleet.tasks.values()
        if view.campaign == campaign
        for message in view.outbox
        if message.kind == "note" and message.at >= since
    ]


def _at_or_after(text: str, since: datetime) -> bool:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return False
    return at.tzinfo is not None and at >= since.replace(microsecond=0)
