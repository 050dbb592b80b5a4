"""A control room whose terminal goes away, or that never had one."""

import subprocess
from pathlib import Path

import pytest

from state.layout import StateDir
from tests.e2e.conftest import OPSROOM, environment
from tests.e2e.terminals import PyteTerminal
from tests.e2e.test_campaign_screen import control_room


@pytest.mark.parametrize("trap", ["trap - HUP", "trap '' HUP"], ids=["SIGHUP", "SIGHUP-ignored"])
@pytest.mark.parametrize("busy", ["", "?"], ids=["fleet", "help"])
def test_it_ends_with_its_terminal(tmp_path: Path, trap: str, busy: str) -> None:
    """Also where the signal that tells of it is ignored, and where something is to be drawn just then."""
    top = control_room(tmp_path, "running")
    argv = ["bash", "-c", f"{trap}; exec {OPSROOM} tui"]
    with PyteTerminal(argv, columns=80, rows=24, cwd=top, environment=environment()) as terminal:
        terminal.see("▾ strict-typing")
        terminal.press(*busy)
        terminal.hang_up()
        assert terminal.ends() in (-1, 129)


@pytest.mark.parametrize(
    ("argv", "instead"), [([], "status"), (["tui"], "status"), (["demo", "--dir", "made"], "demo --no-tui")]
)
def test_without_a_terminal_it_says_what_does_without_one(tmp_path: Path, argv: list[str], instead: str) -> None:
    top = control_room(tmp_path, "running")
    said = subprocess.run(
        [OPSROOM, *argv],
        cwd=top,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    why = "the control room needs a terminal, and standard input is none"
    assert (said.returncode, said.stdout, said.stderr) == (3, "", f"opsroom: {why}; as text: 'opsroom {instead}'\n")
    assert not (top / "made").exists()
    assert not StateDir(top / ".opsroom").lease.exists()
