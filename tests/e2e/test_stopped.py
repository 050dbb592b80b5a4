"""A control room that was stopped from outside and goes on, by a shell's `fg` or without; or has lost its terminal."""

import os
import signal
import time
from pathlib import Path

import pytest

from state import commands
from state.layout import StateDir
from tests.e2e.conftest import OPSROOM, Open, environment
from tests.e2e.terminals import PyteTerminal, Terminal
from tests.e2e.test_campaign_screen import control_room

WORDS = "The quick brown fox jumps over the lazy dog, 0123456789 times. " * 3


def running_in(folder: Path) -> int:
    """The id of the control room that runs in a directory."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == folder and b"\0tui\0" in (process / "cmdline").read_bytes():
                    return int(process.name)
            except OSError:  # it has ended, or is not ours
                continue
        time.sleep(0.02)
    raise AssertionError(f"no control room in {folder}")


def stopped(pid: int) -> None:
    """Waits until a process was stopped: it wanted the terminal, and a shell had it."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return
        time.sleep(0.02)
    raise AssertionError(f"{pid} goes on in the background")


def sent(top: Path) -> str:
    """All that was sent to the orchestrator."""
    state = StateDir(top / ".opsroom")
    return "\n".join((state.inbox / name).read_text() for name in commands.waiting(state))


def notes_are_taken_word_by_word(terminal: Terminal, top: Path) -> None:
    terminal.press("enter")
    terminal.see("Queue")
    for number in range(5):
        wanted = f"{number} {WORDS}".strip()
        terminal.press("N")
        terminal.see("a line that each worker is told")
        terminal.press(wanted, "enter")
        terminal.wait(lambda wanted=wanted: wanted in sent(top), f"{wanted!r} sent")  # type: ignore[misc]


@pytest.mark.parametrize("stop", [signal.SIGSTOP, signal.SIGTSTP])
def test_a_shell_takes_it_back_by_fg(tmp_path: Path, open_terminal: Open, stop: signal.Signals) -> None:
    top = control_room(tmp_path, "running")
    terminal = open_terminal("bash", "--norc", "-i", columns=120, rows=40, cwd=top)
    terminal.see("[$#]")
    terminal.press(f"{OPSROOM} tui", "enter")
    terminal.see("▾ strict-typing")
    os.kill(running_in(top), stop)
    terminal.see("Stopped")
    terminal.press("clear", "enter")
    terminal.see_gone("strict-typing")
    terminal.press("fg", "enter")
    terminal.see("▾ strict-typing")
    notes_are_taken_word_by_word(terminal, top)


def test_it_is_started_in_the_background(tmp_path: Path, open_terminal: Open) -> None:
    top = control_room(tmp_path, "running")
    terminal = open_terminal("bash", "--norc", "-i", columns=120, rows=40, cwd=top)
    terminal.see("[$#]")
    terminal.press(f"{OPSROOM} tui &", "enter")
    stopped(running_in(top))
    terminal.press("fg", "enter")
    terminal.see("▾ strict-typing")
    notes_are_taken_word_by_word(terminal, top)


def test_whoever_stopped_it_lets_it_go_on(tmp_path: Path, open_terminal: Open) -> None:
    top = control_room(tmp_path, "running")
    terminal = open_terminal(OPSROOM, "tui", columns=80, rows=24, cwd=top)
    terminal.see("▾ strict-typing")
    for _ in range(2):
        os.kill(running_in(top), signal.SIGSTOP)
        os.kill(running_in(top), signal.SIGCONT)
    notes_are_taken_word_by_word(terminal, top)


def test_it_ends_with_its_terminal_also_where_whoever_started_it_ignores_hangups(tmp_path: Path) -> None:
    top = control_room(tmp_path, "running")
    command = ("sh", "-c", f"trap '' HUP; exec {OPSROOM} tui")
    with PyteTerminal(command, columns=80, rows=24, cwd=top, environment=environment()) as terminal:
        terminal.see("▾ strict-typing")
        terminal.hang_up()
        assert terminal.ends() == 128 + signal.SIGHUP
