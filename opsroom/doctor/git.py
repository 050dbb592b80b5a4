"""Whether git is there, new enough, and has a repository here."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from opsroom.doctor.findings import Finding, fail, ok, warn
from opsroom.doctor.programs import number, version

__all__ = ["MINIMUM", "ask", "findings", "top_of"]

GROUP = "git"
MINIMUM = (2, 31)
"""`GIT_CONFIG_COUNT`, by which a worker's git is configured, came with 2.31; `rev-parse --end-of-options` with 2.30."""
SECONDS = 30.0


def findings(folder: Path, environment: Mapping[str, str]) -> list[Finding]:
    """What there is to say of git, and of the repository that `folder` is in."""
    path = shutil.which("git", path=environment.get("PATH"))
    if path is None:
        return [fail(GROUP, "git is not on PATH", "install git")]
    answer = version(path, environment)
    least = ".".join(map(str, MINIMUM))
    if answer.problem:
        return [fail(GROUP, f"{path} {answer.problem}", f"install git {least} or newer")]
    if number(answer.text) < MINIMUM:
        return [fail(GROUP, f"{answer.text} at {path} is too old", f"install git {least} or newer")]
    found = [ok(GROUP, f"{answer.text}, {path}")]
    top = top_of(folder, environment)
    if top is None:
        return [*found, warn(GROUP, f"{folder} is in no git repository", "go to one, or run 'git init'")]
    if not ask(["rev-parse", "--verify", "--quiet", "HEAD"], top, environment):
        return [*found, fail(GROUP, f"{top} has no commit yet", "make one: worktrees begin at a commit")]
    return [*found, ok(GROUP, f"repository {top}")]


def top_of(folder: Path, environment: Mapping[str, str]) -> Path | None:
    """The top of the working tree that `folder` is in; None where it is in none, or git is missing."""
    said = ask(["rev-parse", "--show-toplevel"], folder, environment)
    return Path(said) if said else None


def ask(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """What git answers, or '' where it says no or is not there."""
    path = shutil.which("git", path=environment.get("PATH"))
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, "--no-optional-locks", *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
