"""What every test shares: how hypothesis runs (alike each time, and by no limit that a busy machine exceeds)."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "opsroom",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("opsroom")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Has a Ctrl-C and a hang-up reach what is started, also where tests run with `&` or `nohup`: both are ignored."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
