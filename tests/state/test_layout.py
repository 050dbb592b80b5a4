"""Where everything is, which names are names, and how a command finds its state directory."""

import importlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import layout
from state.errors import BadName, CannotWrite, NotThere
from state.layout import StateDir, check_name, find

PUBLIC = {
    "errors": {
        "BadFile",
        "BadName",
        "CannotWrite",
        "Fault",
        "LockHeld",
        "NotThere",
        "OpsroomError",
        "Refused",
        "Unavailable",
    },
    "fleet": {"FleetReader"},
    "views": {"CampaignView", "Change", "Fleet", "LockView", "TaskView"},
    "locks": {"KEPT", "TICKET", "VARIABLE", "WAIT", "Who", "hold", "is_inside", "who_has"},
    "machine": {
        *{"BUDGET", "MACHINE", "PROVIDER", "Hold", "Holds", "Machine", "Worker"},
        *{"amount", "needs_person", "not_let_in", "stale", "until"},
    },
    "lease": {"Holding", "alive", "held", "read"},
    "sanitize": {"clean_block", "clean_line"},
    "watch": {"Batch", "Watcher", "network_file_system"},
}


@pytest.mark.parametrize("module", PUBLIC)
def test_others_depend_on_these_names(module: str) -> None:
    assert set(importlib.import_module(f"state.{module}").__all__) == PUBLIC[module]


def test_a_new_state_directory_is_private_to_the_last_folder(state: StateDir) -> None:
    modes = {stat.S_IMODE(os.stat(folder).st_mode) for folder, _, _ in os.walk(state.root)}
    assert modes == {0o700}


def test_a_new_state_directory_ignores_itself(state: StateDir) -> None:
    assert (state.root / ".gitignore").read_text() == "*\n"


def test_a_new_state_directory_states_its_format(state: StateDir) -> None:
    assert state.format.read_text() == "version = 1\n"


def test_making_it_again_changes_nothing_in_it(state: StateDir) -> None:
    state.format.write_text("version = 1\nmine = true\n")
    state.create()
    assert state.format.read_text() == "version = 1\nmine = true\n"


def test_making_it_where_a_file_stands_is_said(tmp_path: Path) -> None:
    (tmp_path / ".opsroom").write_text("")
    with pytest.raises(CannotWrite, match="not a directory"):
        StateDir(tmp_path / ".opsroom").create()


@pytest.mark.parametrize("name", ["a", "A9", "a.b_c-d", "0", "x" * 100])
def test_a_name_of_the_protocol_is_one(name: str) -> None:
    assert check_name("task id", name) == name


@pytest.mark.parametrize("name", ["", ".a", "-a", "_a", "a/b", "..", "a b", "ä", "a\n", "x" * 101, "\udcff", "٣"])
def test_another_name_is_none(name: str) -> None:
    with pytest.raises(BadName):
        check_name("task id", name)


@given(st.text())
def test_a_name_never_leads_elsewhere(name: str) -> None:
    state = StateDir(Path("/somewhere"))
    try:
        task = state.task(name)
    except BadName:
        return
    assert task.root.resolve().parent == state.tasks


@pytest.mark.parametrize("below", ["task", "campaign", "lock", "worktree"])
def test_every_door_checks_the_name(state: StateDir, below: str) -> None:
    with pytest.raises(BadName):
        getattr(state, below)("../x")


def test_a_path_is_named_from_the_state_directory(state: StateDir) -> None:
    assert state.relative(state.task("t1").attempt(2).exit) == "tasks/t1/attempts/2/exit.toml"


def test_a_command_finds_the_directory_above_it(state: StateDir, tmp_path: Path) -> None:
    below = tmp_path / "src" / "deep"
    below.mkdir(parents=True)
    assert find(None, {}, below) == state


def test_a_worker_is_told_by_its_environment(state: StateDir) -> None:
    assert find(None, {"OPSROOM_STATE_DIR": str(state.root)}, Path("/")) == state


def test_what_was_named_goes_before_the_environment(state: StateDir) -> None:
    assert find(str(state.root), {"OPSROOM_STATE_DIR": "/nowhere"}, Path("/")) == state


@pytest.mark.parametrize("named", ["/nowhere", "a\0b"])
def test_a_directory_that_is_not_there_is_said(named: str) -> None:
    with pytest.raises(NotThere, match="not a directory"):
        find(named, {}, Path("/"))


def test_none_above_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="opsroom init"):
        find(None, {}, tmp_path)


def test_two_folders_are_equal_if_their_paths_are() -> None:
    one, other = layout.TaskDir(Path("/a")), layout.TaskDir(Path("/a"))
    assert (one, hash(one)) == (other, hash(other))
    assert one != layout.CampaignDir(Path("/a"))
