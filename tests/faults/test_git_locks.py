"""Lock files that a git left which was killed, in a worktree and in the main repository, and those that are alive."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.repository import worktrees
from orchestrator.repository.git import GitLocked
from state.flocked import is_flocked
from state.times import utc_now
from tests.stories import Story

WORKER = "echo four >> notes.txt; git commit --quiet --all --message four"


def lock(story: Story, name: str) -> Path:
    """A lock file in the git directory of the repository, as a git leaves it that is killed."""
    path = story.repository / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def between_tries(story: Story, task: str, look: Callable[[], str]) -> str:
    """What `look` gives while the landing waits to be tried again: a try changes files, and changes them back."""

    def seen() -> tuple[str] | None:
        status = story.task(task).status
        found = look()
        waited = status is not None and status.not_before is not None and utc_now() < status.not_before
        return (found,) if waited else None

    return story.wait(seen, "a look between two tries")[0]


@pytest.mark.parametrize("name", ["index.lock", "HEAD.lock", "refs/heads/main.lock"])
def test_a_lock_that_keeps_the_branch_from_moving_is_named_and_waited_out(story: Story, name: str) -> None:
    story.agent(WORKER)
    stale = lock(story, name)
    task = story.spawn()
    running = story.up("--once")
    story.wait(lambda: "in the way" in story.waiting_on(task), "the lock to be named")
    said = story.waiting_on(task)
    assert str(stale) in said
    assert "a git is at work there, or one was killed and left it: remove it if none is" in said
    assert story.task(task).state == "merging"
    assert stale.exists(), "a lock in the main repository may be anybody's"
    changed = between_tries(story, task, lambda: story.git("diff", "--name-only", "HEAD"))
    assert changed == "", "the checkout is as it was"
    stale.unlink()
    assert story.finish(running).status == 0
    assert story.task(task).state == "merged"
    assert story.moves(task).count("merging") == 1
    assert (story.repository / "notes.txt").read_text() == "one\ntwo\nthree\nfour\n"


def test_a_lock_on_a_base_that_nobody_has_checked_out_is_waited_out_too(story: Story) -> None:
    story.git("branch", "release")
    story.configure(base="release")
    story.agent(WORKER)
    stale = lock(story, "refs/heads/release.lock")
    task = story.spawn()
    running = story.up("--once")
    story.wait(lambda: str(stale) in story.waiting_on(task), "the lock to be named")
    stale.unlink()
    assert story.finish(running).status == 0
    assert story.file("notes.txt", "release").endswith("four")


@pytest.mark.parametrize("name", ["packed-refs.lock", "config.lock"])
def test_a_lock_that_only_keeps_branches_from_going_keeps_no_work_from_landing(story: Story, name: str) -> None:
    story.agent(WORKER)
    story.git("pack-refs", "--all")
    stale = lock(story, name)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "merged")
    if name == "packed-refs.lock":
        told = story.wait(lambda: story.events("worktree", task=task), "the lock to be named")
        assert str(stale) in told[0]["why"]
    stale.unlink()
    story.wait(lambda: not story.state.worktree(task).exists(), "the worktree to be put away")
    running.terminate()
    assert story.finish(running).status == 0
    assert story.git("branch", "--format=%(refname:short)") == "main"


def test_locks_that_a_killed_worker_left_in_what_is_its_own_are_removed(story: Story) -> None:
    story.agent(
        'if [ "$OPSROOM_ATTEMPT" = 1 ]; then\n'
        '  for name in index.lock HEAD.lock; do touch "$(git rev-parse --git-path $name)"; done\n'
        '  touch "$(git rev-parse --git-common-dir)/refs/heads/opsroom/$OPSROOM_TASK/1.lock"; kill -KILL $$\n'
        "fi\n" + WORKER
    )
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.git("branch", "--format=%(refname:short)") == "main"
    assert list((story.repository / ".git").rglob("*.lock")) == []


def test_a_lock_whose_git_lives_is_left_to_it(story: Story) -> None:
    """A person works in the worktree: git waits in its editor, and holds the index."""
    worktree = story.state.worktree("0001")
    worktrees.prepare(story.repository, worktree, "0001", 1, "main")
    editor = story.folder / "editor"
    editor.write_text(f"#!/bin/sh\ncd {story.folder}\ntouch opened\nwhile [ ! -e go ]; do sleep 0.05; done\n")
    editor.chmod(0o755)
    (worktree / "notes.txt").write_text("mine\n")
    git = subprocess.Popen(
        ["git", "-c", f"core.editor={editor}", "commit", "--quiet", "--all", "--verbose", "--message", "x", "--edit"],
        cwd=worktree,
    )
    story.wait((story.folder / "opened").exists, "the editor")
    held = story.repository / ".git" / "worktrees" / "0001" / "index.lock"
    assert held.exists()
    with pytest.raises(GitLocked, match=f"process {git.pid} .git. may own it"):
        worktrees.keep(worktree, "opsroom/0001/1", "kept")
    assert held.exists()
    (story.folder / "go").touch()
    assert git.wait(60) == 0
    assert worktrees.keep(worktree, "opsroom/0001/1", "kept") == story.git("rev-parse", "opsroom/0001/1")


def test_a_git_that_outlives_its_orchestrator_keeps_the_next_one_from_its_worktree(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, slow = shutil.which("git"), story.folder / "bin" / "git"
    waits = f"mkdir {story.folder}/first 2> /dev/null && until [ -e {story.folder}/go ]; do sleep 0.05; done"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\ncase " $* " in *" commit "*) {waits};; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    story.agent("echo four >> notes.txt")
    task = story.spawn()
    running = story.up()
    story.wait((story.folder / "first").exists, "the landing to commit what the worker left")
    story.kill(running)
    with (story.state.task(task).attempt(1).root / "landing.lock").open() as held:
        kept_out = is_flocked(held.fileno())
    (story.folder / "go").touch()
    assert kept_out
    story.up_once()
    assert (story.task(task).state, story.subjects()) == ("merged", ["a task", "first"])
