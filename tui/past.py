"""Past campaigns, their runs and items: put together from what the files say and from what git alone still knows. Pure.

The orchestrator writes into each commit that lands which campaign, item and task it is of; so a campaign whose files
are gone can be told from its commits.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, reduce
from itertools import islice

from state.campaign_file import HistoryLine
from state.envelope import Run
from state.usage import Usage
from state.views import CampaignView, Fleet, TaskView

__all__ = ["Commit", "Past", "PastCampaign", "PastItem", "PastRun", "build", "commits_in", "matches", "when"]

NEVER = datetime.min.replace(tzinfo=UTC)
FIELD = 4_000
"""Characters of one field of a commit that are kept."""
FIELDS = 5
"""Fields of a commit in the output that `commits_in` reads."""
OURS = {"Opsroom-Campaign": "campaign", "Opsroom-Item": "item", "Opsroom-Task": "task"}


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that an item of a campaign landed as. Nothing in it is safe to show yet."""

    id: str
    at: datetime
    """When it was committed."""
    author: str = ""
    subject: str = ""
    campaign: str = ""
    item: str = ""
    task: str = ""

    @property
    def index(self) -> int | None:
        """The item's number, which the task's id ends with; None where it does not."""
        head, _, number = self.task.rpartition("-")
        return int(number) if head == self.campaign and re.fullmatch(r"[0-9]{1,9}", number) else None


@dataclass(frozen=True)
class PastItem:
    """One item as far as one run, or the whole campaign, has dealt with it."""

    campaign: str
    index: int | None
    target: str
    lines: tuple[HistoryLine, ...] = ()
    """Its lines of history, oldest first."""
    commits: tuple[Commit, ...] = ()
    """Its commits, newest first."""
    task: TaskView | None = None

    @property
    def outcome(self) -> HistoryLine | None:
        """The line that counts."""
        return self.lines[-1] if self.lines else None

    @property
    def result(self) -> str:
        """The outcome in a word; '' where no line says one."""
        return self.outcome.result if self.outcome else ""

    def field(self, name: str) -> str:
        """A field of the line that counts, or ''."""
        return self.outcome.fields.get(name, "") if self.outcome else ""

    @property
    def at(self) -> datetime | None:
        """When it had its outcome, or its newest commit."""
        said = when(self.outcome.at) if self.outcome else None
        return said or (self.commits[0].at if self.commits else None)

    @property
    def commit(self) -> str:
        """The id of the commit that it landed as, in full where git knows it; '' where none is known."""
        said = self.field("commit")
        if self.outcome and not said:
            return ""
        return next((one.id for one in self.commits if one.id.startswith(said)), said)

    @property
    def learned(self) -> str:
        """What the worker has learned: in full where its task says it, else as the history has it."""
        said = self.field("learned")
        full = self.task.result.learned.strip() if self.task and self.task.result else ""
        return full if full and (not said or said[:40] in " ".join(full.split())) else said

    @cached_property
    def text(self) -> str:
        """All that a search looks through, in lower case."""
        parts = [self.target, "" if self.index is None else str(self.index), self.learned]
        for one in self.lines:
            parts += [one.result, one.result.replace("_", " ")]
            parts += [one.fields.get(name, "") for name in ("why", "learned", "commit", "by")]
        for commit in self.commits:
            parts += [commit.id, commit.subject, commit.item, commit.task]
        if self.task and self.task.result:
            parts.append(self.task.result.summary)
        return "\n".join(part[:FIELD] for part in parts if part).lower()


@dataclass(frozen=True)
class PastRun:
    """One start of a campaign, and what became of the items in it."""

    campaign: str
    number: int
    run: Run
    items: tuple[PastItem, ...] = ()
    """In the order in which they had their outcomes."""

    @cached_property
    def text(self) -> str:
        """All that a search looks through, in lower case."""
        run = self.run
        return f"run {self.number}\n{run.halted}\n{run.halted.replace('_', ' ')}\n{run.why[:FIELD]}".lower()


