"""Of a large repository a worker gets the folders that were named, and nothing of the rest is lost."""

import subprocess

import pytest

from orchestrator.repository import worktrees
from orchestrator.repository.git import Git
from tests.stories import Story


def grow(story: Story) -> None:
    """Three folders, one of which nobody needs."""
    for name in ("src/one", "docs", "huge"):
        (story.repository / name).mkdir(parents=True)
        (story.repository / name / "file").write_text(name)
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "folders")


def sparse(story: Story, *folders: str) -> None:
    path = story.repository / "opsroom.toml"
    path.write_text(f"{path.read_text()}\n[worktrees]\nsparse = {list(folders)}\n")


def test_a_worker_has_the_folders_that_were_named_and_its_change_lands_with_the_rest_as_it_was(story: Story) -> None:
    grow(story)
    story.configure(checks=("test ! -e huge", "test -e docs/file"))
    story.agent("ls > seen; echo more >> src/one/file; git status --short >> seen; [ $OPSROOM_ATTEMPT = 2 ]")
    sparse(story, "src", "docs")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged", story.why(task)
    assert story.file("src/one/file") == "src/onemore\nmore"
    assert story.file("huge/file") == "huge"
    assert story.file("seen").split() == ["docs", "notes.txt", "seen", "src", "M", "src/one/file", "??", "seen"]
    assert (story.repository / "huge" / "file").exists()
    assert not story.state.worktree(task).exists()


def test_a_worktree_of_which_not_all_is_there_yet_is_made_again(story: Story) -> None:
    grow(story)
    worktree = story.state.worktree("0001")
    how = ("--quiet", "--no-checkout", "--lock", "--reason=initializing", "-B", "opsroom/0001/1")
    story.git("worktree", "add", *how, "--", str(worktree), "main")  # and killed
    worktrees.prepare(story.repository, worktree, "0001", 1, "main", ["docs"])
    assert sorted(path.name for path in worktree.iterdir()) == [".git", ".gitignore", "docs", "notes.txt"]
    assert Git(worktree).is_clean()


def test_the_repository_itself_stays_whole(story: Story) -> None:
    grow(story)
    worktrees.prepare(story.repository, story.state.worktree("0001"), "0001", 1, "main", ["docs"])
    assert (story.repository / "huge" / "file").exists()
    assert Git(story.repository).is_clean()
    listed = subprocess.run(
        ["git", "sparse-checkout", "list"], cwd=story.repository, capture_output=True, text=True, check=False
    )
    assert "not sparse" in listed.stderr


@pytest.mark.parametrize("folder", ["../out", "/etc", "-x", "a/../b", "*", "a\\b", "", "."])
def test_what_is_no_folder_of_a_repository_is_refused(story: Story, folder: str) -> None:
    story.agent("true")
    sparse(story, folder)
    said = story.opsroom("up", "--once")
    assert (said.status, "opsroom.toml: line" in said.err, "sparse" in said.err) == (2, True, True), said.err
