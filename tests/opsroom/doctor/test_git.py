"""git is there, new enough, and has a repository with a commit, or it is said what is missing."""

import os
from pathlib import Path

import pytest

from opsroom.doctor.findings import FAIL, OK, WARN
from opsroom.doctor.git import findings, top_of
from tests.opsroom.doctor.conftest import Install
from tests.stories import Story


def test_a_repository_is_found_from_a_folder_within(story: Story) -> None:
    (story.repository / "src").mkdir()
    assert top_of(story.repository / "src", os.environ) == story.repository
    found = findings(story.repository / "src", os.environ)
    assert [one.verdict for one in found] == [OK, OK]
    assert found[0].text.startswith("git version 2.")


def test_no_git_fails(tmp_path: Path) -> None:
    (only,) = findings(tmp_path, {"PATH": str(tmp_path)})
    assert (only.verdict, only.text, only.todo) == (FAIL, "git is not on PATH", "install git")


@pytest.mark.parametrize("number", ["2.30.9", "1.8.3.1", "2.9"])
def test_an_old_git_fails(install: Install, tmp_path: Path, number: str) -> None:
    install("git", f"echo git version {number}")
    (only,) = findings(tmp_path, {"PATH": str(tmp_path / "bin")})
    assert (only.verdict, only.todo) == (FAIL, "install git 2.31 or newer")
    assert f"git version {number}" in only.text


def test_no_repository_is_a_word_of_warning(tmp_path: Path) -> None:
    assert [one.verdict for one in findings(tmp_path, os.environ)] == [OK, WARN]


def test_a_repository_without_a_commit_fails(story: Story, tmp_path: Path) -> None:
    story.git("init", "--quiet", str(tmp_path / "new"))
    found = findings(tmp_path / "new", os.environ)
    assert [one.verdict for one in found] == [OK, FAIL]
    assert found[1].todo == "make one: worktrees begin at a commit"
