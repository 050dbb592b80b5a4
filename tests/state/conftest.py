"""What the tests of the file protocol share: a state directory on the real disk, and how hypothesis runs."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from state.layout import StateDir

settings.register_profile(
    "state",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("state")


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """A fresh state directory."""
    made = StateDir(tmp_path / ".opsroom")
    made.create()
    return made
