"""Lands a verified change: rebased onto the branch it is for, checked there, and the branch moved, or nothing.

The branch moves only from the commit that was checked against, so two changes can't land on one another unseen.
Each step is written down before it is taken, so a landing that was cut off anywhere is taken up, not done twice.
"""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import NamedTuple

from orchestrator import verify, worktrees
from orchestrator.git import Git, GitError
from state import files
from state.errors import BadFile, CannotWrite, OpsroomError, Refused
from state.model import Check, Metric, Record, decode, encode

__all__ = ["Change", "Checked", "Landing", "land", "landed_from"]

LANDING = "landing.toml"
"""How far the landing of an attempt's change has come, in the attempt's folder."""


class Change(NamedTuple):
    """What a worker left, and what it takes to land it."""

    worktree: Path
    branch: str
    base: str
    message: str
    checks: list[Check]
    metric: Metric | None
    environment: dict[str, str]
    folder: Path
    """The attempt's, for `landing.toml` and the output of the checks."""


class Checked(Record):
    """`attempts/<n>/landing.toml`: how far the landing of an attempt's change has come.

    Without `commit` a rebase or the checks are under way in the worktree, or were when it was cut off.
    """

    tip: str
    """What stood in the worktree before the rebase, all of it committed."""
    left: str = ""
    """What the worker left; `tip` is another once the change was rebased onto a base that has moved since."""
    onto: str = ""
    """The commit of the base branch that `commit` follows on."""
    commit: str = ""
    """What passed the checks; the base branch is moved to it next."""
    checks: list[str] = []
    metric: str = ""


class Landing(NamedTuple):
    """What became of a change.

    `outcome` is `merged`, `nothing` (no change at all), `failed` (a check, a conflict) or `blocked` (the branch is
    checked out somewhere with work in it, and the same change may land later).
    """

    outcome: str
    why: str = ""
    commit: str = ""
    checks: tuple[str, ...] = ()
    """Names of the checks that passed."""
    metric: str = ""
    results: tuple[verify.CheckResult, ...] = ()
    """Of the checks that ran this time."""


def land(change: Change, merging: Callable[[Checked], None], ending: Event) -> Landing:
    """Takes `change` onto its base. `merging` is called once the checks have passed.

    Raises `CannotWrite`, and `Interrupted` soon after `ending` is set: landing again is safe after either.
    """
    try:
        with worktrees.alone(change.folder / "landing.lock") as lock:
            return _land(change, Git(change.worktree, lock), merging, ending)
    except CannotWrite:
        raise
    except Refused as error:
        return Landing("failed", str(error))
    except OpsroomError as error:
        return Landing("failed", f"{error.title}: {error}")


def _land(change: Change, git: Git, merging: Callable[[Checked], None], ending: Event) -> Landing:
    before = _read(change)
    target = git.branch_tip(change.base)
    if target is None:
        raise Refused(f"branch {change.base!r} does not exist")
    if before is not None and before.commit and git.is_ancestor(before.commit, target):  # landed just before a crash
        return _landed(before)
    if before is not None and not before.commit:
        worktrees.restore(change.worktree, change.branch, before.tip)
    tip = worktrees.keep(change.worktree, change.branch, change.message)
    if blocked := _occupied(git, change.base):  # before the checks are run for nothing
        return Landing("blocked", blocked)
    results: tuple[verify.CheckResult, ...] = ()
    checked = before
    if checked is None or (checked.commit, checked.onto) != (tip, target):
        left = before.left if before else tip
        _write(change, Checked(tip=tip, left=left))
        found = _check(change, git, tip, target, ending)
        if isinstance(found, Landing):
            return found
        checked, results = found
        checked.left = left
        _write(change, checked)
    merging(checked)
    if blocked := _move(git, change.base, target, checked.commit):
        return Landing("blocked", blocked, results=results)
    return _landed(checked, results)


def landed_from(folder: Path) -> str:
    """The commit that the worker left and that landed, perhaps rebased; '' where the attempt in `folder` has none."""
    try:
        checked = decode(Checked, files.read_text(folder, folder / LANDING), LANDING)
    except BadFile:
        return ""
    return checked.left if checked.commit else ""


def _landed(checked: Checked, results: tuple[verify.CheckResult, ...] = ()) -> Landing:
    return Landing("merged", "", checked.commit, tuple(checked.checks), checked.metric, results)


def _check(
    change: Change, git: Git, tip: str, target: str, ending: Event
) -> Landing | tuple[Checked, tuple[verify.CheckResult, ...]]:
    """Rebases the change onto `target` and runs the checks there: what may land, or why nothing does."""
    if not git.is_ancestor(target, "HEAD"):
        _rebase(git, target, change.base)
    if git.ask("diff", "--quiet", "--no-ext-diff", target, "HEAD") is not None:
        return Landing("nothing")
    logs = change.folder / "checks"
    results = tuple(verify.run_checks(change.checks, change.worktree, logs, change.environment, ending))
    failed = verify.first_failure(results)
    metric = ""
    if not failed and change.metric is not None:
        metric = verify.measure(change.metric, change.worktree, change.environment, logs / "metric.log", ending)
        failed = "" if metric else f"metric {change.metric.name} gave no number"
    # everything of the worker's is committed: what lies about now was left by the checks
    git.run("reset", "--quiet", "--hard")
    git.run("clean", "--quiet", "-d", "--force")
    passed = [result.name for result in results if result.passed]
    if failed:
        return Landing("failed", failed, checks=tuple(passed), results=results)
    commit = git.run("rev-parse", "HEAD")
    return Checked(tip=tip, onto=target, commit=commit, checks=passed, metric=metric), results


def _rebase(git: Git, target: str, base: str) -> None:
    try:
        git.run("rebase", "--quiet", target)
    except GitError as error:
        conflicts = (git.ask("diff", "--name-only", "--diff-filter=U") or "").split()
        git.ask("rebase", "--abort")
        raise Refused(f"conflict with {base} in {', '.join(conflicts[:5])}" if conflicts else str(error)) from None


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


def _path(change: Change) -> Path:
    return change.folder / LANDING


def _read(change: Change) -> Checked | None:
    try:
        return decode(Checked, files.read_text(change.folder, _path(change)), LANDING)
    except BadFile as error:
        if files.is_missing(error):
            return None
        raise


def _write(change: Change, checked: Checked) -> None:
    files.replace(change.folder, _path(change), encode(checked))
