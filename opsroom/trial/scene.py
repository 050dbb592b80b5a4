"""The scratch repository of a trial, with one agent of the person's configuration in its own."""

import os
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from opsroom.scratch import BRANCH, make_repository
from state import files
from state.errors import CannotWrite, OpsroomError
from state.layout import DIRECTORY, StateDir

__all__ = ["FILE", "SPEC", "TITLE", "WORDS", "folder_for", "make"]

FILE = "hello.txt"
WORDS = "hello from agent"
TITLE = f"Write {FILE}"
SPEC = f"""\
Create the file `{FILE}` in the current directory, with exactly one line in it:

    {WORDS}

Commit it with git. Then run `opsroom result success --summary "wrote {FILE}"`, and nothing else.
"""
TAKEN_OVER = ("sandbox", "prices", "secrets")
"""Tables of the person's `opsroom.toml` that hold for the trial as they do for the agent's work."""
OF_MACHINE = ("min_free_memory_mib", "min_free_disk_mib")


def folder_for(name: str, environment: Mapping[str, str]) -> Path:
    """A new folder for the trial of `name`, in the person's cache; raises `CannotWrite`."""
    cache = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "opsroom" / f"try-{name}-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        todo = "set XDG_CACHE_HOME to a folder that you can write to"
        raise CannotWrite(f"{folder}: {error.strerror or error}", todo=todo) from None
    return folder


def make(folder: Path, top: Path, name: str, kind: str, seconds: float) -> StateDir:
    """A repository in `folder` whose one agent is `name` of the `opsroom.toml` in `top`, or the bare `kind`.

    It gets one attempt of `seconds`. Raises `OpsroomError`.
    """
    import tomli_w

    repository = folder / "repository"
    repository.mkdir()
    given = _given(top)
    agent = given.get("agents", {}).get(name) or {"kind": kind}
    settings = {
        "orchestrator": {"base": BRANCH, "max_workers": 1, **_only(given.get("orchestrator", {}), OF_MACHINE)},
        "agents": {name: _absolute(agent, top) | {"max_attempts": 1, "seconds": seconds}},
        **{table: given[table] for table in TAKEN_OVER if table in given},
    }
    if "sandbox" in settings:
        settings["sandbox"] = _from(settings["sandbox"], top)
    text = tomli_w.dumps(settings)
    make_repository(
        repository, {"README.md": "A repository to try an agent in.\n", ".gitignore": "opsroom.toml\n"}, "Opsroom"
    )
    files.create(repository, repository / "opsroom.toml", text.encode())
    state = StateDir(repository / DIRECTORY)
    state.create()
    return state


def _given(top: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((top / "opsroom.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # it was read a moment ago
        raise OpsroomError(f"{top / 'opsroom.toml'}: {error}", todo="has somebody changed it? try again") from None


def _only(table: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: table[key] for key in keys if key in table}


def _absolute(agent: Mapping[str, Any], top: Path) -> dict[str, Any]:
    """The agent with a program of the repository named by its whole path, for the scratch repository has none."""
    command = list(agent.get("command", []))
    if command and "/" in command[0] and not os.path.isabs(command[0]):
        command[0] = str(top / command[0])
    return {**agent, "command": command} if command else dict(agent)


def _from(sandbox: Mapping[str, Any], top: Path) -> dict[str, Any]:
    """The sandbox with what lies in the repository named by its whole path, too."""
    named = {
        key: [text if text.startswith(("/", "~/")) else str(top / text) for text in sandbox[key]]
        for key in ("readable", "writable")
        if key in sandbox
    }
    return {**sandbox, **named}
