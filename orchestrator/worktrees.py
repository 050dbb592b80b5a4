"""A git worktree for each task, a branch for each attempt, and nothing destroyed.

A worktree lasts as long as its task is open, over all its attempts; each attempt works on a branch of its own,
`opsroom/<task>/<attempt>`, that begins where the one before ended.
"""

import threading
from pathlib import Path

from orchestrator.git import Git, GitError
from state.errors import Refused

__all__ = ["attempt_branch", "keep", "prepare", "remove"]

_ONE_AT_A_TIME = threading.Lock()
"""`git worktree add` fails when several run at once."""
UNFINISHED = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


def attempt_branch(task_id: str, attempt: int) -> str:
    """The branch that attempt `attempt` of `task_id` works on."""
    return f"opsroom/{task_id}/{attempt}"


def prepare(repository: Path, worktree: Path, task_id: str, attempt: int, base: str) -> str:
    """Makes `worktree` ready on the attempt's branch and returns the commit it stands at.

    The branch begins where the worktree stands if there is one, with everything uncommitted in it; else at the
    newest earlier attempt's branch; else at `base`. Raises `GitError` or `Refused`.
    """
    branch = attempt_branch(task_id, attempt)
    git = Git(repository)
    with _ONE_AT_A_TIME:
        if (worktree / ".git").is_file():
            inside = Git(worktree)
            if inside.ask("symbolic-ref", "--short", "HEAD") != branch:
                inside.run("switch", "--quiet", "--force-create", branch)
            return inside.run("rev-parse", "HEAD")
        earlier = [attempt_branch(task_id, number) for number in range(attempt, 0, -1)]
        start = next((name for name in earlier if git.branch_tip(name)), base)
        if git.commit_of(start) is None:
            raise Refused(f"branch {start!r} does not exist", todo="set orchestrator.base in opsroom.toml")
        git.run("worktree", "prune")
        worktree.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        git.run("worktree", "add", "--quiet", "-B", branch, "--", str(worktree), start)
        return Git(worktree).run("rev-parse", "HEAD")


def keep(worktree: Path, branch: str, message: str) -> str:
    """Commits whatever is uncommitted in `worktree` onto `branch` and returns that branch's tip.

    A worker that worked on a branch of another name is followed, as long as nothing of `branch` is left behind.
    Raises `Refused` where taking the work would lose or spoil some of it.
    """
    git = Git(worktree)
    for name in UNFINISHED:
        if Path(worktree, git.run("rev-parse", "--git-path", name)).exists():
            raise Refused(f"the worktree is in the middle of a git operation ({name})", todo=f"look at {worktree}")
    if git.ask("symbolic-ref", "--short", "HEAD") != branch:
        tip = git.branch_tip(branch)
        if tip and not git.is_ancestor(tip, "HEAD"):
            raise Refused(f"the worktree is no longer on {branch} nor on a branch from it", todo=f"look at {worktree}")
        git.run("switch", "--quiet", "--force-create", branch)
    if not git.is_clean():
        git.run("add", "--all")
        git.run("commit", "--quiet", "--no-verify", "--file=-", text=message)
    return git.run("rev-parse", "HEAD")


def remove(repository: Path, worktree: Path) -> bool:
    """Removes `worktree` if all of it is committed on its branch; says whether it is gone. Never forces."""
    if not worktree.exists():
        return True
    git = Git(worktree)
    with _ONE_AT_A_TIME:
        try:
            if not git.is_clean() or git.ask("symbolic-ref", "HEAD") is None:
                return False
            Git(repository).run("worktree", "remove", "--", str(worktree))
        except GitError:
            return False
    return not worktree.exists()
