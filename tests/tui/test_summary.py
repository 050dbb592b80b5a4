from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from state.model import Lease, Spent, Status, Task
from state.usage import Budget, Usage
from state.views import Fleet, TaskView
from tests.tui.builder import NOW, ago
from tui.attention import Entry
from tui.summary import Summary, orchestrator, summarise, top_line, uptime
from tui.text import plain


def view(name: str, state: str, **usage: Any) -> TaskView:
    task = Task(title=name, created=NOW, base="main")
    return TaskView(name, task, Status(state=state, since=ago(minutes=10), by="o", usage=Usage(**usage)))


def test_what_is_counted() -> None:
    views = [view("a", "running", dollars=1.5), view("b", "verifying"), view("c", "merged", dollars=2)]
    found = summarise(Fleet(tasks={one.id: one for one in [*views, view("d", "failed")]}))
    assert (found.running, found.failed, found.done, found.total) == (2, 1, 1, 4)
    assert found.spent == Usage(dollars=3.5)
    assert found.base == "main"
    assert len(found.entries) == 1


def test_no_cost_is_shown_where_none_is_told() -> None:
    found = summarise(Fleet(tasks={"a": view("a", "running", tokens=5)}))
    assert found.spent == Usage(tokens=5)
    assert "$" not in plain(top_line(200, NOW, "click", None, found))


def test_the_orchestrator_is_told_by_its_lease_alone() -> None:
    lease = Lease(pid=1, host="h", started=ago(hours=2, minutes=14), beat=ago(seconds=2))
    assert orchestrator(lease, NOW) == ("● up 2h14m", "")
    assert orchestrator(lease, NOW + timedelta(minutes=12))[0] == "✗ no orchestrator, last seen 12m ago"
    assert orchestrator(None, NOW)[0] == "✗ orchestrator never started"


@pytest.mark.parametrize(
    ("seconds", "text"), [(8, "8s"), (720, "12m"), (8040, "2h14m"), (3600, "1h00m"), (273_600, "3d4h"), (-5, "0s")]
)
def test_uptimes(seconds: float, text: str) -> None:
    assert uptime(seconds) == text


FULL = Summary(
    entries=(Entry("stop", "task:a", "a", NOW, "why"),) * 2,
    running=6,
    failed=1,
    done=53,
    total=63,
    spent=Usage(tokens=410_200, dollars=4.12),
    merged=(ago(minutes=5), ago(minutes=50), ago(minutes=70)),
    base="main",
)
LEASE = Lease(pid=1, host="h", started=ago(hours=2, minutes=14), beat=NOW)


def test_eighty_columns_have_the_three_answers() -> None:
    text = plain(top_line(80, NOW, "autotrack", LEASE, FULL))
    assert text == " autotrack  ● up 2h14m  6 running  2 need you  1 failed  53/63 done  $4.12  2/h  "[:80].ljust(80)


def test_without_an_orchestrator_too() -> None:
    text = plain(top_line(80, NOW + timedelta(minutes=12), "autotrack", LEASE, FULL))
    assert "✗ no orchestrator, last seen 12m ago" in text and "2 need you" in text and "$4.12" in text


@pytest.mark.parametrize("columns", [1, 5, 20, 40, 79, 80, 81, 120, 300])
def test_the_line_is_exactly_as_wide_as_the_screen(columns: int) -> None:
    line = top_line(columns, NOW, "autotrack", LEASE, FULL, polling="nfs sends no file events")
    assert cell_len(plain(line)) == columns


def test_need_you_goes_last() -> None:
    assert plain(top_line(14, NOW, "autotrack", LEASE, FULL)).strip() == "2 need you"


def test_polling_is_said() -> None:
    line = top_line(160, NOW, "a", LEASE, FULL, polling="nfs sends no file events")
    assert "polling: nfs sends no file events" in plain(line)


def test_what_it_cost_stands_beside_what_it_may_cost() -> None:
    def said(limit: float) -> str:
        lease = Lease(pid=1, host="h", started=ago(hours=2), beat=NOW, budget=Budget(dollars=limit))
        return next(text for text, _ in top_line(200, NOW, "autotrack", lease, FULL) if text.startswith("$"))

    assert [said(limit) for limit in (0, 20, 4.5)] == ["$4.12", "$4.12 of $20", "$4.12 of $4.50"]


def test_a_budget_that_is_nearly_spent_is_marked() -> None:
    lease = Lease(pid=1, host="h", started=ago(hours=2), beat=NOW, budget=Budget(dollars=4.5))
    assert ("$4.12 of $4.50", "attention") in top_line(200, NOW, "autotrack", lease, FULL)
    lease.budget = Budget(dollars=20)
    assert ("$4.12 of $20", "") in top_line(200, NOW, "autotrack", lease, FULL)


def test_a_running_attempt_costs_what_it_told_and_an_ended_one_is_counted_once() -> None:
    told = Spent(attempt=2, at=NOW, dollars=0.5)
    runs = replace(view("a", "running", dollars=1.0), spent=told)
    assert runs.status is not None
    runs.status.attempt = 2
    for counted, dollars in ((1, 1.5), (2, 1.0)):
        runs.status.counted = counted
        assert summarise(Fleet(tasks={"a": runs})).spent == Usage(dollars=dollars)
