"""Lands a verified change: rebased onto the branch it is for, checked there, and the branch moved, or nothing.

The branch moves only from the commit that was checked against, so two changes can't land on one another unseen.
Each step is written down before it is taken, so a landing that was cut off anywhere is taken up, not done twice.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from orchestrator import policy, verify
from orchestrator.enclosed import Enclosing, unenclosed
from orchestrator.repository import diffs, worktrees
from orchestrator.repository.git import Git, GitError, GitLocked
from state import files, secrets
from state.envelope import Check
from state.errors import BadFile, CannotWrite, OpsroomError, Refused, Unavailable
from state.model import Record, decode, encode

__all__ = ["Change", "Checked", "Landing", "has_landed", "land", "landed_from", "move", "occupied"]

LANDING = "landing.toml"
"""How far the landing of an attempt's change has come, in the attempt's folder."""


class Change(NamedTuple):
    """What a worker left, and what it takes to land it."""

    worktree: Path
    branch: str
    base: str
    message: str
    checks: list[Check]
    environment: dict[str, str]
    folder: Path
    """The attempt's, for `landing.toml` and the output of the checks."""
    turn: verify.Turn
    start: str = ""
    """The commit of the base that the worker began at, where it is known."""
    enclosing: Enclosing = unenclosed
    """What checks run in."""
    rules: policy.Rules | None = None
    """What the change may be; anything where there are none."""
    bounds: tuple[verify.Bound, ...] = ()
    """What is measured, the campaign's own metric first, and how bad each may become."""
    trailers: tuple[str, ...] = ()
    """Lines that each commit has to end with; a change whose commits have them not lands as one commit that has."""


class Conflict(Refused):
    """The change and what has landed meanwhile are about the same lines."""


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


class Verified(NamedTuple):
    """What the checks and measurements say."""

    results: tuple[verify.CheckResult, ...] = ()
    failed: str = ""
    """Why the change may not land."""
    cause: str = ""
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
    cause: str = ""
    """With `failed`: `check`, `metric`, `policy` or `conflict`; '' where it is none of these."""
    results: tuple[verify.CheckResult, ...] = ()
    """Of the checks that ran this time."""


def land(change: Change, merging: Callable[[Checked], None], ending: verify.Ending) -> Landing:
    """Takes `change` onto its base. `merging` is called once the checks have passed.

    Raises `CannotWrite` and `GitLocked`, `Unavailable` when its turn to be checked did not come, and `Interrupted` soon
    after the end was said to be near: landing again is safe after any of them.
    """
    try:
        with worktrees.alone(change.folder / "landing.lock") as lock:
            return _land(change, lock, merging, ending)
    except (CannotWrite, GitLocked, Unavailable):
        raise
    except Conflict as error:
        return Landing("failed", str(error), cause="conflict")
    except Refused as error:
        return Landing("failed", str(error))
    except OpsroomError as error:
        return Landing("failed", f"{error.title}: {error}")


def _land(change: Change, lock: int | None, merging: Callable[[Checked], None], ending: verify.Ending) -> Landing:
    git = Git(change.worktree, lock, linked=True)
    before = _read(change)
    target = git.branch_tip(change.base)
    if target is None:  # it may be made again; its work is on the attempt's branch until then
        return Landing("blocked", f"branch {change.base!r} does not exist")
    if before is not None and before.commit and git.is_ancestor(before.commit, target):  # landed just before a crash
        return _landed(before)
    if before is not None and not before.commit:
        worktrees.restore(change.worktree, change.branch, before.tip, lock)
    tip = worktrees.keep(change.worktree, change.branch, change.message, lock)
    if blocked := occupied(git, change.base):  # before the checks are run for nothing
        return Landing("blocked", blocked)
    results: tuple[verify.CheckResult, ...] = ()
    checked = before
    if checked is None or (checked.commit, checked.onto) != (tip, target):
        left = before.left if before else tip
        _write(change, Checked(tip=tip, left=left), sync="file")
        begun = _begun(git, change, before)
        found = _check(change, git, tip, target, begun, ending)
        if isinstance(found, Landing):
            return found
        checked, results = found
        checked.left = left
        _write(change, checked)
    merging(checked)
    if blocked := move(git, change.base, checked.onto, checked.commit):
        return Landing("blocked", blocked, results=results)
    return _landed(checked, results)


