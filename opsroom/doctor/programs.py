"""Asks a program for its version: without a shell, with nothing to read, within a limit, and no more than a line."""

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import NamedTuple

from state.sanitize import clean_line

__all__ = ["Answer", "number", "version"]

SECONDS = 5.0
"""How long a program may take to say its version."""
BYTES = 4096
"""What is read of its answer."""
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


class Answer(NamedTuple):
    """What a program said to `--version`: its first line, safe to show and cut; or what kept it from it."""

    text: str = ""
    problem: str = ""


def version(path: str, environment: Mapping[str, str], seconds: float = SECONDS) -> Answer:
    """What the program at `path` answers to `--version`. All that it started is ended with it."""
    kept = {key: value for key, value in environment.items() if not key.startswith("OPSROOM_")}
    try:
        process = subprocess.Popen(
            [path, "--version"],
            cwd="/",
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        return Answer(problem=f"cannot be run: {(error.strerror or str(error)).lower()}")
    try:
        said, in_time = _read(process, time.monotonic() + seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    if lines and (in_time or _NUMBER.search(lines[0])):
        return Answer(clean_line(lines[0].strip(), 80))
    return Answer(problem="says nothing to --version" if in_time else f"did not answer --version within {seconds:g} s")


def _read(process: "subprocess.Popen[bytes]", until: float) -> tuple[bytes, bool]:
    """What `process` prints, up to a limit, and whether it came to an end in time."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    said, descriptor = b"", process.stdout.fileno()
    while len(said) < BYTES:
        left = until - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            return said, False
        more = os.read(descriptor, BYTES - len(said))
        if not more:
            break
        said += more
    return said, True


def number(text: str) -> tuple[int, ...]:
    """The first version number in `text` as numbers; () where there is none."""
    found = _NUMBER.search(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
