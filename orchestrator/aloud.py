"""Words to whoever started the orchestrator, who may have gone: a closed terminal, a pipe that nobody reads."""

import contextlib
import os
import sys

from state import secrets

__all__ = ["say"]


def say(line: str) -> None:
    """Writes `line` to standard error. Where nobody is left to read it, nothing is written there any more."""
    try:
        sys.stderr.write(f"{secrets.known().text(line)}\n")  # in a file, where the control room started us
        sys.stderr.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
