"""Attempts and their supervisors, without an orchestrator."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.running import attempts
from orchestrator.running.plain import start_ticks
from state import files
from state.layout import AttemptDir
from state.model import Exit, Launch, decode
from tests.stories import Story, alive, gone


def start(story: Story, script: str, prompt: bytes = b"", number: int = 1, **launch: Any) -> AttemptDir:
    """Starts a shell with `script` as attempt `number` of task 0001."""
    attempt = story.state.task("0001").attempt(number)
    values: dict[str, Any] = {
        "argv": ["sh", "-c", script],
        "cwd": str(story.folder),
        "environment": {"OPSROOM_TASK_DIR": str(story.state.task("0001").root), "OPSROOM_ATTEMPT": "1"},
        "seconds": 600.0,
        "grace": 600.0,
    }
    attempts.start(story.state.root, attempt, Launch(**values | launch), prompt)
    return attempt


def ended(story: Story, attempt: AttemptDir) -> Exit:
    """How the attempt ended, once it has."""
    story.wait(attempt.exit.exists, "the exit record")
    return decode(Exit, attempt.exit.read_text(), "exit.toml")


def child_of(story: Story, name: str = "pid") -> int:
    path = story.folder / name
    story.wait(lambda: path.exists() and path.read_text().strip(), f"a pid in {name}")
    return int(path.read_text())


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", -9), ("kill -SEGV $$", -11)]
)
def test_the_exit_status_is_recorded(story: Story, script: str, status: int) -> None:
    record = ended(story, start(story, script))
    assert (record.reason, record.status, record.error) == ("exited", status, "")
    assert record.ended >= record.started
    assert record.max_rss_kib > 0


def test_output_goes_to_two_files_and_the_prompt_comes_on_standard_input(story: Story) -> None:
    attempt = start(story, "cat; echo oh >&2", "Ünïcödé\n".encode())
    ended(story, attempt)
    assert (attempt.stdout.read_text(), attempt.stderr.read_text()) == ("Ünïcödé\n", "oh\n")


def test_the_environment_and_the_folder_are_those_of_the_launch(story: Story) -> None:
    attempt = start(story, "echo $WORD; pwd", cwd="/", environment={"WORD": 'a "quoted" word'})
    ended(story, attempt)
    assert attempt.stdout.read_text() == 'a "quoted" word\n/\n'


def test_a_program_that_believes_pwd_works_where_it_was_started(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/where/a/person/called/opsroom")
    attempt = start(story, "tr '\\0' '\\n' < /proc/$$/environ | grep ^PWD=")
    ended(story, attempt)
    assert attempt.stdout.read_text() == f"PWD={story.folder}\n"


def test_a_program_that_is_not_there_is_said_to_be(story: Story) -> None:
    record = ended(story, start(story, "", argv=["/no/such/program"]))
    assert (record.reason, record.status) == ("exec_failed", 127)
    assert record.error == "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/program'"


def test_a_folder_that_is_not_there_is_said_to_be(story: Story) -> None:
    assert ended(story, start(story, "true", cwd="/no/such/folder")).reason == "exec_failed"


def test_time_runs_out(story: Story) -> None:
    record = ended(story, start(story, "sleep 600", seconds=0.2))
    assert (record.reason, record.status) == ("timeout", -signal.SIGTERM)


def test_who_ignores_that_time_ran_out_is_killed_after_the_grace(story: Story) -> None:
    for number, seconds in enumerate((0.5, 5.0, 50.0), 1):
        script = f"trap '' TERM; touch on-{number}; while :; do sleep 0.05; done"
        record = ended(story, start(story, script, number=number, seconds=seconds, grace=0.2))
        assert record.reason == "timeout"
        if (story.folder / f"on-{number}").exists():
            assert record.status == -signal.SIGKILL
            return
        assert record.status == -signal.SIGTERM, "it came so late to its trap that TERM was faster"
    raise AssertionError("a shell needs more than 50 s to begin")


def test_a_worker_that_ignores_its_end_is_killed_after_the_grace(story: Story) -> None:
    attempt = start(story, "trap '' TERM; touch on; while :; do sleep 0.05; done", grace=0.2)
    story.wait((story.folder / "on").exists, "the trap to be set")
    attempts.end(story.state.root, attempt, 600.0)
    record = ended(story, attempt)
    assert (record.reason, record.status) == ("cancelled", -signal.SIGKILL), "it gets no more than the configured grace"


def test_a_worker_may_tidy_up_within_its_grace(story: Story) -> None:
    attempt = start(story, "trap 'echo tidied; exit 3' TERM; touch on; while :; do sleep 0.05; done")
    story.wait((story.folder / "on").exists, "the trap to be set")
    attempts.end(story.state.root, attempt, 600.0)
    record = ended(story, attempt)
    assert (record.reason, record.status, attempt.stdout.read_text()) == ("cancelled", 3, "tidied\n")


def test_ending_twice_with_less_grace_hurries(story: Story) -> None:
    attempt = start(story, "trap '' TERM; touch on; while :; do sleep 0.05; done")
    story.wait((story.folder / "on").exists, "the trap to be set")
    story.processes("0001")
    attempts.end(story.state.root, attempt, 600.0)
    attempts.end(story.state.root, attempt, 0.0)
    record = ended(story, attempt)
    assert (record.reason, record.status) == ("cancelled", -signal.SIGKILL)


def test_ending_what_has_ended_does_nothing(story: Story) -> None:
    attempt = start(story, "true")
    ended(story, attempt)
    attempts.end(story.state.root, attempt, 0.0)
    assert not attempt.cancel.exists()


def test_an_end_that_was_asked_for_before_the_start_is_heeded(story: Story) -> None:
    attempt = story.state.task("0001").attempt(1)
    files.replace(story.state.root, attempt.cancel, b"0")
    assert ended(story, start(story, "sleep 600")).reason == "cancelled"


def test_a_daemon_that_the_worker_left_behind_is_swept(story: Story) -> None:
    attempt = start(
        story,
        "(setsid sh -c 'echo $$ > pid; trap \"\" TERM; while :; do sleep 0.05; done' &) ; until [ -s pid ]; do :; done",
    )
    record = ended(story, attempt)
    assert (record.reason, record.status) == ("exited", 0)
    assert record.leaked >= 1
    assert gone(child_of(story))


def test_killing_the_supervisor_takes_the_worker_along(story: Story) -> None:
    attempt = start(story, "echo $$ > pid; exec sleep 600")
    pid = child_of(story)
    story.end_by_id(story.processes("0001").supervisor)
    story.wait(lambda: not alive(pid), "the worker to end")
    story.wait(lambda: not attempts.is_alive(attempt), "the lock to be free")
    assert not attempt.exit.exists()


def test_what_a_killed_supervisor_left_running_is_found_by_its_environment(story: Story) -> None:
    start(story, "setsid sh -c 'echo $$ > pid; exec sleep 600' & wait")
    pid = child_of(story)
    processes = story.processes("0001")
    story.end_by_id(processes.supervisor)
    story.wait(lambda: not alive(processes.child), "the worker to end")
    assert alive(pid)
    assert attempts.sweep(story.state.task("0001").root, 2) == 0
    assert attempts.sweep(story.state.task("0001").root, 1) == 1
    assert gone(pid)


def test_the_lock_is_held_without_a_gap_from_the_start_to_the_exit_record(story: Story) -> None:
    attempt = start(story, "sleep 0.3")
    gaps = 0
    while not attempt.exit.exists():
        if not attempts.is_alive(attempt) and not attempt.exit.exists():
            gaps += 1
    assert gaps == 0
    assert not attempts.is_alive(attempt)


def test_an_attempt_that_never_was_is_not_alive(story: Story) -> None:
    assert not attempts.is_alive(story.state.task("0001").attempt(1))


def test_the_run_record_names_processes_that_no_recycled_pid_is_taken_for(story: Story) -> None:
    attempt = start(story, "echo $$; exec sleep 600")
    run = story.processes("0001")
    assert run.supervisor_start == start_ticks(run.supervisor) > 0
    story.wait(lambda: attempt.stdout.exists() and attempt.stdout.read_text(), "the worker's pid")
    assert run.child == int(attempt.stdout.read_text())
    assert os.getsid(run.child) == run.child
    assert os.getsid(run.supervisor) == run.supervisor


def test_statuses_of_supervisors_are_taken(story: Story) -> None:
    attempt = start(story, "true")
    ended(story, attempt)
    supervisor = story.processes("0001").supervisor

    def taken() -> bool:
        attempts.reap()
        return start_ticks(supervisor) == 0

    story.wait(taken, "the supervisor to be gone")


def test_the_supervisor_needs_nothing_but_the_standard_library(story: Story) -> None:
    attempt = start(story, f"{sys.executable} -c 'import os; print(os.getppid())'; sleep 600")
    story.wait(lambda: attempt.stdout.exists() and attempt.stdout.read_text(), "the worker")
    supervisor = story.processes("0001").supervisor
    argv = Path(f"/proc/{supervisor}/cmdline").read_bytes().split(b"\0")
    assert argv[1:3] == [b"-I", b"-S"]
