"""In a real terminal: what is left of the machine, what a worker takes of it, and what the doctor says."""

from pathlib import Path

import pytest

from tests.e2e.conftest import OPSROOM, Open
from tests.e2e.test_story import spawn


def test_the_machine_and_the_worker_are_seen_at_work(house: Path, open_terminal: Open) -> None:
    spawn(house)
    terminal = open_terminal(OPSROOM, columns=120, rows=40, cwd=house)

    terminal.see(r"mem \d+(\.\d)?[MGT] free · disk \d+(\.\d)?[MGT]")
    terminal.see("Which colour shall it be")
    terminal.press("n")
    terminal.see(r"takes +\d+% cpu · \d+M memory · \d process")
    terminal.press("a")
    terminal.see("2 blue")
    terminal.press("2")
    terminal.see("merged")
    terminal.see_gone("takes ")
    terminal.press("q")
    assert terminal.ends() == 0


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (70, 40)])
def test_the_doctor_knows_the_terminal_that_it_speaks_in(
    house: Path, open_terminal: Open, columns: int, rows: int
) -> None:
    terminal = open_terminal(OPSROOM, "doctor", columns=columns, rows=rows, cwd=house)

    terminal.see(f"ok +{columns}×{rows}" if columns >= 80 else f"warn +{columns}×{rows} is small")
    terminal.see("ok +UTF-8")
    terminal.see("painter: ")
    assert terminal.ends() == 0
