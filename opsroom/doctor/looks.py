"""A look at each agent: whether its program is there, starts here, and finds something to sign in with."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opsroom import signing_in
from opsroom.doctor.findings import FAIL, OK, WARN
from opsroom.doctor.places import find
from opsroom.doctor.programs import number, version
from opsroom.doctor.starts import SECONDS, Prepared, Start, Starts, stage
from orchestrator import agents
from orchestrator.config import Agent, Config
from state.errors import OpsroomError

__all__ = ["OTHERS", "Look", "look", "looks", "unconfigured"]

OTHERS = ("aider", "amp", "cursor-agent", "goose", "mini")
"""Programs that are coding agents by their names, of no kind that is known; worth a word where nobody named them."""
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What there is to say of one agent: one of `opsroom.toml`, or a program that is on PATH."""

    name: str
    """What it is called in `opsroom.toml`; for one that is not there, its kind or its program."""
    kind: str
    configured: bool
    place: str = ""
    """The program's path; '' where it is not there."""
    version: str = ""
    """What the program says of it."""
    tested: str = ""
    """The version that is tested, of a kind that is known."""
    problem: str = ""
    """Why it cannot start at all; '' if it can."""
    todo: str = ""
    """With a problem, what to do about it."""
    remark: str = ""
    """What is strange about it, and no fault."""
    starts: Starts = field(default_factory=Starts)
    root: bool = False
    """Whether it was root that started it."""
    refused: bool = False
    """Whether it would not work for root, who asks."""
    signs_in: tuple[str, ...] = ()
    """What there is that it may sign in with: names of variables, and files of the home."""
    looked_for: tuple[str, ...] = ()
    """What of that was looked for."""

    @property
    def verdict(self) -> str:
        """`ok`, `warn` or `fail`; what nobody has configured never fails."""
        if self.problem or self.refused or self._outside_only:
            return FAIL if self.configured else WARN
        return WARN if self.configured and self.looked_for and not self.signs_in else OK

    @property
    def said(self) -> str:
        """All of it in a line, but for what is to be done."""
        if self.problem:
            return f"{self.place} {self.problem}".strip()
        first = f"{self.version}{self._other}, {self.place}" if self.version else self.place
        first += f", which {self.remark}" if self.remark else ""
        return "; ".join(part for part in (first, self.starting, self.signing_in) if part)

    @property
    def advice(self) -> str:
        """What is to be done; '' for nothing."""
        if self.problem:
            return self.todo
        if self._outside_only is not None:
            return "name what it misses under readable of [sandbox] in opsroom.toml"
        if self.refused:
            return "run opsroom as another user, or get the sandbox to work"
        if self.looked_for and not self.signs_in:
            return "sign in with it, or set one of these variables"
        return ""

    @property
    def starting(self) -> str:
        """Where it starts, and where not; '' where that was not tried."""
        inside, offline = self.starts.sandboxed, self.starts.offline
        if self._outside_only is not None:
            return f"starts, but not in the sandbox: {self._outside_only.problem}"
        starts = "starts as root" if self.root else "starts"
        if inside is None:
            said = f"{starts} without a sandbox" if self.starts.outside is not None else ""
        elif offline is None or offline.problem:
            said = f"{starts} in the sandbox, and not without network{f': {offline.problem}' if offline else ''}"
        else:
            said = f"{starts} in the sandbox, also without network"
        return f"{said}, but does not work for root there" if self.refused else said

    @property
    def signing_in(self) -> str:
        """What it may sign in with; '' where nothing is known of that."""
        if self.signs_in:
            return f"may sign in with {', '.join(self.signs_in)}"
        if not self.looked_for:
            return ""
        names = f": there is no {', '.join(self.looked_for)}" if self.configured else ""
        return f"nothing to sign in with{names}"

    @property
    def _outside_only(self) -> Start | None:
        """The start in the sandbox, where it failed and the one outside went well."""
        inside = self.starts.sandboxed
        return inside if inside is not None and inside.problem else None

    @property
    def _other(self) -> str:
        differs = self.tested and number(self.version) and number(self.version) != number(self.tested)
        return f" (tested: {self.tested})" if differs else ""

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return {
            "name": self.name,
            "kind": self.kind,
            "configured": self.configured,
            "program": self.place or None,
            "version": ".".join(map(str, number(self.version))) or None,
            "tested_version": self.tested or None,
            "verdict": self.verdict,
            "problem": self.problem or None,
            "starts_sandboxed": _as_json(self.starts.sandboxed),
            "starts_without_network": _as_json(self.starts.offline),
            "starts_outside": _as_json(self.starts.outside),
            "as_root": self.root,
            "works_for_this_user": not self.refused,
            "signs_in_with": list(self.signs_in),
            "looked_for": list(self.looked_for),
            "todo": self.advice or None,
        }


