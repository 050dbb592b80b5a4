"""Whether an agent works, by what its trial left behind: a pure function, and what to do where it does not."""

from dataclasses import dataclass

from opsroom.trial.scene import FILE, WORDS
from state.agent_events import PROVIDER_FAILURES
from state.model import NEEDS_HUMAN
from state.views import TaskView

__all__ = ["Seen", "Verdict", "judge"]

ADVICE = {
    "authentication": "sign in with it, or set its key, and see 'opsroom doctor'",
    "rate_limit": "wait, or raise the limit with the provider",
    "overload": "try again later",
    "server": "try again later",
    "connection": "see network in opsroom.toml, and the variables for proxies and addresses in your environment",
    "limit": "raise the limit that its args set",
    "interrupted": "try again; --seconds gives it longer",
    "agent": "its own words are in stdout.log and stderr.log",
}
"""By the class of a failure."""
FOLLOWS = "is the model one that follows instructions and uses tools?"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a trial."""

    task: TaskView
    content: str | None
    """What the file has on the base branch; None where it is not there."""
    given_up: str = ""
    """Why it was not waited for any longer; '' where the task came to its end."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it works, and where not, why in one sentence and what to do."""

    works: bool
    why: str = ""
    todo: str = ""
    remark: str = ""
    """What was not as it should be, though it works."""


def judge(seen: Seen) -> Verdict:
    """The verdict on a trial."""
    task, report = seen.task, seen.task.report
    if task.state == "merged" and seen.content is not None and seen.content.strip() == WORDS:
        result = task.result.outcome if task.result else ""
        said = "" if result == "success" else "it gave no 'opsroom result success', as it was told to"
        return Verdict(True, remark=said)
    failed = report if report is not None and report.verdict == "failed" else None
    if failed is not None and failed.failure in PROVIDER_FAILURES:
        why = f"the provider failed ({failed.failure.replace('_', ' ')}): {failed.why}"
        return Verdict(False, why, ADVICE[failed.failure])
    if task.state in NEEDS_HUMAN and (task.questions or task.stop_reason):
        words = task.stop_reason or task.questions[0].body.strip()
        return Verdict(False, f"it did not do it but asked: {words}", FOLLOWS)
    if task.exit is not None and task.exit.reason == "timeout":
        return Verdict(False, f"it ran out of time after {task.exit.seconds:.0f} s", ADVICE["interrupted"])
    if failed is not None:
        return Verdict(False, f"its run failed: {failed.why}", ADVICE.get(failed.failure, ADVICE["agent"]))
    if task.state in ("merged", "done"):
        has = "is not there" if seen.content is None else f"has {seen.content[:80]!r} in it, not {WORDS!r}"
        return Verdict(False, f"it ended well, but {FILE} {has}", FOLLOWS)
    why = task.status.why if task.status else ""
    why += f"; the last that it said: {report.said}" if why and report and report.said else ""
    return Verdict(False, why or seen.given_up or f"the task ended as {task.state or 'nothing'}", ADVICE["agent"])
