"""What the tests of the file protocol share: a state directory on the real disk."""

from pathlib import Path

import pytest

from state.layout import StateDir


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """A fresh state directory."""
    made = StateDir(tmp_path / ".opsroom")
    made.create()
    return made
