"""How hypothesis runs in every test: alike each time, and by no limit that a busy machine exceeds."""

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
