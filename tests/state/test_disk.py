"""What is said of a file system that nobody can write to; one that is full is in tests/faults."""

from pathlib import Path

from state import disk


def test_a_disk_with_room_is_no_trouble(tmp_path: Path) -> None:
    assert disk.trouble(tmp_path) == ""


def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    assert disk.trouble(tmp_path / "gone") == f"{tmp_path}/gone: no such file or directory"
