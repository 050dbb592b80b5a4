"""What changed between two commits, as git says it: the files, and the lines that were added.

Nothing that a worker configured has a say: no external diff, no text conversion, no attribute that hides a file as
binary. What is large is read line by line and never held whole.
"""

import re
from collections.abc import Iterator

from orchestrator.policy import Line
from orchestrator.repository.git import Git

__all__ = ["changed_lines", "changed_paths"]

PLAIN = (
    "--no-renames",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--text",
    "--submodule=short",
)
"""Each file as lines of text, under its own name."""
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def changed_paths(git: Git, old: str, new: str) -> list[str]:
    """The files that differ, in the order of their paths; of one that moved both paths. Raises `GitError`."""
    found = git.run("diff", *PLAIN, "--name-only", "-z", "--ignore-submodules=none", old, new, "--")
    return list(filter(None, found.split("\0")))


def changed_lines(git: Git, old: str, new: str) -> Iterator[Line]:
    """The lines that `new` has and `old` has not, and the other way round. Raises `GitError`.

    They are not counted by `--numstat`, which believes an attribute that a file is binary.
    """
    path, number, removed, added = "", 0, 0, 0
    for line in git.lines("-c", "core.quotePath=false", "diff", *PLAIN, "--unified=0", old, new, "--"):
        if removed and line.startswith(b"-"):
            yield Line(path, 0, _text(line))
            removed -= 1
        elif added and line.startswith(b"+") and not removed:
            yield Line(path, number, _text(line))
            added -= 1
            number += 1
        elif match := _HUNK.match(line):
            removed, number, added = (int(part) if part is not None else 1 for part in match.groups())
        elif line.startswith(b"+++ ") and not (added or removed):  # git ends a name that has a blank with a tab
            path = line[4:].decode("utf-8", "replace").rstrip("\t\r\n").strip('"').removeprefix("b/")


def _text(line: bytes) -> str:
    return line[1:].decode("utf-8", "replace").rstrip("\r\n")
