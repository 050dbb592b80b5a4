"""git as the orchestrator runs it does nothing that a worker could have configured."""

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from orchestrator.repository import worktrees
from orchestrator.repository.git import Git, GitError, GitLocked
from tests.stories import Story


def booby_trap(story: Story) -> Path:
    """Configures everything by which git runs a program of somebody else's; each would create the file returned."""
    sprung = story.folder / "sprung"
    hooks = story.folder / "hooks"
    hooks.mkdir()
    names = ("pre-commit", "commit-msg", "post-commit", "post-checkout", "pre-rebase", "post-rewrite", "post-merge")
    for name in (*names, "reference-transaction", "post-index-change", "prepare-commit-msg"):
        for folder in (hooks, story.repository / ".git" / "hooks"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {sprung}\n")
            (folder / name).chmod(0o755)
    monitor = story.folder / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {sprung}\n")
    monitor.chmod(0o755)
    story.git("config", "core.hooksPath", str(hooks))
    story.git("config", "core.fsmonitor", str(monitor))
    story.git("config", "diff.external", str(monitor))
    story.git("config", "core.editor", str(monitor))
    story.git("config", "commit.gpgSign", "true")
    story.git("config", "gpg.program", str(monitor))
    return sprung


def test_the_trap_works(story: Story) -> None:
    sprung = booby_trap(story)
    story.git("switch", "--quiet", "--create", "other")
    assert sprung.exists()


def test_no_hook_and_no_monitor_runs_when_work_is_kept_and_rebased(story: Story) -> None:
    worktree = story.state.worktree("0001")
    worktrees.prepare(story.repository, worktree, "0001", 1, "main")
    (worktree / "made").touch()
    (story.repository / "other").touch()
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "other")
    sprung = booby_trap(story)
    worktrees.keep(worktree, "opsroom/0001/1", "kept")
    Git(worktree).run("rebase", "--quiet", "main")
    Git(worktree).run("merge", "--quiet", "--ff-only", "HEAD")
    worktrees.put_away(story.repository, worktree, "0001", 1, "main", "kept")
    assert not worktree.exists()
    assert not sprung.exists()


def test_a_whole_task_lands_without_springing_the_trap(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    sprung = booby_trap(story)
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert not sprung.exists()


def test_git_says_no_with_its_own_last_line(story: Story) -> None:
    with pytest.raises(GitError, match=r"git switch nowhere in .*: fatal: invalid reference: nowhere"):
        Git(story.repository).run("switch", "nowhere")
    assert Git(story.repository).ask("switch", "nowhere") is None


def test_a_folder_that_is_gone_is_said_to_be(story: Story) -> None:
    with pytest.raises(GitError, match="none is gone"):
        Git(story.folder / "none").run("status")


def test_a_person_without_a_name_in_git_can_land_changes(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.git("config", "--unset", "user.name")
    story.git("config", "--unset", "user.email")
    story.git("config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (story.repository / "notes.txt").write_text("changed\n")
    Git(story.repository).run("commit", "--quiet", "--all", "--message", "mine")
    assert story.git("log", "-1", "--format=%an <%ae>") == "Opsroom <opsroom@localhost>"


def test_questions_about_branches(story: Story) -> None:
    git = Git(story.repository)
    first = story.git("rev-parse", "HEAD")
    assert (git.branch_tip("main"), git.branch_tip("none"), git.current_branch()) == (first, None, "main")
    assert (git.checkout_of("main"), git.checkout_of("none")) == (story.repository, None)
    story.git("commit", "--quiet", "--allow-empty", "--message", "second")
    assert (git.is_ancestor(first, "main"), git.is_ancestor("main", first)) == (True, False)
    (story.repository / "stray").touch()
    assert (git.is_clean(), git.has_local_changes()) == (False, False)


def test_a_ctrl_c_at_the_terminal_does_not_reach_git(story: Story) -> None:
    group = Git(story.repository).run("-c", "alias.group=!cut -d' ' -f5 /proc/self/stat", "group")
    assert int(group) != os.getpgid(0)  # a terminal signals the foreground process group


def half_made(story: Story) -> tuple[Path, tuple[str, ...]]:
    """What git keeps of a worktree that is being made, and a fetch that gives up while it is there.

    git looks at the HEAD of each worktree, and a new one has none for a moment.
    """
    other = story.folder / "other"
    story.git("clone", "--quiet", str(story.repository), str(other))
    story.git(
        "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "more", cwd=other
    )
    making = story.repository / ".git" / "worktrees" / "making"
    making.mkdir(parents=True)
    for name, text in (("HEAD", "1" * 40), ("commondir", "../.."), ("gitdir", f"{story.folder}/making/.git")):
        (making / name).write_text(f"{text}\n")
    return making, ("fetch", "--quiet", str(other), "+refs/heads/main:refs/heads/fetched")


def test_a_fetch_waits_out_a_worktree_that_is_being_made_beside_it(story: Story) -> None:
    making, fetch = half_made(story)
    said = subprocess.run(["git", *fetch], cwd=story.repository, capture_output=True, text=True, check=False).stderr
    assert "bad object worktrees/making/HEAD" in said
    made = threading.Timer(0.25, shutil.rmtree, (making,))
    made.start()
    Git(story.repository).run(*fetch)
    made.join()
    assert story.subjects("fetched") == ["more", "first"]


def test_who_waited_long_for_such_a_worktree_may_try_it_again(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.repository.git.HALF_MADE_LOOKS", 2)
    making, fetch = half_made(story)
    with pytest.raises(GitLocked, match=r"^bad object worktrees/making/HEAD; a git is adding or removing a worktree"):
        Git(story.repository).run(*fetch)
    with pytest.raises(GitLocked):  # nor is it a no
        Git(story.repository).ask(*fetch)
    shutil.rmtree(making)
    assert Git(story.repository).ask(*fetch) == ""