def landed_from(folder: Path) -> str:
    """The commit that the worker left and that landed, perhaps rebased; '' where the attempt in `folder` has none."""
    try:
        checked = decode(Checked, files.read_text(folder, folder / LANDING), LANDING)
    except BadFile:
        return ""
    return checked.left if checked.commit else ""


def has_landed(repository: Path, folder: Path, base: str) -> bool:
    """Whether the change of the attempt in `folder` is on `base`: its landing was cut off when the branch had moved."""
    try:
        checked = decode(Checked, files.read_text(folder, folder / LANDING), LANDING)
    except BadFile:
        return False
    git = Git(repository)
    target = git.branch_tip(base) if checked.commit else None
    return target is not None and git.is_ancestor(checked.commit, target)


def _landed(checked: Checked, results: tuple[verify.CheckResult, ...] = ()) -> Landing:
    return Landing("merged", "", checked.commit, tuple(checked.checks), checked.metric, results=results)


def _begun(git: Git, change: Change, before: Checked | None) -> str:
    """The commit of the base branch that the worker's own commits follow on, as far as it is known, or ''."""
    for commit in (before.onto if before else "", change.start):
        if commit and git.is_ancestor(commit, "HEAD"):
            return commit
    return git.ask("merge-base", "--fork-point", f"refs/heads/{change.base}", "HEAD") or ""


def _check(
    change: Change, git: Git, tip: str, target: str, begun: str, ending: verify.Ending
) -> Landing | tuple[Checked, tuple[verify.CheckResult, ...]]:
    """Rebases the change onto `target` and runs the checks there: what may land, or why nothing does."""
    if not _follow(git, target, begun, change.base):
        return Landing("nothing")
    if violated := _violation(change, git, target):
        return Landing("failed", violated, cause="policy")
    verified = Verified()
    if change.checks or change.bounds:
        with verify.building(change.turn, ending) as given:
            moved = git.branch_tip(change.base) or target  # it may have moved while the turn was waited for
            if moved != target and not _follow(git, moved, target, change.base):
                return Landing("nothing")
            target = moved
            verified = _verify(change, change.environment | given, ending)
    # everything of the worker's is committed: what lies about now was left by the checks
    git.run("reset", "--quiet", "--hard")
    git.run("clean", "--quiet", "-d", "--force")
    passed = [result.name for result in verified.results if result.passed]
    if verified.failed:
        return Landing("failed", verified.failed, "", tuple(passed), verified.metric, verified.cause, verified.results)
    if change.trailers:
        _sign(change, git, target)
    commit = git.run("rev-parse", "HEAD")
    return Checked(tip=tip, onto=target, commit=commit, checks=passed, metric=verified.metric), verified.results


def _violation(change: Change, git: Git, target: str) -> str:
    """Which rule the change on top of `target` violates, or ''."""
    if change.rules is None:
        return ""
    violated = policy.of_paths(change.rules, diffs.changed_paths(git, target, "HEAD"))
    if not violated and change.rules.of_lines:
        violated = policy.of_lines(change.rules, diffs.changed_lines(git, target, "HEAD"))
    return violated


def _sign(change: Change, git: Git, target: str) -> None:
    """Makes one commit with the trailers of what is on top of `target`, unless the worker's own commits have them."""
    messages = [text.strip() for text in git.run("log", "--format=%B%x00", f"{target}..HEAD").split("\0")]
    messages = [text for text in messages if text]
    signed = all(set(change.trailers) <= set(text.splitlines()) for text in messages)
    if signed and (len(messages) == 1 or change.message.strip() not in messages):
        return
    own = [text.partition("\n")[0] for text in reversed(messages) if text != change.message.strip()]
    head, _, trailers = change.message.strip().rpartition("\n\n")
    told = "".join(f"- {line}\n" for line in own)
    message = f"{head}\n\n{told}\n{trailers}\n" if told else f"{head}\n\n{trailers}\n"
    commit = git.run("commit-tree", "HEAD^{tree}", "-p", target, "-F", "-", text=secrets.known().text(message))
    git.run("reset", "--quiet", "--soft", commit)


