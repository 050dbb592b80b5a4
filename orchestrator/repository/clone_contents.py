"""What a worker left in the repository of its own (`repository.clones`), read as what it is: anybody's files.

No link is followed, nothing but regular files is opened, sizes have limits, and git runs only in a repository of
ours that borrows the objects: their content is checked against their names by the fetch that takes them.
"""

import filecmp
import hashlib
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from orchestrator.repository import trees
from orchestrator.repository.git import Git, GitError
from state import files
from state.errors import BadFile

__all__ = ["KEPT", "Bridge", "Contents", "clean", "read", "take_large_files"]

KEPT = 50
"""How many branches and stashes besides the branch that it ended on are taken of one attempt."""
PACKED = 64 * 1024 * 1024
"""Bytes that the file with the packed references may have."""
REFERENCES = 10_000
"""How many files with a reference of its own are read."""
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FAN = re.compile(r"[0-9a-f]{2}")
_LARGE = re.compile(r"[0-9a-f]{64}")


class Contents(NamedTuple):
    """Where a repository stands."""

    head: str
    """The commit that it stands at; '' if there is none."""
    branch: str
    """The reference that is checked out; '' where there is none."""
    refs: dict[str, str]
    stashes: list[str]
    """The commits on the stash, the newest first."""


def read(root: Path, git: Path) -> Contents:
    """Where the repository `git`, which lies below `root`, stands."""
    texts: dict[str, str] = {}
    for line in _text(root, git / "packed-refs", PACKED).splitlines():
        commit, _, name = line.partition(" ")
        if _COMMIT.fullmatch(commit):
            texts[name] = commit
    loose = 0
    for folder, inner, names in os.walk(git / "refs"):
        inner[:] = [name for name in inner if not os.path.islink(os.path.join(folder, name))]
        for name in names[: REFERENCES - loose]:
            path = Path(folder, name)
            texts[path.relative_to(git).as_posix()] = _text(root, path, 4096).strip()
        loose += len(names)
        if loose >= REFERENCES:
            break
    refs = {name: commit for name in texts if (commit := _resolved(texts, name))}
    head = _text(root, git / "HEAD", 4096).strip()
    branch = head.removeprefix("ref:").strip() if head.startswith("ref:") else ""
    stashes = []
    if "refs/stash" in refs:
        lines = _text(root, git / "logs" / "refs" / "stash", PACKED).splitlines()[-KEPT:]
        logged = [words[1] for line in reversed(lines) if len(words := line.split(" ", 2)) > 1]
        stashes = [refs["refs/stash"], *(commit for commit in logged if _COMMIT.fullmatch(commit))]
    commit = refs.get(branch, "") if branch else head
    return Contents(commit if _COMMIT.fullmatch(commit) else "", branch, refs, list(dict.fromkeys(stashes)))


def _resolved(texts: dict[str, str], name: str) -> str:
    text = texts[name]
    for _ in range(5):
        if not text.startswith("ref:"):
            break
        text = texts.get(text.removeprefix("ref:").strip(), "")
    return text if _COMMIT.fullmatch(text) else ""


def _text(root: Path, path: Path, limit: int) -> str:
    try:
        return files.read(root, path, limit).decode("utf-8", "surrogateescape")
    except BadFile:
        return ""


def clean(objects: Path) -> None:
    """Removes from the folder `objects` everything but objects and packs: links, and what would lead elsewhere."""
    if objects.is_symlink() or not objects.is_dir():
        trees.remove(objects)
        objects.mkdir()
    for entry in list(os.scandir(objects)):
        packs = entry.name == "pack"
        if not (entry.is_dir(follow_symlinks=False) and (packs or _FAN.fullmatch(entry.name))):
            trees.remove(Path(entry.path))
            continue
        os.chmod(entry.path, 0o700)
        for inner in list(os.scandir(entry.path)):
            if not inner.is_file(follow_symlinks=False) or (packs and not inner.name.endswith((".pack", ".idx"))):
                trees.remove(Path(inner.path))


class Bridge:
    """The repository that is fetched from: ours, but for the objects that it borrows. `form` is their hash's name."""

    def __init__(self, git: Git, form: str) -> None:
        self._git = git
        self._folder = git.folder
        kind = "" if form == "sha1" else f"[extensions]\n\tobjectFormat = {form}\n"
        text = f"[core]\n\tbare = true\n\trepositoryFormatVersion = 1\n{kind}"
        (self._folder / "config").write_text(text, "ascii")
        (self._folder / "HEAD").write_text("ref: refs/heads/none\n", "ascii")

    def _ask(self, *arguments: str) -> str | None:
        return self._git.ask("--git-dir", str(self._folder), *arguments)

    def commit(self, revision: str) -> str:
        """The commit that `revision` is, or ''."""
        found = revision and self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        return found or ""

    def is_new(self, revision: str, known: Iterable[str]) -> bool:
        """Whether `revision` is a commit that none of `known` contains."""
        if not self.commit(revision):
            return False
        asked = "\n".join([revision, *(f"^{commit}" for commit in dict.fromkeys(known)), ""])
        try:
            return bool(
                self._git.run("--git-dir", str(self._folder), "rev-list", "--max-count=1", "--stdin", text=asked)
            )
        except GitError:
            return False

    def staged(self, root: Path, index: Path, before: Path, head: str) -> str:
        """A commit of what stands in the file `index`, which was `before`, if that is something else than in `head`."""
        try:
            descriptor = files.open_inside(root, index)
        except BadFile:
            return ""
        with os.fdopen(descriptor, "rb") as source, (self._folder / "index").open("wb") as target:
            shutil.copyfileobj(source, target)
        if before.is_file() and filecmp.cmp(self._folder / "index", before, shallow=False):
            return ""
        tree = self._ask("write-tree")
        if tree is None or tree == self._ask("rev-parse", "--verify", "--quiet", f"{head}^{{tree}}"):
            return ""
        return self._ask("commit-tree", tree, "-p", head, "-m", "staged") or ""

    def offer(self, commits: Iterable[str]) -> None:
        """Makes each of `commits` a branch with its own name, so that it can be fetched."""
        lines = (f"{commit} refs/heads/{commit}\n" for commit in sorted(set(filter(None, commits))))
        (self._folder / "packed-refs").write_text("".join(lines), "ascii")


def take_large_files(root: Path, source: Path, target: Path) -> None:
    """Takes what git-lfs keeps in `source`, each file if its content has the digest that is its name."""
    for folder, inner, names in os.walk(source):
        inner[:] = [name for name in inner if not os.path.islink(os.path.join(folder, name))]
        for name in filter(_LARGE.fullmatch, names):
            place = target / name[:2] / name[2:4] / name
            if place.exists():
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            ready = place.with_name(f".{name}")
            try:
                descriptor = files.open_inside(root, Path(folder, name))
            except BadFile:
                continue
            with os.fdopen(descriptor, "rb") as opened, ready.open("wb") as copy:
                shutil.copyfileobj(opened, copy)
            with ready.open("rb") as copy:
                true = hashlib.file_digest(copy, "sha256").hexdigest() == name
            if true:
                ready.rename(place)
            else:
                ready.unlink()
