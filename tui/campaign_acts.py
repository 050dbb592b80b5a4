"""What a person can do to a campaign: what to ask for, why not, and where a moved item goes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from state.campaign_file import BLOCKING, Item
from state.model import CHECKING, LIVE
from state.views import CampaignView
from tui.campaign_queue import Queue
from tui.text import cut, line

__all__ = ["ASKS", "FILES", "Ask", "between_runs", "label", "moved", "refusal"]

FILES = ("campaign.toml", "campaign.md", "prompt.md")
"""What can be edited, in the order of its digits."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a person is asked to type before a command is sent."""

    label: str
    """`{item}` stands for the item's number and target."""
    placeholder: str
    needed: str = ""
    """What is said where nothing was typed; '' where that is as good."""


ASKS = {
    "campaign-defer": Ask(
        "defer {item} ›", "why: your words go into the history", "say why the item waits for a person"
    ),
    "campaign-skip": Ask("skip {item} ›", "why, if you like; enter skips it"),
    "campaign-retry": Ask("try {item} again ›", "a word to its worker, if you like; enter gives it back to the queue"),
    "campaign-reword": Ask("reword {item} ›", "", "an item must be about something"),
    "campaign-add": Ask("a new item ›", "what it is about, usually a path", "an item must be about something"),
    "campaign-note": Ask("policy ›", "a line that each worker is told", "nothing to add"),
    "campaign-protect": Ask("do not touch ›", "a .gitignore pattern from the repository's top", "nothing to add"),
}


def label(ask: Ask, item: Item | None) -> str:
    """The words before the line to type on."""
    about = f"{item.index} {cut(line(item.target), 30)}" if item else ""
    return ask.label.replace("{item}", about)


def between_runs(view: CampaignView) -> bool:
    """Whether nobody but a person writes campaign.md now."""
    running = view.file is not None and view.file.status == "running"
    return not running and (not view.runs or view.runs[-1][1].ended is not None)


def refusal(verb: str, queue: Queue, item: Item | None) -> str:
    """Why `verb` makes no sense for `item` as it stands, or ''. The orchestrator has the last word anyway."""
    if item is None:
        return "the queue has no item"
    task, outcome = queue.task(item), queue.outcome(item)
    result, state, name = outcome.result if outcome else "", task.state if task else "", f"item {item.index}"
    ended = bool(result) and result != BLOCKING
    if verb in ("campaign-defer", "campaign-skip", "campaign-reword") and state in LIVE | CHECKING:
        return f"{name} is {state}: stop its task first"
    if verb in ("campaign-defer", "campaign-skip"):
        if result == "success":
            return f"{name} is done: there is nothing to leave out"
        if result == ("human_deferred" if verb == "campaign-defer" else "skipped") and not queue.at_work(item):
            return f"{name} is {'deferred' if verb == 'campaign-defer' else 'skipped'} already"
    elif verb == "campaign-retry":
        if result == "success":
            return f"{name} is done: there is nothing to try again"
        if queue.at_work(item) is not None and state not in ("failed", "stopped", "cancelled"):
            return f"{name} is {line(state, 40)} already"
        if not result and task is None:
            return f"{name} has not been tried yet"
    elif verb == "campaign-reword":
        if result in ("success", "skipped"):
            return f"{name} has its outcome: add another item"
    elif verb == "campaign-reorder" and ended:
        return f"{name} has its outcome: it stays where it is"
    return ""


def moved(order: Sequence[int], fixed: frozenset[int], index: int, by: int) -> tuple[int, list[int]] | None:
    """Where item `index` goes that is moved `by` one: before which number (0: to the end), and the order then.

    None where it cannot go there: at the end of the queue, or next to one of `fixed`, which have their outcome.
    """
    if index not in order:
        return None
    at = order.index(index)
    to = at + by
    if not 0 <= to < len(order) or order[to] in fixed:
        return None
    after = [one for one in order if one != index]
    after.insert(to, index)
    return (after[to + 1] if to + 1 < len(after) else 0), after
