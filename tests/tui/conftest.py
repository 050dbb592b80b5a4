"""What the tests of the control room share."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.builder import FleetBuilder, typing_imports


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No theme, colour, terminal or time zone of whoever runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in ("NO_COLOR", "COLORFGBG", "TEXTUAL_ANIMATIONS", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def empty(tmp_path: Path) -> FleetBuilder:
    """A state directory that an orchestrator serves and nothing is in."""
    fleet = FleetBuilder(tmp_path)
    fleet.lease()
    return fleet


@pytest.fixture
def click(tmp_path: Path) -> FleetBuilder:
    """A campaign on click's files in the middle of its work."""
    return typing_imports(tmp_path)
