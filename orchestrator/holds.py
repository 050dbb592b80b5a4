"""Holds: why nothing new is launched for now, of one agent or at all. Pure functions from holds to holds.

A provider that fails is a circuit breaker: it opens at the first failure, closed to every task of that agent, until
the time that the provider stated or a backoff. Then one attempt is let through as a trial. If it fails in the same
way the hold goes on for longer; if it does not, the hold is over. Ten tasks never fail one by one for one reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from state.machine import BUDGET, MACHINE, PROVIDER, Hold

__all__ = [
    "FREE",
    "Pass",
    "Waits",
    "after_failure",
    "after_success",
    "for_good",
    "on_agent",
    "only_a_trial",
    "reason",
    "with_budget",
    "with_shortage",
]

LINGER = timedelta(seconds=30)
"""For how long nothing is launched after the machine was short last, so that it is not said over and over again."""


class Pass(NamedTuple):
    """What holds for one task at this moment."""

    spent: str = ""
    """Its own budget is used up: it will never be launched again."""
    held: str = ""
    """Why it is not launched now."""
    over: str = ""
    """Why its running attempt is to end."""
    trial: bool = False
    """No more than one attempt of its agent may run."""
    for_good: bool = False
    """What holds it does not end by itself."""
    shortage: str = ""
    """What the machine is short of."""
    unreadable: str = ""
    """Why nobody can say what it may do: not even what it has done already is taken."""


FREE = Pass()
"""Nothing keeps it."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a provider's failure holds its agent, in seconds."""

    first: float = 30.0
    """Where no time was stated; doubled with every trial that fails."""
    limit: float = 1800.0
    longest: float = 86_400.0
    """The latest time that is believed when one is stated."""


def on_agent(holds: Sequence[Hold], agent: str) -> Hold | None:
    """The provider's hold on `agent`."""
    return next((hold for hold in holds if hold.kind == PROVIDER and hold.agent == agent), None)


def after_failure(
    holds: Sequence[Hold],
    agent: str,
    why: str,
    started: datetime,
    now: datetime,
    waits: Waits,
    until: datetime | None = None,
    by: str = "",
) -> list[Hold]:
    """The holds after an attempt of `agent` that began at `started` failed by its provider.

    `until` is the time that the provider stated, `by` is what it failed by, where that is known. An attempt from before
    the hold only makes it last, it is no trial.
    """
    before = on_agent(holds, agent)
    stated = min(until, now + timedelta(seconds=waits.longest)) if until and until > now else None
    if before is not None and before.until is not None and started < before.until:
        if stated is None or stated <= before.until:
            return list(holds)
        return _replaced(holds, before, msgspec.structs.replace(before, until=stated, why=why, failure=by))
    failures = (before.failures if before else 0) + 1
    wait = min(waits.limit, waits.first * 2.0 ** (min(failures, 40) - 1))
    after = Hold(
        kind=PROVIDER,
        agent=agent,
        why=why,
        since=before.since if before else now,
        until=stated or now + timedelta(seconds=wait),
        failures=failures,
        failure=by,
    )
    return _replaced(holds, before, after)


def after_success(holds: Sequence[Hold], agent: str, started: datetime) -> list[Hold]:
    """The holds after an attempt of `agent` that began at `started` got on with its provider."""
    hold = on_agent(holds, agent)
    if hold is None or hold.until is None or started < hold.until:
        return list(holds)
    return [other for other in holds if other is not hold]


def with_shortage(holds: Sequence[Hold], shortage: str, now: datetime) -> list[Hold]:
    """The holds while the machine is short of what `shortage` says, or has not been for a while where it is ''."""
    before = next((hold for hold in holds if hold.kind == MACHINE), None)
    if shortage:
        since = before.since if before else now
        why = before.why if before else shortage  # its figures change all the time: said once
        return _replaced(holds, before, Hold(kind=MACHINE, why=why, since=since))
    if before is None:
        return list(holds)
    over = before.until or now + LINGER
    if now >= over:
        return [hold for hold in holds if hold is not before]
    return _replaced(holds, before, msgspec.structs.replace(before, until=over))


def with_budget(holds: Sequence[Hold], used_up: str, now: datetime) -> list[Hold]:
    """The holds with the fleet's budget as it is: `used_up` says which limit is reached, or is ''."""
    before = next((hold for hold in holds if hold.kind == BUDGET), None)
    if not used_up:
        return [hold for hold in holds if hold is not before]
    if before is not None:
        return list(holds)
    return [*holds, Hold(kind=BUDGET, why=used_up, since=now)]


def reason(holds: Sequence[Hold], agent: str, now: datetime) -> str:
    """Why no attempt of `agent` may be launched now, or ''."""
    for hold in holds:
        if hold.kind != PROVIDER:
            return hold.why
        if hold.agent == agent and hold.until is not None and now < hold.until:
            return f"{agent}: {hold.why}"
    return ""


def for_good(holds: Sequence[Hold]) -> bool:
    """Whether a hold on everything ends only when a person does something about it."""
    return any(hold.kind == BUDGET for hold in holds)


def only_a_trial(holds: Sequence[Hold], agent: str) -> bool:
    """Whether no more than one attempt of `agent` may run, to see whether its provider is there again."""
    return on_agent(holds, agent) is not None


def _replaced(holds: Sequence[Hold], before: Hold | None, after: Hold) -> list[Hold]:
    return [*(hold for hold in holds if hold is not before), after]
