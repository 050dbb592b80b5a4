"""Finds out what a worker's program, or a check, may see and write, and makes it ready: a sandbox for each of them.

Inside, everything on the machine can be read but the homes, /tmp, /run and what is mounted by hand; nothing can be
written but the worktree, a HOME and a repository of its own (`sandboxes.homes`, `repository.clones`), the task's
`worker/`, `outbox/` and `captures/`, and `locks/`. Of the homes there is what programs need (`sandboxes.reach`) and
what the configuration names. The repository itself is hidden but for its objects: files that nobody committed, and
settings with passwords in them, are no business of a worker's.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator import agent_commands
from orchestrator.config import Agent, Config
from orchestrator.enclosed import Enclose, Enclosed
from orchestrator.repository import clones, trees
from orchestrator.repository.clones import Clone
from orchestrator.repository.git import Git
from orchestrator.sandboxes import homes, private, sandbox
from orchestrator.sandboxes.private import Private
from orchestrator.sandboxes.reach import Reach, tool_environment
from orchestrator.sandboxes.sandbox import Box, Mount, Probe
from state import files
from state.errors import CannotWrite, Refused, Unavailable
from state.layout import StateDir

__all__ = [
    "KEPT",
    "KEPT_PREFIXES",
    "Enclosure",
    "choose",
    "probe_for",
]

HIDDEN = ("/home", "/root", "/media", "/mnt", "/run", "/var/mail", "/var/spool")
SCRATCH = ("/tmp", "/var/tmp")  # noqa: S108 - what is hidden, and another one inside
SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr")
"""Folders that are never hidden, nor anything in or above them, though it were somebody's home."""
SERVICES = ("/opt", "/var")
"""Folders that are never hidden either, but homes in them are: `/var/lib/jenkins` holds keys as others do."""
KEPT = (
    *("PATH", "LANG", "LANGUAGE", "TERM", "COLORTERM", "NO_COLOR", "TZ", "USER", "LOGNAME", "SHELL"),
    *("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"),
    *("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"),
    *("JAVA_HOME", "GOROOT", "VIRTUAL_ENV", "CONDA_PREFIX"),
)
"""Variables of the orchestrator's own environment that a program in the sandbox finds in its own."""
KEPT_PREFIXES = ("LC_", "OPSROOM_")
"""How the names of others begin that are kept as well."""
NAMED_IN = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"),
    *("JAVA_HOME", "GOROOT", "VIRTUAL_ENV"),
)
"""Of these, the ones whose values are paths to be shown."""
PACKAGES = ("opsroom", "state", "orchestrator", "tui", "themes", "click", "msgspec", "tomli_w", "filelock")
"""What the worker's verbs import, wherever it is installed."""


def probe_for(config: Config) -> Probe:
    """Whether bubblewrap does here all that `config` asks of it."""
    return sandbox.probe(config.sandbox.network and all(agent.network is not False for agent in config.agents.values()))


def choose(state: StateDir, config: Config, own: Mapping[str, str] | None = None) -> "Enclosure":
    """What workers run in, by the configuration and by what works here.

    Raises `Unavailable` where bubblewrap is asked for and does not work, or what the configuration names is missing.
    """
    own = os.environ if own is None else own
    if config.sandbox.kind == "none":
        return Enclosure(state, config, None, "", own)
    found = probe_for(config)
    if not found.works:
        if config.sandbox.kind == "bubblewrap":
            raise Unavailable(
                f"no sandbox: {found.why}", todo="or set sandbox.kind in opsroom.toml to 'auto' or 'none'"
            )
        return Enclosure(state, config, None, found.why, own)
    chosen = Enclosure(state, config, found, "", own)
    for agent in (None, *config.agents.values()):
        chosen.named(agent)
    return chosen


@dataclass(frozen=True, slots=True)
class Named:
    """What the configuration names for one agent, found on the disk. Paths as they are spelled there."""

    credentials: tuple[Path, ...]
    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    network: bool


