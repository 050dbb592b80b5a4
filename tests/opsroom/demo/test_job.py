from pathlib import Path

import pytest

from opsroom.demo.failures import DemoError
from opsroom.demo.job import Job, job_from

ENVIRONMENT = {"OPSROOM_TASK": "a", "OPSROOM_STATE_DIR": "/tmp/state", "OPSROOM_ITEM": "src/click/globals.py"}


def test_a_job_needs_only_its_task_and_its_file(copied: Path) -> None:
    job = job_from(ENVIRONMENT, copied, "do it")

    assert job == Job(copied, "src/click/globals.py", "do it", attempt=1, speed=1, answer_seconds=120)


def test_speed_makes_pauses_short_and_each_file_has_its_own_pace(copied: Path) -> None:
    slow = Job(copied, "src/click/globals.py", "")
    fast = Job(copied, "src/click/globals.py", "", speed=50)
    other = Job(copied, "src/click/core.py", "")

    assert fast.pace == pytest.approx(slow.pace / 50)
    assert 0.8 <= slow.pace <= 1.2
    assert other.pace != slow.pace


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPSROOM_ITEM", ""),
        ("OPSROOM_ITEM", "src/click/../click/globals.py"),
        ("OPSROOM_ITEM", "/etc/passwd"),
        ("OPSROOM_TASK", ""),
        ("OPSROOM_STATE_DIR", ""),
        ("OPSROOM_DEMO_SPEED", "fast"),
        ("OPSROOM_DEMO_SPEED", "0"),
        ("OPSROOM_DEMO_SPEED", "nan"),
        ("OPSROOM_DEMO_ANSWER_SECONDS", "-1"),
        ("OPSROOM_ATTEMPT", "first"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(name: str, value: str, copied: Path) -> None:
    with pytest.raises(DemoError, match=name):
        job_from(ENVIRONMENT | {name: value}, copied, "")
