"""A disk that is full while any file of the protocol is written: old content stays, it is said, work goes on later."""

import contextlib
import functools
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from opsroom.commands.show import read_fleet
from state import files, lease
from state.errors import CannotWrite
from tests.faults.small_disk import BLOCK, Disk, on_a_small_disk
from tests.stories import Story, alive, gone

GATED = (
    "while [ ! -e {folder}/work ]; do sleep 0.05; done\n"
    "echo four >> notes.txt; git commit --quiet --all --message four && touch {folder}/worked"
)
CHECK = "sh -c 'touch {folder}/checking; while [ ! -e {folder}/check ]; do sleep 0.05; done'"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(8000)
VERBS: dict[str, tuple[list[str], str]] = {
    "checkpoint": (["checkpoint", "-"], "further on\n" * 1000),
    "note": (["note", "n" * 5000], ""),
    "ask": (["ask", "q" * 5000, "--wait", "0"], ""),
    "handoff": (["handoff", "-"], "h" * 5000),
    "capture": (["capture", "picture.png"], ""),
    "usage": (["usage", "--tokens", "5"], ""),
    "unavailable": (["unavailable", "u" * 5000], ""),
    "stop": (["stop", "s" * 5000], ""),
    "result": (["result", "success", "--summary", "r" * 5000], ""),
}


def gated(story: Story, **settings: object) -> None:
    """Configures a worker and a check that each go on at a word."""
    story.configure(checks=(CHECK.format(folder=story.folder),), min_free_disk_mib=0, **settings)
    story.agent(GATED.format(folder=story.folder))


def whole(story: Story) -> None:
    """Looks that no file of the protocol is a part of one, and that nobody takes one for faulty."""
    for folder, _, names in os.walk(story.state.root):
        for path in (Path(folder) / name for name in names if name.endswith(".toml")):
            with contextlib.suppress(FileNotFoundError):  # it was moved or removed this instant
                assert tomllib.loads(path.read_text()) or path == story.state.holds, f"{path} is empty"
    fleet = read_fleet(story.state)
    assert [*fleet.faults, *(fault for view in fleet.tasks.values() for fault in view.faults)] == []


def changed(folder: Path) -> int:
    """When something was made in `folder` or removed from it, were it a file for which there was no room."""
    return folder.stat().st_mtime_ns


def put_away(story: Story, task: str) -> None:
    """Waits until the worktree of `task` is."""
    story.wait(lambda: not story.state.worktree(task).exists(), "its worktree to be put away")


def stuck(story: Story, disk: Disk, running: "Orchestrator") -> bool:
    """Whether there is no more room, or too little to launch anything, or nothing that runs."""
    held = bool(read_fleet(story.state).holds)
    return held or disk.free() < BLOCK or running.process.poll() is not None


class Orchestrator:
    """`opsroom up`, with what it prints to standard error in a file that is not on the small disk."""

    def __init__(self, story: Story, *options: str) -> None:
        self._story = story
        self._errors = story.folder / "errors"
        with self._errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "opsroom", "up", "--quiet", *options],
                cwd=story.repository,
                env=story.environment(),
                stdin=subprocess.DEVNULL,
                stderr=errors,
            )
        story.wait(lambda: lease.held(story.state) or self.process.poll() is not None, "the orchestrator to start")
        if "--once" not in options:  # it holds the lease before it can do without the disk
            story.heeded()

    def said(self) -> str:
        """What it has printed to standard error, and those before it."""
        return self._errors.read_text()

    def says(self, words: str, after: int = 0) -> None:
        """Waits until `words` stand in what it has printed, behind the first `after` characters."""
        self._story.wait(lambda: words in self.said()[after:], f"{words!r} on standard error")

    def end(self) -> int:
        """Asks it to end; its exit status."""
        self.process.terminate()
        return self.process.wait(60)


@on_a_small_disk
def test_at_every_stage_of_a_task_work_stops_cleanly_and_goes_on_when_there_is_room(story: Story, disk: Disk) -> None:
    gated(story)
    running = Orchestrator(story)
    for stage in ("queued", "running", "exiting", "checking"):
        for name in ("work", "check", "worked", "checking"):
            (story.folder / name).unlink(missing_ok=True)
        task = story.spawn(f"full while {stage}")
        if stage != "queued":
            story.wait_for_state(task, "running")
        if stage in ("exiting", "checking"):
            (story.folder / "work").touch()
            story.wait((story.folder / ("worked" if stage == "exiting" else "checking")).exists, "the stage")
        said = len(running.said())
        with disk.full():
            (story.folder / "work").touch()
            (story.folder / "check").touch()
            running.says("no space left on device", after=said)
            shown = story.opsroom("status")
            assert shown.status == 0
            assert f"! {story.state.root}: the disk is full" in shown.out
            whole(story)
        story.wait_for_state(task, "merged")
        put_away(story, task)
        assert len(story.events("move", task=task, to="merged")) == 1
    assert story.subjects() == ["four"] * 4 + ["first"]
    assert "the disk is full" not in story.opsroom("status").out
    assert running.end() == 0


