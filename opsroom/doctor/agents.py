"""The agents of `opsroom.toml`, whether their programs are there, and agent programs that are there besides."""

import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from opsroom.doctor.findings import Finding, fail, ok, warn
from opsroom.doctor.git import ask
from opsroom.doctor.programs import Answer, version
from orchestrator.config import Config

__all__ = ["KNOWN", "findings"]

GROUP = "agents"
KNOWN = ("aider", "amp", "claude", "codex", "copilot", "cursor-agent", "gemini", "goose", "opencode", "qwen")
"""Programs that are coding agents by their names, worth a word where nobody has configured them."""


def findings(config: Config, top: Path, environment: Mapping[str, str]) -> list[Finding]:
    """Each configured agent, then what else is on PATH. `top` is where the repository is.

    A program on PATH is asked for its version. A script of the repository is not run: it may begin to work.
    """
    path = environment.get("PATH", os.defpath)
    programs = {name: agent.command[0] for name, agent in config.agents.items()}
    used = {os.path.basename(program) for program in programs.values()}
    places = {
        program: shutil.which(program, path=path) for program in {*programs.values(), *KNOWN} if "/" not in program
    }
    with ThreadPoolExecutor(max_workers=8) as pool:
        asked = {place: pool.submit(version, place, environment) for place in places.values() if place}
        answers = {place: future.result() for place, future in asked.items()}
    base = config.orchestrator.base or "HEAD"
    found = [
        _by_path(name, program, top, base, environment)
        if "/" in program
        else _on_path(name, program, places[program], answers)
        for name, program in programs.items()
    ]
    if not found:
        found.append(warn(GROUP, "none is configured", "name one in opsroom.toml: [agents.NAME] with a command"))
    for program in KNOWN:
        if (place := places.get(program)) and program not in used:
            said = _said(place, answers[place])
            found.append(ok(GROUP, f"{program} is on PATH, and no agent in opsroom.toml runs it: {said}"))
    return found


def _on_path(name: str, program: str, place: str | None, answers: Mapping[str, Answer]) -> Finding:
    change = f"or change agents.{name}.command in opsroom.toml"
    if place is None:
        return fail(GROUP, f"{name}: {program} is not on PATH", f"install {program}, {change}")
    answer = answers[place]
    if answer.problem.startswith("cannot be run"):
        return fail(GROUP, f"{name}: {place} {answer.problem}", f"install it again, {change}")
    return ok(GROUP, f"{name}: {_said(place, answer)}")


def _said(place: str, answer: Answer) -> str:
    return f"{answer.text}, {place}" if answer.text else f"{place}, which {answer.problem}"


def _by_path(name: str, program: str, top: Path, base: str, environment: Mapping[str, str]) -> Finding:
    """A program that is named by a path: if that is relative, a worker finds it in its worktree or not at all."""
    path, change = top / program, f"or change agents.{name}.command in opsroom.toml"
    if not path.is_file():
        return fail(GROUP, f"{name}: {path} is not there", f"make it, {change}")
    if not os.access(path, os.X_OK):
        return fail(GROUP, f"{name}: {path} is not executable", f"chmod +x {path}")
    if not os.path.isabs(program) and not ask(["cat-file", "-t", f"{base}:./{program}"], top, environment):
        return fail(GROUP, f"{name}: {program} is not in git, so no worktree has it", f"commit it, {change}")
    return ok(GROUP, f"{name}: {path}")
