"""The queue of a campaign as lines of cells: each item with its outcome, or what its task does at this moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from state.campaign_file import BLOCKING, CampaignFile, HistoryLine, Item
from state.model import FINAL, LIVE
from state.times import age
from state.views import CampaignView, TaskView
from tui.cells import glyph, state_tone, state_word
from tui.plot import number
from tui.text import Cell, Line, block, cut, cut_path, line, pad, width

__all__ = ["OUTCOMES", "Queue", "Standing", "item_lines", "outcome_cell", "when"]

OUTCOMES = {
    "success": ("✓", "success", "muted"),
    "failure_reverted": ("✗", "reverted", ""),
    BLOCKING: ("■", "stopped", "trouble"),
    "human_deferred": ("→", "deferred", ""),
    "skipped": ("–", "skipped", "muted"),
}
"""Sign, word and tone of each result."""
WORD = 10
"""Columns of an outcome's word, and of `repair 2/7`."""
TOOK = 4
COMMIT = 7
ROOMY = 56
"""Columns of a row from which it says the commit."""
WHY = 12
"""The least columns in which a reason says anything."""


_OF_THE_FILE = ("places", "done", "digits", "next_place")


def outcome_cell(result: str) -> tuple[str, str, str]:
    """Sign, word and tone of a result; an unknown one is shown as it stands."""
    return OUTCOMES.get(result, ("·", line(result, 40), ""))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one item stands: by its line of history, or by its task while that is at work."""

    sign: str
    word: str
    tone: str
    live: bool = False
    """Whether the task says it, which is still on its way."""


class Queue:
    """The items of one campaign in the order of their lines, with what is known of each.

    Args:
        view: the campaign.
        tasks: its tasks by the number of their item.
    """

    def __init__(self, view: CampaignView, tasks: Mapping[int, TaskView]) -> None:
        self.view = view
        self.tasks = tasks
        self.items: list[Item] = view.file.queue if view.file else []
        self.repairs = view.envelope.repairs if view.envelope else 0

    def renewed(self, view: CampaignView, tasks: Mapping[int, TaskView]) -> "Queue":
        """The same with what is known now. What was worked out from the file stays, as long as that is the same."""
        fresh = Queue(view, tasks)
        if view.file is self.view.file:
            fresh.__dict__.update((name, self.__dict__[name]) for name in _OF_THE_FILE if name in self.__dict__)
        return fresh

    def __len__(self) -> int:
        return len(self.items)

    @property
    def file(self) -> CampaignFile | None:
        """The campaign's file, as far as it can be read."""
        return self.view.file

    @cached_property
    def places(self) -> dict[int, int]:
        """Where each item stands, by its number."""
        return {item.index: place for place, item in enumerate(self.items)}

    @cached_property
    def done(self) -> int:
        """How many have an outcome that is not a stop."""
        return self.view.done

    @cached_property
    def digits(self) -> int:
        """Columns of the largest number."""
        return max(2, len(str(max((item.index for item in self.items), default=0))))

    @cached_property
    def next_place(self) -> int:
        """Where the next item stands; the number of items if none is left."""
        file = self.file
        return self.places.get(file.next_index, len(self.items)) if file else 0

    def outcome(self, item: Item) -> HistoryLine | None:
        """The newest line of history about `item`."""
        return self.file.outcome(item.index) if self.file else None

    def task(self, item: Item) -> TaskView | None:
        """The task that does `item`, once there is one."""
        return self.tasks.get(item.index)

    def at_work(self, item: Item) -> TaskView | None:
        """The task of `item` if that is on its way, or has an end that the history has not yet."""
        task, outcome = self.task(item), self.outcome(item)
        if task is None or (outcome is not None and task.state in FINAL | {"stopped"}):
            return None
        return task

    def standing(self, item: Item, place: int) -> Standing:
        """Where the item stands that is at `place`."""
        task = self.at_work(item)
        if task is not None:
            word = state_word(task)
            if task.status and task.status.repairs and task.state not in FINAL and not task.questions:
                word = f"repair {task.status.repairs}/{self.repairs or '?'}"
            return Standing(glyph(task), word, state_tone(task), live=True)
        if (outcome := self.outcome(item)) is not None:
            return Standing(*outcome_cell(outcome.result))
        return Standing("·", "passed" if place < self.next_place else "pending", "muted")

    def took(self, item: Item, now: datetime) -> str:
        """How long it has been at work in this state, or how long it took."""
        task = self.at_work(item)
        if task is not None:
            return age((now - task.status.since).total_seconds()) if task.status else ""
        outcome = self.outcome(item)
        seconds = number(outcome.fields.get("seconds", "")) if outcome else None
        return "" if seconds is None else age(seconds)

    def why(self, item: Item) -> str:
        """Why it is as it is, word for word: not yet safe to show."""
        task = self.at_work(item)
        if task is not None:
            return task.status.why or task.status.waiting_on if task.status else ""
        outcome = self.outcome(item)
        return outcome.fields.get("why", "") if outcome else ""

    def cells(self, place: int, columns: int, now: datetime) -> Line:
        """The row of the item at `place`, in exactly `columns`."""
        item = self.items[place]
        stands = self.standing(item, place)
        mark = "›" if place == self.next_place else " "
        lead: tuple[Cell, ...] = (
            (f"{mark}{pad(str(item.index), self.digits, right=True)} ", "accent" if mark == "›" else "muted"),
            (f"{stands.sign} ", stands.tone),
        )
        room = columns - sum(width(text) for text, _ in lead)
        right: list[Cell] = [
            (" " + pad(stands.word, WORD), stands.tone),
            (pad(self.took(item, now), TOOK, right=True) + " ", "muted"),
        ]
        if columns >= ROOMY:
            outcome = self.outcome(item)
            commit = outcome.fields.get("commit", "") if outcome and not stands.live else ""
            right.append((pad(line(commit, COMMIT + 1)[:COMMIT], COMMIT) + " ", "muted"))
        taken = sum(width(text) for text, _ in right)
        if room - taken < 6:  # too narrow for words: the sign and the name must do
            return (*lead, (pad(cut_path(line(item.target), room), room), ""))
        return (*lead, *self._target(item, room - taken, stands), *right)

    def _target(self, item: Item, room: int, stands: Standing) -> tuple[Cell, ...]:
        target = line(item.target)
        why = " ".join(self.why(item).split())
        left = room - width(target) - 2
        tone = "muted" if stands.tone == "muted" and stands.word not in ("pending", "passed") else ""
        if not why or left < WHY:
            return ((pad(cut_path(target, room), room), tone),)
        return ((target + "  ", tone), (pad(line(why), left), "muted"))


