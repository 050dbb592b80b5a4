"""Python programs that the tests start beside themselves, for what only another process can do or suffer."""

import subprocess
import sys
import threading
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SECONDS = 60


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Starts `script` with `arguments`, its pipes open; it is killed if it has not ended in time."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = threading.Timer(SECONDS, process.kill)
    deadline.daemon = True
    deadline.start()
    return process


def run(script: str, *arguments: object) -> str:
    """What `script` prints; it must end well."""
    process = start(script, *arguments)
    printed, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    return printed


def run_at_once(script: str, count: int, *arguments: object) -> list[str]:
    """What `count` processes print that run `script` at the same moment: each says `ready`, and waits in `input()`."""
    running = [start(script, *arguments, number) for number in range(count)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=SECONDS)[0] for process in running]
    assert [process.returncode for process in running] == [0] * count
    return printed
