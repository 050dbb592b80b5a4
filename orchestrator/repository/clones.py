"""A git repository of the worker's own, for the sandbox: nothing of the person's repository can be written there.

In its sandbox a worktree's file `.git` points at a repository that is made for the attempt. It has the branches and
tags as they are then, borrows all objects read-only, and takes whatever the worker does: commits, branches, a stash,
hooks, settings, a rebase, `git gc`, even the end of the repository. When the attempt has ended, what it committed is
fetched, which looks at every object, onto the task's own branches; the rest goes.

Everything in such a repository was written by a worker. It is read file by file, no link in it is followed, and no
git ever runs in it: the fetch is from a repository that only borrows its objects (`repository.clone_contents`).
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from orchestrator.repository import clone_contents, git_settings, trees
from orchestrator.repository.clone_contents import Bridge, Contents
from orchestrator.repository.git import Git, GitError, GitLocked
from orchestrator.repository.worktrees import UNFINISHED, alone, attempt_branch
from state.errors import CannotWrite

__all__ = ["Clone", "Lender", "collect", "forget", "make"]

BORROWED = 5
"""How many repositories deep objects are borrowed, as git does it."""
DROPPED = re.compile(
    r"(credential|http|url|include|includeif)\..*|core\.(worktree|bare|fsmonitor)|extensions\.(worktreeconfig|refstorage)"
)
"""Of the repository's configuration, what a worker does not get: secrets stand there, and what is made anew."""
ASIDE = "aside-"
"""With this begins the name of a repository that nothing could be taken from."""
FETCH = (
    *("-c", "protocol.file.allow=always", "-c", "fetch.fsckObjects=true"),
    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules"),
    *("--update-head-ok", "--upload-pack=git-upload-pack"),
)
SET = (("commit.gpgsign", "false"), ("tag.gpgsign", "false"), ("gc.auto", "0"), ("maintenance.auto", "false"))
"""What is configured in every clone."""
_PASSWORD = re.compile(r"^([a-z+]+://)[^/@]*@")


class Clone(NamedTuple):
    """`clones/<task>/`: the repository `git`, which the worker writes, and what nobody but the orchestrator does."""

    root: Path

    @property
    def git(self) -> Path:
        """The git directory."""
        return self.root / "git"

    @property
    def link(self) -> Path:
        """What stands in the place of the worktree's file `.git`."""
        return self.root / "link"

    @property
    def refs(self) -> Path:
        """The branches and tags that it was made with, as `git for-each-ref` says them."""
        return self.root / "refs"

    @property
    def made(self) -> Path:
        """There from when the repository is complete until it is collected; says the branch it was made for."""
        return self.root / "made"

    @property
    def modules(self) -> Path:
        """The repositories of submodules, while there is no `git`."""
        return self.root / "modules"


class Lender(NamedTuple):
    """The repository that a clone was made of."""

    common: Path
    """Its git directory, that which all worktrees share."""
    objects: list[Path]
    """The folders of objects that are borrowed, no link among them."""
    settings: list[git_settings.Setting]
    """How git is configured there."""


def make(worktree: Path, clone: Clone) -> Lender:
    """Makes `clone` for where `worktree` stands. Raises `GitError` and `CannotWrite`."""
    with _alone(clone) as lock:
        git = Git(worktree, lock, linked=True)
        own, common = _folders(git)
        _remove(clone)
        objects = _objects(common)
        _skeleton(clone.git, objects)
        refs = git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", "refs/remotes")
        for path in (clone.refs, clone.git / "packed-refs"):
            path.write_text(f"{refs}\n" if refs else "", "utf-8", "surrogateescape")
        settings = git.settings()
        (clone.git / "config").write_text(_configuration(settings), "utf-8", "surrogateescape")
        for source, name in (
            (common / "info" / "exclude", "info/exclude"),
            (common / "info" / "attributes", "info/attributes"),
            (own / "info" / "sparse-checkout", "info/sparse-checkout"),
            (common / "shallow", "shallow"),
            (own / "index", "index"),
            *((shared, shared.name) for shared in own.glob("sharedindex.*")),
            *((hook, f"hooks/{hook.name}") for hook in (common / "hooks").glob("*") if hook.suffix != ".sample"),
        ):
            if source.is_file():
                shutil.copy2(source, clone.git / name)
        if clone.modules.is_dir():
            clone.modules.rename(clone.git / "modules")
        clone.link.write_text(f"gitdir: {clone.git}\n", "utf-8", "surrogateescape")
        head = git.ask("symbolic-ref", "--quiet", "HEAD")
        stands = f"ref: {head}" if head else git.run("rev-parse", "HEAD")
        (clone.git / "HEAD").write_text(f"{stands}\n", "utf-8")
        clone.made.write_text(f"{head or ''}\n", "utf-8")
        return Lender(common.resolve(), objects, settings)


