"""Sums of what was used follow what changed, and a limit is said with both its figures."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.budgets import Ledger, of_running, seconds_left
from state.model import Spent, Task
from state.usage import Budget, Usage, used_up
from state.views import TaskView
from tests.orchestrator.snapshots import NOW, view


@pytest.mark.parametrize(
    ("usage", "budget", "words"),
    [
        (Usage(dollars=4.0), Budget(dollars=4.0), "the task's budget of $4.00 is used up: $4.00"),
        (Usage(dollars=3.99), Budget(dollars=4.0), ""),
        (
            Usage(tokens=1_200_000),
            Budget(tokens=1_000_000),
            "the task's budget of 1,000,000 tokens is used up: 1,200,000",
        ),
        (Usage(seconds=61), Budget(seconds=60), "the task's budget of 60 s is used up: 61 s"),
        (Usage(attempts=2), Budget(attempts=2), ""),
        (Usage(attempts=3), Budget(attempts=2), "the task's budget of 2 attempts is used up"),
        (Usage(attempts=9, seconds=9e9, tokens=10**12, dollars=9e9), Budget(), ""),
    ],
)
def test_a_limit_is_said_with_both_figures(usage: Usage, budget: Budget, words: str) -> None:
    assert used_up(usage, budget, "the task's") == words


def test_the_last_attempt_of_a_budget_may_run_and_none_after_it() -> None:
    usage, budget = Usage(attempts=2), Budget(attempts=2)
    assert not used_up(usage, budget, "its")
    assert used_up(usage, budget, "its", before_launch=True)


def test_what_runs_counts_by_its_time_and_by_what_it_told_of_this_very_attempt() -> None:
    told = Spent(attempt=2, at=NOW, tokens=50, dollars=0.5)
    assert of_running(view("running", attempt=2, spent=told), 7.0) == Usage(
        attempts=1, seconds=7.0, tokens=50, dollars=0.5
    )
    assert of_running(view("running", attempt=3, spent=told), 7.0) == Usage(attempts=1, seconds=7.0)


def test_what_is_left_of_a_time() -> None:
    assert seconds_left(Usage(seconds=10), Budget()) is None
    assert seconds_left(Usage(seconds=10), Budget(seconds=60)) == 50
    assert seconds_left(Usage(seconds=100), Budget(seconds=60)) == 0


def task(name: str, campaign: str, dollars: float) -> TaskView:
    found = view("running", name, usage=Usage(attempts=1, dollars=dollars))
    return replace(found, task=Task(title="t", created=NOW, campaign=campaign))


changes = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "one", "two"]), st.integers(-1, 50)), max_size=30
)


@given(changes)
def test_the_sums_are_those_of_what_there_is(steps: list[tuple[str, str, int]]) -> None:
    ledger = Ledger()
    there: dict[str, tuple[str, float]] = {}
    for name, campaign, dollars in steps:
        if dollars < 0:
            there.pop(name, None)
            ledger.note(name, None)
        else:
            there[name] = (campaign, float(dollars))
            ledger.note(name, task(name, campaign, float(dollars)))
    assert ledger.of_fleet() == Usage(attempts=len(there), dollars=sum(cost for _, cost in there.values()))
    for campaign in ("", "one", "two"):
        mine = [cost for name, cost in there.values() if name == campaign]
        assert ledger.of_campaign(campaign) == Usage(attempts=len(mine), dollars=sum(mine))


def test_a_task_that_cannot_be_read_for_now_keeps_what_is_known_of_it() -> None:
    ledger = Ledger()
    ledger.note("a", task("a", "one", 3.0))
    ledger.note("a", TaskView("a"))
    assert ledger.of_fleet().dollars == 3.0


def test_running_attempts_are_in_the_sums_while_they_run() -> None:
    ledger = Ledger()
    runs = task("a", "one", 3.0)
    ledger.note("a", runs)
    ledger.run({"a": ("one", Usage(attempts=1, dollars=2.0))})
    assert (ledger.of_fleet().dollars, ledger.of_campaign("one").dollars, ledger.of_task(runs).dollars) == (5, 5, 5)
    ledger.run({})
    assert ledger.of_fleet().dollars == 3.0
