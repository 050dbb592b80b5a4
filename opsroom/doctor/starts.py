"""Whether the program of a known agent starts here: in the sandbox as its workers do, there without network, outside.

It is really started, with `--version`, in a repository and with a HOME of our own, so that nothing of yours changes.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from opsroom.doctor.programs import first_line, run
from opsroom.scratch import BRANCH, make_repository
from orchestrator import agents
from orchestrator.agents.adapter import Adapter, Run
from orchestrator.config import Agent, Config
from orchestrator.repository import worktrees
from orchestrator.sandboxes import sandbox
from orchestrator.sandboxes.enclosure import Enclosure, probe_for
from orchestrator.sandboxes.reach import tool_environment
from state.errors import OpsroomError
from state.layout import StateDir
from state.sanitize import clean_line

__all__ = ["SECONDS", "Prepared", "Stage", "Start", "Starts", "stage"]

SECONDS = 15.0
"""How long one start may take; the slowest known takes two on an idle machine."""
_TELLING = re.compile(r"\berror\b|missing|not found|not installed|cannot|unsupported|no such", re.IGNORECASE)
_INCOMPLETE = re.compile(r"optional|native|postinstall|find (?:package|module)|binary", re.IGNORECASE)
_STATUS = ["--json-status-fd", str(sandbox.STATUS_FD)]


@dataclass(frozen=True, slots=True)
class Start:
    """How one start went: the version that was said, or what went wrong and what to do about it."""

    version: str = ""
    problem: str = ""
    todo: str = ""
    late: bool = False
    """Whether it was ended because it took too long."""


@dataclass(frozen=True, slots=True)
class Starts:
    """How the starts of one program went; None where one was not tried."""

    sandboxed: Start | None = None
    offline: Start | None = None
    """In the sandbox, without network."""
    outside: Start | None = None
    """Without a sandbox; tried where there is none, or where the program does not start in it."""

    @property
    def version(self) -> str:
        """What it said of its version, wherever it did."""
        return next((one.version for one in (self.sandboxed, self.offline, self.outside) if one and one.version), "")


@dataclass(frozen=True, slots=True)
class _Command:
    argv: list[str]
    environment: dict[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class Prepared:
    """The program of one agent, ready to be started, at the same time as others."""

    adapter: Adapter
    outside: _Command
    sandboxed: _Command | Start | None
    """A `Start` where it could not be made ready; None where there is no sandbox."""
    offline: _Command | Start | None

    def start(self, seconds: float = SECONDS, *, once: bool = False) -> Starts:
        """Starts it, for at most `seconds` each time; where `once` is enough, not again in what allows even more."""
        if once and (without := self._start(self.offline, seconds)) is not None and without.version:
            return Starts(without, without)
        sandboxed = self._start(self.sandboxed, seconds)
        late = sandboxed is not None and sandboxed.late
        offline = None if late else self._start(self.offline, seconds)
        if late or (sandboxed and sandboxed.version):
            return Starts(sandboxed, offline)
        return Starts(sandboxed, offline, self._start(self.outside, seconds))

    def _start(self, how: "_Command | Start | None", seconds: float) -> Start | None:
        if not isinstance(how, _Command):
            return how
        try:
            said = run(how.argv, how.environment, str(how.folder), seconds)
        except OSError as error:
            return _broken(self.adapter, f"cannot be run: {(error.strerror or str(error)).lower()}")
        if said.status is None:
            todo = "is the machine busy? ask again"
            return Start(problem=f"did not answer --version within {seconds:g} s", todo=todo, late=True)
        if said.status == 0:
            return Start(first_line(said.out) or first_line(said.err) or "a version that it does not say")
        words = _telling(said.err) or _telling(said.out)
        return _broken(self.adapter, f"exits with {said.status}{': ' if words else ''}{words}")


class Stage:
    """A scratch repository in which the programs of agents can be started as the workers of `config` are."""

    def __init__(self, folder: Path, config: Config, top: Path, environment: Mapping[str, str]) -> None:
        self._state = StateDir(folder / "repository" / ".opsroom")
        self._home = folder / "home"
        self._own = {key: value for key, value in environment.items() if not key.startswith("OPSROOM_")}
        self._config = _movable(config, top)
        self._probe = None if config.sandbox.kind == "none" else probe_for(config)
        self._enclosure: Enclosure | None = None
        self._offline = ""
        """Why no network can be taken away."""
        self._number = 0
        self._home.mkdir()
        if self._probe is not None and self._probe.works:
            self._state.root.parent.mkdir()
            make_repository(self._state.root.parent, {}, "Opsroom doctor")
            self._state.create()
            self._enclosure = Enclosure(self._state, self._config, self._probe, "", self._own)
            self._offline = sandbox.probe(False).why

    def prepare(self, agent: Agent) -> Prepared:
        """Makes the program of `agent`, whose kind is known, ready to be started."""
        adapter = agents.adapter(agent.kind)
        if self._enclosure is None:
            return Prepared(adapter, self._outside(adapter, agent), None, None)
        sandboxed = self._inside(self._enclosure, adapter, agent)
        if isinstance(sandboxed, Start):
            return Prepared(adapter, self._outside(adapter, agent), sandboxed, None)
        without = msgspec.structs.replace(agent, network=False)
        offline = Start(problem=self._offline) if self._offline else self._inside(self._enclosure, adapter, without)
        return Prepared(adapter, self._outside(adapter, agent), sandboxed, offline)

    def _outside(self, adapter: Adapter, agent: Agent) -> _Command:
        real_home = Path(self._own.get("HOME") or Path.home())
        added = tool_environment(real_home, self._own) | {"HOME": str(self._home)}
        added |= self._environment(adapter, agent, self._home, sandboxed=False)
        return _Command([*agent.command, "--version"], self._own | added, self._home)

    def _inside(self, enclosure: Enclosure, adapter: Adapter, agent: Agent) -> _Command | Start:
        self._number += 1
        task = f"{self._number:04d}"
        worktree = self._state.worktree(task)
        command = msgspec.structs.replace(agent, command=[*agent.command, "--version"])
        try:
            worktrees.prepare(self._state.repository, worktree, task, 1, BRANCH)
            own = self._environment(adapter, agent, worktree, sandboxed=True)
            enclosed = enclosure.worker(worktree, task, command, own | {"PATH": self._own.get("PATH", os.defpath)})
        except OpsroomError as error:
            return Start(problem=error.message, todo=error.todo)
        return _Command(_without_status(enclosed.argv), enclosed.whole(self._own), worktree)

    def _environment(self, adapter: Adapter, agent: Agent, folder: Path, *, sandboxed: bool) -> dict[str, str]:
        how = Run(folder, folder, agent.model, root=os.geteuid() == 0, sandboxed=sandboxed)
        return {**adapter.environment(how), **agent.environment}


@contextlib.contextmanager
def stage(config: Config, top: Path, environment: Mapping[str, str]) -> Iterator[Stage]:
    """A stage in a temporary folder that is removed at the end; `top` is where the repository of `config` is.

    Raises `OpsroomError` where there is no room for it, or no git.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="opsroom-doctor-"))
    except OSError as error:
        raise OpsroomError(f"no temporary folder: {error.strerror or error}", todo="set TMPDIR") from None
    try:
        yield Stage(folder, config, top, environment)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _movable(config: Config, top: Path) -> Config:
    """`config` for a repository elsewhere: what it names is meant from `top`, and nothing that is missing is named."""
    own = config.sandbox
    readable = [text if text.startswith(("/", "~/")) else str(top / text) for text in own.readable]
    there = {
        "readable": [text for text in readable if _expanded(text).exists()],
        "credentials": [text for text in own.credentials if _expanded(text).exists()],
        "writable": [],
    }
    return msgspec.structs.replace(config, sandbox=msgspec.structs.replace(own, **there))


def _expanded(text: str) -> Path:
    return Path(os.path.expanduser(text))


def _without_status(argv: list[str]) -> list[str]:
    """`argv` without the words by which bubblewrap reports to a supervisor, which there is none of here."""
    at = argv.index(_STATUS[0])
    return argv[:at] + argv[at + len(_STATUS) :]


def _telling(text: str) -> str:
    """The line of an error message that tells most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return clean_line(next((line for line in lines if _TELLING.search(line)), lines[0] if lines else ""), 200)


def _broken(adapter: Adapter, problem: str) -> Start:
    again = f"npm install -g {adapter.package}@{adapter.version}"
    if _INCOMPLETE.search(problem):
        return Start(problem=problem, todo=f"install it whole, without --omit=optional or --ignore-scripts: {again}")
    return Start(problem=problem, todo=f"install it again: {again}")
