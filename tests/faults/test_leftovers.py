"""What a crash left half done is found and mended at the next start; and a worktree that its worker has wrecked."""

import os
import time
from pathlib import Path

import pytest

from orchestrator import leftovers
from tests.stories import Story

HOUR = 3600.0


def dead_pid() -> int:
    """A pid that no process has or comes to have, as that of one that has ended some time ago."""
    return int(Path("/proc/sys/kernel/pid_max").read_text()) + 1


def interrupted(story: Story, folder: Path, pid: int, age: float) -> Path:
    """A file that was not whole yet when its writer was killed, `age` seconds ago."""
    path = folder / f".status.toml.{pid}.0123abcd"
    path.write_text('state = "ru')
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_interrupted_writes_of_the_dead_are_removed_and_of_the_living_not(story: Story) -> None:
    story.agent("exit 1")
    task = story.spawn()
    story.up_once()
    folder = story.state.task(task).root
    dead, living = dead_pid(), os.getpid()
    gone = [
        interrupted(story, folder, dead, HOUR),
        interrupted(story, folder / "attempts" / "1", dead, HOUR),
        interrupted(story, story.state.inbox_done, dead, HOUR),
        interrupted(story, story.state.root, dead, HOUR),
        interrupted(story, folder / "worker", living, 48 * HOUR),  # in a sandbox its pid was another's
    ]
    stay = [interrupted(story, folder / "outbox", dead, 1.0), interrupted(story, folder / "outbox", living, HOUR)]
    for name in (".lock", ".notes"):
        (folder / "worker" / name).touch()
        os.utime(folder / "worker" / name, (0, 0))
        stay.append(folder / "worker" / name)
    supervisors = folder / "attempts" / "1" / f".exit.toml.{dead}"
    supervisors.write_text("reason")
    os.utime(supervisors, (time.time() - HOUR, time.time() - HOUR))
    running = story.up()
    story.wait(lambda: not any(path.exists() for path in (*gone, supervisors)), "them to be removed")
    assert all(path.exists() for path in stay)
    running.terminate()
    assert story.finish(running).status == 0


def test_nothing_of_a_directory_that_is_in_order_is_removed(story: Story) -> None:
    story.agent("echo 1 | opsroom checkpoint -; opsroom note here; touch made")
    story.spawn()
    story.up_once()
    assert leftovers.remove_unfinished_writes(story.state) == 0


def test_tasks_that_never_got_their_name_are_removed(story: Story) -> None:
    half = story.state.tasks / ".new-0001-abcd"
    half.mkdir()
    (half / "task.toml").write_text("title = 'half'\n")
    story.up_once()
    assert not half.exists()


def test_a_half_made_worktree_is_removed_at_the_start_and_said(story: Story) -> None:
    worktree = story.state.worktree("0007")
    story.git("worktree", "add", "--quiet", "-B", "opsroom/0007/1", str(worktree), "main")
    (worktree / "notes.txt").unlink()
    (story.repository / ".git" / "worktrees" / "0007" / "locked").write_text("initializing")
    scratch = story.state.worktrees / "_campaign"
    story.git("worktree", "add", "--quiet", "--detach", str(scratch), "main")
    story.up_once()
    assert not worktree.exists()
    assert not scratch.exists()
    assert story.events("worktree")[0]["why"] == "0007: half made or half removed, and gone now"
    assert len(story.git("worktree", "list").splitlines()) == 1


def test_a_worktree_with_work_in_it_is_left_alone_at_the_start(story: Story) -> None:
    story.agent("echo mine > mine; exit 1")
    story.configure(backoff_seconds=600.0, backoff_limit=600.0)
    task = story.spawn()
    for _ in range(2):
        running = story.up()
        story.heeded()
        story.wait_for_state(task, "retrying")
        story.kill(running)
    assert (story.state.worktree(task) / "mine").read_text() == "mine\n"
    assert story.events("worktree") == []


WRECKS = {
    "removed": "rm .git",
    "emptied": ": > .git",
    "of the main repository": "common=$(git rev-parse --git-common-dir); echo gitdir: $common > .git",
    "a link to it": "ln -sf $(git rev-parse --git-common-dir) .git",
    "of nobody": "echo 'gitdir: /nowhere/at/all' > .git",
    "a repository of its own": "rm .git; git init --quiet; git add .; git -c user.name=x -c user.email=x commit -qm x",
}


@pytest.mark.parametrize("wreck", list(WRECKS))
def test_a_worker_that_wrecks_its_worktree_moves_nothing_else(story: Story, wreck: str) -> None:
    """git looks for a repository upwards: a worktree without its file `.git` would be taken for what is around it."""
    story.agent(f"echo mine > mine; {WRECKS[wreck]}")
    (story.repository / "draft").write_text("a person's own, not yet committed\n")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state in ("merged", "failed"), story.why(task)
    assert story.git("symbolic-ref", "--short", "HEAD") == "main"
    assert story.git("status", "--porcelain") == "?? draft", "nothing of the person's was committed or changed"
    subjects = story.subjects()
    if story.task(task).state == "merged":
        assert (subjects, story.file("mine")) == (["a task", "first"], "mine")
    else:
        assert subjects == ["first"]
        assert [path.read_text() for path in story.state.worktrees.rglob("mine")] == ["mine\n"], "its work is there"
        assert "its worktree is of another repository" in story.why(task)