def _verify(change: Change, environment: dict[str, str], ending: verify.Ending) -> Verified:
    """Runs the checks, then measures, and stops at the first that says no."""
    logs = change.folder / "checks"
    measured = ""
    with change.enclosing(change.worktree) as enclose:
        results = tuple(verify.run_checks(change.checks, change.worktree, logs, environment, ending, enclose))
        if failed := verify.first_failure(results):
            return Verified(results, failed, "check")
        for number, bound in enumerate(change.bounds):
            log = logs / f"{f'guard-{number}' if number else 'metric'}.log"
            value = verify.measure(bound.metric, change.worktree, environment, log, ending, enclose)
            measured = measured or (value if bound.main else "")
            if failed := bound.failed(value):
                return Verified(results, failed, "metric", measured)
    return Verified(results, metric=measured)


def _follow(git: Git, target: str, begun: str, base: str) -> bool:
    """Rebases the change onto `target`, the tip of `base`; whether anything of it is left.

    Where `base` was rewritten, and no longer has the commit at which the change has `begun`, only what follows on that
    is taken along: what somebody took out of a branch does not come back with the next change.
    """
    if begun == target:
        pass  # it stands there already
    elif begun and not git.is_ancestor(begun, target):
        _rebase(git, base, "--onto", target, begun)
    elif not git.is_ancestor(target, "HEAD"):
        _rebase(git, base, target)
    return git.ask("diff", "--quiet", "--no-ext-diff", target, "HEAD") is None


def _rebase(git: Git, base: str, *where: str) -> None:
    try:
        git.run("rebase", "--quiet", *where)
    except GitLocked:
        raise
    except GitError as error:
        conflicts = (git.ask("diff", "--name-only", "--diff-filter=U", "--ignore-submodules=dirty") or "").split()
        git.ask("rebase", "--abort")
        if conflicts:
            raise Conflict(f"conflict with {base} in {', '.join(conflicts[:5])}") from None
        raise Refused(str(error)) from None


def occupied(git: Git, base: str) -> str:
    """Why the branch `base` can't be moved now, in a few words, or ''."""
    checkout = git.checkout_of(base)
    if checkout is not None and Git(checkout).has_local_changes():
        return f"{base} is checked out in {checkout} with uncommitted changes"
    return ""


def move(git: Git, base: str, old: str, new: str) -> str:
    """Moves branch `base` from `old` to `new`; says in a few words what keeps it from that, or ''.

    A working tree that has the branch checked out is brought along if it is clean, as git's own
    `receive.denyCurrentBranch=updateInstead` does it; if not, nothing moves.
    """
    try:
        checkout = git.checkout_of(base)
        if checkout is None:
            git.run("update-ref", "-m", "opsroom: land", f"refs/heads/{base}", new, old)
            return ""
        if blocked := occupied(git, base):
            return blocked
        inside = Git(checkout)
        if inside.run("rev-parse", "HEAD") != old:
            return f"{base} moved meanwhile"
        try:
            inside.run("merge", "--quiet", "--ff-only", new)
        except OpsroomError:
            _take_back(inside, old, new)
            raise
    except GitError as error:
        return str(error)
    return ""


def _take_back(checkout: Git, old: str, new: str) -> None:
    """Undoes what a merge that could not move its branch in the end has done to the files: they are as in `old` again.

    Files that a person has changed since stay as they are.
    """
    with contextlib.suppress(OpsroomError):
        if checkout.run("rev-parse", "HEAD") == old:
            checkout.ask("read-tree", "-m", "-u", new, old)


def _path(change: Change) -> Path:
    return change.folder / LANDING


def _read(change: Change) -> Checked | None:
    try:
        return decode(Checked, files.read_text(change.folder, _path(change)), LANDING)
    except BadFile as error:
        if files.is_missing(error):
            return None
        raise


def _write(change: Change, checked: Checked, sync: files.Sync = "folder") -> None:
    files.replace(change.folder, _path(change), encode(checked), sync)
