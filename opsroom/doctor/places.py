"""Where the program of an agent is, and what keeps it from being started as far as its file tells."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from opsroom.doctor.git import ask

__all__ = ["Place", "find"]

HEAD = 256
"""Bytes of a script in which its first line is looked for."""


class Place(NamedTuple):
    """The path of a program; with a `problem`, why it cannot be started, and what to do about it."""

    path: str = ""
    problem: str = ""
    todo: str = ""


def find(program: str, install: str, change: str, top: Path, base: str, environment: Mapping[str, str]) -> Place:
    """Where a worker finds `program`. `install` says how one gets it, `change` where another one is named.

    One that is named by a relative path is looked for in the repository at `top`, and in its revision `base`.
    """
    place = _by_path(program, change, top, base, environment) if "/" in program else None
    if place is None:
        place = _on_path(program, install, change, environment.get("PATH", os.defpath))
    if place.problem:
        return place
    missing = _interpreter(place.path, environment.get("PATH", os.defpath))
    if missing:
        return place._replace(problem=f"is run by {missing}, which is not there", todo=f"install {missing}")
    return place


def _on_path(program: str, install: str, change: str, path: str) -> Place:
    found = shutil.which(program, path=path)
    if found is not None:
        return Place(found)
    for folder in path.split(os.pathsep):
        there = os.path.join(folder, program)
        if os.path.islink(there) and not os.path.exists(there):
            problem = f"is a link to {os.path.realpath(there)}, which is not there"
            return Place(there, problem, f"{install}, {change}")
        if os.path.isfile(there):
            return Place(there, "is not executable", f"chmod +x {there}")
    return Place(problem=f"{program} is not on PATH", todo=f"{install}, {change}")


def _by_path(program: str, change: str, top: Path, base: str, environment: Mapping[str, str]) -> Place:
    """A program that is named by a path: if that is relative, a worker finds it in its worktree or not at all."""
    path = top / program
    if not path.is_file():
        return Place(str(path), "is not there", f"make it, {change}")
    if not os.access(path, os.X_OK):
        return Place(str(path), "is not executable", f"chmod +x {path}")
    if not os.path.isabs(program) and not ask(["cat-file", "-t", f"{base}:./{program}"], top, environment):
        return Place(program, "is not in git, so no worktree has it", f"commit it, {change}")
    return Place(str(path))


def _interpreter(program: str, path: str) -> str:
    """The interpreter that the script `program` names in its first line, if it is not there; else ''."""
    try:
        with open(program, "rb") as file:
            head = file.read(HEAD)
    except OSError:
        return ""
    if not head.startswith(b"#!"):
        return ""
    words = os.fsdecode(head[2:].partition(b"\n")[0]).split()
    if not words:
        return ""
    if not os.path.exists(words[0]):
        return words[0]
    if os.path.basename(words[0]) != "env":
        return ""
    named = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
    return named if named and shutil.which(named, path=path) is None else ""
