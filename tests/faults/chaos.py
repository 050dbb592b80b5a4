"""Kills whoever takes part, at moments that chance chooses, and says afterwards who is still there."""

import contextlib
import functools
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator.running.plain import children, start_ticks
from state.errors import BadFile
from state.model import Attempt, decode
from tests.e2e.terminals import PyteTerminal
from tests.stories import Story, alive

WORKER = """\
{begin}
checkpoint="$OPSROOM_TASK_DIR/worker/checkpoint.md"
i=0
if [ -e "$checkpoint" ]; then i=$(cat "$checkpoint") || exit 1; fi
while [ "$i" -lt {steps} ]; do
    i=$((i + 1))
    {say}
    mkdir -p "$OPSROOM_TASK" || exit 1
    echo "$i" > "$OPSROOM_TASK/$i"
    git add --all || exit 1
    git diff --cached --quiet || git commit --quiet --message "$OPSROOM_TASK step $i" || exit 1
    echo "$i" > "$OPSROOM_TASK_DIR/worker/.next"
    if [ "$i" = 2 ]; then
        opsroom checkpoint "$OPSROOM_TASK_DIR/worker/.next" || exit 1
    else
        mv "$OPSROOM_TASK_DIR/worker/.next" "$checkpoint" || exit 1
    fi
    sleep {pause}
done
[ "$i" -eq {steps} ] && opsroom result success && {end}
"""
"""Prints the number of each step, commits a file for it, and goes on from its checkpoint.

Whatever of its own is killed, it notices: a worker that shrugs at that would be the one that lost something.
"""
PLAIN = {"begin": "", "say": 'echo "$i"', "end": "true"}
"""What a worker of which nothing is known prints."""
STREAM = {
    "begin": """echo '{"type":"thread.started","thread_id":"t"}'""",
    "say": 'printf \'{"type":"item.completed","item":{"type":"agent_message","text":"%s"}}\\n\' $i',
    "end": """echo '{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":1}}'""",
}
"""The same as codex prints it, so that what was said is read again from the events."""


STEP = re.compile(r'(?:^|"text":")([0-9]+)(?:$|")', re.MULTILINE)
"""A step's number, as either prints it."""
PF_EXITING = 4
"""The kernel's flag of a process that is on its way out."""


class Chaos:
    """The parties of one story: its orchestrator, its control room, and what runs by its attempts."""

    def __init__(self, story: Story, chance: random.Random) -> None:
        self.story = story
        self.chance = chance
        self.killed: dict[str, int] = {}
        self._orchestrator: subprocess.Popen[bytes] | None = None
        self._room: PyteTerminal | None = None
        self.said = story.folder / "orchestrators.log"
        """What all of the orchestrators printed."""

    def begin(self) -> None:
        """Starts whichever of orchestrator and control room does not run."""
        if self._orchestrator is None or self._orchestrator.poll() is not None:
            with self.said.open("ab") as out:
                self._orchestrator = subprocess.Popen(
                    [sys.executable, "-m", "opsroom", "up"],
                    cwd=self.story.repository,
                    env=self.story.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                )
        if self._room is None:
            argv = [sys.executable, "-m", "opsroom", "tui"]
            environment = self.story.environment()
            self._room = PyteTerminal(argv, columns=80, rows=24, cwd=self.story.repository, environment=environment)

    def round(self, longest: float) -> None:
        """Kills one to three parties within `longest` seconds, and starts again what a person would."""
        time.sleep(self.chance.uniform(0.0, longest))  # the moment of the fault, not a wait for anything
        kinds = ("orchestrator", "supervisor", "agent", "agent's own", "app")
        for kind in self.chance.sample(kinds, self.chance.choice((1, 1, 1, 2, 3))):
            if self._kill(kind):
                self.killed[kind] = self.killed.get(kind, 0) + 1
        self.begin()

    def _kill(self, kind: str) -> bool:
        if kind == "orchestrator" and self._orchestrator is not None:
            self._orchestrator.kill()
            self._orchestrator.wait()
            return True
        if kind == "app" and self._room is not None:
            self._room.close()
            self._room = None
            return True
        runs = [run for run in self.attempts() if is_running(run)]
        if not runs:
            return False
        run = self.chance.choice(runs)
        if kind == "supervisor":
            with held(run):
                return kill(run.supervisor, lambda: is_running(run) and has_told(run))
        if kind == "agent":
            return kill(run.child, lambda: is_running(run))
        own = below(run.child)
        pid = self.chance.choice(own) if own else 0
        return bool(pid) and kill(pid, lambda: is_running(run) and pid in below(run.child))

    def attempts(self) -> list[Attempt]:
        """The processes of every attempt that there ever was, in the order of their folders."""
        found = []
        for path in sorted(self.story.state.tasks.glob("*/attempts/*/run.toml")):
            with contextlib.suppress(BadFile, OSError):
                found.append(decode(Attempt, path.read_text(), path.name))
        return found

    def finish(self, seconds: float) -> None:
        """Lets one more orchestrator do what is left, which must be done in `seconds`."""
        self.end()
        argv = [sys.executable, "-m", "opsroom", "up", "--once"]
        with self.said.open("ab") as out:
            done = subprocess.run(
                argv,
                cwd=self.story.repository,
                env=self.story.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=seconds,
                check=False,
            )
        assert done.returncode == 0, self.said.read_text()[-2000:]

    def end(self) -> None:
        """Ends orchestrator and control room, as a crash does."""
        if self._orchestrator is not None:
            self._orchestrator.kill()
            self._orchestrator.wait()
        if self._room is not None:
            self._room.close()
            self._room = None


