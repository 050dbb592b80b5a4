"""What ties a worktree to its repository: its file `.git`, git's own folder for it, and the locks in there.

Both ends name the other. A crash leaves one without the other, a copy of a repository leaves both pointing at the
original, and a worker may write anything into the file. So they are looked at before anything is done in a worktree.
"""

import os
import shutil
from pathlib import Path

from orchestrator.repository import git_locks
from orchestrator.repository.git import Git

__all__ = ["REMOVING", "claim", "git_folder", "half_there", "mend", "remove_half", "unlock"]

REMOVING = "opsroom-removing"
"""Lies in git's folder once a worktree is being removed: what is missing in it was not deleted by the worker."""


def mend(git: Git, folder: Path) -> list[str]:
    """Mends the worktrees in `folder` that a crash or a move left; what there is to tell a person of it.

    What was half made or half removed goes. A worktree that came here by a copy or a move of the whole repository is
    made this repository's own; one that this repository knows nothing of is put aside. Raises `GitError`.
    """
    told = []
    for worktree in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if half_there(git, worktree):
            remove_half(git, worktree)
            told.append(f"{worktree.name}: half made or half removed, and gone now")
        elif aside := claim(git, worktree):
            told.append(f"{worktree.name}: not of this repository, and put aside as {aside.name}")
    return told


def claim(git: Git, worktree: Path) -> Path | None:
    """Makes sure that `worktree` is one of this repository's, or puts it aside and returns where. Raises `GitError`."""
    kept = _kept(git)
    folder = git_folder(worktree)
    if folder is not None and folder.parent.resolve() == kept and _points_at(folder, worktree):
        return None
    own = _own(kept, worktree) or kept / (folder or worktree).name
    there = _first_line(own / "gitdir")
    if there and (_points_at(own, worktree) or git_folder(Path(there).parent) != own):  # it is nobody else's
        if os.path.lexists(worktree / ".git") and not (worktree / ".git").is_file():
            _put_aside(worktree / ".git", worktree)  # the worker made a repository of its own
        (own / "gitdir").write_text(f"{worktree}/.git\n", "utf-8", "surrogateescape")
        (worktree / ".git").unlink(missing_ok=True)  # were it a link, it would be followed
        (worktree / ".git").write_text(f"gitdir: {own}\n", "utf-8", "surrogateescape")
        return None
    return _put_aside(worktree, worktree)


def _put_aside(path: Path, worktree: Path) -> Path:
    return path.rename(worktree.with_name(f".aside-{worktree.name}-{os.urandom(4).hex()}"))


def half_there(git: Git, worktree: Path) -> bool:
    """Whether `git worktree add` or `remove` was killed in the middle: there is no work in it that is not kept."""
    folder = git_folder(worktree) or _own(_kept(git), worktree)
    if folder is None:
        return all(name == ".git" for name in os.listdir(worktree))
    return (folder / REMOVING).exists() or _says_initializing(folder)


def remove_half(git: Git, worktree: Path) -> None:
    """Removes what `half_there` has found, and what git itself keeps of it. Raises `GitError`."""
    if worktree.exists():
        shutil.rmtree(worktree, ignore_errors=True)
    # what git keeps of it can be so incomplete that no command that looks at worktrees works any more
    kept = _kept(git) / worktree.name
    if _says_initializing(kept):
        shutil.rmtree(kept, ignore_errors=True)
    git.run("worktree", "prune")


def git_folder(worktree: Path) -> Path | None:
    """git's own folder for a linked worktree, by the file `.git` in it; None where there is no such file."""
    kind, _, path = _first_line(worktree / ".git").partition(": ")
    return Path(worktree, path.strip()) if kind == "gitdir" and path.strip() else None


def unlock(worktree: Path, branches: str) -> None:
    """Removes the lock files that a git which was killed left in what is this worktree's alone, and of `branches`.

    Nothing of the worker's runs when this is called. Raises `GitLocked` where another git may own one.
    """
    folder = git_folder(worktree)
    if folder is None:
        return
    common = folder.parent.parent
    places = (worktree, common.parent if common.name == ".git" else common)
    refs = common / "refs" / "heads" / branches
    git_locks.clear((*folder.glob("*.lock"), *refs.glob("*.lock")), places, worktree.parent)


def _kept(git: Git) -> Path:
    """Where git keeps its folders of worktrees."""
    return Path(git.folder, git.run("rev-parse", "--git-common-dir")).resolve() / "worktrees"


def _own(kept: Path, worktree: Path) -> Path | None:
    """The folder in `kept` that is of `worktree` by its own word."""
    return next((folder for folder in sorted(kept.glob("*")) if _points_at(folder, worktree)), None)


def _points_at(folder: Path, worktree: Path) -> bool:
    path = _first_line(folder / "gitdir")
    return bool(path) and os.path.realpath(os.path.dirname(path)) == os.path.realpath(worktree)


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            return file.readline(8192).rstrip("\n")
    except (OSError, ValueError):
        return ""


def _says_initializing(folder: Path) -> bool:
    """Whether `folder` is one that `git worktree add` has not come to the end of."""
    return _first_line(folder / "locked").strip() == "initializing"
