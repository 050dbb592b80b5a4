"""Python, the kernel and the machine are tried for real."""

import os
import sys
import venv
from pathlib import Path

import pytest

from opsroom.doctor.findings import FAIL, OK
from opsroom.doctor.system import machine, process_findings, processes, python
from orchestrator.config import Limits
from state.times import utc_now


def test_the_verbs_of_a_worker_start_here() -> None:
    found = python(sys.executable, os.environ)
    assert [one.verdict for one in found] == [OK, OK]
    assert found[1].text.startswith("opsroom, version ")


def test_a_python_without_opsroom_fails(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    found = python(str(tmp_path / "bare" / "bin" / "python"), os.environ)
    assert found[-1].verdict == FAIL
    assert "workers cannot start 'opsroom'" in found[-1].text


def test_a_python_that_is_not_there_fails() -> None:
    assert python("/no/such/python", os.environ)[-1].verdict == FAIL


def test_this_kernel_does_what_a_supervisor_needs() -> None:
    (only,) = processes(sys.executable)
    assert (only.verdict, only.text.partition(":")[0]) == (OK, "subreaper, parent death signal, pidfd")


@pytest.mark.parametrize(
    ("said", "failing"),
    [
        ("subreaper: \nparent death signal: \npidfd: Operation not permitted\n", ["pidfd"]),
        ("subreaper: an orphan went to process 1\npidfd: \n", ["subreaper", "parent death signal"]),
        ("", ["subreaper", "parent death signal", "pidfd"]),
    ],
)
def test_what_the_kernel_does_not_do_is_said_one_by_one(said: str, failing: list[str]) -> None:
    found = [one for one in process_findings("processes", said) if one.verdict == FAIL]
    assert [one.text.partition(" does not work")[0] for one in found] == failing
    assert all(one.todo for one in found)


def test_what_is_left_is_said(tmp_path: Path) -> None:
    (only,) = machine(tmp_path, Limits(min_free_memory_mib=0, min_free_disk_mib=0), utc_now())
    assert only.verdict == OK
    assert "disk are free" in only.text


def test_too_little_to_launch_anything_fails(tmp_path: Path) -> None:
    (only,) = machine(tmp_path, Limits(min_free_disk_mib=2**40), utc_now())
    assert only.verdict == FAIL
    assert only.text.startswith("nothing would be launched: ")
    assert "orchestrator.min_free_disk_mib" in only.text
