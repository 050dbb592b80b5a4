import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from opsroom.demo.checks import CHECKS, main
from opsroom.demo.codemod import analyse, migrate
from opsroom.demo.columns import long_lines
from opsroom.demo.package import files, measure, read, write


def migrate_all(root: Path) -> None:
    for name in files(root):
        source, encoding = read(root / name)
        write(root / name, migrate(source, keep=frozenset(analyse(source).collisions)), encoding)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_the_source_as_it_came_passes_and_nothing_is_written(
    name: str, repository: Path, git: Callable[..., str]
) -> None:
    assert main([name], repository) == 0
    assert git("status", "--porcelain", "--ignored") == ""


def test_exactly_one_migrated_file_has_a_line_that_is_too_long(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate_all(repository)

    assert main(["columns"], repository) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("src/click/types.py:")
    assert lines[0].endswith(" columns, at most 125")


def test_the_migrated_package_passes_everything_else(repository: Path) -> None:
    migrate_all(repository)

    assert [main([name], repository) for name in ("compile", "imports")] == [0, 0]
    assert main(["equivalent", "src/click/utils.py", "src/click/shell_completion.py"], repository) == 0


def test_a_check_can_be_asked_about_single_files(repository: Path) -> None:
    migrate_all(repository)

    assert main(["columns", "src/click/core.py"], repository) == 0
    assert main(["columns", "src/click/core.py", "src/click/types.py"], repository) == 1


def test_a_broken_file_fails_with_its_line(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "src/click/globals.py").write_text("x = 1\ndef f(:\n")

    assert main(["compile"], repository) == 1
    assert capsys.readouterr().out == "src/click/globals.py:2: invalid syntax\n"
    assert main(["imports"], repository) == 1
    assert capsys.readouterr().out.startswith("src/click/globals.py:2: ")


def test_a_name_that_is_missing_at_import_fails_with_its_line(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = repository / "src/click/parser.py"
    path.write_text(path.read_text().replace("import typing as t\n", ""))

    assert main(["imports"], repository) == 1
    out = capsys.readouterr().out
    assert out.startswith("src/click/parser.py:")
    assert "NameError: name 't' is not defined" in out


def test_a_change_of_behaviour_fails(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository / "src/click/types.py"
    path.write_text(path.read_text().replace("class IntRange(", "class IntRange(  # now\n    "))
    assert main(["equivalent", "src/click/types.py"], repository) == 0

    path.write_text(path.read_text().replace('name = "integer range"', 'name = "number range"'))

    assert main(["equivalent", "src/click/types.py"], repository) == 1
    assert 'not the program it was: name = "number range"' in capsys.readouterr().out


def test_a_long_failure_is_cut(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "src/click/globals.py").write_text("# " + "x" * 200 + "\n" + ("# " + "y" * 200 + "\n") * 19)

    assert main(["columns"], repository) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert lines[-1] == "and 12 more"


def test_the_metric_is_printed_alone(repository: Path) -> None:
    argv = [sys.executable, "-m", "opsroom.demo.checks", "metric"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(argv, cwd=repository, env=environment, capture_output=True, text=True, check=True)

    assert done.stdout == f"{measure(repository)}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no check ''"),
        (["style"], "no check 'style'; there are columns, compile, equivalent, imports and metric"),
        (["compile", "../secret.py"], "../secret.py is no Python file of src/click"),
    ],
)
def test_wrong_use_is_one_line_and_two(
    arguments: list[str], message: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments, repository) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_elsewhere_there_is_nothing_to_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metric"], tmp_path) == 2
    assert "run this at the top of the demo's worktree" in capsys.readouterr().err


def test_columns_are_characters_and_not_bytes() -> None:
    assert long_lines("ä" * 125 + "\r\n" + "ä" * 126 + "\r\n") == [(2, 126)]
