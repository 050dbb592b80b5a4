"""A small world for the tests of the orchestrator and the command line: a repository, its agents, their campaigns.

Everything is real: git, processes, files. Nothing sleeps for a time that somebody guessed: `Story.wait` looks until
a condition holds, and gives up after a deadline that is generous, because the machine is shared.
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from opsroom.commands.show import read_fleet
from orchestrator.running import attempts
from orchestrator.running.plain import start_ticks
from state import commands, event_log, files
from state.errors import BadFile, Fault
from state.layout import AttemptDir, StateDir
from state.model import Attempt, Command, Outcome, decode
from state.times import utc_now
from state.views import CampaignView, TaskView

T = TypeVar("T")
DEADLINE = 90.0
"""Seconds after which a story that does not go on has failed."""
CHECKOUT = Path(__file__).parents[1]


class Said(NamedTuple):
    """What a command ended with and printed."""

    status: int
    out: str
    err: str


class Story:
    """One repository in `folder` with its state directory, and every process that was started for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "repository"
        self.repository.mkdir(parents=True)
        self.state = StateDir(self.repository / ".opsroom")
        self._agents: list[str] = []
        self._sandbox = ["[sandbox]", 'kind = "none"']
        self._further = ""
        self.patience = DEADLINE
        """Seconds after which `wait` has failed."""
        self._started: list[subprocess.Popen[str]] = []
        self._numbers = itertools.count(1)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "A Person")
        self.git("config", "user.email", "person@localhost")
        (self.repository / "notes.txt").write_text("one\ntwo\nthree\n")
        (self.repository / ".gitignore").write_text("opsroom.toml\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "first")
        self.state.create()
        self.configure()

    # ── what a person sets up ───────────────────────────────────────────────────────────────────────────────

    def configure(self, checks: tuple[str, ...] = (), **limits: object) -> None:
        """Writes `[orchestrator]` and `[checks]`, with no long wait unless `limits` say so."""
        chosen = {"base": "main", "max_workers": 4, "backoff_seconds": 0.05, "backoff_limit": 0.2} | limits
        lines = ["[orchestrator]", *(f"{key} = {json.dumps(value)}" for key, value in chosen.items())]
        self._head = [*lines, "[checks]", f"commands = {json.dumps(checks)}"]
        self._write_configuration()

    def agent(self, script: str, name: str = "worker", **settings: object) -> None:
        """Makes `name` an agent that runs the shell script `script` in its worktree."""
        program = self.folder / "agents" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        chosen = {"command": [str(program)], "grace": 5.0} | settings
        self._agents.append(f"[agents.{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in chosen.items()))
        self._write_configuration()

    def further(self, text: str) -> None:
        """Has `text`, which is TOML, stand at the end of the configuration, in the place of what stood there."""
        self._further = text
        self._write_configuration()

    def _write_configuration(self) -> None:
        text = "\n".join([*self._head, *self._sandbox, *self._agents, self._further])
        (self.repository / "opsroom.toml").write_text(text)

    def sandbox(self, kind: str = "bubblewrap", **settings: object) -> None:
        """Has workers and checks run in a sandbox; without this they run in none, for most stories are not about it."""
        chosen = {"kind": kind} | settings
        self._sandbox = ["[sandbox]", *(f"{key} = {json.dumps(value)}" for key, value in chosen.items())]
        self._write_configuration()

    def campaign(self, name: str, items: list[str], agent: str = "worker", envelope: str = "", text: str = "") -> None:
        """Writes a campaign; `envelope` is TOML besides its agent, `text` its campaign.md instead of one by `items`.

        An envelope without a policy allows everything: items need not be files.
        """
        folder = self.state.campaign(name)
        folder.root.mkdir(parents=True)
        anything = "" if "[policy]" in envelope else '\n[policy]\nallow = ["*"]\n'
        folder.envelope.write_text(f"agent = {json.dumps(agent)}\n{envelope}{anything}")
        queue = "".join(f"{number}. {item}\n" for number, item in enumerate(items, 1))
        head = "# A campaign\n\nSTATUS: paused\nSTOP_REASON:\nNEXT_INDEX: 1\nINVOCATIONS_STARTED: 0\n"
        folder.queue.write_text(text or f"{head}NO_PROGRESS_COUNT: 0\n\n## Queue\n{queue}\n## History\n")

    # ── what a person does ──────────────────────────────────────────────────────────────────────────────────

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """What `git <arguments>` prints; it must end well."""
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self.repository, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def send(self, verb: str, **fields: Any) -> str:
        """Puts a command into the inbox, as the app does it; returns its name."""
        return commands.send(self.state, Command(verb=verb, at=utc_now(), by="human", **fields))

    def spawn(self, title: str = "a task", agent: str = "worker", spec: str = "Do it.") -> str:
        """Asks for a task; returns the id that it will get."""
        self.send("spawn", title=title, spec=spec, agent=agent)
        return f"{next(self._numbers):04d}"

    def outcome(self, name: str) -> Outcome:
        """What became of the command `name`, once something has."""
        return self.wait(
            lambda: commands.outcome_of(self.state, self.state.inbox_done, name), f"an outcome of command {name}"
        )

    def opsroom(
        self, *arguments: str, stdin: str = "", cwd: Path | None = None, environment: dict[str, str] | None = None
    ) -> Said:
        """Runs `opsroom <arguments>` to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "opsroom", *arguments],
            cwd=cwd or self.repository,
            env=self.environment() | (environment or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def up(self, *options: str) -> subprocess.Popen[str]:
        """Starts `opsroom up` and returns once it holds the lease, or has ended."""
        before = len(self.events("up"))
        process = self.begin("up", *options)
        self.wait(lambda: len(self.events("up")) > before or process.poll() is not None, "the orchestrator to start")
        return process

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts `opsroom <arguments>` without a terminal, in a process group of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "opsroom", *arguments],
            cwd=self.repository,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._started.append(process)
        return process

    @contextlib.contextmanager
    def patient(self) -> Iterator[subprocess.Popen[bytes]]:
        """Starts an orchestrator that waits at its end for hours, if need be, for what is under way."""
        program = "from opsroom.__main__ import main; from orchestrator import loop; loop.DRAIN = 9999.0; main()"
        up = subprocess.Popen(
            [sys.executable, "-c", program, "up", "--quiet"],
            cwd=self.repository,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            yield up
        finally:
            up.kill()
            up.wait(DEADLINE)

    def up_once(self) -> str:
        """Runs `opsroom up --once` until nothing is left to do, and returns what it printed; it must end well."""
        said = self.opsroom("up", "--once")
        assert (said.status, said.err) == (0, "")
        return said.out

    def heeded(self) -> None:
        """Returns once the orchestrator takes commands: when it holds the lease it has yet to look at what is there."""
        self.outcome(self.send("kill", task="9999"))

    def finish(self, process: subprocess.Popen[str]) -> Said:
        """Waits for the end of a process that was started here."""
        out, err = process.communicate(timeout=DEADLINE)
        return Said(process.returncode, out, err)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Ends a process as a crash does."""
        process.kill()
        self.finish(process)

    def end_by_id(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends one process the signal `number`."""
        os.kill(pid, number)

    def environment(self, task: str = "", attempt: int = 1) -> dict[str, str]:
        """The environment of a person, or of the worker of `task`."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("OPSROOM_")}
        kept |= {"PYTHONPATH": str(CHECKOUT), "COLUMNS": "100"}
        if task:
            kept |= {"OPSROOM_TASK": task, "OPSROOM_STATE_DIR": str(self.state.root), "OPSROOM_ATTEMPT": str(attempt)}
        return kept

    # ── what there is to see ────────────────────────────────────────────────────────────────────────────────

    def task(self, task: str) -> TaskView:
        """What the files say of `task` now."""
        return read_fleet(self.state).tasks[task]

    def states(self) -> dict[str, str]:
        """The state of each task."""
        return {name: view.state for name, view in read_fleet(self.state).tasks.items()}

    def campaign_view(self, name: str) -> CampaignView:
        """What the files say of campaign `name` now."""
        return read_fleet(self.state).campaigns[name]

    def why(self, task: str) -> str:
        """What the status of `task` gives as its reason."""
        status = self.task(task).status
        assert status is not None
        return status.why

    def waiting_on(self, task: str) -> str:
        """What the status of `task` says it waits for; '' too while there is no such task yet."""
        view = read_fleet(self.state).tasks.get(task)
        return view.status.waiting_on if view and view.status else ""

    def events(self, kind: str, **fields: object) -> list[dict[str, Any]]:
        """The orchestrator's events of `kind` that have all of `fields`, oldest first."""
        place, found = event_log.Place(), []
        while True:
            batch = event_log.tail(self.state.root, self.state.events, place)
            place = batch.place
            for event in event_log.events(batch.lines, "events.jsonl"):
                assert not isinstance(event, Fault), event
                if event["kind"] == kind and fields.items() <= event.items():
                    found.append(event)
            if not batch.more:
                return found

    def moves(self, task: str) -> list[str]:
        """The states that `task` went through, in order, once the last one is told: that comes after it was made."""

        def told() -> tuple[list[str]] | None:
            found = [event["to"] for event in self.events("move", task=task)]
            return (found,) if [*found[-1:], "queued"][0] == self.states().get(task, "queued") else None

        return self.wait(told, f"the last move of {task} to be told")[0]

    def file(self, path: str, revision: str = "main") -> str:
        """The file `path` as it is in `revision`."""
        return self.git("show", f"{revision}:{path}")

    def subjects(self, revision: str = "main") -> list[str]:
        """The subjects of the commits of `revision`, newest first."""
        return self.git("log", "--format=%s", revision).splitlines()

    def wait(self, condition: Callable[[], T | None], what: str = "it") -> T:
        """Looks until `condition` gives something true, and returns that."""
        return wait(condition, lambda: f"{what}; tasks: {self.states()}", self.patience)

    def wait_for_state(self, task: str, *states: str) -> TaskView:
        """Waits until `task` is in one of `states`."""
        return self.wait(
            lambda: view if (view := read_fleet(self.state).tasks.get(task)) and view.state in states else None,
            f"task {task} to be {' or '.join(states)}",
        )

    def processes(self, task: str, attempt: int = 1) -> Attempt:
        """The processes of an attempt, once its supervisor has named them."""

        def read() -> Attempt | None:
            path = self.state.task(task).attempt(attempt).run
            with contextlib.suppress(BadFile):
                return decode(Attempt, files.read_text(self.state.root, path), path.name)
            return None

        return self.wait(read, f"the processes of attempt {attempt} of {task}")

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Ends, by their ids, every process that this story started and that is left."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=DEADLINE)
        for lock in self.state.tasks.glob("*/attempts/*/lock"):
            _named(AttemptDir(lock.parent))
        for run in self.state.tasks.glob("*/attempts/*/run.toml"):
            attempt = decode(Attempt, run.read_text(), run.name)
            if attempt.supervisor_start and start_ticks(attempt.supervisor) == attempt.supervisor_start:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(attempt.supervisor, signal.SIGKILL)
            attempts.sweep(run.parents[2], int(run.parent.name))


@contextlib.contextmanager
def telling(folder: Path) -> Iterator[Story]:
    """A story in `folder`, with nothing left of it when the block ends but its files."""
    story = Story(folder)
    try:
        yield story
    finally:
        story.close()


def wait(condition: Callable[[], T | None], what: Callable[[], str], seconds: float = DEADLINE) -> T:
    """Looks until `condition` gives something true, and returns that; `what` says what never came."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() >= until:
            raise AssertionError(f"waited {seconds:g} s for {what()}")
        time.sleep(0.02)
    return found


def _named(attempt: AttemptDir) -> None:
    """Waits for a supervisor that is still starting to name itself, so that it can be ended."""
    wait(lambda: attempt.run.exists() or not attempts.is_alive(attempt), lambda: f"the supervisor of {attempt.root}")


def put_folder(path: Path) -> None:
    """Puts a folder in the place of the file `path`, which somebody may write anew at any moment."""
    while not path.is_dir():
        path.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir()


def gone(pid: int) -> bool:
    """Waits until `pid` runs no more: who was sent a KILL is not gone that instant."""
    return wait(lambda: not alive(pid), lambda: f"process {pid} to end")


def alive(pid: int) -> bool:
    """Whether `pid` is a process that runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rsplit(b")", 1)[1].split()[0] != b"Z"
    except OSError:
        return False
