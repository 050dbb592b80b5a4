"""Runs a trial: the real orchestrator in a process of its own, followed until its task has come to an end."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

from opsroom.commands.show import read_fleet
from opsroom.scratch import BRANCH, git
from opsroom.trial.scene import FILE, SPEC, TITLE
from opsroom.trial.told import line_of
from opsroom.trial.verdict import Seen
from state import commands, event_log
from state.agent_events import decode_line
from state.errors import BadFile, OpsroomError, Unavailable
from state.layout import StateDir
from state.model import CHECKING, FINAL, LIVE, Command
from state.times import utc_now
from state.views import Fleet, TaskView

__all__ = ["Trial"]

TASK = "0001"
LOOK = 0.2
"""Seconds between two looks."""
AROUND = 60.0
"""Seconds that the orchestrator may take besides the attempt itself: to start, to land the change, to end."""
ENDING = 20.0
"""Seconds that whoever is asked to end is given."""


class Trial:
    """A trial in the repository of `state`. `say` gets a line for everything that happens, safe to show."""

    def __init__(self, state: StateDir, agent: str, seconds: float, say: Callable[[str], None]) -> None:
        self._state = state
        self._agent = agent
        self._seconds = seconds
        self._say = say
        self._begun = time.monotonic()
        self._place = event_log.Place()
        self._stood = ""

    @property
    def seconds(self) -> float:
        """For how long it has run."""
        return time.monotonic() - self._begun

    def run(self) -> Seen:
        """Has the task done, and says what happened; nothing of it runs on afterwards.

        Raises `Unavailable` where the orchestrator does not start.
        """
        asked = Command(verb="spawn", at=utc_now(), by="human", title=TITLE, spec=SPEC, agent=self._agent)
        commands.send(self._state, asked)
        process = self._start()
        try:
            given_up = self._follow(process)
        finally:
            self._end(process)
        self._tell_events()
        return Seen(self._task(), self._content(), given_up)

    # ── the run ─────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self) -> "subprocess.Popen[bytes]":
        own = {key: value for key, value in os.environ.items() if not key.startswith("OPSROOM_")}
        argv = [sys.executable, "-I", "-m", "opsroom", "--state-dir", str(self._state.root), "up", "--once", "--quiet"]
        self._state.log.parent.mkdir(exist_ok=True)
        with self._state.log.open("ab") as out:
            return subprocess.Popen(
                argv,
                cwd=self._state.repository,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for us, who end it in the right order
            )

    def _follow(self, process: "subprocess.Popen[bytes]") -> str:
        """Waits for the end of the task; why it was not waited for, where it was not."""
        while True:
            ended = process.poll() is not None  # before the look: what was written until then is seen
            self._tell_events()
            fleet = read_fleet(self._state)
            task = fleet.tasks.get(TASK, TaskView(TASK))
            self._tell_state(task)
            if task.state in FINAL or (task.state == "stopped" and task.exit):
                return ""
            if ended:
                if not fleet.lease or process.returncode:
                    raise Unavailable(f"the orchestrator did not run: {self._last_words()}", todo=str(self._state.log))
                return "" if task.attempts else self._held(fleet)
            if task.exit is not None and task.state not in LIVE | CHECKING and task.report and task.report.verdict:
                return self._held(fleet)  # its provider failed: another attempt would be made, and is not waited for
            if self.seconds > self._seconds + AROUND:
                return self._held(fleet) or f"it was not done within {self.seconds:.0f} s"
            time.sleep(LOOK)

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """Ends what still runs: the attempt first, whose supervisor would outlive the orchestrator."""
        from orchestrator.running import attempts

        folder = self._state.task(TASK)
        if attempts.is_alive(folder.attempt(1)):
            attempts.end(self._state.root, folder.attempt(1), 2.0, why="the trial is over")
            _wait(lambda: not attempts.is_alive(folder.attempt(1)))
        if process.poll() is None:
            process.terminate()
            _wait(lambda: process.poll() is not None)
        if process.poll() is None:
            process.kill()
        process.wait(ENDING)
        if attempts.is_alive(folder.attempt(1)):  # launched in the last moment
            attempts.end(self._state.root, folder.attempt(1), 0.0, why="the trial is over")
            _wait(lambda: not attempts.is_alive(folder.attempt(1)))
        attempts.sweep(folder.root, 1)

    # ── what is seen ────────────────────────────────────────────────────────────────────────────────────────

    def _task(self) -> TaskView:
        return read_fleet(self._state).tasks.get(TASK, TaskView(TASK))

    def _content(self) -> str | None:
        with contextlib.suppress(OpsroomError):
            return git(self._state.repository, "show", f"{BRANCH}:{FILE}")
        return None

    def _held(self, fleet: Fleet) -> str:
        return "; ".join(f"held: {hold.why}" for hold in fleet.holds)

    def _last_words(self) -> str:
        with contextlib.suppress(BadFile):
            lines = event_log.last_lines(self._state.root, self._state.log, 1).lines
            return lines[-1].decode("utf-8", "replace").removeprefix("opsroom: ") if lines else "it said nothing"
        return "it said nothing"

    # ── what is said ────────────────────────────────────────────────────────────────────────────────────────

    def _tell_events(self) -> None:
        while True:
            batch = event_log.tail(self._state.root, self._state.task(TASK).attempt(1).events, self._place)
            self._place = batch.place
            for line in batch.lines:
                found = decode_line(line)
                if found is not None and (said := line_of(found[0])):
                    self._tell(said)
            if not batch.more:
                return

    def _tell_state(self, task: TaskView) -> None:
        if task.state and task.state != self._stood:
            self._stood = task.state
            self._tell(task.state)

    def _tell(self, line: str) -> None:
        self._say(f"{self.seconds:6.1f} s  {line}")


def _wait(condition: Callable[[], bool]) -> None:
    """Waits until `condition` holds, for a while."""
    until = time.monotonic() + ENDING
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
