"""How long a worker's verb takes, as a whole process, beside a bare interpreter in the same run.

    python bench/verbs.py [RUNS]

Prints the median and the quickest of RUNS (20) in milliseconds, taken in turns, so that a slow moment of the
machine hits all of them.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator import tasks
from orchestrator.events import Events
from state.layout import StateDir
from state.model import Task
from state.times import utc_now


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = StateDir(Path(folder) / ".opsroom")
        state.create()
        tasks.create(state, Events(state, utc_now), "0001", Task(title="bench", created=utc_now()), "nothing")
        environment = os.environ | {
            "OPSROOM_STATE_DIR": str(state.root),
            "OPSROOM_TASK": "0001",
            "OPSROOM_ATTEMPT": "1",
        }
        opsroom = [sys.executable, "-I", "-m", "opsroom"]
        commands = {
            "bare python": [sys.executable, "-I", "-c", "pass"],
            "opsroom note": [*opsroom, "note", "seen"],
            "opsroom checkpoint": [*opsroom, "checkpoint", "-"],
            "opsroom result": [*opsroom, "result", "success"],
            "opsroom lock": [*opsroom, "lock", "x", "--", "true"],
            "opsroom --help": [*opsroom, "--help"],
            "opsroom status": [*opsroom, "status"],
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(runs + 1):
            for name, argv in commands.items():
                begin = time.perf_counter()
                subprocess.run(argv, env=environment, input=b"here", stdout=subprocess.DEVNULL, check=True)
                if turn:  # the first warms the disk cache
                    taken[name].append((time.perf_counter() - begin) * 1000)
    for name, times in taken.items():
        print(f"{name:20} median {statistics.median(times):6.1f} ms   quickest {min(times):6.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