def item_lines(queue: Queue, place: int, now: datetime) -> list[Line]:
    """All that is known of the item at `place`, what a person needs first at the top."""
    if not 0 <= place < len(queue):
        return []
    item = queue.items[place]
    stands = queue.standing(item, place)
    said: list[Cell] = [(f"{stands.sign} ", stands.tone), (stands.word, stands.tone)]
    task, outcome = queue.at_work(item), queue.outcome(item)
    lines: list[Line] = [((f"{item.index} ", "muted"), (line(item.target), "strong"))]
    if task is not None and task.status:
        said += _at_work(task, now)
    elif outcome is not None:
        said += _outcome(outcome, now)
    elif place == queue.next_place:
        said.append((", the next one", ""))
    elif stands.word == "passed":
        said.append((" over: the campaign goes on below it", "muted"))
    lines.append(tuple(said))
    lines += [(("  " + one, ""),) for one in block(queue.why(item).strip(), 4_000, 40) if one]
    if outcome is not None and (learned := outcome.fields.get("learned", "")):
        lines.append((("  learned ", "muted"), (line(learned, 1_000), "")))
    if item.fields:
        about = " · ".join(f"{line(key, 40)}={line(value, 200)}" for key, value in item.fields.items())
        lines.append((("  " + cut(about, 600), "muted"),))
    return lines


def _at_work(task: TaskView, now: datetime) -> list[Cell]:
    status = task.status
    if status is None:
        return []
    word = f", {line(status.state, 40)}" if status.repairs else ""
    cells: list[Cell] = [(f"{word} for {age((now - status.since).total_seconds())}", "")]
    about = [f"attempt {status.attempt}"] if status.attempt else []
    if status.conflicts:
        about.append("begun anew after a conflict")
    if status.state in LIVE and task.task:
        about.append(line(task.task.agent, 40))
    if about:
        cells.append((" · " + " · ".join(about), "muted"))
    return cells


def _outcome(outcome: HistoryLine, now: datetime) -> list[Cell]:
    cells: list[Cell] = []
    if at := when(outcome.at):
        cells.append((f" {age((now - at).total_seconds())} ago", "muted"))
    about = [line(outcome.fields["commit"], 12)] if outcome.fields.get("commit") else []
    about += [f"{key} {line(outcome.fields[key], 60)}" for key in ("checks", "metric", "by") if outcome.fields.get(key)]
    if (seconds := number(outcome.fields.get("seconds", ""))) is not None:
        about.append(f"took {age(seconds)}")
    if about:
        cells.append((" · " + " · ".join(about), "muted"))
    return cells


def when(text: str) -> datetime | None:
    """The time that a line of history begins with; None where it is none, or has no zone."""
    try:
        at = datetime.fromisoformat(text[:40])
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