def _as_json(start: Start | None) -> dict[str, Any] | None:
    return None if start is None else {"ok": not start.problem, "problem": start.problem or None}


def looks(config: Config, top: Path, environment: Mapping[str, str], seconds: float = SECONDS) -> list[Look]:
    """Each configured agent, then each agent program on PATH that none of them runs; all at the same time.

    A program of a known kind is started in the sandbox as its workers are; any other on PATH is asked for its version.
    A script of the repository is not run: it may begin to work. `top` is where the repository is.
    """
    asked = [(Look(name, agent.kind, True), agent) for name, agent in config.agents.items()]
    besides = [(Look(name, agent.kind, False), agent) for name, agent in unconfigured(config).items()]
    found = _look([*asked, *besides], config, top, environment, seconds)
    return [look for look in found if look.configured or look.place]


def look(name: str, agent: Agent, config: Config, top: Path, environment: Mapping[str, str]) -> Look:
    """What there is to say of this one agent, as if it were configured."""
    return _look([(Look(name, agent.kind, True), agent)], config, top, environment, SECONDS)[0]


def unconfigured(config: Config) -> dict[str, Agent]:
    """The agent programs that one may have, by name, but for those that `config` names."""
    used = {os.path.basename(agent.command[0]) for agent in config.agents.values()}
    known = {kind: Agent(kind=kind, command=[agents.adapter(kind).program]) for kind in agents.KINDS}
    others = {name: Agent(command=[name]) for name in OTHERS}
    return {name: agent for name, agent in (known | others).items() if agent.command[0] not in used}


def _look(
    asked: Iterable[tuple[Look, Agent]], config: Config, top: Path, environment: Mapping[str, str], seconds: float
) -> list[Look]:
    base = config.orchestrator.base or "HEAD"
    placed = [(_placed(look, agent, top, base, environment), agent) for look, agent in asked]
    with ExitStack() as closing, ThreadPoolExecutor(AT_ONCE) as pool:
        scene, running = None, []
        for look, agent in placed:
            if look.problem or agent.kind == agents.COMMAND or _of_repository(agent):
                running.append(pool.submit(_versioned, look, agent, environment))
                continue
            try:
                scene = scene or closing.enter_context(stage(config, top, environment))
                prepared = scene.prepare(agent)
            except OpsroomError as error:
                untried = replace(look, problem=f"cannot be tried: {error.message}", todo=error.todo)
                running.append(pool.submit(_versioned, untried, agent, environment))
                continue
            running.append(pool.submit(_started, look, agent, config, prepared, environment, seconds))
        return [future.result() for future in running]


def _of_repository(agent: Agent) -> bool:
    return "/" in agent.command[0] and not os.path.isabs(agent.command[0])


def _placed(look: Look, agent: Agent, top: Path, base: str, environment: Mapping[str, str]) -> Look:
    """`look` with the place of its program."""
    program = agent.command[0]
    install = f"install {program}"
    if agent.kind != agents.COMMAND:
        adapter = agents.adapter(agent.kind)
        install = f"npm install -g {adapter.package}@{adapter.version}"
    change = f"or change agents.{look.name}.command in opsroom.toml"
    place = find(program, install, change, top, base, environment)
    return replace(look, place=place.path, problem=place.problem, todo=place.todo)


def _versioned(look: Look, agent: Agent, environment: Mapping[str, str]) -> Look:
    """`look` with the version of a program of which nothing else is known."""
    if look.problem or "/" in agent.command[0]:
        return look
    answer = version(look.place, environment)
    if answer.problem.startswith("cannot be run"):
        return replace(look, problem=answer.problem, todo=f"install it again, or change agents.{look.name}.command")
    return replace(look, version=answer.text, remark=answer.problem)


def _started(
    look: Look, agent: Agent, config: Config, prepared: Prepared, environment: Mapping[str, str], seconds: float
) -> Look:
    """`look` with how its program starts, and what it may sign in with."""
    adapter, starts = prepared.adapter, prepared.start(seconds, once=not look.configured)
    last = next((one for one in (starts.outside, starts.sandboxed) if one is not None and one.problem), None)
    inside = starts.sandboxed is not None and not starts.sandboxed.problem
    files = agent.credentials if agent.credentials is not None else [*adapter.credentials, *config.sandbox.credentials]
    return replace(
        look,
        version=starts.version,
        tested=adapter.version,
        problem="" if starts.version or last is None else last.problem,
        todo="" if starts.version or last is None else last.todo,
        starts=starts,
        root=os.geteuid() == 0,
        refused=adapter.refuses_root and os.geteuid() == 0 and not inside,
        signs_in=signing_in.found(adapter, {**environment, **agent.environment}, files),
        looked_for=(*adapter.keys, *signing_in.files_of(files)),
    )
