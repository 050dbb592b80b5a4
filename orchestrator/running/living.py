"""Which tasks have a running attempt, and the ends that were asked of them."""

from collections.abc import Mapping

from orchestrator.running import attempts
from state.layout import StateDir
from state.model import Attempt
from state.views import TaskView

__all__ = ["Living"]


class Living:
    """The running attempts of one state directory. For the loop's own thread."""

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._alive: set[str] = set()
        self._grace: dict[str, float] = {}
        """Seconds that a command gives the attempt of a task before it is killed."""
        self._asked: dict[str, float] = {}
        """Tasks whose attempt was asked to end, with the grace that it was given."""

    def __contains__(self, task: str) -> bool:
        return task in self._alive

    def __bool__(self) -> bool:
        return bool(self._alive)

    @property
    def tasks(self) -> frozenset[str]:
        """The tasks that have a running attempt."""
        return frozenset(self._alive)

    def look(self, view: TaskView) -> bool:
        """Looks whether the newest attempt of a task lives; True if it did at the last look and does no more."""
        number = view.status.attempt if view.status else 0
        if number and attempts.is_alive(self._state.task(view.id).attempt(number)):
            self._alive.add(view.id)
            return False
        if view.id not in self._alive:
            return False
        self.forget(view.id)
        return True

    def forget(self, task: str) -> None:
        """Nothing of `task` runs, or it is gone."""
        self._alive.discard(task)
        self._grace.pop(task, None)
        self._asked.pop(task, None)

    def seconds(self, views: Mapping[str, TaskView]) -> dict[str, float]:
        """For how long each has run."""
        return {task: attempts.running_seconds(views[task].run) for task in self._alive if task in views}

    def processes(self, views: Mapping[str, TaskView]) -> dict[str, tuple[int, Attempt]]:
        """The number and the processes of each, as far as its supervisor has named them."""
        known = ((task, views[task]) for task in self._alive if task in views)
        return {task: (view.attempts[-1], view.run) for task, view in known if view.run and view.attempts}

    def hurry(self, grace: Mapping[str, float]) -> None:
        """Takes in how much grace a command leaves the attempts of tasks."""
        self._grace.update(grace)

    def end(self, view: TaskView, grace: float, over: str = "") -> None:
        """Asks the running attempt of a task to end: once, or again with less patience. `over` is the budget that is
        used up, where that is why. Raises `CannotWrite`.
        """
        patience = self._grace.get(view.id, grace)
        if patience >= self._asked.get(view.id, float("inf")):
            return
        attempt = self._state.task(view.id).attempt(view.status.attempt if view.status else 0)
        attempts.end(self._state.root, attempt, patience, "budget" if over else "cancelled", over)
        self._asked[view.id] = patience