def collect(worktree: Path, clone: Clone, task_id: str, attempt: int) -> str:
    """Takes what the worker of an ended attempt committed in `clone` into its repository, and removes the clone.

    `worktree` then stands where the clone stood, in the middle of a rebase or a merge if the clone was. Branches and
    stashes besides go to branches beside the attempt's, `opsroom/<task>/<attempt>-<name>`. A clone that nothing can
    be taken from is put aside, and one sentence says so; the files in the worktree are there in any case. Raises
    `CannotWrite` and `GitLocked`. Safe to call again, after a crash too, and where there is nothing to collect.
    """
    if not clone.made.exists() or not (worktree / ".git").is_file():
        return ""
    with _alone(clone) as lock:
        trouble = ""
        try:
            _take(Git(worktree, lock, linked=True), clone, _branch(clone, task_id, attempt), lock)
        except GitLocked:
            raise
        except GitError as error:
            aside = clone.root / f"{ASIDE}{attempt}-{os.urandom(2).hex()}"
            clone.git.rename(aside)
            trouble = f"what the worker committed could not be taken, and was put aside as {aside}: {error}"
        _remove(clone)
    return trouble


def forget(clone: Clone) -> None:
    """Removes all there is of `clone`, unless something of it was put aside. Raises `CannotWrite`."""
    if not any(path.name.startswith(ASIDE) for path in clone.root.glob("*")):
        trees.remove(clone.root)


def _branch(clone: Clone, task_id: str, attempt: int) -> str:
    """The branch that is the worker's own: of attempt `attempt`, or of the next one, whose start was cut off."""
    own = attempt_branch(task_id, attempt)
    made_for = clone.made.read_text("utf-8").strip().removeprefix("refs/heads/")
    return made_for if made_for.startswith(own.rpartition("/")[0] + "/") else own


@contextlib.contextmanager
def _alone(clone: Clone) -> Iterator[int | None]:
    try:
        clone.root.mkdir(mode=0o700, exist_ok=True)
        with alone(clone.root / ".lock") as lock:
            yield lock
    except OSError as error:
        raise CannotWrite(f"{clone.root}: {error.strerror or error}", todo="free space or permission") from error


def _remove(clone: Clone) -> None:
    """Removes the repository, and keeps those of the submodules in it for the next one."""
    clone.made.unlink(missing_ok=True)
    modules = clone.git / "modules"
    if modules.is_dir() and not modules.is_symlink() and not clone.git.is_symlink():
        trees.remove(clone.modules)
        modules.rename(clone.modules)
    trees.remove(clone.git)
    trees.remove(clone.root / "bridge")


def _folders(git: Git) -> tuple[Path, Path]:
    """The git directory of a worktree, and the one that it shares with the others."""
    own, common = git.run("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir").splitlines()
    return Path(own), Path(common)


def _skeleton(folder: Path, objects: Iterable[Path]) -> None:
    for name in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "hooks"):
        (folder / name).mkdir(mode=0o700, parents=True)
    (folder / "objects" / "info" / "alternates").write_text("".join(f"{path}\n" for path in objects), "utf-8")


def _objects(common: Path) -> list[Path]:
    """The folders in which the objects of a repository lie: its own, and those that it borrows."""
    found: list[Path] = []
    asked = [common / "objects"]
    for _ in range(BORROWED):
        asked = [real for path in asked if (real := path.resolve()).is_dir() and real not in found]
        found += asked
        borrowed = []
        for path in asked:
            with contextlib.suppress(OSError):
                lines = (path / "info" / "alternates").read_text("utf-8", "surrogateescape").splitlines()
                borrowed += [path / line for line in lines if line and not line.startswith("#")]
        asked = borrowed
    return found


