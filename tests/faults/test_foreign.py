"""A state directory that comes from another machine or from before a reboot, or from another place on this one."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.running import attempts
from orchestrator.running.plain import start_ticks
from state.layout import AttemptDir, StateDir
from state.model import Attempt, encode
from state.times import utc_now
from tests.stories import Story, alive

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
HALF = '[ "$OPSROOM_ATTEMPT" = 1 ] || { echo more >> notes.txt; exit 0; }\n'
WAITS = "echo half >> notes.txt; touch $OPSROOM_TASK_DIR/half; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done"


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody's that is none of ours."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait(60)


def write_run(attempt: AttemptDir, pid: int, **changes: object) -> None:
    """Says in the attempt's run.toml that `pid` is its supervisor."""
    values = {
        "supervisor": pid,
        "supervisor_start": start_ticks(pid),
        "boot": BOOT,
        "host": os.uname().nodename,
        "started": utc_now(),
        "child": pid,
    }
    attempt.run.write_bytes(encode(Attempt(**values | changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes", [{"boot": "0" * 36}, {"host": "elsewhere"}, {"supervisor_start": 1}], ids=["boot", "host", "start"]
)
def test_a_pid_that_exists_here_by_chance_is_never_signalled(
    story: Story, bystander: subprocess.Popen[bytes], changes: dict[str, object]
) -> None:
    attempt = story.state.task("0001").attempt(1)
    attempt.root.mkdir(parents=True)
    write_run(attempt, bystander.pid, **changes)
    lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)  # as a supervisor on another machine holds it, by way of a network file system
    assert attempts.is_alive(attempt)
    attempts.end(story.state.root, attempt, 0.0)
    assert attempt.cancel.exists(), "its own supervisor reads it, wherever that is"
    os.close(lock)
    assert alive(bystander.pid)


def test_what_ran_on_another_machine_is_not_adopted_and_is_tried_again_here(
    story: Story, bystander: subprocess.Popen[bytes]
) -> None:
    story.agent(HALF + WAITS)
    task = story.spawn()
    first = story.up()
    story.wait((story.state.task(task).root / "half").exists, "half of the work")
    story.wait_for_state(task, "running")
    run = story.processes(task)
    story.kill(first)
    story.end_by_id(run.supervisor)
    story.wait(lambda: not alive(run.child), "the machine to be switched off")
    write_run(story.state.task(task).attempt(1), bystander.pid, host="elsewhere", boot="0" * 36)
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.task(task).attempts == (1, 2)
    assert story.events("move", task=task, to="retrying")[0]["why"].startswith("the supervisor of attempt 1 is gone")
    assert story.file("notes.txt").splitlines()[-2:] == ["half", "more"], "its work is gone on with"
    assert alive(bystander.pid)


def copy_of(story: Story) -> Story:
    """A second story, in a copy of all of the first one's repository, as `cp -a` or a backup makes it."""
    other = Story.__new__(Story)
    other.__dict__ |= story.__dict__
    other.folder = story.folder / "copy"
    other.repository = other.folder / "repository"
    shutil.copytree(story.repository, other.repository, symlinks=True)
    other.state = StateDir(other.repository / ".opsroom")
    return other


def test_a_copy_of_a_whole_repository_works_in_itself_and_not_in_the_original(story: Story) -> None:
    story.agent(HALF + WAITS)
    task = story.spawn()
    first = story.up()
    story.wait((story.state.task(task).root / "half").exists, "half of the work")
    story.wait_for_state(task, "running")
    story.kill(first)
    run = story.processes(task)
    other = copy_of(story)
    other.up_once()
    assert other.task(task).state == "merged"
    assert other.file("notes.txt").splitlines()[-2:] == ["half", "more"]
    assert len(other.git("worktree", "list").splitlines()) == 1

    assert alive(run.child), "the original's worker is the original's"
    assert story.git("log", "--format=%s", "--all") == "first", "nothing was done in it"
    assert story.git("status", "--porcelain", cwd=story.state.worktree(task)).split() == ["M", "notes.txt"]
    (story.state.task(task).root / "go").touch()
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.file("notes.txt").splitlines()[-1] == "half"


def test_a_repository_that_was_moved_goes_on_where_it_was(story: Story) -> None:
    story.agent(HALF + "echo half >> notes.txt; exit 1")
    story.configure(backoff_seconds=600.0, backoff_limit=600.0)
    task = story.spawn()
    first = story.up()
    story.wait_for_state(task, "retrying")
    first.terminate()
    assert story.finish(first).status == 0
    story.repository = story.repository.rename(story.folder / "moved")
    story.state = StateDir(story.repository / ".opsroom")
    story.send("pause", task=task)
    story.send("resume", task=task)
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.file("notes.txt").splitlines()[-2:] == ["half", "more"]
    assert len(story.git("worktree", "list").splitlines()) == 1


def test_a_state_directory_without_its_repository_keeps_the_files_and_begins_again(story: Story) -> None:
    """Only `.opsroom` was copied: git knows nothing of its worktrees, and nobody knows what in them is work."""
    story.agent("echo half >> notes.txt; exit 1")
    story.configure(backoff_seconds=600.0, backoff_limit=600.0)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "retrying")
    story.kill(running)
    original = story.state.worktree(task)
    fresh = story.folder / "fresh"
    story.git("clone", "--quiet", str(story.repository), str(fresh), cwd=story.folder)
    shutil.copytree(story.state.root, fresh / ".opsroom", symlinks=True)
    story.repository, story.state = fresh, StateDir(fresh / ".opsroom")
    story.configure()
    (story.folder / "agents" / "worker").write_text("#!/bin/sh\necho whole >> notes.txt\n")
    story.send("pause", task=task)
    story.send("resume", task=task)
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.file("notes.txt").splitlines()[-1] == "whole"
    (aside,) = story.state.worktrees.glob(".aside-0001-*")
    assert (aside / "notes.txt").read_text().splitlines()[-1] == "half"
    assert f"put aside as {aside.name}" in story.events("worktree")[0]["why"]
    assert (original / "notes.txt").read_text().splitlines()[-1] == "half"
    assert story.git("status", "--porcelain", cwd=original).split() == ["M", "notes.txt"]
