"""What a run came to: a pure function from what its stream told and how its processes ended.

A run succeeded when it exited with 0, its stream began and ended as it should, nothing fatal was told and nothing of
it is lost. An exit status alone proves nothing: some agents exit with 0 when their provider failed, or when they were
interrupted. Whether anything was committed is asked of git, and elsewhere.

That nothing is lost can't always be known. A line that can't be read, while it begins as an event does, is known to be
lost, and then no run is a success; so is the line that a stream begins with, the one that it ends with, and one that
tells of a failure where nothing else does. What a message, a piece of one, a tool's call or its result would have said
is no evidence of how the run went: where such a line is missing as a whole, or its beginning is, nobody can know.
`tests/orchestrator/agents/test_stream_properties.py` has by name which lines each agent's success needs.
"""

from typing import NamedTuple

from orchestrator.agents import providers
from orchestrator.agents.reading import Told
from state.agent_events import PROVIDER_FAILURES, Failed
from state.model import Exit

__all__ = ["Verdict", "judge"]

KEPT = 400
"""Characters of the provider's words that a verdict has."""


class Verdict(NamedTuple):
    """How a run went."""

    success: bool
    failure: str = ""
    """Where it failed: one of `state.agent_events.FAILURES`."""
    why: str = ""
    wait: float | None = None
    """Seconds after which the provider said to come again."""


def judge(told: Told, ended: Exit | None, errors: str = "") -> Verdict:
    """The verdict on a run that `ended`; None where nobody wrote how. `errors` is the end of its standard error."""
    if ended is None:
        return Verdict(False, "interrupted", "its supervisor is gone")
    if ended.reason != "exited":
        return _cut_short(told, ended.reason, errors)
    if told.fatal is not None:
        return _by(told.fatal)
    status = ended.status
    if status is None or status < 0 or status in (130, 143):
        return Verdict(False, "interrupted", f"it was ended by a signal ({status})")
    if status:
        return _badly(told.trouble, status, errors)
    if told.damaged:
        return Verdict(False, "agent", f"its stream is damaged: {told.damaged} of its lines can't be read")
    if told.finished is None:
        if told.trouble is not None and told.trouble.failure in PROVIDER_FAILURES:
            return _by(told.trouble)
        return _by_errors(errors, "it exited with 0, but its stream has no end", "interrupted")
    if not told.finished.ok:
        return Verdict(False, "agent", _cut(told.finished.text) or "it says that it failed")
    if not told.started:
        return Verdict(False, "agent", "its stream has no beginning")
    return Verdict(True)


def _cut_short(told: Told, reason: str, errors: str) -> Verdict:
    """The verdict on a run that its supervisor ended for `reason`. A warning is not why it took so long."""
    trouble, why = told.fatal or told.trouble, f"it was ended: {reason}"
    if reason not in ("timeout", "silent"):
        return Verdict(False, "interrupted", why)
    if trouble is not None and (trouble.fatal or trouble.failure != "agent"):
        return _by(trouble)
    # some try again for ever before the model has said a word, and tell so on standard error alone
    return Verdict(False, "interrupted", why) if told.worked else _by_errors(errors, why, "interrupted")


def _badly(trouble: Failed | None, status: int, errors: str) -> Verdict:
    """The verdict on a run that exited with another `status` than 0, and told of nothing fatal."""
    if trouble is not None and trouble.failure != "agent":
        return _by(trouble)
    warned = f"; the last that it complained of: {trouble.text}" if trouble is not None else ""
    return _by_errors(errors, f"it exited with status {status}{warned}")


def _by(trouble: Failed) -> Verdict:
    return Verdict(False, trouble.failure, _cut(trouble.text), trouble.wait)


def _by_errors(errors: str, why: str, failure: str = "agent") -> Verdict:
    """A verdict on a run whose stream tells no reason: standard error may."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    for line in reversed(lines):
        if (found := providers.failure_in_log(line)) != "agent":
            return Verdict(False, found, _cut(line), providers.wait_of(line))
    return Verdict(False, failure, _cut(f"{why}; its last words: {lines[-1]}" if lines else why))


def _cut(text: str) -> str:
    return " ".join(text.split())[:KEPT]
