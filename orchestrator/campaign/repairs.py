"""Giving a change back to its worker: what it is told of why the change was not taken, small and structured."""

from orchestrator import verify
from orchestrator.repository import merge_queue
from orchestrator.repository.git import Git, GitError
from state import files
from state.envelope import Packet, Tried
from state.errors import BadFile
from state.layout import AttemptDir, StateDir
from state.model import Result, decode, encode
from state.views import TaskView

__all__ = ["FILE", "packet_of", "read", "write"]

FILE = "failure.toml"
"""In the folder of the attempt whose change was not taken."""
LINES = 40
"""Lines of a check's output that a worker is shown."""
WIDTH = 300
"""Characters of each of them."""
COMMITS = 15
"""How many commits of others a worker is told of, the newest ones."""
KINDS = {"check", "metric", "conflict"}


def packet_of(
    state: StateDir, view: TaskView, change: merge_queue.Change, landing: merge_queue.Landing, before: str
) -> Packet:
    """Why the change of the newest attempt was not taken; `before` is the metric without it."""
    number = view.status.attempt if view.status else 0
    failed = next((result for result in landing.results if not result.passed), None)
    logs = sorted((change.folder / "checks").glob("*.log"), key=lambda path: path.stat().st_mtime_ns)
    said = verify.tail_of(logs[-1]).decode("utf-8", "replace").splitlines() if logs else []
    earlier = []
    for attempt in range(max(1, number - COMMITS), number):
        packet = read(state, state.task(view.id).attempt(attempt))
        if packet is not None:
            earlier.append(Tried(attempt=attempt, failed=packet.failed, said=packet.said))
    return Packet(
        kind=landing.cause,
        failed=landing.why,
        check=failed.name if failed else "",
        status=failed.status if failed else None,
        lines=[line[:WIDTH] for line in said[-LINES:]] if landing.cause != "conflict" else [],
        metric_before=before,
        metric_after=landing.metric,
        elsewhere=_elsewhere(change, view.status.start if view.status else ""),
        earlier=earlier,
        said=_said(view.result, number),
    )


def _said(result: Result | None, attempt: int) -> str:
    if result is None or result.attempt not in (attempt, 0):
        return ""
    return " ".join(result.summary.split())[:500]


def _elsewhere(change: merge_queue.Change, start: str) -> list[str]:
    """The commits that landed since the worker began, each with its files in one line."""
    if not start:
        return []
    git = Git(change.worktree, linked=True)
    wanted = f"{start}..refs/heads/{change.base}"
    try:
        found = git.run(
            "log", f"--max-count={COMMITS}", "--no-renames", "--name-only", "-z", "--format=%x01%h %s", wanted
        )
    except GitError:
        return []
    told = []
    for commit in filter(None, found.split("\1")):
        head, *paths = (part.strip("\n") for part in commit.split("\0"))
        names = [path for path in paths if path]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        told.append(f"{head[:WIDTH]}: {shown}" if shown else head[:WIDTH])
    return told


def write(state: StateDir, attempt: AttemptDir, packet: Packet) -> None:
    """Writes the packet into the attempt's folder; raises `CannotWrite`."""
    files.replace(state.root, attempt.root / FILE, encode(packet))


def read(state: StateDir, attempt: AttemptDir) -> Packet | None:
    """Why the change of `attempt` was not taken; None where it was, or where nobody can tell any more."""
    try:
        return decode(Packet, files.read_text(state.root, attempt.root / FILE), state.relative(attempt.root / FILE))
    except BadFile:
        return None
