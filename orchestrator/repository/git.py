"""The `git` command as the orchestrator runs it: no hook, no file system monitor, no prompt, no pager, a limit.

A worktree that a worker has touched may hold anything, so nothing that it configured is run: no hook, none of the
programs that `repository.git_settings` knows of, and nothing in a repository within the worktree, which has a
configuration of its own. git looks into such a one by itself in `status`, `diff` and `add`; so these are told not to.
"""

import contextlib
import functools
import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.repository import git_settings
from state.errors import CannotWrite, OpsroomError

__all__ = ["Git", "GitError", "GitLocked"]

SAFE = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "commit.gpgSign=false"),
    *("-c", "rebase.autoStash=false"),
    *("-c", "rebase.updateRefs=false"),  # it would move other branches along
    *("-c", "maintenance.auto=false"),
    *("-c", "merge.verifySignatures=false"),
    *("-c", "submodule.recurse=false"),
    *("-c", "fetch.recurseSubmodules=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "advice.detachedHead=false"),
)
SECONDS = 600.0
"""How long one call of git may take."""
HALF_MADE = re.compile(
    r"^fatal: (failed to read \S*/worktrees/.*/commondir|Invalid path '.*/worktrees/|bad object worktrees/.*/HEAD)",
    re.MULTILINE,
)
"""What git says while a worktree is added or removed beside it; it then gives up before any branch has moved."""
HALF_MADE_LOOKS = 40
"""How often such a call is made, a twentieth of a second apart."""
LOCKED = re.compile(r"Unable to create '(.*\.lock)': File exists")
"""What git says of another git's lock file, whichever it is."""
NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded|Read-only file system")


class GitError(OpsroomError):
    """git said no; the message is its own last line."""

    title = "git failed"


class GitLocked(GitError):
    """A lock file of git's is in the way. A git that works there removes its own soon; one that was killed has left it.

    What was to be done can be tried again.
    """

    title = "git is locked"

    def __init__(self, lock: Path, owner: str = "") -> None:
        since = ""
        with contextlib.suppress(OSError, ValueError, OverflowError):
            since = f" since {datetime.fromtimestamp(lock.stat().st_mtime, UTC):%Y-%m-%d %H:%M:%S} UTC"
        todo = owner or "a git is at work there, or one was killed and left it: remove it if none is"
        super().__init__(f"{lock} is in the way{since}", todo=todo)


class GitBusy(GitLocked):
    """A worktree that is being added or removed beside stays half made for long. Can be tried again as well."""

    title = "git is busy"

    def __init__(self, said: str) -> None:
        todo = "a git is adding or removing a worktree, or one was killed at it: remove what it left if none is"
        GitError.__init__(self, said.removeprefix("fatal: "), todo=todo)


