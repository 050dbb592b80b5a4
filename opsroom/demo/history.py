"""How the metric went so far, counted in the commits themselves: every version of every file is in git."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from opsroom.demo.codemod import references
from opsroom.demo.failures import DemoError, NotPython
from opsroom.demo.package import FOLDER, decode

__all__ = ["metric_history", "originals"]


class _Change(NamedTuple):
    """A file before and after a commit: names of git blobs, empty where there is no such file."""

    path: str
    before: str
    after: str


def metric_history(root: Path, limit: int = 60) -> list[int]:
    """The metric after each of the last `limit` commits of HEAD that touched the package, the oldest first.

    The last is that of HEAD, the earlier ones follow by counting what each commit changed. Raises `DemoError`.
    """
    tree = _git(root, ["ls-tree", "-r", "HEAD", "--", FOLDER]).decode(errors="replace").splitlines()
    present = [line.split("\t")[0].split(" ")[2] for line in tree if line.endswith(".py")]
    commits = _commits(root, limit)
    names = {name for changes in commits for change in changes for name in change[1:]}
    counts = {name: _count(data) for name, data in _blobs(root, {*present, *names} - {""}).items()}
    values = [sum(counts.get(name, 0) for name in present)]
    for changes in commits[:-1] if len(commits) < limit else commits:  # what was before the package is left out
        gone = sum(counts.get(change.before, 0) - counts.get(change.after, 0) for change in changes)
        values.append(values[-1] + gone)
    return values[::-1]


def originals(root: Path) -> dict[str, bytes]:
    """Each Python file of the package as the commit that brought it had it, by its path. Raises `DemoError`."""
    first: dict[str, str] = {}
    for changes in _commits(root, None):  # the newest first, so that the oldest stays
        first.update({change.path: change.after for change in changes if not change.before})
    blobs = _blobs(root, first.values())
    return {path: blobs[name] for path, name in first.items() if name in blobs}


def _commits(root: Path, limit: int | None) -> list[list[_Change]]:
    """The changes of the commits of HEAD to the package's Python files, the newest commit first."""
    some = [] if limit is None else [f"--max-count={limit}"]
    options = ["--first-parent", "-m", "--root", "--raw", "--no-abbrev", "--no-renames", "--format=tformat:commit"]
    output = _git(root, ["-c", "core.quotePath=false", "log", *options, *some, "HEAD", "--", FOLDER])
    commits: list[list[_Change]] = []
    for line in output.decode(errors="replace").splitlines():
        if line == "commit":
            commits.append([])
        elif line.startswith(":") and line.endswith(".py"):
            head, _, path = line.partition("\t")
            _, _, before, after, _ = head.split(" ", 4)
            commits[-1].append(_Change(path, before.strip("0") and before, after.strip("0") and after))
    return commits


def _blobs(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    wanted = sorted(set(names))
    output = _git(root, ["cat-file", "--batch"], "".join(f"{name}\n" for name in wanted).encode())
    found, position = {}, 0
    while position < len(output):
        end = output.index(b"\n", position)
        head = output[position:end].decode().split(" ")
        position = end + 1
        if len(head) == 3:  # name, kind, size; a name that git does not have reads `<name> missing`
            size = int(head[2])
            found[head[0]] = output[position : position + size]
            position += size + 1
    return found


def _count(data: bytes) -> int:
    try:
        return references(decode(data)[0])
    except NotPython:
        return 0


def _git(root: Path, arguments: list[str], text: bytes = b"") -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, input=text, capture_output=True, check=True, timeout=60)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {error.returncode}"]
        raise DemoError(f"git in {root}: {reason[-1]}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoError(f"git in {root}: {error}") from None
    return done.stdout
