"""A git worktree for each task, a branch for each attempt, and nothing destroyed.

A worktree lasts as long as its task is open, over all its attempts; each attempt works on a branch of its own,
`opsroom/<task>/<attempt>`, that begins where the one before ended.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.repository import worktree_links
from orchestrator.repository.git import Git
from state import secrets
from state.errors import CannotWrite, Refused
from state.times import stamp, utc_now

__all__ = ["BaseGone", "alone", "attempt_branch", "claim", "keep", "mend", "prepare", "put_away", "restore", "scratch"]

UNFINISHED = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
}
"""What lies in a worktree's git directory in the middle of an operation, and the command that it belongs to."""


class BaseGone(Refused):
    """The branch that a worktree was to begin at does not exist, or no longer."""


def attempt_branch(task_id: str, attempt: int) -> str:
    """The branch that attempt `attempt` of `task_id` works on."""
    return f"opsroom/{task_id}/{attempt}"


@contextlib.contextmanager
def alone(lock: Path, wait: bool = True) -> Iterator[int | None]:
    """Holds the file `lock`, which is made if need be, against other threads and processes; gives it open.

    A git that is handed it (`Git(…, holding)`) goes on holding it when this process is killed. Where it is not to
    `wait`, and another holds it, it gives None. Raises `CannotWrite`.
    """
    try:
        lock.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotWrite(f"{lock}: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def mend(repository: Path, folder: Path) -> list[str]:
    """Mends what a crash or a move left in `folder`, where the worktrees are; what there is to tell a person of it.

    Raises `GitError` or `CannotWrite`.
    """
    with alone(folder / ".lock", wait=False) as lock:
        if lock is None:  # a git that outlived its orchestrator is at work: what it leaves is mended when it is needed
            return []
        git = Git(repository, lock)
        for path in folder.glob("_*"):  # a `scratch` of an earlier life; it never holds work
            _drop(git, path)
        return worktree_links.mend(git, folder)


def claim(repository: Path, worktree: Path) -> None:
    """Makes sure that what is done in `worktree` is done in `repository`.

    Raises `GitError`, `CannotWrite`, and `Refused` for a worktree of another repository.
    """
    with alone(_adding(worktree)) as lock:
        if aside := worktree_links.claim(Git(repository, lock), worktree):
            raise Refused("its worktree is of another repository", todo=f"it was put aside as {aside}")


def _adding(worktree: Path) -> Path:
    """The lock under which worktrees are added and removed: `git worktree add` fails when several run at once."""
    return worktree.parent / ".lock"


def prepare(
    repository: Path,
    worktree: Path,
    task_id: str,
    attempt: int,
    base: str,
    sparse: Sequence[str] = (),
    *,
    anew: bool = False,
    at_base: bool = False,
) -> str:
    """Makes `worktree` ready on the attempt's branch and returns the commit it stands at.

    A new one has the folders `sparse` checked out, and the files above them, or everything where none is named.

    The branch begins where the worktree stands if there is one, with everything uncommitted in it; else at the
    newest earlier attempt's branch; else at `base`. An operation that a worker left unfinished is set aside first.
    Where the task begins `anew`, branches that have its name are of another one, and are renamed. Where it begins
    again `at_base`, all that earlier attempts did stays on their branches. Raises `BaseGone` where there is nothing to
    begin at, `GitError`, `Refused` or `CannotWrite`.
    """
    branch = attempt_branch(task_id, attempt)
    with alone(_adding(worktree)) as lock:
        git = Git(repository, lock)
        there = worktree.is_dir() and not worktree_links.half_there(git, worktree)
        if there and not worktree_links.claim(git, worktree):
            inside = Git(worktree, lock, linked=True)
            _unlock(worktree)
            if inside.ask("symbolic-ref", "--short", "HEAD") != branch:
                if unfinished(inside):
                    set_aside(worktree, _newest(git, task_id, attempt - 1) or branch, lock)
                if at_base:
                    keep(worktree, _newest(git, task_id, attempt - 1) or branch, "Kept before it begins again", lock)
                where = [f"refs/heads/{base}"] if at_base else []
                inside.run("switch", "--quiet", "--no-track", "--force-create", branch, *where)
            return inside.run("rev-parse", "HEAD")
        worktree_links.remove_half(git, worktree)
        if anew:
            _set_earlier_apart(git, task_id, base)
        start = base if at_base and not git.branch_tip(branch) else _newest(git, task_id, attempt) or base
        if git.commit_of(start) is None:
            raise BaseGone(f"branch {start!r} does not exist", todo="set orchestrator.base in opsroom.toml")
        _add(git, worktree, sparse, "-B", branch, "--", str(worktree), start)
        return Git(worktree, linked=True).run("rev-parse", "HEAD")


def _set_earlier_apart(git: Git, task_id: str, base: str) -> None:
    """Renames the branches that a task of this name has before its first attempt: they are of a directory now gone.

    Those that `base` contains hold nothing, and go.
    """
    prefix = f"refs/heads/{attempt_branch(task_id, 1).rpartition('/')[0]}/"
    for name in git.run("for-each-ref", "--format=%(refname)", prefix).splitlines():
        if git.is_ancestor(name, f"refs/heads/{base}"):
            git.run("branch", "--quiet", "--delete", "--force", "--", name.removeprefix("refs/heads/"))
            continue
        apart = f"opsroom-earlier/{stamp(utc_now())}/{task_id}/{name.removeprefix(prefix)}"
        git.run("branch", "--move", "--", name.removeprefix("refs/heads/"), apart)


def _add(git: Git, worktree: Path, sparse: Sequence[str], *how: str) -> None:
    """Adds a worktree. Until all of it is there a sparse one has the mark that git itself puts on one half made."""
    if not sparse:
        git.run("worktree", "add", "--quiet", *how)
        return
    git.run("worktree", "add", "--quiet", "--no-checkout", "--lock", "--reason=initializing", *how)
    inside = git.inside(worktree)
    inside.run("sparse-checkout", "set", "--cone", *sparse)
    inside.run("checkout", "--quiet")
    git.run("worktree", "unlock", "--", str(worktree))


def _newest(git: Git, task_id: str, attempt: int) -> str:
    """The branch of the newest attempt up to `attempt` that has one, or ''."""
    names = (attempt_branch(task_id, number) for number in range(attempt, 0, -1))
    return next((name for name in names if git.branch_tip(name)), "")


@contextlib.contextmanager
def scratch(repository: Path, worktree: Path, revision: str, sparse: Sequence[str] = ()) -> Iterator[None]:
    """Has `revision` checked out in `worktree`, which is removed again with all that is in it; raises `GitError`."""
    with alone(_adding(worktree)) as lock:
        git = Git(repository, lock)
        _drop(git, worktree)  # of an earlier life; it never holds work
        _add(git, worktree, sparse, "--detach", "--", str(worktree), revision)
    try:
        yield
    finally:
        with alone(_adding(worktree)) as lock:
            _drop(Git(repository, lock), worktree)


def keep(worktree: Path, branch: str, message: str, holding: int | None = None) -> str:
    """Commits whatever is uncommitted in `worktree` onto `branch` and returns that branch's tip.

    A worker that worked on a branch of another name is followed, as long as nothing of `branch` is left behind. git is
    handed the lock that the caller is `holding`. Raises `Refused` where taking the work would lose or spoil some of it.
    """
    git = Git(worktree, holding, linked=True)
    _unlock(worktree)
    if operation := unfinished(git):
        raise Refused(f"the worktree is in the middle of a {operation}", todo=f"look at {worktree}")
    if git.ask("symbolic-ref", "--short", "HEAD") != branch:
        tip = git.branch_tip(branch)
        if tip and not git.is_ancestor(tip, "HEAD"):
            raise Refused(f"the worktree is no longer on {branch} nor on a branch from it", todo=f"look at {worktree}")
        git.run("switch", "--quiet", "--force-create", branch)
    if not git.is_clean():
        git.commit_all(secrets.known().text(message))
    return git.run("rev-parse", "HEAD")


def restore(worktree: Path, branch: str, tip: str, holding: int | None = None) -> None:
    """Puts `branch` and `worktree` back to `tip`, which has all of the worker's; what lies about besides is not its.

    For a landing that was cut off in its rebase or its checks. git is handed the lock that the caller is `holding`.
    """
    git = Git(worktree, holding, linked=True)
    _unlock(worktree)
    if operation := unfinished(git):
        git.ask(operation, "--quit")
    git.run("switch", "--quiet", "--discard-changes", "--force-create", branch, tip)
    git.run("clean", "--quiet", "-d", "--force")


def set_aside(worktree: Path, branch: str, holding: int | None = None) -> None:
    """Ends the rebase or merge that a worker left unfinished; all files go, as they lie, to `<branch>-unfinished`.

    The worktree then stands where `branch` does. git is handed the lock that the caller is `holding`.
    """
    git = Git(worktree, holding, linked=True)
    git.add_all()
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
        if not worktree.is_dir():  # a git that outlived its orchestrator may have removed it meanwhile
            return
        if worktree_links.half_there(git, worktree):
            worktree_links.remove_half(git, worktree)
            return
        if worktree_links.claim(git, worktree):
            return
        inside = Git(worktree, lock, linked=True)
        if unfinished(inside):
            set_aside(worktree, branch, lock)
        keep(worktree, branch, message, lock)
        # the branches first: while there is a worktree, a crash in between is made good
        _drop_landed(inside, task_id, attempt, base, landed)
        if not inside.run("for-each-ref", "--count=1", "--contains", "HEAD", "refs/heads"):
            raise Refused("its commit is on no branch", todo=f"look at {worktree}")
        if folder := worktree_links.git_folder(worktree):
            (folder / worktree_links.REMOVING).touch()
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
    folder = worktree_links.git_folder(git.folder)
    return next((operation for name, operation in UNFINISHED.items() if folder and (folder / name).exists()), "")


def _unlock(worktree: Path) -> None:
    worktree_links.unlock(worktree, attempt_branch(worktree.name, 1).rpartition("/")[0])


def _drop(git: Git, worktree: Path) -> None:
    git.ask("worktree", "remove", "--force", "--force", "--", str(worktree))
    if worktree.exists():
        worktree_links.remove_half(git, worktree)
