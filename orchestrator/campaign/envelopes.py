"""What holds for one task: its campaign's checks, policy, bounds and words, or what is configured."""

import re
import shlex
from dataclasses import dataclass

from orchestrator import policy, verify
from orchestrator.campaign import lessons
from orchestrator.config import LOCK_SECONDS, Config
from state import files
from state.campaign_file import HistoryLine
from state.envelope import Campaign, Check
from state.errors import BadFile, Fault
from state.layout import StateDir
from state.views import CampaignView, Fleet, TaskView

__all__ = ["Envelope", "filled", "of_task", "prompt_for"]

LAST = 5
"""Lines of the history that a worker is told."""
LESSONS = 12
"""Lines that other workers have learned that a worker is told."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a task gets from its campaign, or from the configuration where it has none."""

    checks: list[Check]
    message: str
    """The commit message for what the worker left uncommitted."""
    prompt: str = ""
    lock_seconds: float = LOCK_SECONDS
    """How long the checks wait for their turn at the lock `build`."""
    sparse: tuple[str, ...] = ()
    """Folders that a worktree has; all where none is named."""
    rules: policy.Rules | None = None
    """What the change may be."""
    bounds: tuple[verify.Bound, ...] = ()
    """What is measured, the campaign's metric first."""
    metric_now: str = ""
    trailers: tuple[str, ...] = ()
    repairs: int = 0
    """How often the change is given back before it is reverted."""
    begins_again: bool = False
    """Whether it begins again, once, where it conflicts with what has landed meanwhile."""


def of_task(state: StateDir, config: Config, fleet: Fleet, view: TaskView) -> Envelope:
    """The envelope of the task `view`. Raises `BadFile` where its campaign's policy cannot be read, or not be kept."""
    task = view.task
    title = " ".join(view.title.split())
    trailers = [f"Opsroom-Task: {view.id}"]
    wait, sparse = config.checks.lock_seconds, tuple(config.worktrees.sparse)
    campaign = fleet.campaigns.get(view.campaign)
    if view.campaign and (campaign is None or campaign.envelope is None or campaign.file is None):
        raise BadFile(_unreadable(view.campaign, campaign))
    if task is None or campaign is None or campaign.envelope is None:
        message = f"{title}\n\n{trailers[0]}"
        return Envelope(config.checks.as_checks(), message, lock_seconds=wait, sparse=sparse)
    found = campaign.envelope
    untouchable = campaign.file.untouchable if campaign.file else ()
    try:
        rules = policy.rules(found.policy, task.item, untouchable)
    except ValueError as error:
        raise BadFile(Fault(f"campaigns/{campaign.name}/campaign.toml", None, str(error))) from None
    words = {"campaign": campaign.name, "item": task.item, "index": str(task.index), "title": title}
    trailers += [f"Opsroom-Campaign: {campaign.name}", f"Opsroom-Item: {_line(task.item)}"]
    return Envelope(
        checks=[*found.checks, *_own_checks(campaign, found, task.index)],
        message="\n\n".join((filled(found.message, words).strip() or title, "\n".join(trailers))),
        prompt=prompt_for(campaign, task.item, words, _template(state, campaign.name)),
        lock_seconds=wait,
        sparse=sparse,
        rules=rules,
        bounds=_bounds(campaign, found),
        metric_now=campaign.file.metric("METRIC_CURRENT") if campaign.file else "",
        trailers=tuple(trailers),
        repairs=found.repairs,
        begins_again=True,
    )


def _unreadable(name: str, campaign: CampaignView | None) -> Fault:
    """Why one of the two files that say what may be done cannot be read; None where the campaign is gone."""
    missing = "campaign.toml" if campaign is None or campaign.envelope is None else "campaign.md"
    path = f"campaigns/{name}/{missing}"
    faults = campaign.faults if campaign is not None else ()
    return next((fault for fault in faults if fault.path == path), Fault(path, None, "is missing, or cannot be read"))


