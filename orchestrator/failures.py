"""Whose fault it is that an attempt came to nothing: a pure function from what it left behind.

The agent's own failures count against the task. The provider's and the machine's do not: they befall every task
alike, so they hold further launches instead of failing one task after the other.
"""

from datetime import datetime
from typing import NamedTuple

from state.agent_events import AUTHENTICATION, PROVIDER_FAILURES
from state.messages import Message
from state.model import AgentReport, Exit

__all__ = ["AGENT", "BUDGET", "CHECKS", "MACHINE", "PROVIDER", "Failure", "came_to_nothing", "of_attempt"]

AGENT, CHECKS, PROVIDER, MACHINE, BUDGET = "agent", "checks", "provider", "machine", "budget"
PROVIDER_STATUSES = {
    69: ("its provider is unavailable", ""),
    75: ("its provider failed for now", ""),
    77: ("it was not let in", AUTHENTICATION),
}
"""What sysexits.h calls EX_UNAVAILABLE, EX_TEMPFAIL and EX_NOPERM, said of an agent, and what its provider fails by."""
LEAST_KIB = 64
"""With less room than this on the disk hardly anything can be written."""
KILLED = (-9, 137)
"""Ended by SIGKILL, as the supervisor or a sandbox tells it. Nobody sent it but the system, or a person by hand."""


WORDS_OF = {
    "rate_limit": "the provider's limit is reached",
    "overload": "the provider is overloaded",
    AUTHENTICATION: "the provider did not let it in",
    "connection": "the provider can't be reached",
    "server": "the provider failed",
}


class Failure(NamedTuple):
    """Whose failure it was, why in a few words, and until when, where the provider has said so."""

    whose: str
    why: str
    until: datetime | None = None
    counts: bool = True
    """Whether it is one of the failures in a row that a task may have."""
    by: str = ""
    """What a provider failed by, one of `agent_events.PROVIDER_FAILURES`, where that is known."""


def of_attempt(
    attempt: int,
    ended: Exit | None,
    own: list[Message],
    succeeded: bool,
    shortage: str,
    report: AgentReport | None = None,
) -> Failure | None:
    """The failure of attempt `attempt`, or None if neither its exit record nor its stream tells of one.

    `own` are its messages, `succeeded` tells that it gave a result of success, `shortage` what the machine is short of
    at this moment, and `report` what its stream came to, where there is one.
    """
    if ended is None:
        return Failure(MACHINE, f"the supervisor of attempt {attempt} is gone and left no exit record")
    told = [message for message in own if message.kind == "unavailable"]
    well = ended.reason == "exited" and ended.status == 0
    if told and not (well and succeeded):
        return Failure(PROVIDER, " ".join(told[-1].body.split())[:300], told[-1].until, counts=False)
    failed = report if report is not None and report.verdict == "failed" else None
    if failed is not None and failed.failure in PROVIDER_FAILURES:
        why = f"{WORDS_OF[failed.failure]}: {failed.why}"
        return Failure(PROVIDER, why, failed.until, counts=False, by=failed.failure)
    if failed is not None and came_to_nothing(failed):
        return Failure(AGENT, f"its session could not be resumed, so it begins afresh: {failed.why}", counts=False)
    if well:
        return Failure(AGENT, f"attempt {attempt}: {failed.why}") if failed is not None else None
    if ended.reason == "exited" and ended.status in PROVIDER_STATUSES:
        words, by = PROVIDER_STATUSES[ended.status]
        return Failure(PROVIDER, f"{words} (exit status {ended.status})", counts=False, by=by)
    why = _how(attempt, ended)
    if failed is not None and failed.failure != "interrupted":
        why = f"{why}: {failed.why}"
    if ended.disk_free_kib is not None and ended.disk_free_kib < LEAST_KIB:
        shortage = "the disk was full"
    if shortage and ended.reason == "exited":
        return Failure(MACHINE, f"{why} while the machine was short: {shortage}", counts=False)
    if ended.reason == "exited" and ended.status in KILLED:
        return Failure(MACHINE, f"{why}: killed from outside, for memory perhaps")
    return Failure(AGENT, why)


def came_to_nothing(report: AgentReport) -> bool:
    """Whether an attempt was to go on with a session, and the session did not."""
    own = report.failure not in PROVIDER_FAILURES
    return bool(report.resumed) and report.verdict == "failed" and own and not report.worked


def _how(attempt: int, ended: Exit) -> str:
    """How an attempt ended that did not end well, as one clause."""
    seconds = ended.seconds or (ended.ended - ended.started).total_seconds()
    match ended.reason:
        case "timeout":
            return f"attempt {attempt} ran out of time after {seconds:.0f} s"
        case "silent":
            return f"attempt {attempt} gave no sign of life for too long and was ended after {seconds:.0f} s"
        case "output":
            return f"attempt {attempt} printed more than it may and was ended after {seconds:.0f} s"
        case "cancelled":
            return f"attempt {attempt} was ended from outside"
        case "exited":
            status = ended.status
            signalled = status is not None and status < 0
            return (
                f"attempt {attempt} exited with {f'signal {-status}' if signalled and status else f'status {status}'}"
            )
        case other:
            return f"attempt {attempt} ended: {other}"
