"""What an outbox of very many files costs those who read it, beside one of ten files in the same run.

    python bench/crowded_outbox.py [FILES] [TURNS]

Makes a task whose outbox has FILES (50,000) notes, and prints of each: the seconds until an orchestrator obeys its
first command, the seconds from a command to its outcome after that (median of TURNS, 10), the CPU that the orchestrator
takes while nothing happens, and the seconds until the control room shows the task.
"""

import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench.first_paint import cpu_seconds
from state.messages import Message, message_name, render
from state.times import utc_now
from tests.e2e.terminals import PyteTerminal
from tests.stories import Story, telling


def fill(story: Story, task: str, files: int) -> None:
    """Puts `files` notes into the outbox of `task`."""
    now, outbox = utc_now(), story.state.task(task).outbox
    for number in range(files):
        at = now + timedelta(milliseconds=number)
        note = Message(kind="note", at=at, attempt=1, body=f"note {number}")
        (outbox / message_name("note", at)).write_bytes(render(note))


def measure(folder: Path, files: int, turns: int) -> None:
    """Prints what an outbox of `files` files costs."""
    with telling(folder) as story:
        story.configure(min_free_disk_mib=0, min_free_memory_mib=0)
        story.agent("sleep 600")
        task = story.spawn()
        running = story.up("--quiet")
        story.wait_for_state(task, "running")
        story.kill(running)
        fill(story, task, files)

        begin = time.perf_counter()
        running = story.up("--quiet")
        story.outcome(story.send("release"))
        start = time.perf_counter() - begin
        taken = []
        for _ in range(turns):
            begin = time.perf_counter()
            story.outcome(story.send("release"))
            taken.append(time.perf_counter() - begin)
        cpu, begin = cpu_seconds(running.pid), time.perf_counter()
        time.sleep(15)
        idle = (cpu_seconds(running.pid) - cpu) / (time.perf_counter() - begin)

        begin = time.perf_counter()
        argv = [sys.executable, "-m", "opsroom", "tui", "--readonly"]
        where = story.repository
        with PyteTerminal(argv, columns=120, rows=40, cwd=where, environment=story.environment()) as room:
            room.see("a task")
            shown = time.perf_counter() - begin
        print(
            f"{files:6,} files   first command {start:5.2f} s   a command {statistics.median(taken):5.2f} s"
            f"   idle {100 * idle:4.1f} % of a core   on the screen {shown:5.2f} s"
        )


def main(files: int, turns: int) -> None:
    for count in (10, files):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), count, turns)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000, int(sys.argv[2]) if len(sys.argv) > 2 else 10)
