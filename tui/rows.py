"""The task tree as rows: campaigns with their tasks, planners with what they planned, loose tasks after."""

from collections.abc import Container
from dataclasses import dataclass

from state.model import CHECKING, FINAL, LIVE
from state.views import CampaignView, Fleet, TaskView
from tui.attention import campaign_key, task_key
from tui.filter import Filter

__all__ = ["Row", "build", "moved"]

DEEPEST = 8
"""Levels of planners that are shown as levels."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree: a campaign or a task. `folded` is None for what has nothing below it."""

    key: str
    depth: int
    task: TaskView | None = None
    campaign: CampaignView | None = None
    folded: bool | None = None
    parent: str = ""
    """The key of the row above it in the tree, or ''."""
    done: int = 0
    total: int = 0


def rank(view: TaskView) -> int:
    """Where a task stands among its siblings: what needs a person, what moves, what waits, what is over."""
    if view.needs_human:
        return 0
    if view.state in LIVE or view.state in CHECKING or view.state in ("retrying", "paused"):
        return 1
    return 3 if view.state in FINAL else 2


def _order(view: TaskView) -> tuple[int, int, str]:
    return (rank(view), view.task.index if view.task else 0, view.id)


def moved(before: TaskView | None, after: TaskView | None) -> bool:
    """Whether a change from `before` to `after` may change more of the tree than the task's own line."""
    if before is None or after is None:
        return True
    if before.task != after.task and (before.task is None or after.task is None):
        return True
    if before.task and after.task and (before.task.parent, before.campaign) != (after.task.parent, after.campaign):
        return True
    return _order(before) != _order(after)


def build(fleet: Fleet, folded: Container[str], chosen: Filter) -> list[Row]:
    """The rows of `fleet` in order. `folded` holds keys whose children are hidden, unless a filter is on.

    A filter keeps the tasks that it accepts and what they stand below.
    """
    tree = _Tree(fleet, folded, chosen)
    names = dict.fromkeys(sorted(fleet.campaigns))
    names |= dict.fromkeys(sorted(name for name in tree.of_campaign if name and name not in names))
    for name in names:
        tree.campaign(name)
    for view in tree.sorted(tree.of_campaign.get("", ())):
        tree.task(view, 0, "")
    return tree.rows


class _Tree:
    def __init__(self, fleet: Fleet, folded: Container[str], chosen: Filter) -> None:
        self.rows: list[Row] = []
        self.of_campaign: dict[str, list[TaskView]] = {}
        self._fleet = fleet
        self._folded = folded
        self._all = not chosen
        self._children: dict[str, list[TaskView]] = {}
        shown = fleet.tasks.values() if self._all else self._accepted(chosen)
        for view in shown:
            parent = self._parent(view)
            if parent:
                self._children.setdefault(parent, []).append(view)
            else:
                self.of_campaign.setdefault(view.campaign, []).append(view)

    def _accepted(self, chosen: Filter) -> list[TaskView]:
        tasks = self._fleet.tasks
        found = {view.id: view for view in tasks.values() if chosen.accepts(view)}
        for view in list(found.values()):
            above = self._parent(view)
            while above and above not in found:
                found[above] = tasks[above]
                above = self._parent(tasks[above])
        return list(found.values())

    def _parent(self, view: TaskView) -> str:
        """The task that `view` stands below, or '': an unknown parent, or one that stands below `view`, is none."""
        tasks = self._fleet.tasks
        parent = view.task.parent if view.task else ""
        above, steps = parent, 0
        while above:
            if above == view.id or above not in tasks or steps > DEEPEST * 8:
                return ""
            upper = tasks[above].task
            above, steps = (upper.parent if upper else ""), steps + 1
        return parent

    def sorted(self, views: list[TaskView] | tuple[()]) -> list[TaskView]:
        return sorted(views, key=_order)

    def campaign(self, name: str) -> None:
        tasks = self.of_campaign.get(name, [])
        if not tasks and not self._all:
            return
        view = self._fleet.campaigns.get(name) or CampaignView(name)
        key = campaign_key(name)
        shut = self._all and key in self._folded
        if view.file:
            done, total = view.done, len(view.file.queue)
        else:
            done, total = sum(task.state in ("merged", "done") for task in tasks), len(tasks)
        self.rows.append(Row(key, 0, None, view, shut if tasks else None, "", done, total))
        if not shut:
            for task in self.sorted(tasks):
                self.task(task, 1, key)

    def task(self, view: TaskView, depth: int, parent: str) -> None:
        key = task_key(view.id)
        children = self._children.get(view.id)
        shut = self._all and key in self._folded
        self.rows.append(Row(key, depth, view, None, shut if children else None, parent))
        if children and not shut:
            for child in self.sorted(children):
                self.task(child, min(depth + 1, DEEPEST), key)