@contextlib.contextmanager
def chaos(story: Story, seed: int) -> Iterator[Chaos]:
    """The parties of `story`, started; those that a person starts are ended with the block."""
    parties = Chaos(story, random.Random(seed))
    try:
        parties.begin()
        yield parties
    finally:
        parties.end()


def is_running(run: Attempt) -> bool:
    """Whether the supervisor in `run` lives, and its child too: these very ones, and none that has their number now."""
    return 0 < run.supervisor_start == start_ticks(run.supervisor) and run.child in children(run.supervisor)


def has_told(run: Attempt) -> bool:
    """Whether the number of each step that the worker in `run` went on from stands in a log of its task.

    What a supervisor has not written yet when it is killed is lost: while it gets no time, the worker may go on far.
    The checkpoint that is about to be the next one counts, too: a `mv` that was begun may outlive whoever began it.
    """
    task = Path(run.folder).parents[1]
    checkpoints = [task / "worker" / name for name in (".next", "checkpoint.md")]  # in the order in which it moves
    done = [checkpoint.read_text().strip() for checkpoint in checkpoints if checkpoint.exists()]
    if "" in done:  # it is being written
        return False
    logs = [log.read_text() for log in task.glob("attempts/*/stdout.log")]
    told = max((int(number) for log in logs for number in STEP.findall(log)), default=0)
    return all(int(number) <= told for number in done)


@contextlib.contextmanager
def held(run: Attempt) -> Iterator[None]:
    """Stops what runs by the attempt in `run`, but for its supervisor, so that none of it goes on while one looks."""
    with contextlib.ExitStack() as opened:
        processes = []
        for pid in (run.child, *below(run.child)):
            with contextlib.suppress(OSError):
                processes.append(os.pidfd_open(pid))
                opened.callback(os.close, processes[-1])

        def send(number: signal.Signals) -> None:
            for process in processes:
                with contextlib.suppress(OSError):
                    signal.pidfd_send_signal(process, number)

        if is_running(run):  # asked once the number can't come to mean another process any more
            send(signal.SIGSTOP)
            opened.callback(send, signal.SIGCONT)
        yield


def kill(pid: int, is_meant: Callable[[], bool]) -> bool:
    """Sends `pid` a KILL if it `is_meant`, asked once the number can't come to mean another process any more."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not is_meant():
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(process)
    return True


def below(pid: int) -> list[int]:
    """The processes that descend from `pid`, over however many of them."""
    found = []
    with contextlib.suppress(OSError):
        for child in children(pid):
            found += [child, *below(child)]
    return found


def _sid(pid: int) -> int:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return 0


def left(story: Story, runs: list[Attempt]) -> list[str]:
    """The processes that still run by an attempt: in one of the sessions in `runs`, or with the marks of a worker.

    The supervisors in `runs` are waited for: what each does last, after the exit record, is to end. The number of a
    session that has ended may be another's by now; one of ours works in the story's folder.
    """
    for run in runs:
        story.wait(functools.partial(has_ended, run), f"supervisor {run.supervisor} to end")
    sessions = {pid for run in runs for pid in (run.supervisor, run.child)}
    mark, place = os.fsencode(f"OPSROOM_STATE_DIR={story.state.root}"), str(story.folder)
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            marked = mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            ours = _sid(pid) in sessions and os.readlink(f"/proc/{pid}/cwd").startswith(place)
            if (marked or ours) and alive(pid) and not is_ending(pid):
                found.append(f"{pid}: {Path(f'/proc/{pid}/cmdline').read_bytes().replace(bytes(1), b' ').decode()}")
    return found


def has_ended(run: Attempt) -> bool:
    """Whether the supervisor in `run` does not run any more."""
    return start_ticks(run.supervisor) != run.supervisor_start or not alive(run.supervisor)


def is_ending(pid: int) -> bool:
    """Whether `pid` was killed, or has exited, and only has to come to its turn once more to be gone."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pending = [line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "Pnd:" in line]
    return bool(int(fields[6]) & PF_EXITING) or any(int(mask, 16) >> (signal.SIGKILL - 1) & 1 for mask in pending)
