"""A person at the keys: a question appears, is answered, the worker receives it, its commit lands."""

from pathlib import Path

import pytest

from tests.e2e.conftest import OPSROOM, Open, run

SIZES = pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])


def spawn(house: Path) -> None:
    spec = house.parent / "spec.md"
    spec.write_text("Paint the wall. Done when wall.txt says the colour.\n")
    run(house, OPSROOM, "spawn", "--title", "Paint the wall", "--spec", str(spec))


@SIZES
def test_a_question_is_answered_by_a_digit_and_the_workers_commit_lands(
    house: Path, open_terminal: Open, columns: int, rows: int
) -> None:
    spawn(house)
    terminal = open_terminal(OPSROOM, columns=columns, rows=rows, cwd=house)

    terminal.see("house")
    terminal.see("Which colour shall it be")
    terminal.see("1 needs you")
    terminal.press("n", "a")
    terminal.see("2 blue")
    terminal.press("2")
    terminal.see("merged")
    terminal.see_gone("Which colour shall it be")

    assert run(house, "git", "show", "main:wall.txt") == "blue\n"
    assert "Paint the wall" in run(house, "git", "log", "-1", "--format=%s", "main")
    assert (house / "wall.txt").read_text() == "blue\n", "the clean checkout came along"
    terminal.press("q")
    assert terminal.ends() == 0
    assert "up" in run(house, OPSROOM, "status").splitlines()[0], "leaving ends no orchestrator"


@SIZES
def test_an_answer_is_typed(house: Path, open_terminal: Open, columns: int, rows: int) -> None:
    spawn(house)
    terminal = open_terminal(OPSROOM, columns=columns, rows=rows, cwd=house)

    terminal.see("Which colour shall it be")
    terminal.press("n", "a")
    terminal.see("2 blue")
    terminal.press(*"green, like the door", "enter")
    terminal.see("merged")

    assert run(house, "git", "show", "main:wall.txt") == "green, like the door\n"
    terminal.press("q")
    assert terminal.ends() == 0


def test_keys_that_arrive_in_one_burst_do_what_they_do_one_by_one(house: Path, open_terminal: Open) -> None:
    spawn(house)
    terminal = open_terminal(OPSROOM, columns=80, rows=24, cwd=house)

    terminal.see("Which colour shall it be")
    terminal.press("na2")
    terminal.see("merged")

    assert run(house, "git", "show", "main:wall.txt") == "blue\n"
    terminal.press("q")
    assert terminal.ends() == 0


def test_a_worker_is_stopped_by_pressing_x_twice_and_leaving_keeps_its_work(house: Path, open_terminal: Open) -> None:
    spawn(house)
    terminal = open_terminal(OPSROOM, columns=120, rows=40, cwd=house)

    terminal.see("Which colour shall it be")
    terminal.press("n", "x")
    terminal.see("again")
    terminal.press("xx")  # the second one is for a machine on which the 3 s were over before the first came
    terminal.see("cancelled")

    assert run(house, "git", "log", "--format=%s", "main") == "a house\n"
    terminal.press("q")
    assert terminal.ends() == 0
