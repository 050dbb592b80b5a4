"""A scan finds every file that came, changed or went, and looks only where it is told to."""

import os
from pathlib import Path

import pytest

from state.layout import StateDir
from state.scan import Scan
from tests.state.processes import run
from tests.state.writing import put


@pytest.fixture
def scan(state: StateDir) -> Scan:
    scan = Scan(str(state.root))
    scan.everything()
    return scan


def test_a_first_scan_finds_everything(state: StateDir) -> None:
    put(state.root, "tasks/t1/status.toml", b"x")
    found = Scan(str(state.root)).everything()
    assert {"inbox", "inbox/done", "tasks", "tasks/t1", "tasks/t1/status.toml"} <= found


def test_a_second_scan_finds_nothing(scan: Scan) -> None:
    assert scan.everything() == set()


def test_a_file_that_was_replaced_is_found(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/a", b"1")
    scan.everything()
    put(state.root, "tasks/a", b"2")
    assert scan.everything() == {"tasks/a"}


def test_a_file_that_grew_is_found(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/a", b"1")
    scan.everything()
    with (state.root / "tasks/a").open("ab") as file:
        file.write(b"2")
    assert scan.everything() == {"tasks/a"}


def test_a_folder_that_went_takes_all_below_it_along(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/t1/outbox/a.md", b"1")
    scan.everything()
    (state.tasks / "t1").rename(state.root / "archive" / "t1")
    assert scan.everything() == {"tasks/t1", "tasks/t1/outbox", "tasks/t1/outbox/a.md"}


def test_a_folder_in_the_place_of_a_file_is_found(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/a", b"1")
    scan.everything()
    (state.tasks / "a").unlink()
    put(state.root, "tasks/a/b", b"1")
    assert scan.everything() == {"tasks/a", "tasks/a/b"}


def test_a_file_in_the_place_of_a_folder_is_found(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/a/b", b"1")
    scan.everything()
    (state.tasks / "a" / "b").unlink()
    (state.tasks / "a").rmdir()
    put(state.root, "tasks/a", b"1")
    assert scan.everything() == {"tasks/a", "tasks/a/b"}


def test_a_hint_finds_what_is_at_it(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/a", b"1")
    put(state.root, "tasks/b", b"1")
    assert scan.under(["tasks/a"]) == {"tasks/a"}


def test_a_hint_finds_what_is_below_it(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/t1/outbox/a.md", b"1")
    assert scan.under(["tasks/t1"]) == {"tasks/t1", "tasks/t1/outbox", "tasks/t1/outbox/a.md"}


def test_a_hint_finds_the_new_folders_above_it(state: StateDir, scan: Scan) -> None:
    put(state.root, "tasks/t1/outbox/a.md", b"1")
    put(state.root, "tasks/t1/status.toml", b"1")
    below = {"tasks/t1/outbox", "tasks/t1/outbox/a.md", "tasks/t1/status.toml"}
    assert scan.under(["tasks/t1/outbox/a.md"]) == {"tasks/t1"} | below


def test_a_hint_at_what_is_gone_again_finds_nothing(scan: Scan) -> None:
    assert scan.under(["tasks/t1/outbox/a.md", "tasks/t1"]) == set()


@pytest.mark.parametrize(
    "hint",
    ["", "/", "journal.jsonl", "worktrees/t1/a", "archive/t1", "tasks/.a", "tasks/t1/.git/x", "tasks//x", "../x"],
)
def test_a_hint_elsewhere_finds_nothing(state: StateDir, scan: Scan, hint: str) -> None:
    put(state.root, "worktrees/t1/a", b"1")
    put(state.root, "archive/t1", b"1")
    (state.tasks / ".a").write_bytes(b"1")
    assert scan.under([hint]) == set()


def test_dot_files_are_nothing(state: StateDir, scan: Scan) -> None:
    (state.tasks / ".half").write_bytes(b"1")
    (state.tasks / ".folder").mkdir()
    assert scan.everything() == set()


@pytest.mark.parametrize("hint", ["tasks/link", "tasks/link/secret"])
def test_a_link_is_seen_and_not_what_lies_behind_it(state: StateDir, scan: Scan, tmp_path: Path, hint: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"1")
    (state.tasks / "link").symlink_to(tmp_path / "outside")
    assert scan.under([hint]) == {"tasks/link"}
    assert scan.everything() == set()


def test_a_linked_folder_at_the_top_is_not_looked_into(state: StateDir, scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"1")
    (state.root / "pulls").rmdir()
    (state.root / "pulls").symlink_to(tmp_path / "outside")
    assert scan.everything() == {"pulls"}


def test_a_name_that_is_no_text_is_found(state: StateDir, scan: Scan) -> None:
    os.mkdir(os.fsencode(state.tasks) + b"/\xff")
    assert scan.everything() == {"tasks/\udcff"}


def test_a_tree_that_goes_deeper_than_the_protocol_is_not_followed_down(state: StateDir, scan: Scan) -> None:
    (state.tasks / "/".join("d" * 200)).mkdir(parents=True)
    assert len(scan.everything()) < 10


def test_a_removed_state_directory_is_everything_removed(state: StateDir, scan: Scan) -> None:
    state.root.rename(state.root.with_name("elsewhere"))
    assert "inbox/done" in scan.everything()
    assert scan.everything() == set()


def test_what_cannot_be_looked_at_is_not_taken_for_removed(state: StateDir) -> None:
    put(state.root, "tasks/t1/status.toml", b"1")
    script = """
import os, resource, sys
from state.scan import Scan
scan = Scan(sys.argv[1])
scan.everything()
free = os.dup(0)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))  # no folder can be opened now
print(scan.everything())
"""
    assert run(script, state.root) == "set()\n"