class Git:
    """git in one working directory.

    `holding` is an open lock that git keeps open as well: should this process be killed, the lock is free only
    once git has ended, too. Where `folder` is `linked`, a worktree, no repository further up is taken for its own.
    """

    def __init__(self, folder: Path, holding: int | None = None, *, linked: bool = False) -> None:
        self.folder = folder
        self._linked = linked
        self._holding = () if holding is None else (holding,)

    def run(self, *arguments: str, text: str = "") -> str:
        """The standard output of `git <arguments>`, its last newline removed.

        Raises `GitError`, and as every call of git `GitLocked`, and `CannotWrite` where the disk is full.
        """
        done = self._call(arguments, text)
        if done.returncode:
            said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            what = " ".join(arguments[:2])
            raise GitError(f"git {what} in {self.folder}: {said[-1] if said else f'exit status {done.returncode}'}")
        return done.stdout.removesuffix("\n")

    def ask(self, *arguments: str) -> str | None:
        """As `run`, but None where git answers no, by whatever exit status."""
        done = self._call(arguments, "")
        return None if done.returncode else done.stdout.removesuffix("\n")

    def lines(self, *arguments: str) -> Iterator[bytes]:
        """The lines that `git <arguments>` prints, as it prints them; raises as `run` does, at the end too."""
        argv, environment = self._prepared(arguments)
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    argv,
                    cwd=self.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    pass_fds=self._holding,
                    process_group=0,  # a Ctrl-C is for the orchestrator, which lets what is under way come to its end
                )
            except OSError as error:
                raise GitError(f"git in {self.folder}: {error.strerror or error}") from None
            limit = threading.Timer(SECONDS, process.kill)
            limit.start()
            with process:
                try:
                    yield from process.stdout or ()
                except GeneratorExit:  # nobody wants the rest
                    process.kill()
                    raise
                finally:
                    limit.cancel()
            if process.returncode:
                said.seek(0)
                last = said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise GitError(f"git {arguments[0]} in {self.folder}: {last or f'exit status {process.returncode}'}")

    def _prepared(self, arguments: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        """The command line and the environment of a call."""
        environment = _environment()
        environment |= git_settings.overrides(self.folder, environment)
        if self._linked:
            environment["GIT_CEILING_DIRECTORIES"] = str(self.folder.parent)
        # a worktree lies within its repository's, and takes the person's name from there
        known = _identity(str(self.folder.parent if self._linked else self.folder))
        return ["git", *SAFE, *known, *arguments], environment

    def _call(self, arguments: tuple[str, ...], text: str) -> subprocess.CompletedProcess[str]:
        for looks in range(HALF_MADE_LOOKS, 0, -1):
            done = self._call_once(arguments, text)
            if not (done.returncode and (found := HALF_MADE.search(done.stderr))):
                break
            if looks == 1:
                raise GitBusy(found[0])
            time.sleep(0.05)
        if done.returncode and (found := LOCKED.search(done.stderr)):
            raise GitLocked(Path(found[1]))
        if done.returncode and (found := NO_ROOM.search(done.stderr)):
            raise CannotWrite(f"git {arguments[0]} in {self.folder}: {found[0].lower()}", todo="free space")
        return done

    def _call_once(self, arguments: tuple[str, ...], text: str) -> subprocess.CompletedProcess[str]:
        argv, environment = self._prepared(arguments)
        try:
            return subprocess.run(
                argv,
                cwd=self.folder,
                env=environment,
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="surrogateescape",
                timeout=SECONDS,
                check=False,
                pass_fds=self._holding,
                process_group=0,  # a Ctrl-C is for the orchestrator, which lets what is under way come to its end
            )
        except FileNotFoundError as error:
            missing = "git is not installed" if error.filename == "git" else f"{self.folder} is gone"
            raise GitError(missing) from None
        except OSError as error:
            raise GitError(f"git in {self.folder}: {error.strerror or error}") from None
        except subprocess.TimeoutExpired:
            raise GitError(f"git {arguments[0]} in {self.folder}: not done after {SECONDS:.0f} s") from None

    def inside(self, worktree: Path) -> "Git":
        """git in a linked `worktree`, holding what this one holds."""
        return Git(worktree, self._holding[0] if self._holding else None, linked=True)

    # ── questions that several callers have ─────────────────────────────────────────────────────────────────

    def commit_of(self, revision: str) -> str | None:
        """The full id of the commit that `revision` names, or None."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")

    def branch_tip(self, branch: str) -> str | None:
        """The commit that the branch `branch` points at, or None if there is no such branch."""
        return self.commit_of(f"refs/heads/{branch}")

    def current_branch(self) -> str:
        """The branch that is checked out, or '' where there is none."""
        return self.ask("symbolic-ref", "--quiet", "--short", "HEAD") or ""

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`."""
        return older == newer or self.ask("merge-base", "--is-ancestor", older, newer) is not None

    def is_clean(self) -> bool:
        """Whether nothing tracked is changed and nothing untracked lies about, ignored files aside."""
        return not self.run("status", "--porcelain", "--untracked-files=all", "--ignore-submodules=dirty")

    def has_local_changes(self) -> bool:
        """Whether a tracked file differs from HEAD. Untracked files are a person's own and in nobody's way."""
        return bool(self.run("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty"))

    def add_all(self) -> None:
        """Takes every change into the index, as `git add --all` would if that did not look into other repositories.

        Of a repository within this one its commit is taken, if it has one.
        """
        found = self.run("ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard")
        paths = dict.fromkeys(filter(None, found.split("\0")))
        taken = [path for path in paths if not path.endswith("/")]
        if taken:
            self.run("update-index", "-z", "--add", "--remove", "--replace", "--stdin", text="\0".join([*taken, ""]))
        for inner in (path.rstrip("/") for path in paths if path.endswith("/")):
            self.ask("update-index", "--add", "--replace", "--", inner)  # no, where it has no commit

    def commit_all(self, message: str) -> None:
        """Commits every change, if there is one."""
        self.add_all()
        if self.ask("diff-index", "--cached", "--quiet", "--ignore-submodules=dirty", "HEAD") is None:
            self.run("commit", "--quiet", "--no-verify", "--file=-", text=message)

    def settings(self) -> list[git_settings.Setting]:
        """All that git is configured to do here; later ones count. Raises `GitError`."""
        found = git_settings.listed(self.folder, _environment())
        if found is None:
            raise GitError(f"git config in {self.folder}: the configuration cannot be read")
        return found

    def trust(self, root: Path, record: Path) -> None:
        """Trusts the repository's configuration as far as `record` says; see `git_settings.trust`."""
        git_settings.trust(self.folder, root, record, _environment())

    def checkout_of(self, branch: str) -> Path | None:
        """The working tree that has `branch` checked out, or None."""
        path: Path | None = None
        for line in self.run("worktree", "list", "--porcelain").splitlines():
            key, _, value = line.partition(" ")
            if key == "worktree":
                path = Path(value)
            elif key == "branch" and value == f"refs/heads/{branch}":
                return path
        return None


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key == "GIT_CONFIG_GLOBAL"}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_EDITOR": "true",
        "GIT_SEQUENCE_EDITOR": "true",
        "GIT_PAGER": "cat",
        "LC_ALL": "C.UTF-8",
    }


@functools.lru_cache(maxsize=64)
def _identity(folder: str) -> tuple[str, ...]:
    """Options that name a committer, where the person configured none."""
    try:
        known = subprocess.run(
            ["git", "var", "GIT_COMMITTER_IDENT"],
            cwd=folder,
            env=_environment(),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except OSError:
        return ()
    if known.returncode == 0:
        return ()
    return ("-c", "user.name=Opsroom", "-c", "user.email=opsroom@localhost")
