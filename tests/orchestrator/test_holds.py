"""The circuit breaker of an agent, and the holds of the whole fleet, as pure steps."""

from datetime import timedelta

from orchestrator.holds import Waits, after_failure, after_success, only_a_trial, reason, with_budget, with_shortage
from state.machine import Hold
from tests.orchestrator.snapshots import NOW

WAITS = Waits(first=30.0, limit=100.0, longest=3600.0)


def later(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def fail(holds: list[Hold], *, started: float = -60, at: float = 0, until: float | None = None) -> list[Hold]:
    stated = None if until is None else NOW + later(until)
    return after_failure(holds, "codex", "rate limit", NOW + later(started), NOW + later(at), WAITS, stated)


def held(holds: list[Hold], at: float, agent: str = "codex") -> str:
    return reason(holds, agent, NOW + later(at))


def test_the_first_failure_holds_that_agent_and_no_other() -> None:
    holds = fail([])
    assert held(holds, 29) == "codex: rate limit"
    assert held(holds, 30) == ""
    assert held(holds, 0, "claude") == ""
    assert only_a_trial(holds, "codex")
    assert not only_a_trial(holds, "claude")


def test_a_stated_time_is_kept_to_within_reason() -> None:
    assert held(fail([], until=1200), 1199)
    assert not held(fail([], until=1200), 1200)
    assert not held(fail([], until=10**9), 3600)
    assert held(fail([], until=-5), 29)


def test_those_that_ran_beside_it_make_it_last_and_add_nothing() -> None:
    first = fail([])
    assert fail(first, started=-50, at=1) == first
    longer = fail(first, started=-50, at=1, until=500)
    assert held(longer, 499)
    assert longer[0].failures == 1


def test_a_trial_that_fails_doubles_the_wait_up_to_a_limit() -> None:
    holds, at = fail([]), 0.0
    waits = []
    for _ in range(4):
        assert holds[0].until is not None
        at = (holds[0].until - NOW).total_seconds()
        holds = fail(holds, started=at, at=at + 1)
        assert holds[0].until is not None
        waits.append((holds[0].until - NOW).total_seconds() - at - 1)
    assert waits == [60.0, 100.0, 100.0, 100.0]
    assert holds[0].since == NOW
    assert len(holds) == 1


def test_a_trial_that_works_ends_it_and_an_older_attempt_does_not() -> None:
    holds = fail([])
    assert after_success(holds, "codex", NOW + later(29)) == holds
    assert after_success(holds, "claude", NOW + later(31)) == holds
    assert after_success(holds, "codex", NOW + later(31)) == []


def test_a_shortage_holds_everything_and_lingers() -> None:
    holds = with_shortage([], "100 MiB of disk are free", NOW)
    assert held(holds, 0, "any") == "100 MiB of disk are free"
    assert with_shortage(holds, "99 MiB of disk are free", NOW + later(5)) == holds
    lingering = with_shortage(holds, "", NOW + later(10))
    assert held(lingering, 39, "any")
    assert with_shortage(lingering, "", NOW + later(39)) == lingering
    assert with_shortage(lingering, "", NOW + later(40)) == []
    assert with_shortage(lingering, "98 MiB", NOW + later(12)) == holds


def test_a_spent_budget_holds_everything_until_it_is_raised() -> None:
    holds = with_budget(fail([]), "the fleet's budget of $1.00 is used up", NOW)
    assert held(holds, 999, "claude") == "the fleet's budget of $1.00 is used up"
    assert with_budget(holds, "the fleet's budget of $1.00 is used up: $2", NOW + later(9)) == holds
    assert with_budget(holds, "", NOW) == fail([])
