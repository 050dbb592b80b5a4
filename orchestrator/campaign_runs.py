"""Carries out what `campaigns.plan` decides: branches, tasks, lines of history, halts."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from orchestrator import attempts, campaigns, tasks, verify, worktrees
from orchestrator.acting import Envelope
from orchestrator.config import Config
from orchestrator.enclosure import Enclosing, unenclosed
from orchestrator.events import Events
from orchestrator.git import Git, GitError, GitLocked
from state import files, locks
from state.campaign_file import BLOCKING, CampaignFile
from state.envelope import Run
from state.errors import BadFile, OpsroomError
from state.layout import StateDir
from state.model import Task, decode, encode
from state.views import CampaignView, Fleet, TaskView

__all__ = ["Begun", "CampaignRuns"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that is ready to launch, or `error`, why it is not."""

    run: int
    branch: str = ""
    metric: str = ""
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
        self._sparse = tuple(config.worktrees.sparse)

    def envelope(self, fleet: Fleet, view: TaskView) -> Envelope:
        """What holds for a task: its campaign's checks, metric and words, or the configuration's."""
        task = view.task
        title = " ".join(view.title.split())
        trailers = f"\n\nOpsroom-Task: {view.id}"
        wait = self._config.checks.lock_seconds
        campaign = fleet.campaigns.get(view.campaign)
        if task is None or campaign is None or campaign.envelope is None:
            checks = self._config.checks.as_checks()
            return Envelope(checks, None, title + trailers, lock_seconds=wait, sparse=self._sparse)
        found = campaign.envelope
        words = {"campaign": campaign.name, "item": task.item, "index": str(task.index), "title": title}
        trailers += f"\nOpsroom-Campaign: {campaign.name}\nOpsroom-Item: {task.item}"
        prompt = _filled(self._prompt(campaign.name), words)
        message = _filled(found.message, words) + trailers
        return Envelope(found.checks, found.metric, message, prompt, wait, self._sparse)

    def _prompt(self, campaign: str) -> str:
        path = self._state.campaign(campaign).prompt
        try:
            return files.read_text(self._state.root, path)
        except BadFile as error:
            return f"({error.fault})" if files.exists(path) else ""

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
            metric = self._measure(view, branch, ending)
        except GitLocked:
            raise
        except GitError as error:
            return Begun(run, error=str(error))
        if envelope.metric is not None and not metric:
            said = verify.tail_of(self._metric_log(view.name)).decode("utf-8", "replace").strip().rpartition("\n")[2]
            return Begun(run, error=f"metric {envelope.metric.name} gave no number: {said[:200]}")
        return Begun(run, branch, metric)

    def _measure(self, view: CampaignView, branch: str, ending: verify.Ending) -> str:
        metric = view.envelope.metric if view.envelope else None
        if metric is None:
            return ""
        worktree = self._state.worktrees / f"_{view.name}"  # no task id begins with '_'
        folder = self._state.campaign(view.name).root
        attempts.sweep_metric(folder, self._metric_log(view.name))  # of an orchestrator that was killed at this
        environment = {"OPSROOM_STATE_DIR": str(self._state.root), "OPSROOM_CAMPAIGN_DIR": str(folder)}
        who = locks.Who(what=f"metric of {view.name}")
        turn = verify.Turn(self._state, who, self._config.checks.lock_seconds)
        there = worktrees.scratch(self._state.repository, worktree, branch, self._sparse)
        with there, verify.building(turn, ending) as given, self._enclosing(worktree) as enclose:
            return verify.measure(metric, worktree, environment | given, self._metric_log(view.name), ending, enclose)

    def _metric_log(self, campaign: str) -> Path:
        return self._state.campaign(campaign).root / "metric.log"

    def finish(self, name: str, begun: Begun, now: datetime) -> frozenset[str]:
        """Writes down that a run has begun, or that it could not; the paths that changed."""
        if begun.error:
            return self._halt(campaigns.Halt(name, begun.run, "error", begun.error), now)
        path = self._change_run(name, begun.run, branch=begun.branch, metric_before=begun.metric)
        file = self._file(name)
        if begun.metric:
            if not file.metric("METRIC_START"):
                file.set("METRIC_START", begun.metric)
            file.set("METRIC_CURRENT", begun.metric)
        self._events.tell("run", campaign=name, run=begun.run, branch=begun.branch, metric=begun.metric)
        return frozenset({path, self._write(name, file)})

    def carry_out(self, decision: campaigns.Decision, fleet: Fleet, now: datetime) -> frozenset[str]:
        """Does what was decided; the paths that changed."""
        match decision:
            case campaigns.Launch():
                return self._launch(decision, fleet, now)
            case campaigns.Record():
                return self._record(decision, fleet, now)
            case campaigns.Halt():
                return self._halt(decision, now)
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
            paths |= {self._write(view.name, file)}
        return paths

    def _record(self, decision: campaigns.Record, fleet: Fleet, now: datetime) -> frozenset[str]:
        view, item = fleet.tasks[decision.task], decision.item
        status = view.status
        if status is None:
            return frozenset()
        file = self._file(decision.campaign)
        learned = view.result.learned if view.result else ""
        seconds = (view.exit.ended - view.exit.started).total_seconds() if view.exit else 0.0
        file.add_history(
            now,
            index=item.index,
            file=item.target,
            result=decision.result,
            commit=status.commit[:12] if decision.result == "success" else "",
            checks=",".join(status.checks),
            metric=status.metric,
            seconds=f"{seconds:.1f}" if seconds else "",
            attempt=status.attempt,
            why="" if decision.result == "success" else status.why,
            learned=learned,
        )
        before, after = file.metric("METRIC_CURRENT"), status.metric
        progress = decision.result == "success" and bool(status.commit)
        if after:
            file.set("METRIC_CURRENT", after)
            progress = progress and after != before
        file.set("NO_PROGRESS_COUNT", 0 if progress else file.counter("NO_PROGRESS_COUNT") + 1)
        file.set("NEXT_INDEX", _next_index(file))
        self._events.tell("item", campaign=decision.campaign, index=item.index, result=decision.result, task=view.id)
        return frozenset({self._write(decision.campaign, file)})

    def _halt(self, decision: campaigns.Halt, now: datetime) -> frozenset[str]:
        file = self._file(decision.campaign)
        file.set("STATUS", decision.status)
        file.set("STOP_REASON", decision.why)
        # the file first: a run that goes on though its campaign has halted is ended by `plan`, the other way it is not
        paths = {self._write(decision.campaign, file)}
        if decision.run:
            since = self._run(decision.campaign, decision.run).started
            items = sum(1 for line in file.history if _at_or_after(line.at, since))
            paths.add(
                self._change_run(
                    decision.campaign,
                    decision.run,
                    ended=now,
                    halted=decision.status,
                    why=decision.why,
                    items=items,
                    metric_after=file.metric("METRIC_CURRENT"),
                )
            )
        self._events.tell("halt", campaign=decision.campaign, status=decision.status, why=decision.why)
        return frozenset(paths)

    # ── files ───────────────────────────────────────────────────────────────────────────────────────────────

    def _file(self, name: str) -> CampaignFile:
        path = self._state.campaign(name).queue
        return CampaignFile(files.read(self._state.root, path), self._state.relative(path))

    def _write(self, name: str, file: CampaignFile) -> str:
        path = self._state.campaign(name).queue
        files.replace(self._state.root, path, file.render())
        return self._state.relative(path)

    def _run(self, name: str, number: int) -> Run:
        path = self._state.campaign(name).run(number)
        return decode(Run, files.read_text(self._state.root, path), self._state.relative(path))

    def _change_run(self, name: str, number: int, **changes: Any) -> str:
        path = self._state.campaign(name).run(number)
        files.replace(self._state.root, path, encode(msgspec.structs.replace(self._run(name, number), **changes)))
        return self._state.relative(path)


def _filled(template: str, words: dict[str, str]) -> str:
    """`template` with each of its `{word}`s that is in `words` put in; other braces stay."""
    return re.sub(r"\{([a-z]+)\}", lambda match: words.get(match[1], match[0]), template)


def _next_index(file: CampaignFile) -> int:
    """The first item without an outcome; one at which the campaign stopped counts as having none."""
    for item in sorted(file.queue, key=lambda item: item.index):
        outcome = file.outcome(item.index)
        if outcome is None or outcome.result == BLOCKING:
            return item.index
    return max((item.index for item in file.queue), default=0) + 1


def _at_or_after(text: str, since: datetime) -> bool:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return False
    return at.tzinfo is not None and at >= since.replace(microsecond=0)
