"""Checks and metrics: each a program, each within its limit."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator import verify
from state.envelope import Check, Metric
from state.errors import CannotWrite
from tests.stories import DEADLINE, gone, wait


def run(folder: Path, *checks: Check) -> list[verify.CheckResult]:
    return verify.run_checks(list(checks), folder, folder / "logs", {"ITEM": "a.txt"}, verify.Ending())


def shell(script: str, name: str = "check", seconds: float = DEADLINE) -> Check:
    return Check(name=name, command=["sh", "-c", script], seconds=seconds)


def at_work_in(folder: Path) -> list[str]:
    """The processes that work in `folder`."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == str(folder):
                found.append(link.parent.name)
    return found


def measure(folder: Path, script: str) -> str:
    metric = Metric(name="m", command=["sh", "-c", script])
    return verify.measure(metric, folder, {}, folder / "metric.log", verify.Ending())


def test_checks_that_pass_say_nothing(tmp_path: Path) -> None:
    results = run(tmp_path, shell("echo fine", "one"), shell("test $ITEM = a.txt", "two"))
    assert [(result.name, result.status, result.passed) for result in results] == [("one", 0, True), ("two", 0, True)]
    assert verify.first_failure(results) == ""
    assert (tmp_path / "logs" / "1-one.log").read_text() == "fine\n"


def test_a_check_that_believes_pwd_runs_where_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/where/a/person/called/opsroom")
    run(tmp_path, shell("tr '\\0' '\\n' < /proc/$$/environ | grep ^PWD=", "one"))
    assert (tmp_path / "logs" / "1-one.log").read_text() == f"PWD={tmp_path}\n"


def test_the_first_failure_is_the_last_check_that_runs(tmp_path: Path) -> None:
    results = run(tmp_path, shell("true"), shell("echo; echo bad news >&2; exit 3", "make test"), shell("touch ran"))
    assert verify.first_failure(results) == "check make test failed (exit status 3): bad news"
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "logs" / "2-make-test.log").exists()


def test_time_runs_out_for_all_of_a_checks_session(tmp_path: Path) -> None:
    (result,) = run(tmp_path, shell("echo begun; sleep 600 & sleep 600 & wait", seconds=0.5))
    assert (result.status, result.passed) == (None, False)
    assert verify.first_failure([result]) == "check check failed (no result): not done after 0.5 s"
    wait(lambda: not at_work_in(tmp_path), lambda: "all of the session to end")


def test_what_a_check_leaves_running_ends_with_it(tmp_path: Path) -> None:
    run(tmp_path, shell("sleep 600 & echo $! > pid"))
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_check_that_cannot_start_is_a_failure_and_says_why(tmp_path: Path) -> None:
    results = run(tmp_path, Check(name="c", command=["/no/such/program"]))
    assert verify.first_failure(results) == (
        "check c failed (no result): cannot start: No such file or directory: /no/such/program"
    )


def test_a_check_reads_nothing_and_shows_only_its_end(tmp_path: Path) -> None:
    (result,) = run(tmp_path, shell("cat; seq 100000; exit 1"))
    assert result.said.splitlines() == [str(number) for number in range(99_989, 100_001)]


def test_an_end_of_the_orchestrator_breaks_a_check_off(tmp_path: Path) -> None:
    ending, pid = verify.Ending(), tmp_path / "pid"
    with ThreadPoolExecutor(1) as pool:
        check = [shell("echo $$ > pid; exec sleep 600")]
        running = pool.submit(verify.run_checks, check, tmp_path, tmp_path / "logs", {}, ending)
        wait(lambda: pid.exists() and pid.read_text().strip(), lambda: "the check to run")
        ending.now.set()
        with pytest.raises(verify.Interrupted):
            running.result(DEADLINE)
    assert gone(int(pid.read_text()))


def test_output_that_cannot_be_written_is_no_failure_of_the_check(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with pytest.raises(CannotWrite, match=r"logs/1-check\.log: File exists"):
        run(tmp_path, shell("true"))


@pytest.mark.parametrize(
    ("script", "number"),
    [
        ("echo 27", "27"),
        ("echo errors: 3 of 14 files; echo total 12.5e3", "12.5e3"),
        ("echo -4", "-4"),
        ("echo none", ""),
        ("echo 27; exit 1", ""),
        ("true", ""),
    ],
)
def test_a_metric_is_the_last_number_that_its_command_prints(tmp_path: Path, script: str, number: str) -> None:
    assert measure(tmp_path, script) == number


def test_a_log_that_is_missing_has_no_tail(tmp_path: Path) -> None:
    assert verify.tail_of(tmp_path / "none") == b""
    assert os.listdir(tmp_path) == []
