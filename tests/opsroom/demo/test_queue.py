from pathlib import Path

from opsroom.demo.codemod import analyse
from opsroom.demo.package import files, read
from opsroom.demo.queue import items


def test_easy_files_come_first_and_what_needs_a_person_has_its_place(copied: Path) -> None:
    queue = items(copied)

    assert queue[0] == "src/click/globals.py"
    assert queue[3] == "src/click/shell_completion.py"
    assert queue[len(queue) // 2 - 1 : len(queue) // 2 + 1].count("src/click/types.py") == 1
    assert queue[-1] == "src/click/_winconsole.py"


def test_the_queue_has_each_file_with_a_reference_once(copied: Path) -> None:
    counts = {name: analyse(read(copied / name)[0]).references for name in files(copied)}

    assert sorted(items(copied)) == sorted(name for name, count in counts.items() if count)


def test_the_kind_of_a_file_follows_from_what_it_says_and_not_from_its_name(copied: Path) -> None:
    (copied / "src/click/_winconsole.py").rename(copied / "src/click/aaa.py")

    assert items(copied)[-1] == "src/click/aaa.py"


def test_a_file_that_cannot_be_understood_is_left_out(copied: Path) -> None:
    (copied / "src/click/globals.py").write_text("import typing as t\nx: t.Any\nt = 1\n")

    assert "src/click/globals.py" not in items(copied)
