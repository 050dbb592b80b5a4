"""What a worker of the demo is told by its environment and its prompt."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from opsroom.demo import package
from opsroom.demo.failures import DemoError

__all__ = ["Job", "job_from"]


@dataclass(frozen=True)
class Job:
    """One file to migrate in the worktree `root`."""

    root: Path
    item: str
    """The file, relative to `root`."""
    prompt: str
    attempt: int = 1
    speed: float = 1.0
    """How much faster than a person can follow; 1 takes some seconds."""
    answer_seconds: float = 120.0
    """How long a question waits until its default counts."""
    task_dir: Path | None = None

    @property
    def pace(self) -> float:
        """By what pauses are multiplied: the speed, and a little that differs from file to file."""
        return (0.8 + crc32(self.item.encode()) % 41 / 100) / self.speed


def job_from(environment: Mapping[str, str], root: Path, prompt: str) -> Job:
    """The job that the variables `OPSROOM_*` describe. Raises `DemoError`."""
    for name in ("OPSROOM_ITEM", "OPSROOM_TASK", "OPSROOM_STATE_DIR"):
        if not environment.get(name):
            raise DemoError(f"{name} is not set", todo="the orchestrator sets it; start it by 'opsroom demo'")
    item = environment["OPSROOM_ITEM"]
    if item not in package.files(root):
        raise DemoError(f"OPSROOM_ITEM: {item} is no Python file of {package.FOLDER}")
    attempt = _number(environment, "OPSROOM_ATTEMPT", 1)
    folder = environment.get("OPSROOM_TASK_DIR")
    return Job(
        root,
        item,
        prompt,
        int(attempt),
        _number(environment, "OPSROOM_DEMO_SPEED", 1),
        _number(environment, "OPSROOM_DEMO_ANSWER_SECONDS", 120),
        Path(folder) if folder else None,
    )


def _number(environment: Mapping[str, str], name: str, otherwise: float) -> float:
    text = environment.get(name, "")
    try:
        number = float(text) if text else otherwise
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise DemoError(f"{name} is {text!r}", todo="it must be a number above 0")
    return number