class Enclosure:
    """Encloses the programs of one state directory, in bubblewrap where `probe` says that it works, else in nothing."""

    def __init__(self, state: StateDir, config: Config, probe: Probe | None, why: str, own: Mapping[str, str]) -> None:
        self.kind = "bubblewrap" if probe is not None else "none"
        self.why = why
        """Why there is less than what was asked for; '' if there is not."""
        self._state = state
        self._config = config
        self._program = probe.program if probe else ""
        self._own = own
        self._home = Path(own.get("HOME") or _home_of_user())
        self._tools: tuple[object, Reach] | None = None
        self._private = private.look() if probe is not None and os.geteuid() == 0 else Private()

    # ── one program ─────────────────────────────────────────────────────────────────────────────────────────

    def worker(self, worktree: Path, task: str, agent: Agent, environment: dict[str, str]) -> Enclosed:
        """How the program of `agent` is to be started for `task`; makes its HOME and its repository ready.

        Raises `Refused` for a program that is not there or cannot be executed, `Unavailable` where something is
        missing that may come again, `GitError` and `CannotWrite`.
        """
        command = tuple(agent.command)
        self._find(command[0], worktree, environment)
        if self.kind == "none":
            return Enclosed(list(command), environment)
        return self._enclose(worktree, task, agent, command, environment, worktree.name)

    @contextlib.contextmanager
    def checking(self, worktree: Path, task: str = "") -> Iterator[Enclose]:
        """How checks are to be started in `worktree`, of `task` or of none. What it gives raises as `worker` does."""
        if self.kind == "none" or not self._config.sandbox.checks:
            yield Enclosed
            return
        name = f"{worktree.name}~check"
        clone = Clone(self._state.clones / name)
        try:
            yield lambda command, environment: self._enclose(worktree, task, None, tuple(command), environment, name)
        finally:
            clones.forget(clone)
            if not task:
                trees.remove(self._state.homes / worktree.name)

    def _enclose(
        self,
        worktree: Path,
        task: str,
        agent: Agent | None,
        command: tuple[str, ...],
        environment: dict[str, str],
        name: str,
    ) -> Enclosed:
        """Encloses a worker's command, or without an `agent` a check's. `name` is that of the clone."""
        named = self.named(agent)
        root = Path(os.path.realpath(self._state.root))
        worktree, home, clone = (
            root / "worktrees" / worktree.name,
            root / "homes" / worktree.name,
            root / "clones" / name,
        )
        _must_be(worktree, "a folder", os.path.isdir)
        _must_be(worktree / ".git", "a file", os.path.isfile)
        lender = clones.make(worktree, Clone(clone))
        author = Git(worktree, linked=True).ask("var", "GIT_AUTHOR_IDENT") or ""
        homes.prepare(home, homes.identity(author, lender.settings))

        hidden, scratch = self._hidden(root, lender.common), _real(SCRATCH)
        reach = self._reach([*hidden, *scratch], {**self._own, **environment})
        reach.show(self._state.root)
        self._reach_command(reach, command, worktree, environment)
        for path in named.readable:
            reach.show(path)
        if named.network:
            reach.show(Path("/etc/resolv.conf"))  # often a link into /run
        replaced = [Mount(Clone(clone).link, worktree / ".git"), *self._covered(named)]
        for path in named.credentials:
            if self._home in path.parents:
                real = Path(os.path.realpath(path))
                replaced.append(Mount(real, homes.place_for(home, path.relative_to(self._home), real.is_dir())))
            else:
                reach.show(path)
        writable = [worktree, Clone(clone).git, home, root / "locks", *self._of_task(root, task)]
        writable += [reach.show(path) for path in named.writable]
        box = Box(
            argv=command,
            cwd=worktree,
            hidden=tuple(hidden),
            scratch=tuple(scratch),
            readable=tuple({root, *reach.shown, *lender.objects, *_real([str(lender.common / "lfs")])}),
            writable=tuple(writable),
            replaced=tuple(replaced),
            links=tuple(reach.links.items()),
            network=named.network,
        )
        # what stands in the configuration of the clone is not said again in the environment
        environment = {name: value for name, value in environment.items() if not name.startswith("GIT_CONFIG_")}
        added = tool_environment(self._home, self._own) | environment | {"HOME": str(home)}
        status = sandbox.STATUS_FD if agent is not None else None
        return Enclosed(sandbox.argv(self._program, box, status), added, self._kept(agent), self.kind)

    def _reach_command(
        self, reach: Reach, command: tuple[str, ...], worktree: Path, environment: Mapping[str, str]
    ) -> None:
        path = self._path(environment)
        if program := _which(command[0], worktree, path):
            reach.program(program, path)
        for word in command[1:]:
            if os.path.isabs(word) and os.path.isfile(word):
                reach.program(Path(word), path)

    # ── what there is ───────────────────────────────────────────────────────────────────────────────────────

    def named(self, agent: Agent | None) -> Named:
        """What the configuration names for `agent`, or for checks; raises `Unavailable` where something is missing."""
        chosen = self._config.sandbox
        asked = chosen.credentials if agent is None or agent.credentials is None else agent.credentials
        network = chosen.network if agent is None or agent.network is None else agent.network
        credentials = self._there("credentials", asked if agent is not None else ())
        if agent is not None and agent.credentials is None:
            own = (self._home / path.removeprefix("~/") for path in agent_commands.credentials(agent))
            credentials = tuple(dict.fromkeys((*credentials, *(path for path in own if path.exists()))))
        return Named(
            credentials=credentials,
            readable=self._there("readable", chosen.readable),
            writable=self._there("writable", chosen.writable),
            network=network,
        )

    def _there(self, key: str, spelled: Iterable[str]) -> tuple[Path, ...]:
        found = []
        for text in spelled:
            below = text.removeprefix("~/")
            path = Path(os.path.normpath((self._home if below != text else self._state.repository) / below))
            if not path.exists():
                todo = "put it there, or take it out of opsroom.toml"
                raise Unavailable(f"sandbox: {key} names {text}, and {path} does not exist", todo=todo)
            if key == "writable" and (own := self._guarded_by(Path(os.path.realpath(path)))):
                todo = "take it out of opsroom.toml: a worker that writes there writes what decides over it"
                raise Unavailable(f"sandbox: writable names {text}, and {own} is in the way", todo=todo)
            found.append(path)
        return tuple(found)

    def _guarded_by(self, path: Path) -> Path | None:
        """What no worker may write of that which `path` holds, or lies in: git's folder, the state directory."""
        guarded = (Path(os.path.realpath(own)) for own in (self._state.repository / ".git", self._state.root))
        return next((own for own in guarded if own == path or path in own.parents or own in path.parents), None)

    def _kept(self, agent: Agent | None) -> list[str]:
        wanted = {*KEPT, *self._config.sandbox.keep, *(agent_commands.variables(agent) if agent else ())}
        return sorted(name for name in self._own if name in wanted or name.startswith(KEPT_PREFIXES))

    def _of_task(self, root: Path, task: str) -> list[Path]:
        """The folders of the task that its worker writes, each of them made if it is missing."""
        if not task:
            return []
        folder = self._state.task(task)
        for path in (folder.worker, folder.outbox, folder.captures):
            files.make_folder(self._state.root, path)
            _must_be(path, "a folder", os.path.isdir)
        return [root / path.relative_to(self._state.root) for path in (folder.worker, folder.outbox, folder.captures)]

    def _hidden(self, root: Path, common: Path) -> list[Path]:
        system = [Path(name) for name in SYSTEM]
        above = {folder for top in (*system, *map(Path, SERVICES)) for folder in (top, *top.parents)}
        homes_of = _real([str(self._home), _home_of_user()])
        asked = [*_real(HIDDEN), *(home for home in homes_of if not any(top in home.parents for top in system))]
        asked += [root.parent, common]
        asked += [path for path in self._private.folders if path.is_dir()]
        inner = [root / name for name in ("worktrees", "homes", "clones")]
        return [*(path for path in dict.fromkeys(asked) if path not in above), *inner]

    def _covered(self, named: Named) -> list[Mount]:
        """Nothing at all in the place of files that are for root alone, but for those that are named."""
        asked = {*named.credentials, *named.readable, *named.writable}
        nothing = Path(os.devnull)
        files = (path for path in self._private.files if asked.isdisjoint((path, *path.parents)))
        return [Mount(nothing, path) for path in files if path.is_file()]

    def _path(self, environment: Mapping[str, str]) -> str:
        return environment.get("PATH") or self._own.get("PATH") or os.defpath

    def _reach(self, hidden: list[Path], environment: Mapping[str, str]) -> Reach:
        """What tools need of what is hidden; looked up again when a folder on PATH has changed or something is gone."""
        path = self._path(environment)
        stamps = tuple((folder, _changed(folder)) for folder in path.split(os.pathsep))
        key = (tuple(hidden), stamps)
        if self._tools is None or self._tools[0] != key or not all(map(os.path.exists, self._tools[1].shown)):
            reach = Reach(tuple(hidden), self._home, whole=(Path(os.path.realpath(self._state.root)).parent,))
            reach.tools({**environment, "PATH": path})
            reach.program(Path(sys.executable), path)
            for prefix in (sys.prefix, sys.base_prefix):
                reach.python(Path(prefix))
            for name in PACKAGES:
                with contextlib.suppress(ImportError, ValueError):
                    spec = importlib.util.find_spec(name)
                    for place in (spec.submodule_search_locations or [spec.origin or "/"]) if spec else ():
                        reach.offer(Path(place))
            for variable in NAMED_IN:
                if os.path.isabs(self._own.get(variable, "")):
                    reach.offer(Path(self._own[variable]))
            self._tools = (key, reach)
        return self._tools[1].copy()

    def _find(self, name: str, worktree: Path, environment: Mapping[str, str]) -> None:
        """Raises `Refused` unless there is a program `name` for whoever begins in `worktree`."""
        program = _which(name, worktree, self._path(environment))
        if program is None:
            raise Refused(f"there is no program {name!r} on PATH", todo="see the agent's command in opsroom.toml")
        if not program.is_file():
            raise Refused(f"there is no program {program}", todo="see the agent's command in opsroom.toml")
        if not os.access(program, os.X_OK):
            raise Refused(f"{program} cannot be executed", todo=f"chmod +x {name}")


def _must_be(path: Path, what: str, is_it: Callable[[Path], bool]) -> None:
    if os.path.islink(path) or not is_it(path):
        raise CannotWrite(f"{path} is not {what}", todo="remove it: what a worker put there is not followed")


def _which(name: str, worktree: Path, path: str) -> Path | None:
    if "/" in name:
        return worktree / name
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def _real(paths: Iterable[str]) -> list[Path]:
    """`paths` without links, without repetition, and without those that are not there."""
    return [path for path in dict.fromkeys(Path(os.path.realpath(path)) for path in paths) if path.is_dir()]


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def _home_of_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return "/nonexistent"
