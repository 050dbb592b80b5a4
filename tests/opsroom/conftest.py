"""A story for each test that asks for one."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories import Story, telling


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A repository with a state directory, and no agent yet."""
    with telling(tmp_path) as told:
        yield told


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Has a Ctrl-C reach what is started, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
