"""What it costs to wait for a lock: the CPU of many who wait, and how soon the next one begins.

    python bench/lock_waiters.py [WAITERS] [SECONDS]

Starts one holder and WAITERS (50) of `opsroom lock`, measures the CPU time that all of those take together over
SECONDS (10) while nothing happens, then kills the holder and lets them through one after another.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from state.layout import StateDir

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """What the process `pid` has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main(waiters: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = StateDir(Path(folder) / ".opsroom")
        state.create()
        lock = state.lock("bench")
        environment = os.environ | {"OPSROOM_STATE_DIR": str(state.root)}
        opsroom = [sys.executable, "-I", "-m", "opsroom", "lock", "bench", "--"]
        running = []
        try:
            holder = subprocess.Popen([*opsroom, "sleep", "3600"], env=environment)
            running.append(holder)
            while not lock.holder.exists():
                time.sleep(0.01)
            waiting = [subprocess.Popen([*opsroom, "true"], env=environment) for _ in range(waiters)]
            running += waiting
            while len(list(lock.tickets.glob("*.toml"))) < waiters:
                time.sleep(0.1)
            time.sleep(2)  # until they have settled to their longest pauses
            before = sum(cpu_seconds(process.pid) for process in waiting)
            time.sleep(seconds)
            used = sum(cpu_seconds(process.pid) for process in waiting) - before
            print(f"{waiters} who wait: {1000 * used / seconds:.1f} ms of CPU a second together")
            begin = time.monotonic()
            holder.kill()
            for process in waiting:
                process.wait()
            print(f"all of them let through in {time.monotonic() - begin:.2f} s")
        finally:
            for process in running:
                process.kill()
                process.wait()
        lines = [json.loads(line) for line in lock.history.read_text().splitlines()]
        ends = [datetime.fromisoformat(line["at"]).timestamp() for line in lines]
        gaps = [1000 * (end - line["held"] - last) for last, end, line in zip(ends, ends[1:], lines[1:], strict=False)]
        print(f"from one to the next: median {statistics.median(gaps):.1f} ms, longest {max(gaps):.1f} ms")
        assert len(lines) == waiters


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50, float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
