"""Finds the state directory that a command means."""

import os
from pathlib import Path

from state.layout import StateDir, find

__all__ = ["state_dir"]


def state_dir(explicit: str | None) -> StateDir:
    """The state directory, by `--state-dir`, the environment or upwards from here; raises `NotThere`."""
    return find(explicit, os.environ, Path.cwd())
