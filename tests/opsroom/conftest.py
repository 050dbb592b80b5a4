"""A story for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories import Story, telling


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A repository with a state directory, and no agent yet."""
    with telling(tmp_path) as told:
        yield told
