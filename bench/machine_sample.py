"""What a sample of the machine costs with many workers, beside psutil's own walk of every tree in the same run.

    python bench/machine_sample.py [WORKERS] [PROCESSES] [OTHERS] [RUNS]

Starts WORKERS (20) attempts of PROCESSES (5) each under real supervisors, and OTHERS (300) processes that are nobody's,
and prints the median and the quickest of RUNS (20) in milliseconds.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from orchestrator.config import Limits
from orchestrator.running import attempts
from orchestrator.running.machine import Sampler
from state import files
from state.layout import StateDir
from state.model import Attempt, Launch, decode
from state.times import utc_now


def started(state: StateDir, workers: int, processes: int) -> dict[str, tuple[int, Attempt]]:
    """Attempts that sleep, once each has all its processes."""
    script = "sleep 600 & " * (processes - 1) + "exec sleep 600"
    found = {}
    for number in range(workers):
        attempt = state.task(f"{number:04}").attempt(1)
        launch = Launch(argv=["sh", "-c", script], cwd="/", environment={}, seconds=600.0, grace=0.0)
        attempts.start(state.root, attempt, launch, b"")
    for number in range(workers):
        path = state.task(f"{number:04}").attempt(1).run
        while not path.exists():
            time.sleep(0.01)
        run = decode(Attempt, files.read_text(state.root, path), "run.toml")
        while len(psutil.Process(run.supervisor).children(recursive=True)) < processes:
            time.sleep(0.01)
        found[f"{number:04}"] = (1, run)
    return found


def walked(live: dict[str, tuple[int, Attempt]]) -> int:
    """The resident memory of every tree, as psutil alone would find it."""
    return sum(
        process.memory_info().rss
        for _, run in live.values()
        for process in psutil.Process(run.supervisor).children(recursive=True)
    )


def main(workers: int, processes: int, others: int, runs: int) -> None:
    crowd = [subprocess.Popen(["sleep", "600"]) for _ in range(others)]
    with tempfile.TemporaryDirectory() as folder:
        state = StateDir(Path(folder) / ".opsroom")
        state.create()
        live = started(state, workers, processes)
        sampler = Sampler(state.worktrees, Limits())
        acts: dict[str, Callable[[], object]] = {
            "sample": lambda: sampler.sample(utc_now(), live),
            "without workers": lambda: sampler.sample(utc_now(), {}),
            "psutil's walk": lambda: walked(live),
        }
        taken: dict[str, list[float]] = {name: [] for name in acts}
        for turn in range(runs + 1):
            for name, act in acts.items():
                begin = time.perf_counter()
                act()
                if turn:  # the first imports and warms
                    taken[name].append((time.perf_counter() - begin) * 1000)
        print(f"{workers} workers of {processes} processes among {len(psutil.pids())}")
        for name, times in taken.items():
            print(f"{name:16} median {statistics.median(times):6.1f} ms   quickest {min(times):6.1f} ms")
        for _, run in live.values():
            os.kill(run.supervisor, signal.SIGTERM)
        for name in live:
            while attempts.is_alive(state.task(name).attempt(1)):
                time.sleep(0.01)
        attempts.reap()
    for process in crowd:
        process.kill()
        process.wait()


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*given, *(20, 5, 300, 20)[len(given) :])
