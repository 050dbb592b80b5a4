from pathlib import Path

import pytest

from opsroom.demo import package
from opsroom.demo.failures import DemoError, NotPython


def test_the_copy_is_the_source_with_its_licence_and_nothing_else(tmp_path: Path) -> None:
    copied = package.copy_source(tmp_path)

    there = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert there == sorted(copied.files)
    assert {Path(name).suffix for name in there} == {".py", ".typed", ".txt"}
    assert "Pallets" in (tmp_path / "src/click/LICENSE.txt").read_text()
    assert (tmp_path / "src/click/core.py").read_bytes() == (package.installed() / "core.py").read_bytes()
    assert copied.version.startswith("8.")


def test_a_copy_is_never_written_over_another(copied: Path) -> None:
    with pytest.raises(DemoError, match="is there already"):
        package.copy_source(copied)


def test_the_metric_counts_the_whole_package(copied: Path) -> None:
    before = package.measure(copied)
    with (copied / "src/click/globals.py").open("a") as file:
        file.write("\nx: t.Any\n")

    assert before > 600
    assert package.measure(copied) == before + 1


def test_a_broken_file_is_named(copied: Path) -> None:
    (copied / "src/click/globals.py").write_text("x = (\n")

    with pytest.raises(NotPython, match=r"line 1: src/click/globals\.py: not Python"):
        package.measure(copied)


def test_an_empty_folder_has_no_package(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="no Python files"):
        package.files(tmp_path)


def test_bytes_come_back_as_they_were_read(tmp_path: Path) -> None:
    path = tmp_path / "old.py"
    for data in (b"# coding: latin-1\r\nx = '\xe4'\r\n", b"\xef\xbb\xbfx = 1\n", "x = 'ä'\r".encode()):
        path.write_bytes(data)
        package.write(path, *package.read(path))
        assert path.read_bytes() == data


def test_an_unknown_encoding_is_not_python() -> None:
    with pytest.raises(NotPython, match="unknown encoding"):
        package.decode(b"# coding: klingon\n")
