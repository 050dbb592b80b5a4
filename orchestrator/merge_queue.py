"""Lands a verified change: rebased onto the branch it is for, checked there, and the branch moved, or nothing.

The branch moves only from the commit that was checked against, so two changes can't land on one another unseen.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from orchestrator import verify, worktrees
from orchestrator.git import Git, GitError
from state.errors import OpsroomError, Refused
from state.model import Check, Metric

__all__ = ["Change", "Landing", "land"]


class Change(NamedTuple):
    """What a worker left, and what it takes to land it."""

    repository: Path
    worktree: Path
    branch: str
    start: str
    """The commit that the task began at."""
    base: str
    message: str
    checks: list[Check]
    metric: Metric | None
    environment: dict[str, str]
    logs: Path


class Landing(NamedTuple):
    """What became of a change.

    `outcome` is `merged`, `nothing` (no change at all), `failed` (a check, a conflict) or `blocked` (the branch is
    checked out somewhere with work in it, and the same change may land later).
    """

    outcome: str
    why: str = ""
    commit: str = ""
    checks: tuple[verify.CheckResult, ...] = ()
    metric: str = ""


def land(change: Change, merging: Callable[[], None]) -> Landing:
    """Takes `change` onto its base. `merging` is called once the checks have passed. Never raises `OpsroomError`."""
    try:
        return _land(change, merging)
    except Refused as error:
        return Landing("failed", str(error))
    except OpsroomError as error:
        return Landing("failed", f"{error.title}: {error}")


def _land(change: Change, merging: Callable[[], None]) -> Landing:
    worktrees.keep(change.worktree, change.branch, change.message)
    git = Git(change.worktree)
    if blocked := _occupied(git, change.base):  # before the checks are run for nothing
        return Landing("blocked", blocked)
    target = git.branch_tip(change.base)
    if target is None:
        raise Refused(f"branch {change.base!r} does not exist")
    head = git.run("rev-parse", "HEAD")
    if head != change.start and git.is_ancestor(head, target):  # landed just before a crash
        return Landing("merged", commit=head, metric=_measure(change))
    if not git.is_ancestor(target, "HEAD"):
        _rebase(git, target, change.base)
    if git.ask("diff", "--quiet", target, "HEAD") is not None:
        return Landing("nothing")
    results = verify.run_checks(change.checks, change.worktree, change.logs, change.environment)
    failed = verify.first_failure(results)
    metric = "" if failed else _measure(change)
    if not failed and change.metric is not None and not metric:
        failed = f"metric {change.metric.name} gave no number"
    # everything of the worker's is committed: what lies about now was left by the checks
    git.run("reset", "--quiet", "--hard")
    git.run("clean", "--quiet", "-d", "--force")
    if failed:
        return Landing("failed", failed, checks=tuple(results))
    merging()
    commit = git.run("rev-parse", "HEAD")
    if blocked := _move(git, change.base, target, commit):
        return Landing("blocked", blocked, checks=tuple(results), metric=metric)
    return Landing("merged", commit=commit, checks=tuple(results), metric=metric)


def _measure(change: Change) -> str:
    if change.metric is None:
        return ""
    change.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    return verify.measure(change.metric, change.worktree, change.environment, change.logs / "metric.log")


def _rebase(git: Git, target: str, base: str) -> None:
    try:
        git.run("rebase", "--quiet", target)
    except GitError:
        conflicts = git.run("diff", "--name-only", "--diff-filter=U").split("\n")
        git.ask("rebase", "--abort")
        raise Refused(f"conflict with {base} in {', '.join(conflicts[:5]) or 'the rebase'}") from None


def _occupied(git: Git, base: str) -> str:
    """Why the branch `base` can't be moved now, in a few words, or ''."""
    checkout = git.checkout_of(base)
    if checkout is not None and Git(checkout).has_local_changes():
        return f"{base} is checked out in {checkout} with uncommitted changes"
    return ""


def _move(git: Git, base: str, old: str, new: str) -> str:
    """Moves branch `base` from `old` to `new`; says in a few words what keeps it from that, or ''.

    A working tree that has the branch checked out is brought along if it is clean, as git's own
    `receive.denyCurrentBranch=updateInstead` does it; if not, nothing moves.
    """
    try:
        checkout = git.checkout_of(base)
        if checkout is None:
            git.run("update-ref", "-m", "opsroom: land", f"refs/heads/{base}", new, old)
            return ""
        if blocked := _occupied(git, base):
            return blocked
        inside = Git(checkout)
        if inside.run("rev-parse", "HEAD") != old:
            return f"{base} moved meanwhile"
        inside.run("merge", "--quiet", "--ff-only", new)
    except GitError as error:
        return str(error)
    return ""
