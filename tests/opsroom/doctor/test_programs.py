"""A program is asked for its version, and whatever it does instead does no harm."""

import os
import time
from pathlib import Path

import pytest

from opsroom.doctor import programs
from opsroom.doctor.programs import Answer, number, version
from tests.opsroom.doctor.conftest import Install
from tests.processes import NAP, running
from tests.stories import gone, wait


def test_the_first_line_is_the_version(install: Install) -> None:
    assert (
        version(str(install("codex", 'echo; echo "codex-cli 0.42.1"; echo more')), os.environ).text
        == "codex-cli 0.42.1"
    )


def test_it_is_asked_for_nothing_else_and_has_nothing_to_read(install: Install, tmp_path: Path) -> None:
    program = install("codex", f'echo "$# $1 $(pwd) $(cat) $OPSROOM_TASK." > {tmp_path}/asked; echo 1.0')
    version(str(program), os.environ | {"OPSROOM_TASK": "0001"})
    assert (tmp_path / "asked").read_text() == "1 --version /  .\n"


def test_a_program_that_does_not_answer_is_ended_with_all_that_it_started(install: Install) -> None:
    program = install("codex", f"sleep {NAP} & sleep {NAP}")
    begin = time.monotonic()
    answer = version(str(program), os.environ, seconds=1.0)
    assert answer == Answer(problem="did not answer --version within 1 s")
    assert time.monotonic() - begin < 300
    assert wait(lambda: not running("sleep", NAP), lambda: "what it started to end")


def test_who_looks_late_reads_what_was_said_in_time() -> None:
    (said, says), (silent, other) = os.pipe(), os.pipe()
    os.write(says, b"codex 1.2\n")
    try:
        assert programs._read((said, silent), time.monotonic() - 1) == (b"codex 1.2\n", b"", False)
    finally:
        for descriptor in (said, says, silent, other):
            os.close(descriptor)


def test_a_program_that_answers_and_stays_is_not_waited_for_longer(install: Install) -> None:
    assert version(str(install("codex", "echo codex 1.2; sleep 600")), os.environ, seconds=1.0).text == "codex 1.2"


def test_what_it_left_in_the_background_is_ended(install: Install, tmp_path: Path) -> None:
    program = install("codex", f"sleep 600 >/dev/null 2>&1 & echo $! > {tmp_path}/pid; echo 1.0")
    assert version(str(program), os.environ).text == "1.0"
    assert wait(lambda: gone(int((tmp_path / "pid").read_text())), lambda: "what it left to end")


@pytest.mark.parametrize("script", ["yes x1.0", "head -c 100000000 /dev/zero", r"printf '\033]0;x\007\033[31m1.0\n'"])
def test_no_answer_is_too_large_or_steers_the_terminal(install: Install, script: str) -> None:
    text = version(str(install("codex", script)), os.environ).text
    assert len(text) <= 80
    assert not {"\x1b", "\x07", "\x00"} & set(text)


def test_a_program_that_says_nothing_has_a_problem(install: Install) -> None:
    assert version(str(install("codex", "exit 1")), os.environ) == Answer(problem="says nothing to --version")


def test_a_file_that_is_no_program_has_a_problem(tmp_path: Path) -> None:
    (tmp_path / "codex").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "codex").chmod(0o755)
    assert version(str(tmp_path / "codex"), os.environ).problem == "cannot be run: exec format error"


@pytest.mark.parametrize(
    ("text", "found"), [("git version 2.39.5", (2, 39, 5)), ("v10.2-beta", (10, 2)), ("seven", ()), ("git 3", ())]
)
def test_the_number_in_a_version(text: str, found: tuple[int, ...]) -> None:
    assert number(text) == found
