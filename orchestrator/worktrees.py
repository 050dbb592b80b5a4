"""A git worktree for each task, a branch for each attempt, and nothing destroyed.

A worktree lasts as long as its task is open, over all its attempts; each attempt works on a branch of its own,
`opsroom/<task>/<attempt>`, that begins where the one before ended.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from orchestrator.git import Git
from state.errors import CannotWrite, Refused

__all__ = ["alone", "attempt_branch", "keep", "prepare", "put_away", "restore", "scratch"]

UNFINISHED = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
"""What lies in a worktree's git directory in the middle of an operation, and the command that it belongs to."""
REMOVING = "opsroom-removing"
"""Lies there once a worktree is being removed: what is missing in it was not deleted by the worker."""


def attempt_branch(task_id: str, attempt: int) -> str:
    """The branch that attempt `attempt` of `task_id` works on."""
    return f"opsroom/{task_id}/{attempt}"


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[int]:
    """Holds the file `lock`, which is made if need be, against other threads and processes; gives it open.

    A git that is handed it (`Git(…, holding)`) goes on holding it when this process is killed. Raises `CannotWrite`.
    """
    try:
        lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotWrite(f"{lock}: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _adding(worktree: Path) -> Path:
    """The lock under which worktrees are added and removed: `git worktree add` fails when several run at once."""
    return worktree.parent / ".lock"


def prepare(repository: Path, worktree: Path, task_id: str, attempt: int, base: str) -> str:
    """Makes `worktree` ready on the attempt's branch and returns the commit it stands at.

    The branch begins where the worktree stands if there is one, with everything uncommitted in it; else at the
    newest earlier attempt's branch; else at `base`. An operation that a worker left unfinished is set aside first.
    Raises `GitError`, `Refused` or `CannotWrite`.
    """
    branch = attempt_branch(task_id, attempt)
    with alone(_adding(worktree)) as lock:
        git = Git(repository, lock)
        if (worktree / ".git").is_file() and not _half_there(worktree):
            inside = Git(worktree, lock)
            _unlock(worktree)
            if inside.ask("symbolic-ref", "--short", "HEAD") != branch:
                if unfinished(inside):
                    set_aside(worktree, _newest(git, task_id, attempt - 1) or branch)
                inside.run("switch", "--quiet", "--force-create", branch)
            return inside.run("rev-parse", "HEAD")
        _remove_half(git, worktree)
        start = _newest(git, task_id, attempt) or base
        if git.commit_of(start) is None:
            raise Refused(f"branch {start!r} does not exist", todo="set orchestrator.base in opsroom.toml")
        git.run("worktree", "add", "--quiet", "-B", branch, "--", str(worktree), start)
        return Git(worktree).run("rev-parse", "HEAD")


def _newest(git: Git, task_id: str, attempt: int) -> str:
    """The branch of the newest attempt up to `attempt` that has one, or ''."""
    names = (attempt_branch(task_id, number) for number in range(attempt, 0, -1))
    return next((name for name in names if git.branch_tip(name)), "")


@contextlib.contextmanager
def scratch(repository: Path, worktree: Path, revision: str) -> Iterator[None]:
    """Has `revision` checked out in `worktree`, which is removed again with all that is in it; raises `GitError`."""
    with alone(_adding(worktree)) as lock:
        git = Git(repository, lock)
        _drop(git, worktree)  # of an earlier life; it never holds work
        git.run("worktree", "add", "--quiet", "--detach", "--", str(worktree), revision)
    try:
        yield
    finally:
        with alone(_adding(worktree)) as lock:
            _drop(Git(repository, lock), worktree)


def keep(worktree: Path, branch: str, message: str) -> str:
    """Commits whatever is uncommitted in `worktree` onto `branch` and returns that branch's tip.

    A worker that worked on a branch of another name is followed, as long as nothing of `branch` is left behind.
    Raises `Refused` where taking the work would lose or spoil some of it.
    """
    git = Git(worktree)
    _unlock(worktree)
    if operation := unfinished(git):
        raise Refused(f"the worktree is in the middle of a {operation}", todo=f"look at {worktree}")
    if git.ask("symbolic-ref", "--short", "HEAD") != branch:
        tip = git.branch_tip(branch)
        if tip and not git.is_ancestor(tip, "HEAD"):
            raise Refused(f"the worktree is no longer on {branch} nor on a branch from it", todo=f"look at {worktree}")
        git.run("switch", "--quiet", "--force-create", branch)
    if not git.is_clean():
        git.run("add", "--all")
        git.run("commit", "--quiet", "--no-verify", "--file=-", text=message)
    return git.run("rev-parse", "HEAD")


def restore(worktree: Path, branch: str, tip: str) -> None:
    """Puts `branch` and `worktree` back to `tip`, which has all of the worker's; what lies about besides is not its.

    For a landing that was cut off in its rebase or its checks.
    """
    git = Git(worktree)
    _unlock(worktree)
    if operation := unfinished(git):
        git.ask(operation, "--quit")
    git.run("switch", "--quiet", "--discard-changes", "--force-create", branch, tip)
    git.run("clean", "--quiet", "-d", "--force")


def set_aside(worktree: Path, branch: str) -> None:
    """Ends the rebase or merge that a worker left unfinished; all files go, as they lie, to `<branch>-unfinished`.

    The worktree then stands where `branch` does.
    """
    git = Git(worktree)
    git.run("add", "--all")
    tree = git.run("write-tree")
    commit = git.run("commit-tree", tree, "-p", "HEAD", text=f"Unfinished {unfinished(git)}, as the worker left it\n")
    git.run("update-ref", f"refs/heads/{branch}-unfinished", commit)
    git.run(unfinished(git), "--quit")
    git.run("switch", "--quiet", "--discard-changes", "--force-create", branch, git.branch_tip(branch) or "HEAD")


def put_away(
    repository: Path, worktree: Path, task_id: str, attempt: int, base: str, message: str, landed: str = ""
) -> None:
    """Keeps all that is in the `worktree` of an ended task on the attempt's branch, and removes it; never forces.

    An operation that the worker left unfinished is set aside. Branches that `base` or `landed` contains go, too:
    the commit that the worker left, where another with the same change has landed. Raises `GitError`, `Refused` or
    `CannotWrite` where the worktree has to stay.
    """
    branch = attempt_branch(task_id, attempt)
    with alone(_adding(worktree)) as lock:
        git = Git(repository, lock)
        if not (worktree / ".git").exists():  # a git that outlived its orchestrator may have removed it meanwhile
            return
        folder = _git_folder(worktree)
        if folder is None or _half_there(worktree):
            _remove_half(git, worktree)
            return
        inside = Git(worktree, lock)
        if unfinished(inside):
            set_aside(worktree, branch)
        keep(worktree, branch, message)
        # the branches first: while there is a worktree, a crash in between is made good
        _drop_landed(inside, task_id, attempt, base, landed)
        if not inside.run("for-each-ref", "--count=1", "--contains", "HEAD", "refs/heads"):
            raise Refused("its commit is on no branch", todo=f"look at {worktree}")
        (folder / REMOVING).touch()
        git.run("worktree", "remove", "--", str(worktree))


def _drop_landed(git: Git, task_id: str, attempt: int, base: str, landed: str) -> None:
    target = f"refs/heads/{base}"
    if git.is_ancestor("HEAD", target):
        git.run("switch", "--quiet", "--detach")
    for number in range(1, attempt + 1):
        name = attempt_branch(task_id, number)
        tip = git.branch_tip(name)
        if tip and (git.is_ancestor(tip, target) or (landed and git.is_ancestor(tip, landed))):
            git.ask("branch", "--quiet", "--delete", "--force", "--", name)


def unfinished(git: Git) -> str:
    """The operation that the worktree is in the middle of (`rebase`, `merge`, …), or ''."""
    folder = _git_folder(git.folder)
    return next((operation for name, operation in UNFINISHED.items() if folder and (folder / name).exists()), "")


def _git_folder(worktree: Path) -> Path | None:
    """The git directory of a linked worktree, by the file `.git` in it."""
    try:
        text = (worktree / ".git").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    kind, _, path = text.partition(": ")
    return Path(worktree, path.strip()) if kind == "gitdir" else None


def _unlock(worktree: Path) -> None:
    """Removes the locks of a git that was killed. Nothing of the worker's runs when this is called."""
    if folder := _git_folder(worktree):
        for name in ("index.lock", "HEAD.lock"):
            (folder / name).unlink(missing_ok=True)


def _half_there(worktree: Path) -> bool:
    """Whether `git worktree add` or `remove` was killed in the middle: there is no work in it that is not kept."""
    folder = _git_folder(worktree)
    return folder is None or (folder / REMOVING).exists() or _says_initializing(folder)


def _says_initializing(folder: Path) -> bool:
    """Whether the git directory of a worktree is one that `git worktree add` has not come to the end of."""
    try:
        return (folder / "locked").read_bytes().strip() == b"initializing"
    except OSError:
        return False


def _remove_half(git: Git, worktree: Path) -> None:
    if (worktree / ".git").is_file():
        shutil.rmtree(worktree, ignore_errors=True)
    # what git itself keeps of it can be so incomplete that no command that looks at worktrees works any more
    kept = Path(git.folder, git.run("rev-parse", "--git-common-dir"), "worktrees", worktree.name)
    if _says_initializing(kept):
        shutil.rmtree(kept, ignore_errors=True)
    git.run("worktree", "prune")


def _drop(git: Git, worktree: Path) -> None:
    git.ask("worktree", "remove", "--force", "--force", "--", str(worktree))
    if worktree.exists():
        _remove_half(git, worktree)