@dataclass(frozen=True)
class PastCampaign:
    """A campaign, the items in the order of its queue."""

    name: str
    view: CampaignView | None = None
    """None where its files are gone."""
    runs: tuple[PastRun, ...] = ()
    """Newest first."""
    items: tuple[PastItem, ...] = ()
    commits: int = 0
    """How many git knows of it."""
    spent: Usage = field(default_factory=Usage)

    @property
    def from_git(self) -> bool:
        """Whether git alone knows of it."""
        return self.view is None and not any(item.task for item in self.items)

    @property
    def status(self) -> str:
        """As campaign.md says it; '' where there is none."""
        return self.view.file.status if self.view and self.view.file else ""

    @property
    def why(self) -> str:
        """Why it stands, word for word."""
        return self.view.file.headers.get("STOP_REASON", "") if self.view and self.view.file else ""

    @cached_property
    def results(self) -> Mapping[str, int]:
        """How many items have which outcome."""
        return Counter(item.result for item in self.items if item.result)

    @cached_property
    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of it happened; None where nothing has."""
        times = [item.at for item in self.items if item.at]
        times += [commit.at for item in self.items for commit in item.commits]
        times += [one.run.started for one in self.runs] + [one.run.ended for one in self.runs if one.run.ended]
        return (min(times), max(times)) if times else None

    @property
    def metric(self) -> tuple[str, str]:
        """The metric at the start and at the end."""
        file = self.view.file if self.view else None
        return (file.metric("METRIC_START"), file.metric("METRIC_CURRENT")) if file else ("", "")

    @cached_property
    def text(self) -> str:
        """All that a search looks through, in lower case."""
        notes = self.view.file.headers.get("NOTES", "") if self.view and self.view.file else ""
        return f"{self.name}\n{self.why[:FIELD]}\n{notes[:FIELD]}".lower()


@dataclass(frozen=True)
class Past:
    """Everything that is known of the past."""

    campaigns: tuple[PastCampaign, ...] = ()
    """The one that was at work last comes first."""
    commits: int = 0


def when(text: str) -> datetime | None:
    """The time in `text`; None where it is none, or has no zone."""
    try:
        at = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    return at if at.tzinfo is not None and 1 < at.year < 9999 else None


def matches(text: str, words: Iterable[str]) -> bool:
    """Whether each of `words`, in lower case, is somewhere in `text`."""
    return all(word in text for word in words)


# ── what git says ───────────────────────────────────────────────────────────────────────────────────────────────


def commits_in(fields: Iterable[str]) -> Iterator[Commit]:
    """The commits in the output of git's log, of `FIELDS` fields each: id, time, author, subject and trailers, a line
    each. A commit whose trailers name no campaign is none of ours."""
    stream = iter(fields)
    while len(record := list(islice(stream, FIELDS))) == FIELDS:
        commit_id, at, author, subject, trailers = record
        found = _trailers(trailers)
        if "campaign" in found and (time := when(at.strip())):
            yield Commit(commit_id.strip()[:64], time, author[:FIELD], subject[:FIELD], **found)


def _trailers(text: str) -> dict[str, str]:
    """Our trailers; the last one of a kind counts, as the orchestrator writes its own below all others."""
    pairs = (line.partition(":") for line in text[:FIELD].splitlines())
    return {OURS[key]: value.strip() for key, sign, value in pairs if sign and key in OURS and value.strip()}


# ── putting it together ─────────────────────────────────────────────────────────────────────────────────────────


def build(fleet: Fleet, commits: Iterable[Commit]) -> Past:
    """The past as files and `commits` tell it."""
    known: dict[str, list[Commit]] = {}
    many = 0
    for many, commit in enumerate(sorted(commits, key=lambda commit: commit.at, reverse=True), 1):  # noqa: B007
        known.setdefault(commit.campaign, []).append(commit)
    tasks: dict[str, dict[int, TaskView]] = {}
    for task in fleet.tasks.values():
        if task.task and task.campaign:
            tasks.setdefault(task.campaign, {}).setdefault(task.task.index, task)
    found: list[PastCampaign] = []
    for name in {*fleet.campaigns, *tasks, *known}:
        view, mine = fleet.campaigns.get(name), known.get(name, [])
        if view is None:
            found.append(_without_files(name, mine, tasks.get(name, {})))
            continue
        now, before = _told_apart(view, mine)
        found.append(_with_files(view, now, tasks.get(name, {})))
        if before:
            found.append(_without_files(name, before, {}))
    found.sort(key=lambda one: (one.span[1] if one.span else NEVER, one.name), reverse=True)
    return Past(tuple(found), many)


def _told_apart(view: CampaignView, commits: list[Commit]) -> tuple[list[Commit], list[Commit]]:
    """The commits of this campaign, and those of an earlier one of the same name whose files are gone."""
    lines = view.file.history if view.file else []
    times = [one.started for _, one in view.runs] + [at for one in lines if (at := when(one.at))]
    begun = min(times).replace(microsecond=0) if times else None  # git keeps whole seconds
    said = {one.fields["commit"][:7] for one in lines if len(one.fields.get("commit", "")) >= 7}
    mine = [one for one in commits if (begun is not None and one.at >= begun) or one.id[:7] in said]
    ids = {one.id for one in mine}
    return mine, [one for one in commits if one.id not in ids]


def _by_item(commits: Iterable[Commit]) -> dict[int | str, list[Commit]]:
    """Commits by the number of their item; by what it is about, where no number is known."""
    found: dict[int | str, list[Commit]] = {}
    for commit in commits:
        found.setdefault(commit.item if commit.index is None else commit.index, []).append(commit)
    return found


def _without_files(name: str, commits: list[Commit], tasks: Mapping[int, TaskView]) -> PastCampaign:
    items = []
    by_item = _by_item(commits)
    for key in (*by_item, *(index for index in tasks if index not in by_item)):
        mine, task = tuple(by_item.get(key, ())), tasks.get(key) if isinstance(key, int) else None
        target = task.task.item if task and task.task else mine[0].item or mine[0].subject
        items.append(PastItem(name, key if isinstance(key, int) else None, target, (), mine, task))
    items.sort(key=lambda item: (item.index is None, item.index or 0, item.at or NEVER))
    return PastCampaign(name, None, (), tuple(items), len(commits), _usage(tasks.values()))


def _with_files(view: CampaignView, commits: list[Commit], tasks: Mapping[int, TaskView]) -> PastCampaign:
    file = view.file
    by_item = _by_item(commits)
    lines: dict[int | None, list[HistoryLine]] = {}
    for one in file.history if file else ():
        lines.setdefault(one.index, []).append(one)

    def item(index: int, target: str) -> PastItem:
        mine = by_item.pop(index, None) or by_item.pop(target, [])
        return PastItem(view.name, index, target, tuple(lines.get(index, ())), tuple(mine), tasks.get(index))

    found = [item(one.index, one.target) for one in file.queue] if file else []
    there = {one.index for one in found}
    for index, several in lines.items():  # an item that has a history and stands in the queue no more
        if index is not None and index not in there:
            found.append(item(index, several[-1].fields.get("file", "")))
            there.add(index)
    for key, mine in by_item.items():
        index = key if isinstance(key, int) else None
        target, task = mine[0].item or mine[0].subject, tasks.get(index or 0)
        found.append(PastItem(view.name, index, target, (), tuple(mine), task))
    items = {one.index: one for one in found}
    runs = tuple(_run(view, number, run, items) for number, run in reversed(view.runs))
    spent = _usage(tasks.values())
    if spent == Usage():
        spent = reduce(Usage.plus, (run.spent for _, run in view.runs), Usage())
    return PastCampaign(view.name, view, runs, tuple(found), len(commits), spent)


def _run(view: CampaignView, number: int, run: Run, items: Mapping[int | None, PastItem]) -> PastRun:
    """A run with those items that had an outcome while it was on. Lines of the history have whole seconds."""
    first = run.started.replace(microsecond=0)
    mine: dict[int | None, list[HistoryLine]] = {}
    for one in view.file.history if view.file else ():
        at = when(one.at)
        if at is not None and first <= at.replace(microsecond=0) and (run.ended is None or at <= run.ended):
            several = mine.pop(one.index, [])
            mine[one.index] = [*several, one]
    found = []
    for index, lines in mine.items():
        whole = items.get(index) or PastItem(view.name, index, lines[-1].fields.get("file", ""))
        found.append(replace(whole, lines=tuple(lines)))
    return PastRun(view.name, number, run, tuple(found))


def _usage(tasks: Iterable[TaskView]) -> Usage:
    return reduce(Usage.plus, (task.status.usage for task in tasks if task.status), Usage())
