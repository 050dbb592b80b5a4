"""A campaign in a real terminal: a file is edited in the person's editor, and a halt rings and says so in the title."""

from pathlib import Path

from tests.e2e.conftest import OPSROOM, Open, run
from tests.e2e.terminals import PyteTerminal
from tests.tui.campaigns import NAME, strict_typing


def control_room(folder: Path, status: str) -> Path:
    """A repository whose state directory has the campaign, and no orchestrator."""
    fleet = strict_typing(folder, status)
    fleet.state.lease.unlink()
    top = fleet.state.repository
    run(top, "git", "init", "--quiet", "--initial-branch=main")
    return top


def test_a_file_is_edited_and_what_changed_is_seen(tmp_path: Path, open_terminal: Open) -> None:
    top = control_room(tmp_path, "stop")
    editor = tmp_path / "my editor"
    editor.write_text(
        '#!/bin/sh\ntest "$1" = --wait || exit 3\nprintf "in the editor on %s, enter: " "${2##*/}"\nread -r line\n'
        'sed -i "s/^repairs = .*/repairs = 2/" "$2"\n'
    )
    editor.chmod(0o700)
    command = ("env", f"VISUAL='{editor}' --wait", OPSROOM, "tui")
    terminal = open_terminal(*command, columns=120, rows=50, cwd=top)
    terminal.see("strict-typing")
    terminal.press("enter")
    terminal.see("repair 2/7")
    terminal.press("e", "1")
    terminal.see("in the editor on campaign.toml, enter:")
    terminal.press("enter")
    terminal.see("repair 2/2")
    terminal.see("1 needs you")
    terminal.press("e", "2")
    terminal.see("in the editor on campaign.md, enter:")
    terminal.press("enter")
    terminal.see("repair 2/2")
    terminal.press("escape")
    terminal.see("▾ strict-typing")
    terminal.press("q")
    assert terminal.ends() == 0


def test_a_halt_rings_once_and_the_title_says_which_and_why(tmp_path: Path, open_terminal: Open) -> None:
    top = control_room(tmp_path, "running")
    queue = top / ".opsroom" / "campaigns" / NAME / "campaign.md"
    terminal = open_terminal(OPSROOM, "tui", columns=80, rows=24, cwd=top)
    terminal.see("strict-typing")
    terminal.wait(lambda: terminal.title() == "1 needs you · opsroom click", "the title of a running fleet")
    before = terminal.bells if isinstance(terminal, PyteTerminal) else 0
    text = queue.read_text().replace("STATUS: running", "STATUS: no_progress")
    queue.write_text(text.replace("STOP_REASON:", "STOP_REASON: 5 items in a row without progress"))
    said = "strict-typing no progress: 5 items in a row without progress · opsroom click"
    terminal.wait(lambda: terminal.title() == said, "the title of a halt")
    terminal.see("2 need you")
    if isinstance(terminal, PyteTerminal):
        assert (before, terminal.bells) == (0, 1)
    queue.write_text(text.replace("STATUS: no_progress", "STATUS: complete"))
    terminal.wait(lambda: terminal.title() == "1 needs you · opsroom click", "the title of a fleet with one stop")
    if isinstance(terminal, PyteTerminal):
        terminal.wait(lambda: terminal.bells == 2, "the bell of the end")
    terminal.press("q")
    assert terminal.ends() == 0
