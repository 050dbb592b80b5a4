"""`opsroom demo` as a new user would see it."""

from pathlib import Path

import pytest

from tests.e2e.conftest import OPSROOM, Open, run


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_the_demo_shows_a_campaign_that_runs_and_asks_and_goes_on(
    demo_folder: Path, open_terminal: Open, columns: int, rows: int
) -> None:
    top = demo_folder
    terminal = open_terminal(
        OPSROOM, "demo", "--speed", "4", "--dir", str(top), columns=columns, rows=rows, cwd=top.parent
    )

    terminal.see("typing-imports")
    terminal.see(r"globals\.py +merged")
    terminal.see("[1-9] needs? you")
    terminal.see("1 import it as _TypeVar")  # the file that fails may need a person sooner
    terminal.press("n", "a")
    terminal.see("or type an answer")
    terminal.press("1")
    terminal.see(r"shell_completion\.py +merged")
    terminal.see(r"types\.py +failed")
    terminal.see(r"_winconsole\.py +stopped")
    terminal.see(r"13/14")
    terminal.press("q")

    assert terminal.ends() == 0
    assert "Everything lies in" in terminal.text()
    migrated = run(top, "git", "show", "campaign/typing-imports:src/click/shell_completion.py")
    assert "TypeVar as _TypeVar" in migrated
    assert run(top, "git", "status", "--short") == "", "the checkout is as it was"
    run(top, OPSROOM, "down")
