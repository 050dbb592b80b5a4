"""What git still knows of campaigns, read by GitPython: to be called in a thread, never on the event loop.

Nothing that a repository configures is run: no hook, no pager, no external diff, no textconv, no signature check, no
fetch of what a partial clone lacks. Each call has a limit in seconds and in bytes, and can be ended from outside.
"""

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from state.errors import Unavailable
from tui.past import Commit, commits_in, when

if TYPE_CHECKING:
    from git.cmd import Git

__all__ = ["Change", "GitHistory", "GitUnread", "Told"]

COMMITS = 10_000
"""Commits of campaigns that are read, the newest."""
SECONDS = 20.0
"""How long one look at the whole history may take."""
BYTES = 64 * 1024 * 1024
"""How much of git's log is read."""
DIFF_SECONDS = 10.0
DIFF_BYTES = 256 * 1024
"""How much of one commit is read."""
CHUNK = 64 * 1024
OWN_BRANCHES = ("refs/heads/opsroom/*", "refs/stash", "refs/notes/*", "refs/replace/*")
"""What is not looked at: the branches of attempts, whose work lands as another commit, and what is no history."""
FORMAT = "%H%x00%cI%x00%an%x00%s%x00%(trailers:only,unfold)%x00"
"""The fields that `tui.past.commits_in` reads."""
SAFE = (
    "--no-pager",
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "log.showSignature=false"),
    *("-c", "protocol.ext.allow=never"),
)
ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C.UTF-8",
}
ID = re.compile(r"[0-9a-fA-F]{4,64}")


class GitUnread(Unavailable):
    """git could not say what it knows."""

    title = "git not read"


@dataclass(frozen=True, slots=True)
class Told:
    """What git said of campaigns."""

    commits: tuple[Commit, ...] = ()
    """Newest first."""
    cut: str = ""
    """Why this may not be all; '' where it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """One commit with its diff. Nothing in it is safe to show yet."""

    id: str
    author: str = ""
    at: datetime | None = None
    message: str = ""
    lines: list[str] = field(default_factory=list)
    """Of the diff, against the first parent."""
    cut: str = ""
    """Why the diff is not whole; '' where it is."""


class GitHistory:
    """git's memory of the repository that `folder` lies in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: set[int] = set()
        self._processes: dict[int, Git.AutoInterrupt] = {}
        self._closed = False
        self._lock = threading.Lock()

    def campaigns(self, limit: int = COMMITS, seconds: float = SECONDS) -> Told:
        """The newest `limit` commits of any campaign on any branch or tag. Raises `GitUnread`."""
        arguments = [
            "log",
            f"--max-count={limit + 1}",
            "--no-show-signature",
            "--no-mailmap",
            "--encoding=UTF-8",
            "--fixed-strings",
            "--grep=Opsroom-Campaign: ",
            f"--format={FORMAT}",
            *(f"--exclude={name}" for name in OWN_BRANCHES),
            "--all",
            "--",
        ]
        call = self._call(arguments, seconds, BYTES)
        commits = list(commits_in(_fields(call)))
        cut = call.cut
        if len(commits) > limit:
            cut = f"older ones than the newest {limit:,} commits are not shown"
        return Told(tuple(commits[:limit]), cut)

    def change(self, commit: str, seconds: float = DIFF_SECONDS) -> Change:
        """The commit with that id, or its beginning, and its diff. Raises `GitUnread`."""
        if not ID.fullmatch(commit):
            raise GitUnread(f"{commit[:80]!r} is not the id of a commit")
        arguments = [
            "diff-tree",
            "--root",
            "--stat=78",
            "--patch",
            "--find-renames",
            "--diff-merges=first-parent",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--submodule=short",
            "--encoding=UTF-8",
            "--format=%H%x00%an%x00%cI%x00%B%x00",
            f"{commit}^{{commit}}",
            "--",
        ]
        call = self._call(arguments, seconds, DIFF_BYTES)
        text = b"".join(call).decode("utf-8", "replace")
        found, author, at, message, diff = (*text.split("\0", 4), "", "", "", "")[:5]
        lines = diff.strip("\n").removeprefix("---\n").split("\n") if diff.strip() else []
        if call.cut and lines:
            lines.pop()  # half a line
        return Change(found.strip() or commit, author, when(at), message.strip(), lines, call.cut)

    def close(self) -> None:
        """Ends what runs; nothing is begun any more."""
        with self._lock:
            self._closed = True
            for process in self._processes.values():
                process.kill()

    def _call(self, arguments: list[str], seconds: float, limit: int) -> "_Call":
        if not self.folder.is_dir():  # GitPython would look somewhere else
            raise GitUnread(f"{self.folder} is gone")
        try:
            import git
        except ImportError as error:  # it looks for git when it is imported
            raise GitUnread("git is not installed") from error
        with self._lock:
            if self._closed:
                raise GitUnread("nobody wants to know any more")
            # what the environment says of another repository is not about this one, and GitPython passes it on
            foreign = [name for name in os.environ if name.startswith("GIT_") and name != "GIT_CONFIG_GLOBAL"]
            argv = ["env", *(f"--unset={name}" for name in foreign if name not in ENVIRONMENT)] if foreign else []
            try:
                process = git.Git(str(self.folder)).execute(
                    [*argv, "git", *SAFE, *arguments], as_process=True, env=ENVIRONMENT, process_group=0
                )
            except (git.GitCommandNotFound, OSError) as error:
                raise GitUnread(f"git in {self.folder} cannot be run") from error
            self._processes[process.pid] = process
        return _Call(self, process, seconds, limit)

    def ended(self, pid: int) -> None:
        """A call is over."""
        with self._lock:
            self._processes.pop(pid, None)


class _Call:
    """What one call of git prints, in pieces; `cut` says afterwards why that is not all."""

    def __init__(self, owner: GitHistory, process: "Git.AutoInterrupt", seconds: float, limit: int) -> None:
        self.cut = ""
        self._owner = owner
        self._process = process
        self._seconds = seconds
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        process, read, late = self._process.proc, 0, threading.Event()
        if process is None or process.stdout is None or process.stderr is None:
            return
        out: BufferedReader = process.stdout  # type: ignore[assignment]  # buffered, as GitPython asks for it

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._seconds, end)
        timer.daemon = True
        timer.start()
        try:
            while piece := out.read1(min(CHUNK, self._limit + 1 - read)):
                read += len(piece)
                if read > self._limit:
                    self.cut = f"cut after {self._limit // 1024:,} KiB"
                    process.kill()
                    yield piece[: len(piece) - (read - self._limit)]
                    break
                yield piece
            said = b"" if self.cut else process.stderr.read(CHUNK)
            status = process.wait()
            if late.is_set():
                self.cut = f"cut: git was not done after {self._seconds:g} s"
            elif status and not self.cut:
                last = said.decode("utf-8", "replace").strip().rpartition("\n")[2].removeprefix("fatal: ")
                if last.startswith("not a git repository"):
                    raise GitUnread("there is no git repository here")
                raise GitUnread(f"git: {last or f'exit status {status}'}")
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            self._owner.ended(process.pid)


def _fields(pieces: "_Call") -> Iterator[str]:
    """What NULs end in `pieces`."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\0")
        yield from (one.decode("utf-8", "replace") for one in whole)
        rest = rest[:CHUNK]  # of a field without end the beginning is enough
