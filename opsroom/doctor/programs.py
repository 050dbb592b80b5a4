"""Runs a program for what it says of itself: without a shell, with nothing to read, within limits of time and size."""

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from state.sanitize import clean_line

__all__ = ["Answer", "Said", "first_line", "number", "run", "version"]

SECONDS = 5.0
"""How long a program may take to say its version."""
BYTES = 4096
"""What is read of each of its outputs."""
_NUMBER = re.compile(r"\d+(?:\.\d+)+")


class Answer(NamedTuple):
    """What a program said to `--version`: its first line, safe to show and cut; or what kept it from it."""

    text: str = ""
    problem: str = ""


class Said(NamedTuple):
    """What a program printed, up to a limit, and its exit status; None where it was ended before it did."""

    status: int | None
    out: str
    err: str


def run(argv: Sequence[str], environment: Mapping[str, str], cwd: str = "/", seconds: float = SECONDS) -> Said:
    """Runs a program to its end, or for `seconds`. All that it started is ended with it. Raises `OSError`."""
    process = subprocess.Popen(
        argv,
        cwd=cwd,
        env={**environment, "PWD": cwd},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None  # noqa: S101 - they were asked for
    until, in_time = time.monotonic() + seconds, False
    try:
        out, err, in_time = _read((process.stdout.fileno(), process.stderr.fileno()), until)
        if in_time:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
    finally:
        ended = process.poll()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
    return Said(ended if in_time else None, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def version(path: str, environment: Mapping[str, str], seconds: float = SECONDS) -> Answer:
    """What the program at `path` answers to `--version`. All that it started is ended with it."""
    kept = {key: value for key, value in environment.items() if not key.startswith("OPSROOM_")}
    try:
        said = run([path, "--version"], kept, seconds=seconds)
    except OSError as error:
        return Answer(problem=f"cannot be run: {(error.strerror or str(error)).lower()}")
    line = first_line(said.out) or first_line(said.err)
    if line and (said.status is not None or _NUMBER.search(line)):
        return Answer(line)
    late = f"did not answer --version within {seconds:g} s"
    return Answer(problem=late if said.status is None else "says nothing to --version")


def first_line(text: str) -> str:
    """The first line of `text` that has a version number, else the first that is not blank; safe to show, and cut."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    chosen = next((line for line in lines if _NUMBER.search(line)), lines[0] if lines else "")
    return clean_line(chosen, 80)


def _read(descriptors: Sequence[int], until: float) -> tuple[bytes, bytes, bool]:
    """What is printed to both of `descriptors`, each up to a limit, and whether all of it was read in time."""
    said, left = dict.fromkeys(descriptors, b""), set(descriptors)
    in_time = True
    while left:
        wait = until - time.monotonic()
        ready = select.select([*left], [], [], max(0.0, wait))[0]  # what came in time is read, however late we are
        if not ready:
            in_time = False
            break
        for descriptor in ready:
            more = os.read(descriptor, BYTES)
            said[descriptor] += more[: BYTES - len(said[descriptor])]
            if not more:
                left.discard(descriptor)
            elif len(said[descriptor]) >= BYTES:
                return said[descriptors[0]], said[descriptors[1]], False
    out, err = (said[descriptor] for descriptor in descriptors)
    return out, err, in_time


def number(text: str) -> tuple[int, ...]:
    """The first version number in `text` as numbers; () where there is none."""
    found = _NUMBER.search(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
