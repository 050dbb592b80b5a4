from datetime import timedelta

from state.model import Status
from state.views import TaskView
from tests.tui.builder import NOW, ago
from tui.quiet import Habits


def view(heard: float, state: str = "running", attempt: int = 1) -> TaskView:
    status = Status(state=state, since=ago(hours=1), by="o", attempt=attempt)
    return TaskView("a", None, status, heard=NOW - timedelta(seconds=heard))


def test_a_minute_of_silence_is_never_quiet() -> None:
    assert not Habits().quiet(view(60), NOW)
    assert Habits().quiet(view(61), NOW)


def test_a_worker_used_to_long_pauses_may_have_them() -> None:
    habits = Habits()
    habits.note(view(400), view(250))
    assert not habits.quiet(view(290), NOW)
    assert habits.quiet(view(301), NOW)


def test_another_attempt_has_its_own_habit() -> None:
    habits = Habits()
    habits.note(view(400), view(250))
    habits.note(view(250), view(250, attempt=2))
    habits.note(view(90, attempt=2), view(80, attempt=2))
    assert habits.quiet(view(70, attempt=2), NOW)


def test_who_does_not_run_is_not_quiet() -> None:
    assert not Habits().quiet(view(5000, "waiting"), NOW)
