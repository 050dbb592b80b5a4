"""Runs the checks and the metric of a change, in the worktree that holds it, each within its limit."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import NamedTuple

from orchestrator.enclosed import Enclose, Enclosed
from orchestrator.running.output import Output, drain, take
from state import locks, secrets
from state.envelope import Check, Metric
from state.errors import CannotWrite
from state.layout import StateDir

__all__ = [
    "BUILD",
    "Bound",
    "CheckResult",
    "Ending",
    "Interrupted",
    "Turn",
    "building",
    "first_failure",
    "measure",
    "run_checks",
    "tail_of",
]

BUILD = "build"
"""The lock under which builds and heavy tests run, one at a time."""
TAIL = 16 * 1024
"""Bytes of a check's output that are looked at for the lines to show."""
LOOK = 0.5
"""Seconds between two looks at whether the orchestrator is ending."""
LEFT = 0.5
"""Seconds for which the end of a check's output is waited for where something that it left behind has it."""
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Ending:
    """How the orchestrator's end reaches those that check: what was cut off is done by the next orchestrator."""

    def __init__(self) -> None:
        self.soon = Event()
        """Once it is set nothing is begun, and no turn is waited for."""
        self.now = Event()
        """Once it is set no check is waited for, either."""


class Interrupted(Exception):
    """The orchestrator ended before the check did."""


class Turn(NamedTuple):
    """Whose checks they are, for whoever waits beside them, and how many seconds they wait for their turn."""

    state: StateDir
    who: locks.Who
    seconds: float


class CheckResult(NamedTuple):
    """How a check ended. `status` is None where it ran out of time or could not be started."""

    name: str
    status: int | None
    seconds: float
    said: str
    """Its last lines, for a person."""

    @property
    def passed(self) -> bool:
        """Whether it ended with 0."""
        return self.status == 0


class Bound(NamedTuple):
    """What a metric may become, where it had the value `baseline` once."""

    metric: Metric
    baseline: str = ""
    tolerance: float | None = None
    """By which share of the baseline it may get worse; None: by any."""
    main: bool = True
    """It is the campaign's own, else a guard."""

    def failed(self, value: str) -> str:
        """Why `value` will not do, in a few words; '' if it will."""
        if not value:
            return f"metric {self.metric.name} gave no number"
        if self.tolerance is None or not self.baseline:
            return ""
        before, after = float(self.baseline), float(value)
        lower = self.metric.better == "lower"
        allowed = abs(before) * self.tolerance
        if (after - before if lower else before - after) <= allowed + 1e-9 * abs(before):
            return ""
        bound = f"at most {before + allowed:g}" if lower else f"at least {before - allowed:g}"
        share = f" ({self.tolerance:.1%} of {self.baseline})" if self.tolerance else ""
        return f"metric {self.metric.name} got worse: {self.baseline} → {value}, {bound}{share}"


@contextlib.contextmanager
def building(turn: Turn, ending: Ending) -> Iterator[dict[str, str]]:
    """Holds the lock `build`; gives what checks need in their environment to be let in where they ask for it, too.

    Raises `Interrupted` soon after an end is near, `LockHeld` when the time for the turn to come is over, and
    `CannotWrite`.
    """

    def pause(seconds: float) -> None:
        if ending.soon.wait(seconds):
            raise Interrupted

    with locks.hold(turn.state, BUILD, turn.who, wait=turn.seconds, pause=pause) as given:
        yield given


def run_checks(
    checks: list[Check],
    worktree: Path,
    logs: Path,
    environment: dict[str, str],
    ending: Ending,
    enclose: Enclose = Enclosed,
) -> list[CheckResult]:
    """Runs `checks` in order until one fails; the whole output of each goes to `<logs>/<n>-<name>.log`.

    Raises `Interrupted` soon after it is to end now, `CannotWrite`, and what `enclose` raises.
    """
    results: list[CheckResult] = []
    for number, check in enumerate(checks, 1):
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", check.name)[:60] or "check"
        results.append(_run(check, worktree, logs / f"{number}-{name}.log", environment, ending, enclose))
        if not results[-1].passed:
            break
    return results


def first_failure(results: Sequence[CheckResult]) -> str:
    """One line on the first check that failed, or '' if none did."""
    for result in results:
        if not result.passed:
            how = "no result" if result.status is None else f"exit status {result.status}"
            said = next((line.strip() for line in result.said.splitlines() if line.strip()), "")
            return f"check {result.name} failed ({how}){': ' + said if said else ''}"[:400]
    return ""


def measure(
    metric: Metric,
    worktree: Path,
    environment: dict[str, str],
    log: Path,
    ending: Ending,
    enclose: Enclose = Enclosed,
) -> str:
    """The last number that the metric's command prints, as it stands there; '' if it prints none or fails.

    Raises as `run_checks` does.
    """
    check = Check(name=metric.name, command=metric.command, seconds=metric.seconds)
    result = _run(check, worktree, log, environment, ending, enclose)
    numbers = _NUMBER.findall(tail_of(log)) if result.passed else []
    return numbers[-1].decode() if numbers else ""


def tail_of(log: Path) -> bytes:
    """The last `TAIL` bytes of the file `log`; none if it is missing."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            return file.read(TAIL)
    except OSError:
        return b""


def _run(
    check: Check, worktree: Path, log: Path, environment: dict[str, str], ending: Ending, enclose: Enclose
) -> CheckResult:
    begin = time.monotonic()
    enclosed = enclose(check.command, environment | {"PYTHONDONTWRITEBYTECODE": "1"})
    with _opened(log) as out:
        try:
            process = subprocess.Popen(
                enclosed.argv,
                cwd=worktree,
                env=enclosed.whole(os.environ) | {"PWD": str(worktree)},
                stdin=subprocess.DEVNULL,
                stdout=out.writing,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return CheckResult(check.name, None, 0.0, f"cannot start: {error.strerror or error}: {check.command[0]}")
        finally:
            os.close(out.writing)
        try:
            status = _wait(process, out, log, check.seconds, ending)
        finally:
            with contextlib.suppress(ProcessLookupError):  # what it left behind in its session ends with it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if not drain([out], LEFT):
            raise CannotWrite(f"{log}: {out.trouble}")
    late = f"not done after {check.seconds:g} s\n" if status is None else ""
    said = tail_of(log).decode("utf-8", "replace")
    return CheckResult(check.name, status, time.monotonic() - begin, late + "\n".join(said.splitlines()[-12:]))


@contextlib.contextmanager
def _opened(log: Path) -> Iterator[Output]:
    """A new log and the pipe to it, whose `writing` the caller closes; raises `CannotWrite`."""
    try:
        log.parent.mkdir(mode=0o700, exist_ok=True)
        log.unlink(missing_ok=True)
        output = Output(str(log), secrets.known())
    except OSError as error:
        raise CannotWrite(f"{log}: {error.strerror or error}") from error
    try:
        yield output
    finally:
        output.close()


def _wait(process: subprocess.Popen[bytes], out: Output, log: Path, seconds: float, ending: Ending) -> int | None:
    """The exit status of `process`, or None after `seconds`; takes what it prints meanwhile.

    Raises `Interrupted`, and `CannotWrite` where there is no room for what it prints.
    """
    deadline = time.monotonic() + seconds
    over = os.pidfd_open(process.pid)
    try:
        while True:
            if take([out], max(0.0, min(LOOK, deadline - time.monotonic())), over):
                return process.wait()
            if out.stuck:
                raise CannotWrite(f"{log}: {out.trouble}")
            if ending.now.is_set():
                raise Interrupted
            if time.monotonic() >= deadline:
                return None
    finally:
        os.close(over)