@on_a_small_disk
def test_a_worker_that_finds_the_disk_full_has_not_failed(story: Story, disk: Disk) -> None:
    story.configure(min_free_disk_mib=0)
    story.agent(
        f"touch {story.folder}/begun; while [ ! -e {story.folder}/go ]; do :; done;"
        " head -c 100000 /dev/zero > made 2>/dev/null",  # what it says would have to wait for room, too
        max_attempts=1,
    )
    running = Orchestrator(story)
    task = story.spawn()
    story.wait((story.folder / "begun").exists, "the worker to begin")
    worker = story.processes(task).child  # its supervisor may name it only after it has begun
    with disk.full():
        (story.folder / "go").touch()
        story.wait(lambda: not alive(worker), "the worker's end")
        running.says("no space left on device")
        tried = changed(story.state.task(task).attempt(1).root)
        story.wait(lambda: changed(story.state.task(task).attempt(1).root) != tried, "its supervisor to try to say so")
    story.wait_for_state(task, "merged")
    status = story.task(task).status
    assert status is not None
    assert status.failures == 0
    assert running.end() == 0


@on_a_small_disk
def test_with_room_for_ever_more_blocks_a_task_is_started_whole_or_not_at_all(story: Story, disk: Disk) -> None:
    """The first write that finds no room is another one each time: of the command, the task, its attempt, its end."""
    story.configure(min_free_disk_mib=0)
    story.agent("touch $OPSROOM_TASK", max_attempts=100)
    for blocks in range(1, 40, 3):
        task = story.spawn(f"with {blocks} blocks")
        disk.fill(leave=blocks * BLOCK)
        running = Orchestrator(story, "--once")
        story.wait(functools.partial(stuck, story, disk, running), "the disk to be full")
        whole(story)
        disk.make_room()
        if running.process.wait(60):  # it could not even start, and said so
            assert "no space left on device" in running.said()
            assert Orchestrator(story, "--once").process.wait(60) == 0
        assert story.task(task).state == "merged", story.why(task)
        assert len(story.events("task", task=task)) == 1
        assert len(story.events("move", task=task, to="merged")) == 1


@on_a_small_disk
def test_each_verb_of_a_worker_says_that_the_disk_is_full_and_leaves_what_there_was(story: Story, disk: Disk) -> None:
    story.configure(min_free_disk_mib=0)
    story.agent(f"while [ ! -e {story.folder}/go ]; do sleep 0.05; done")
    running = Orchestrator(story)
    task = story.spawn()
    story.wait_for_state(task, "running")
    (story.folder / "picture.png").write_bytes(PICTURE)
    environment = story.environment(task)
    checkpoint = story.state.task(task).checkpoint
    assert story.opsroom("checkpoint", "-", stdin="half way\n", environment=environment).status == 0
    with disk.full():
        for verb, (arguments, stdin) in VERBS.items():
            said = story.opsroom(*arguments, stdin=stdin, environment=environment, cwd=story.folder)
            assert (said.status, said.out) == (2, ""), verb
            assert "no space left on device; the old content stays" in said.err, verb
            assert said.err.startswith("opsroom: tasks/"), verb
            assert said.err.count("\n") == 1, verb
        assert checkpoint.read_text() == "half way\n"
        assert not story.state.task(task).result.exists()
        assert [path.name for path in story.state.task(task).outbox.glob("[0-9]*")] == []
        said = story.opsroom("kill", task)
        assert (said.status, "no space left on device" in said.err) == (2, True)
    for verb, (arguments, stdin) in VERBS.items():
        said = story.opsroom(*arguments, stdin=stdin, environment=environment, cwd=story.folder)
        assert said.status == (3 if verb == "ask" else 0), said.err
    assert len(checkpoint.read_text()) == 11_000
    (story.folder / "go").touch()
    assert running.end() == 0


@on_a_small_disk
def test_a_full_disk_and_a_crash_together_lose_nothing(story: Story, disk: Disk) -> None:
    gated(story)
    first = Orchestrator(story)
    task = story.spawn()
    story.wait_for_state(task, "running")
    run = story.processes(task)
    with disk.full():
        story.end_by_id(first.process.pid)
        first.process.wait(60)
        said = story.opsroom("up", "--once")
        assert said.status == 2
        assert "no space left on device" in said.err
        (story.folder / "work").touch()
        story.wait((story.folder / "worked").exists, "the worker's end")
        assert gone(run.child)
        assert alive(run.supervisor), "it has yet to write how it ended"
        (story.folder / "check").touch()
    assert Orchestrator(story, "--once").process.wait(60) == 0
    assert story.task(task).state == "merged"
    assert story.task(task).attempts == (1,)
    assert gone(run.supervisor)


@on_a_small_disk
def test_a_line_of_a_log_that_finds_room_for_its_half_leaves_none_of_it(story: Story, disk: Disk) -> None:
    log = story.state.events
    before = b"x" * (BLOCK - 100 - 1) + b"\n"
    log.write_bytes(before)
    disk.fill()
    with pytest.raises(CannotWrite, match="no space left on device"):
        files.append(story.state.root, log, b"y" * 300 + b"\n")
    assert log.read_bytes() == before
    disk.make_room()
    files.append(story.state.root, log, b"y" * 300 + b"\n")
    assert log.read_bytes() == before + b"y" * 300 + b"\n"


@on_a_small_disk
def test_an_attempt_for_which_there_was_no_room_is_begun_again_under_its_number(story: Story, disk: Disk) -> None:
    story.configure(min_free_disk_mib=0, min_free_memory_mib=0)
    story.agent("touch made")
    running = Orchestrator(story)
    task = story.spawn()
    with disk.full():
        running.says("no space left on device")
    story.wait_for_state(task, "merged")
    assert story.task(task).attempts == (1,)
    assert running.end() == 0
