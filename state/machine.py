"""What the orchestrator says of the machine it runs on, and why it launches nothing for now.

`orchestrator/machine.toml` is a sample of what is left and of what each worker takes; `orchestrator/holds.toml` has
what keeps new attempts from being launched. Memory and disk are counted in MiB.
"""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from state.agent_events import AUTHENTICATION
from state.record import Count, Record, Time

__all__ = [
    "BUDGET",
    "MACHINE",
    "PROVIDER",
    "Hold",
    "Holds",
    "Machine",
    "Worker",
    "amount",
    "needs_person",
    "not_let_in",
    "stale",
    "until",
]

PROVIDER, MACHINE, BUDGET = "provider", "machine", "budget"
"""The kinds of a hold."""

GIB = 1024
"""MiB in one GiB."""

Amount = Annotated[float, msgspec.Meta(ge=0, le=1e12)]


class Worker(Record):
    """What the processes of one attempt take together: the worker and all that it started."""

    task: str
    attempt: Count
    cpu_percent: Amount = 0.0
    """Of one core, since the sample before; 200 is two cores."""
    memory_mib: Count = 0
    processes: Count = 0


class Machine(Record):
    """`orchestrator/machine.toml`: what the machine has, what is left of it, and what each worker takes."""

    at: Time
    every: Amount
    """Seconds until the next sample."""
    host: str
    cores: Count
    load: Amount
    """Processes that ran or wanted to, on average over the last minute."""
    memory_total_mib: Count
    memory_free_mib: Count
    """What could be had without swapping."""
    disk_total_mib: Count
    disk_free_mib: Count
    """Of the file system that holds the worktrees."""
    min_free_memory_mib: Count = 0
    """With less than this free nothing is launched."""
    min_free_disk_mib: Count = 0
    workers: list[Worker] = []


class Hold(Record):
    """One reason why no new attempt is launched, of one agent or of any. What runs goes on."""

    kind: str
    """`provider`, `machine` or `budget`. Another word is shown as it stands."""
    why: str
    """One sentence."""
    since: Time
    agent: str = ""
    """Whose attempts are not launched; '' for all."""
    until: Time | None = None
    """When it ends by itself, where that is known."""
    failures: Count = 0
    """Failures in a row that led to it."""
    failure: str = ""
    """What the provider failed by, one of `agent_events.PROVIDER_FAILURES`, where that is known."""


class Holds(Record):
    """`orchestrator/holds.toml`: every hold there is. No file, or none in it: nothing is held."""

    holds: list[Hold] = []


def not_let_in(hold: Hold) -> bool:
    """Whether its provider refuses the agent's key or sign-in. It is tried again, mostly in vain."""
    return hold.kind == PROVIDER and hold.failure == AUTHENTICATION


def needs_person(hold: Hold) -> bool:
    """Whether nothing but a person ends what it comes from. Any other ends by itself."""
    return hold.kind == BUDGET or not_let_in(hold)


def stale(machine: Machine, now: datetime) -> bool:
    """Whether `machine` is older than three samples, so that nobody should trust its figures."""
    # a sample from the future is of a clock that was set back, and as old as it is far away
    return abs((now - machine.at).total_seconds()) > 3 * max(machine.every, 1.0)


def amount(mib: int) -> str:
    """`412M`, `14.2G`, `79G`, `1.8T`: at most five columns of a count of MiB."""
    if mib < GIB:
        return f"{mib}M"
    for unit, size in (("G", GIB), ("T", GIB**2)):
        figure = mib / size
        if figure < 19.95:
            return f"{figure:.1f}{unit}"
        if figure < 1000:
            return f"{figure:.0f}{unit}"
    return f"{min(mib // GIB**3, 999)}P"


def until(hold: Hold, now: datetime) -> str:
    """`, until 10:32` by the clock on the wall of whoever looks; '' where nobody knows when it ends by itself."""
    if hold.until is None:
        return ""
    if hold.until <= now:
        return ", being tried again"
    far = hold.until - now >= timedelta(hours=20)
    return f", until {hold.until.astimezone():{'%a %H:%M' if far else '%H:%M'}}"
