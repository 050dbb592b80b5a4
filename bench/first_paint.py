"""From exec to rows on the screen, on a real pseudo-terminal, beside the smallest Textual app in the same run.

    python bench/first_paint.py [TASKS] [RUNS]

Makes a state directory with TASKS (10,000) tasks, starts the control room on it RUNS (5) times in turns with an
app that shows one word, and prints the seconds to content. Then it leaves the control room alone for ten seconds
and prints what it costs to be looked at: CPU seconds a second, bytes written to the terminal a second.
"""

import os
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from state.layout import StateDir
from state.model import Status, Task, encode
from state.times import utc_now
from tests.e2e.terminals import PyteTerminal

PEER = """
from textual.app import App
from textual.widgets import Static
class Peer(App[None]):
    def compose(self):
        yield Static("here it is")
Peer().run()
"""


def make(state: StateDir, tasks: int) -> None:
    """Tasks in several states, without the fsync of each that a real one gets."""
    state.create()
    now = utc_now()
    for number in range(1, tasks + 1):
        folder = state.tasks / f"{number:05d}"
        folder.mkdir()
        state_word = ("running", "merged", "queued", "failed")[number % 4]
        (folder / "task.toml").write_bytes(encode(Task(title=f"task number {number}", created=now)))
        status = Status(state=state_word, since=now - timedelta(seconds=number % 5000), by="bench", attempt=1)
        (folder / "status.toml").write_bytes(encode(status))


def seconds_to(text: str, argv: list[str], folder: Path) -> tuple[float, PyteTerminal]:
    """Seconds until `text` is on the screen of `argv`, which still runs then."""
    begin = time.perf_counter()
    terminal = PyteTerminal(argv, columns=120, rows=40, cwd=folder, environment=os.environ)
    terminal.see(text)
    return time.perf_counter() - begin, terminal


def cpu_seconds(pid: int) -> float:
    """User and system time that `pid` has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(tasks: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        state = StateDir(top / "bench" / ".opsroom")
        make(state, tasks)
        room = [sys.executable, "-m", "opsroom", "--state-dir", str(state.root), "tui", "--readonly"]
        commands = {"control room": (r"task number \d", room), "one word": ("here it is", [sys.executable, "-c", PEER])}
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(runs):
            for name, (text, argv) in commands.items():
                seconds, terminal = seconds_to(text, argv, Path.cwd())
                taken[name].append(seconds)
                terminal.close()
        for name, times in taken.items():
            print(f"{name:14} median {statistics.median(times):5.2f} s   quickest {min(times):5.2f} s")
        _, terminal = seconds_to(*commands["control room"], Path.cwd())
        time.sleep(5)  # what the start left to do is not what being looked at costs
        cpu, written, begin = cpu_seconds(terminal.pid), terminal.bytes_written, time.perf_counter()
        time.sleep(10)
        past = time.perf_counter() - begin
        cpu, written = cpu_seconds(terminal.pid) - cpu, terminal.bytes_written - written
        print(f"idle with {tasks:,} tasks: {100 * cpu / past:.1f} % of a core, {written / past:.0f} bytes a second")
        terminal.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