def _own_checks(campaign: CampaignView, found: Campaign, index: int) -> list[Check]:
    """The checks in the item's own line of the queue (`checks=make lint; make docs`), but for those that run anyway."""
    item = campaign.file.item(index) if campaign.file else None
    checks = []
    for text in (item.fields.get("checks", "") if item else "").split(";"):
        try:
            command = shlex.split(text)
        except ValueError as error:
            place = f"campaigns/{campaign.name}/campaign.md"
            raise BadFile(Fault(place, item.line if item else None, f"checks={text.strip()}: {error}")) from None
        if command and all(command != check.command for check in found.checks):
            checks.append(Check(name=text.strip(), command=command))
    return checks


def _bounds(campaign: CampaignView, found: Campaign) -> tuple[verify.Bound, ...]:
    baselines: dict[str, str] = {}
    for _, run in campaign.runs:  # the newest has none while it is being begun
        baselines = run.baselines | baselines
    bounds = []
    if metric := found.metric:
        bounds.append(verify.Bound(metric, baselines.get(metric.name, ""), metric.tolerance))
    for guard in found.guards:
        bounds.append(verify.Bound(guard, baselines.get(guard.name, ""), guard.tolerance or 0.0, main=False))
    return tuple(bounds)


def _template(state: StateDir, campaign: str) -> str:
    path = state.campaign(campaign).prompt
    try:
        return files.read_text(state.root, path)
    except BadFile as error:
        return f"({error.fault})" if files.exists(path) else ""


# ── what a worker is told ───────────────────────────────────────────────────────────────────────────────────────


def prompt_for(campaign: CampaignView, item: str, words: dict[str, str], template: str) -> str:
    """`template` filled in for `item`; what it has no place for goes below it: policy, notes, history, lessons."""
    history = campaign.file.history if campaign.file else []
    parts = {
        "policy": ("What you may do", _policy(campaign, item)),
        "notes": ("Notes", campaign.file.headers.get("NOTES", "") if campaign.file else ""),
        "history": ("The last items", "\n".join(_told(line) for line in history[-LAST:])),
        "lessons": (
            "What others have learned here",
            "\n".join(f"- {text}" for text in lessons.applying(history, item, LESSONS)),
        ),
    }
    text = filled(template, words | {name: told for name, (_, told) in parts.items()}).rstrip()
    for name, (title, told) in parts.items():
        if told and f"{{{name}}}" not in template:
            text += f"\n\n## {title}\n{told}"
    return f"{text.strip()}\n"


def _policy(campaign: CampaignView, item: str) -> str:
    """The policy as a worker reads it: what code will hold it to, and what a person says besides."""
    found = campaign.envelope.policy if campaign.envelope else None
    lines = []
    if found is not None:
        allowed = ", ".join(f"`{item if pattern == policy.ITEM else pattern}`" for pattern in found.allow) or "nothing"
        lines.append(f"- Change only {allowed}; a change of anything else is reverted.")
        denied = [*found.deny, *(campaign.file.untouchable if campaign.file else ())]
        if denied:
            lines.append(f"- Never touch {', '.join(f'`{pattern}`' for pattern in denied)}.")
        lines += [f"- No line that you add may match `{pattern}`." for pattern in found.forbid]
        bounds = [f"{found.max_files:,} files"] if found.max_files else []
        bounds += [f"{found.max_lines:,} lines"] if found.max_lines else []
        if bounds:
            lines.append(f"- Change at most {' and '.join(bounds)}.")
    lines += [f"- {rule}" for rule in (campaign.file.policy if campaign.file else ())]
    return "\n".join(lines)


def _told(line: HistoryLine) -> str:
    why = line.fields.get("why", "")
    return _line(f"- {line.fields.get('file', '')}: {line.result}{': ' if why else ''}{why}")


def _line(text: str) -> str:
    return " ".join(text.split())[:400]


def filled(template: str, words: dict[str, str]) -> str:
    """`template` with each of its `{word}`s that is in `words` put in; other braces stay."""
    return re.sub(r"\{([a-z]+)\}", lambda match: words.get(match[1], match[0]), template)
