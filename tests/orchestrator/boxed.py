"""A worker in its sandbox, under its supervisor, without an orchestrator: what most tests of the sandbox are about."""

import os
import stat
from pathlib import Path
from typing import Any

from orchestrator import acting
from orchestrator.config import Agent, load
from orchestrator.enclosed import Enclosed
from orchestrator.repository import clones, worktrees
from orchestrator.repository.clones import Clone
from orchestrator.running import attempts
from orchestrator.sandboxes.enclosure import Enclosure, choose
from state.flocked import is_flocked
from state.layout import AttemptDir
from state.model import Exit, Launch, Task, decode, encode
from state.times import utc_now
from tests.stories import Story


class Boxed:
    """Task 0001 of `story`, whose worker runs in a sandbox; the person's home is `home`."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.state = story.state
        self.home = story.folder / "home"
        self.home.mkdir(exist_ok=True)
        self.worktree = self.state.worktree("0001")
        self.task = self.state.task("0001")
        self.clone = Clone(self.state.clones / "0001")
        self.attempt = self.task.attempt(1)
        self.task.root.mkdir(parents=True)
        self.task.task.write_bytes(encode(Task(title="a task", created=utc_now())))
        story.sandbox()
        acting.write_wrapper(self.state)

    def enclosure(self) -> Enclosure:
        return choose(self.state, load(self.story.repository))

    def enclosed(self, command: list[str], **agent: Any) -> Enclosed:
        """How `command` is started as the program of an agent with these settings."""
        worktrees.prepare(self.story.repository, self.worktree, "0001", 1, "main")
        return self.enclosure().worker(self.worktree, "0001", Agent(command=command, **agent), self.environment())

    def environment(self) -> dict[str, str]:
        return {
            "OPSROOM_STATE_DIR": str(self.state.root),
            "OPSROOM_TASK": "0001",
            "OPSROOM_TASK_DIR": str(self.task.root),
            "OPSROOM_ATTEMPT": "1",
            "PATH": f"{self.state.root / 'bin'}:{os.environ['PATH']}",
        }

    def start(self, *command: str, seconds: float = 600.0, grace: float = 600.0, **agent: Any) -> AttemptDir:
        """Starts `command`, or a shell with it if it is one line, as attempt 1."""
        argv = list(command) if len(command) > 1 else ["sh", "-c", command[0]]
        enclosed = self.enclosed(argv, **agent)
        launch = Launch(
            argv=enclosed.argv,
            cwd=str(self.worktree),
            environment=enclosed.environment,
            seconds=seconds,
            grace=grace,
            sandbox=enclosed.sandbox,
            kept=enclosed.kept or [],
        )
        attempts.start(self.state.root, self.attempt, launch, b"")
        return self.attempt

    def ended(self) -> Exit:
        """How the attempt ended, once it has, and its supervisor with it: the next one takes the same lock."""
        self.story.wait(self.attempt.exit.exists, "the exit record")
        with self.attempt.lock.open() as lock:
            self.story.wait(lambda: not is_flocked(lock.fileno()), "the supervisor to end")
        return decode(Exit, self.attempt.exit.read_text(), "exit.toml")

    def run(self, *command: str, **agent: Any) -> str:
        """What `command` prints to standard output; it must end with 0."""
        record = self.fails(*command, **agent)
        assert (record.reason, record.status, record.error) == ("exited", 0, ""), self.attempt.stderr.read_text()
        return str(self.attempt.stdout.read_text())

    def fails(self, *command: str, **agent: Any) -> Exit:
        """How `command` ends."""
        for path in (self.attempt.exit, self.attempt.stdout, self.attempt.stderr):
            path.unlink(missing_ok=True)
        self.start(*command, **agent)
        return self.ended()

    def collect(self) -> str:
        return clones.collect(self.worktree, self.clone, "0001", 1)

    def said(self) -> str:
        return str(self.attempt.stderr.read_text())


def program(path: Path, text: str) -> Path:
    """A program at `path` with the content `text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
