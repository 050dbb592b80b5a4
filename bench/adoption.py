"""How long a fresh orchestrator takes to adopt attempts that run, beside one that has nothing to adopt.

    python bench/adoption.py [ATTEMPTS] [TURNS]

Starts ATTEMPTS (50) workers that wait, kills their orchestrator by SIGKILL, and starts another one, TURNS (5) times,
in turns with one on a directory without any. Prints the seconds from exec until the first command is obeyed, which is
after everything was looked at, and what finding out which attempts live takes. Then it lets all of them end while no
orchestrator runs, and prints the seconds until the next one has collected every one of them.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from orchestrator.running import attempts
from tests.stories import Story, telling

WORKER = "while [ ! -e {go} ]; do sleep 1; done"


def first_command(story: Story) -> float:
    """Seconds from exec until a fresh orchestrator has obeyed a command; it is killed then."""
    begin = time.perf_counter()
    running = story.up("--quiet")
    story.outcome(story.send("release"))
    taken = time.perf_counter() - begin
    story.kill(running)
    return taken


def run_many(story: Story, count: int) -> list[str]:
    """Starts `count` workers and kills their orchestrator."""
    tasks = [story.spawn(f"task {number}") for number in range(count)]
    running = story.up("--quiet")
    for task in tasks:
        story.wait_for_state(task, "running")
        story.processes(task)
    story.kill(running)
    return tasks


def main(count: int, turns: int) -> None:
    with tempfile.TemporaryDirectory() as folder, telling(Path(folder, "busy")) as busy, telling(Path(folder)) as empty:
        for story in (busy, empty):
            story.configure(max_workers=count, min_free_disk_mib=0, min_free_memory_mib=0)
            story.agent(WORKER.format(go=story.folder / "go"))
        tasks = run_many(busy, count)
        taken: dict[str, list[float]] = {f"{count} attempts": [], "none": []}
        for _ in range(turns):
            for name, story in zip(taken, (busy, empty), strict=True):
                taken[name].append(first_command(story))
        for name, times in taken.items():
            print(f"adopting {name:14} median {statistics.median(times):5.2f} s   quickest {min(times):5.2f} s")
        begin = time.perf_counter()
        living = sum(attempts.is_alive(busy.state.task(task).attempt(1)) for task in tasks)
        print(f"finding {living} alive: {(time.perf_counter() - begin) * 1000:.1f} ms")
        (busy.folder / "go").touch()
        for task in tasks:
            busy.wait(busy.state.task(task).attempt(1).exit.exists, "all to end")
        begin = time.perf_counter()
        running = busy.up("--quiet")
        busy.wait(lambda: len({event["task"] for event in busy.events("move", to="verifying")}) == count, "them all")
        print(f"collecting {count}: {time.perf_counter() - begin:.2f} s")
        busy.kill(running)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, int(sys.argv[2]) if len(sys.argv) > 2 else 5)
