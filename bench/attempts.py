"""What it costs to start one attempt, in the sandbox and without one, and what an idle supervisor keeps of the memory.

    python bench/attempts.py [TURNS] [FILES]

TURNS (20) times, in turns, an attempt of a worker that only says what time it is, in a repository of FILES (500)
files, under a supervisor as the orchestrator starts it. Prints medians in milliseconds, of the first attempt of a task:

- ready: until the command is ready to be started; with the sandbox the worker's own repository and home are made, and
  the tools on PATH are found;
- first word: from then until the worker runs;
- ended: from the worker's word until its exit record is there;
- taken: what it committed is fetched and its own repository removed; nothing to do without the sandbox.

Then the memory of a supervisor whose worker sleeps, and of bubblewrap beside it, as PSS (/proc/PID/smaps_rollup).
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from orchestrator import acting
from orchestrator.config import Agent, load
from orchestrator.repository import clones, worktrees
from orchestrator.repository.clones import Clone
from orchestrator.running import attempts
from orchestrator.running.plain import children
from orchestrator.sandboxes.enclosure import Enclosure, choose
from state.model import Attempt, Launch, decode
from tests.stories import Story, telling

KINDS = ("none", "bubblewrap")
COMMIT = "date +%s%N; echo five >> notes.txt; git commit --quiet --all --message five"


class Bench:
    """One story, and how many tasks of it were started."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.count = 0

    def enclosure(self, kind: str) -> Enclosure:
        self.story.sandbox(kind)
        return choose(self.story.state, load(self.story.repository))

    def start(self, enclosure: Enclosure, script: str) -> tuple[str, float]:
        """Starts `script` as the first attempt of a new task; its id, and what making it ready took, in seconds."""
        state = self.story.state
        self.count += 1
        task = f"{self.count:04d}"
        worktree = state.worktree(task)
        state.task(task).root.mkdir(parents=True)
        worktrees.prepare(self.story.repository, worktree, task, 1, "main")
        begin = time.perf_counter()
        agent = Agent(command=["sh", "-c", script])
        environment = {"OPSROOM_STATE_DIR": str(state.root), "OPSROOM_TASK": task}
        enclosed = enclosure.worker(worktree, task, agent, environment)
        ready = time.perf_counter() - begin
        launch = Launch(
            argv=enclosed.argv,
            cwd=str(worktree),
            environment=enclosed.environment,
            seconds=600.0,
            grace=1.0,
            sandbox=enclosed.sandbox,
            kept=enclosed.kept or [],
        )
        attempts.start(state.root, state.task(task).attempt(1), launch, b"")
        return task, ready

    def once(self, enclosure: Enclosure) -> list[float]:
        """Ready, first word, ended, taken: in milliseconds, of one attempt."""
        before = time.time_ns()
        task, ready = self.start(enclosure, COMMIT)
        before += int(ready * 1e9)
        attempt = self.story.state.task(task).attempt(1)
        self.story.wait(attempt.exit.exists, "the exit record")
        ended = attempt.exit.stat().st_mtime_ns
        said = int(attempt.stdout.read_text())
        begin = time.perf_counter()
        clones.collect(self.story.state.worktree(task), Clone(self.story.state.clones / task), task, 1)
        return [ready * 1e3, (said - before) / 1e6, (ended - said) / 1e6, (time.perf_counter() - begin) * 1e3]

    def memory(self, enclosure: Enclosure) -> list[tuple[str, int]]:
        """The name and PSS in KiB of the supervisor of a worker that sleeps, and of each process down to the worker."""
        task, _ = self.start(enclosure, "exec sleep 600")
        attempt = self.story.state.task(task).attempt(1)
        self.story.wait(attempt.run.exists, "the supervisor")
        pid = decode(Attempt, attempt.run.read_text(), "run.toml").supervisor
        found: list[tuple[str, int]] = []
        self.story.wait(lambda: _names(pid)[-1:] == ["sleep"], "the worker to sleep")
        for process in _line(pid)[:-1]:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            kib = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
            found.append((_name(process), kib))
        attempts.end(self.story.state.root, attempt, 0.0, "", "")
        self.story.wait(attempt.exit.exists, "its end")
        return found


def _line(pid: int) -> list[int]:
    below = children(pid)
    return [pid, *(_line(below[0]) if below else [])]


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _names(pid: int) -> list[str]:
    try:
        return [_name(each) for each in _line(pid)]
    except OSError:
        return []


def main(turns: int, files: int) -> None:
    with tempfile.TemporaryDirectory() as folder, telling(Path(folder)) as story:
        for number in range(files):
            path = story.repository / "src" / f"{number // 50}" / f"file{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"number = {number}\n" * 50)
        story.git("add", "--all")
        story.git("commit", "--quiet", "--message", "files")
        story.state.create()
        acting.write_wrapper(story.state)
        bench = Bench(story)
        enclosures = {kind: bench.enclosure(kind) for kind in KINDS}
        found: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
        for _ in range(turns):
            for kind, enclosure in enclosures.items():
                found[kind].append(bench.once(enclosure))
        print(f"milliseconds, medians of {turns}   ready  first word   ended   taken     all")
        for kind, rows in found.items():
            medians = [statistics.median(column) for column in zip(*rows, strict=True)]
            whole = statistics.median(sum(row) for row in rows)
            print(f"{kind:29}{medians[0]:8.1f}{medians[1]:12.1f}{medians[2]:8.1f}{medians[3]:8.1f}{whole:8.1f}")
        for kind, enclosure in enclosures.items():
            told = ", ".join(f"{name} {kib} KiB" for name, kib in bench.memory(enclosure))
            print(f"memory, {kind}: {told}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, int(sys.argv[2]) if len(sys.argv) > 2 else 500)
