"""The state directory is writable, ours alone, in a safe place and has locks that work, or it is said why not."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from opsroom.doctor.directory import findings, locks, network, temporary
from opsroom.doctor.findings import FAIL, OK, WARN
from state.layout import StateDir
from tests.stories import CHECKOUT, DEADLINE

LOOK = """
import sys
from pathlib import Path
from opsroom.doctor.directory import findings
from state.layout import StateDir
for one in findings(StateDir(Path(sys.argv[1]))):
    print(one.verdict, one.text)
"""


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / ".opsroom")
    made.create()
    return made


def verdicts(state: StateDir) -> dict[str, str]:
    return {one.text: one.verdict for one in findings(state) if "cleaned now and then" not in one.text}


def test_a_new_one_is_as_it_should_be(state: StateDir) -> None:
    before = {path: path.stat() for path in state.root.rglob("*")}
    assert verdicts(state) == {
        f"{state.root}, writable, and by you alone": OK,
        "a lock keeps a second one out (flock)": OK,
    }
    assert {path: path.stat().st_mtime_ns for path in state.root.rglob("*")} == {
        path: found.st_mtime_ns for path, found in before.items()
    }


def test_one_that_others_may_enter_is_said(state: StateDir) -> None:
    state.root.chmod(0o750)
    (found,) = [one for one in findings(state) if "open to other users" in one.text]
    assert (found.verdict, found.todo) == (WARN, f"chmod 700 {state.root}")


@pytest.mark.parametrize(
    ("text", "said"), [("version = 2\n", "version is 2"), ("version", "Expected '='"), ("", "None")]
)
def test_another_format_fails(state: StateDir, text: str, said: str) -> None:
    state.format.write_text(text)
    (found,) = [one for one in findings(state) if one.verdict == FAIL]
    assert said in found.text


def test_no_format_fails(state: StateDir) -> None:
    state.format.unlink()
    assert [one.verdict for one in findings(state) if one.verdict == FAIL] == [FAIL, FAIL]


def test_a_read_only_mount_fails_and_is_named(state: StateDir) -> None:
    root = str(state.root)
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", root, sys.executable, LOOK],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"fail {root} is on a file system that is mounted read-only\n" in done.stdout
    assert "ok a lock keeps a second one out (flock)\n" in done.stdout


def test_a_lock_that_somebody_holds_is_no_fault_of_the_disk(state: StateDir) -> None:
    with state.format.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert locks(state).verdict == WARN
    assert locks(state).verdict == OK


@pytest.mark.parametrize(
    ("folder", "where"),
    [("/tmp/x/y", "/tmp"), ("/var/tmp/a", "/var/tmp"), ("/dev/shm/r", "/dev/shm"), ("/home/me/src", ""), ("/tmpx", "")],
)
def test_folders_that_are_cleaned_are_known(folder: str, where: str) -> None:
    assert temporary(Path(folder)) == where


def test_a_link_into_such_a_folder_is_seen_through(state: StateDir, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/var/tmp")
    assert temporary(link / "repository") == "/var/tmp"


def test_this_disk_tells_of_changes() -> None:
    assert network(Path("/proc/self")) == ""
