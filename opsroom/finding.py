"""Finds the state directory that a command means."""

import os
from pathlib import Path

from state import secrets
from state.layout import StateDir, find

__all__ = ["state_dir"]


def state_dir(explicit: str | None) -> StateDir:
    """The state directory, by `--state-dir`, the environment or upwards from here; raises `NotThere`.

    From here on what is written into it is masked as its configuration says, too.
    """
    state = find(explicit, os.environ, Path.cwd())
    if "OPSROOM_TASK" not in os.environ:  # a worker is told by the environment, and has no sight of the configuration
        secrets.learn(state.repository)
    return state
