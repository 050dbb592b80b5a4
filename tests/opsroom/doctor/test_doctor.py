"""`opsroom doctor` as a person calls it."""

import json
import os
from pathlib import Path

from tests.stories import Story

GROUPS = ["python", "git", "state directory", "file events", "processes", "sandbox", "machine", "terminal", "agents"]


def everything_under(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def test_a_repository_that_is_set_up_is_well_and_nothing_in_it_changes(story: Story) -> None:
    story.agent("true")
    story.opsroom("status")
    before = everything_under(story.repository)
    said = story.opsroom("doctor")
    assert (said.status, said.err) == (0, "")
    headings = [line for line in said.out.splitlines() if not line.startswith(" ")]
    assert headings == GROUPS
    assert "✗" not in said.out
    assert f"✓ ok    worker: {story.folder / 'agents' / 'worker'}" in said.out
    assert everything_under(story.repository) == before


def test_what_is_missing_is_exit_status_1(story: Story) -> None:
    story.agent("true")
    (story.folder / "agents" / "worker").unlink()
    said = story.opsroom("doctor")
    assert said.status == 1
    (line,) = [line for line in said.out.splitlines() if "✗" in line]
    assert line.startswith(f"  ✗ fail  worker: {story.folder / 'agents' / 'worker'} is not there; make it, or change ")


def test_a_configuration_that_cannot_be_understood_is_exit_status_2_and_the_rest_is_told(story: Story) -> None:
    (story.repository / "opsroom.toml").write_text("[orchestrator]\nmax_workers = 'four'\n")
    said = story.opsroom("doctor")
    assert said.status == 2
    assert "✗ fail  opsroom.toml: line 2: Expected `int`, got `str`" in said.out
    assert "✓ ok    git version" in said.out
    assert json.loads(story.opsroom("doctor", "--json").out)["ok"] is False


def test_json_is_for_programs(story: Story) -> None:
    story.agent("true")
    found = json.loads(story.opsroom("doctor", "--json").out)
    assert found["ok"] is True
    assert list(dict.fromkeys(one["group"] for one in found["findings"])) == GROUPS


def test_outside_of_everything_it_says_where_to_begin(story: Story, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    said = story.opsroom("doctor", cwd=tmp_path / "elsewhere")
    assert said.status == 0
    assert "! warn  " in said.out
    assert "is in no git repository; go to one, or run 'git init'" in said.out
    assert "'opsroom init' writes one" in said.out


def test_a_state_directory_that_was_named_and_is_not_there_is_missing(story: Story) -> None:
    said = story.opsroom("--state-dir", "/no/such/place", "doctor")
    assert said.status == 1
    assert "✗ fail  /no/such/place is not a directory" in said.out


def test_a_terminal_that_knows_ascii_only_is_told_in_it(story: Story) -> None:
    said = story.opsroom("doctor", environment={"PYTHONIOENCODING": "ascii", "PATH": os.environ["PATH"]})
    assert said.status == 0
    assert "  + ok    git version" in said.out
    assert said.out.isascii()
