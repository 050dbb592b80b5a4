"""Brings a campaign's branch to its base: a fast-forward or a merge commit, whole or not at all.

A merge is made in a worktree of its own, and the base is moved once it is there: where there is a conflict nobody's
checkout and no branch has changed.
"""

from typing import NamedTuple

from orchestrator.campaign import campaigns
from orchestrator.config import Config
from orchestrator.repository import merge_queue, worktrees
from orchestrator.repository.git import Git, GitError, GitLocked
from state.errors import NotThere, Refused
from state.layout import StateDir
from state.model import CHECKING, LIVE
from state.views import CampaignView, Fleet

__all__ = ["Landed", "land"]


class Landed(NamedTuple):
    """What was brought where."""

    base: str
    commit: str
    """Where the base stands now."""
    commits: int
    """How many commits of the campaign it has got."""
    merged: bool
    """Whether it took a merge commit."""


def land(state: StateDir, config: Config, fleet: Fleet, name: str, into: str = "", *, no_ff: bool = False) -> Landed:
    """Brings the branch of campaign `name` to `into`, else to its base. With `no_ff` always by a merge commit.

    Raises `Refused` while the campaign runs, where there is nothing to land, where the base is checked out with changes
    and where there is a conflict; `NotThere`, and what git raises.
    """
    view = fleet.campaigns.get(name)
    if view is None:
        raise NotThere(f"there is no campaign {name!r}")
    _refuse_running(view, fleet)
    git = Git(state.repository)
    git.trust(state.root, state.git_trust)
    branch = campaigns.branch_of(name)
    base = into or (view.envelope.base if view.envelope else "") or config.orchestrator.base or git.current_branch()
    tip, target = git.branch_tip(branch), git.branch_tip(base) if base else None
    if tip is None:
        raise Refused(f"there is nothing to land: no branch {branch} was begun")
    if target is None:
        raise NotThere(f"branch {base!r} does not exist", todo="name one with --into")
    if git.is_ancestor(tip, target):
        raise Refused(f"there is nothing to land: {base} has all of {branch}")
    if blocked := merge_queue.occupied(git, base):
        raise Refused(blocked, todo="commit or stash them first")
    count = int(git.run("rev-list", "--count", f"{target}..{tip}"))
    merged = no_ff or not git.is_ancestor(target, tip)
    commit = _merge(state, config, name, base, target, tip) if merged else tip
    # the move is the one by which changes of tasks land
    if blocked := merge_queue.move(git, base, target, commit):
        raise Refused(f"{base} was not moved: {blocked}", todo="try again")
    return Landed(base, commit, count, merged)


def _refuse_running(view: CampaignView, fleet: Fleet) -> None:
    at_it = bool(view.runs) and view.runs[-1][1].ended is None
    if at_it and (view.file is None or view.file.status == "running"):
        raise Refused(f"campaign {view.name} is running", todo=f"'opsroom campaign pause {view.name}' ends its run")
    for task in fleet.tasks.values():
        if task.campaign == view.name and task.state in LIVE | CHECKING:
            raise Refused(f"campaign {view.name} is not at rest: {task.id} is {task.state}", todo="wait for it")
    if at_it:
        raise Refused(f"campaign {view.name} is not at rest: its run has not ended", todo="wait for it")


def _merge(state: StateDir, config: Config, name: str, base: str, target: str, tip: str) -> str:
    """The merge commit of `tip` into `target`, on no branch yet; refused with the files that conflict."""
    branch = campaigns.branch_of(name)
    worktree = state.worktrees / f"_land-{name}"  # no task id begins with '_'
    with worktrees.scratch(state.repository, worktree, target, tuple(config.worktrees.sparse)):
        git = Git(worktree, linked=True)
        try:
            git.run("merge", "--quiet", "--no-ff", "--no-edit", "-m", f"Merge {branch} into {base}", tip)
        except GitLocked:
            raise
        except GitError as error:
            said = git.ask("diff", "--name-only", "-z", "--diff-filter=U", "--ignore-submodules=dirty") or ""
            conflicts = sorted(filter(None, said.split("\0")))
            if not conflicts:
                raise
            shown = ", ".join(conflicts[:10]) + (f" and {len(conflicts) - 10} more" if len(conflicts) > 10 else "")
            todo = f"nothing has changed; merge {base} into {branch} by hand, or the other way round"
            raise Refused(f"{branch} conflicts with {base} in {shown}", todo=todo) from error
        return git.run("rev-parse", "HEAD")