def _configuration(found: Iterable[git_settings.Setting]) -> str:
    """The repository's own settings, those of the worktree among them, as one file, without what is a secret."""
    kept: list[tuple[str, str | None]] = [("core.bare", "false")]
    for setting in found:
        if setting.scope in git_settings.OWN and not DROPPED.fullmatch(setting.key):
            is_url = setting.key.startswith("remote.") and setting.key.endswith(("url", "pushurl"))
            kept.append((setting.key, _PASSWORD.sub(r"\1", setting.value or "") if is_url else setting.value))
    return git_settings.written([*kept, *SET])


# ── taking what the worker did ──────────────────────────────────────────────────────────────────────────────────


def _take(git: Git, clone: Clone, branch: str, lock: int | None) -> None:
    own, common = _folders(git)
    contents = clone_contents.read(clone.root, clone.git)
    clone_contents.clean(clone.git / "objects")
    folder = clone.root / "bridge"
    trees.remove(folder)
    _skeleton(folder, [clone.git / "objects", *_objects(common)])
    if (common / "shallow").is_file():
        shutil.copy2(common / "shallow", folder / "shallow")
    form = git.ask("rev-parse", "--show-object-format") or "sha1"
    bridge = Bridge(Git(folder, lock), form)
    before = git.run("rev-parse", "HEAD")
    head = bridge.commit(contents.head)
    if not head:
        raise GitError("its repository has no commit that it stands at")
    besides = _besides(clone, bridge, contents, head)
    staged = bridge.staged(clone.root, clone.git / "index", own / "index", head)
    if head != before or besides or staged:
        wanted = {branch: head} | {f"{branch}-{name}": commit for name, commit in besides.items()}
        sources = [f"+refs/heads/{commit}:refs/heads/{name}" for name, commit in wanted.items()]
        sources += [f"refs/heads/{staged}"] if staged else []
        bridge.offer([*wanted.values(), staged])
        git.run(*FETCH, str(folder), *sources)
    if contents.branch != f"refs/heads/{branch}":
        git.run("update-ref", "--no-deref", "HEAD", head)
    if head != before:
        git.run("reset", "--quiet")
    if staged:
        git.run("read-tree", staged)
        git.ask("update-index", "-q", "--refresh")
    _mark_unfinished(clone.git, own, head)
    clone_contents.take_large_files(clone.root, clone.git / "lfs" / "objects", common / "lfs" / "objects")


def _besides(clone: Clone, bridge: Bridge, contents: Contents, head: str) -> dict[str, str]:
    """What else the worker committed, by the name that it gets: branches of its own, and what it put on the stash."""
    before = dict(line.split(" ", 1)[::-1] for line in clone.refs.read_text("utf-8", "surrogateescape").splitlines())
    named = {
        name.removeprefix("refs/heads/"): commit
        for name, commit in contents.refs.items()
        if name.startswith("refs/heads/") and before.get(name) != commit
    }
    stashes = {f"stash-{number}": commit for number, commit in enumerate(contents.stashes, 1)}
    kept: dict[str, str] = {}
    for name, commit in (named | stashes).items():
        short = re.sub(r"[^A-Za-z0-9_-]+", "-", name.removeprefix("opsroom/"))[:80].strip("-") or "branch"
        if len(kept) < clone_contents.KEPT and bridge.is_new(commit, [head, *before.values(), *kept.values()]):
            kept[short if short not in kept else f"{short}-{len(kept)}"] = commit
    return kept


def _mark_unfinished(git: Path, own: Path, head: str) -> None:
    """Puts the worktree in the middle of the operation that the clone was in. Of its files nothing is taken over."""
    for name in UNFINISHED:
        if (git / name).is_symlink() or not (git / name).exists():
            continue
        if (git / name).is_dir():
            (own / name).mkdir(exist_ok=True)
        else:
            (own / name).write_text(f"{head}\n", "ascii")
        return
