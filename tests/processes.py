"""Processes found by what they run, where they may have had no time yet to write down who they are."""

import os
from pathlib import Path

NAP = f"600.{os.getpid()}"
"""Seconds to sleep for that nobody else on this machine sleeps for, so that it is known whose sleep it is."""


def running(*argv: str) -> list[int]:
    """The processes whose command line is exactly `argv`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:  # gone meanwhile
                continue
            if words.rstrip(b"\0").split(b"\0") == [word.encode() for word in argv]:
                found.append(int(entry.name))
    return found
