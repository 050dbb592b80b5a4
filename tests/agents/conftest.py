"""The scripted model, and the CLIs that a run of these tests was asked for.

`test_real_*.py` run CLIs that must be installed first: `make test-agents` does so and names the files. Whoever runs all
tests there are gets the others.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.agents import KINDS
from tests.agents import loopback
from tests.agents.model_server import ModelServer, serving
from tests.agents.real import Real, playing

collect_ignore_glob = ["test_real_*.py"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Has each test of `real` told of each CLI that `AGENTS` names; of all without it."""
    if "name" in metafunc.fixturenames and "real" in metafunc.fixturenames:
        wanted = os.environ.get("AGENTS", "").split() or list(KINDS)
        metafunc.parametrize("name", wanted)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A scripted model."""
    with serving() as server:
        yield server
        assert server.faults == []


@pytest.fixture(scope="session")
def alone() -> None:
    """Sees to it that no agent reaches anybody."""
    if not loopback.alone():
        pytest.fail("real agents run in a network of their own: make test-agents, or python -m tests.agents.loopback …")


@pytest.fixture
def real(
    name: str,
    alone: None,
    tmp_path: Path,
    model: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> Iterator[Real]:
    """A story of the real CLI `name`; what its attempts came to goes into the report that `table` reads."""
    with playing(name, tmp_path, model, monkeypatch) as played:
        yield played
        record_property("agent", name)
        record_property("verdicts", ", ".join(played.verdicts()))
