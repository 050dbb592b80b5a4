"""A person's own editor on a file, in the terminal that the app has."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from textual.app import App, SuspendNotSupported

__all__ = ["edit", "editor"]


def editor(environment: Mapping[str, str]) -> list[str]:
    """The command that `$VISUAL`, else `$EDITOR`, names; `vi` where neither does, or it cannot be read as words."""
    for name in ("VISUAL", "EDITOR"):
        try:
            words = shlex.split(environment.get(name, ""))
        except ValueError:  # an open quote
            continue
        if words:
            return words
    return ["vi"]


def edit(app: App[None], path: Path) -> str:
    """Hands the terminal to the editor until that ends; returns '' or what went wrong.

    It blocks: the app draws and takes nothing meanwhile, and nothing that must go on lives in it.
    """
    argv = [*editor(os.environ), str(path)]
    try:
        with app.suspend():
            status = subprocess.run(argv, check=False).returncode
    except SuspendNotSupported:
        return f"no editor can have this terminal: edit {path.name} elsewhere"
    except OSError as error:
        return f"{argv[0]} could not be started ({error.strerror}): set VISUAL or EDITOR"
    return f"{argv[0]} ended with {status}" if status else ""
