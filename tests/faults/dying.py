"""`opsroom`, killed as by SIGKILL right before its N-th change of a file or of a repository.

    python -m tests.faults.dying N LIST up --once

The changes are those by which something comes to stand in the state directory, each git call that is no question, and
the start of a supervisor. N = 0 changes all there is to change, and writes what that was to the file LIST, a line each.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opsroom.__main__ import main
from orchestrator.repository.git import Git
from orchestrator.running import attempts
from state import files

QUESTIONS = frozenset(
    [
        "rev-parse",
        "status",
        "merge-base",
        "for-each-ref",
        "symbolic-ref",
        "ls-files",
        "log",
        "diff",
        "diff-index",
        "var",
    ]
)
AT_A_PACE = frozenset({"lease.toml", "machine.toml"})
"""What is written however little there is to do."""


class Changes:
    """Counts changes, and dies before one of them."""

    def __init__(self, last: int, listed: Path) -> None:
        self._last = last
        self._listed = listed
        self._count = 0
        self._lock = threading.Lock()

    def before(self, change: str) -> None:
        """Notes that `change` is to be made now."""
        with self._lock:
            self._count += 1
            if self._count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)
            if not self._last:
                with self._listed.open("a") as file:
                    file.write(f"{self._count} {change}\n")

    def counted(self, function: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        """`function`, each call of which is a change with a `name`; without one it is none."""

        def call(*arguments: Any, **more: Any) -> Any:
            if said := name(*arguments, **more):
                self.before(said)
            return function(*arguments, **more)

        return call


def git_call(git: Git, arguments: tuple[str, ...], text: str) -> str:
    """What a git call changes, or '' if it only asks."""
    asks = arguments[0] in QUESTIONS or arguments[:2] == ("worktree", "list")
    return "" if asks else f"git {' '.join(arguments[:3])}"


def renaming(source: str | Path, target: str | Path, **ignored: Any) -> str:
    """What a rename changes, or '' for what is written at a pace."""
    return "" if os.path.basename(target) in AT_A_PACE else f"rename to {target}"


def prepare(changes: Changes) -> None:
    """Has all changes counted."""
    for place, name, said in (
        (os, "rename", renaming),
        (os, "link", lambda source, target, **more: f"link {target}"),
        (files, "append", lambda root, path, lines: f"append to {path}"),
        (attempts, "_take", lambda lock: "start a supervisor"),
        (Git, "_call_once", git_call),
    ):
        setattr(place, name, changes.counted(getattr(place, name), said))


if __name__ == "__main__":
    prepare(Changes(int(sys.argv[1]), Path(sys.argv[2])))
    del sys.argv[1:3]
    main()
