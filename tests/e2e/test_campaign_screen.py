"""A campaign in a real terminal: started, stopped at an item, moved on by a person; edited; heard of when it halts."""

from pathlib import Path

from state import files
from state.campaign_file import CampaignFile
from tests.e2e.conftest import OPSROOM, Open, run
from tests.e2e.terminals import PyteTerminal
from tests.tui.campaigns import NAME, strict_typing

WORKER = """\
#!/bin/sh
cat > /dev/null
if [ "$OPSROOM_ITEM" = two.txt ]; then
    opsroom stop "two.txt belongs to the neighbours"
    exit 0
fi
echo painted > "$OPSROOM_ITEM"
opsroom result success --summary "painted $OPSROOM_ITEM"
"""


def test_a_campaign_is_run_from_its_screen(house: Path, open_terminal: Open) -> None:
    (house.parent / "painter.sh").write_text(WORKER)
    folder = house / ".opsroom" / "campaigns" / "walls"
    folder.mkdir(parents=True)
    (folder / "campaign.toml").write_text('agent = "painter"\nbase = "main"\n')
    (folder / "campaign.md").write_text("# Walls\n\nSTATUS: paused\n\n## Queue\n1. one.txt\n2. two.txt\n3. tree.txt\n")
    terminal = open_terminal(OPSROOM, columns=120, rows=40, cwd=house)

    terminal.see("walls +0/3")
    terminal.press("enter")
    terminal.see("› +1 · one.txt")
    terminal.press("G", "w")
    terminal.see("reword 3 tree.txt ›")
    terminal.press(*["backspace"] * 8, *"three.txt", "enter")
    terminal.see("3 · three.txt")
    terminal.press("p")
    terminal.see("1 ✓ one.txt +success")
    terminal.see("2 ■ two.txt .* stopped")
    terminal.see("walls +stop for")
    terminal.press("N", *"Ask the neighbours first.", "enter")
    terminal.see("- Ask the neighbours first.")
    terminal.press("k", "d")
    terminal.see("defer 2 two.txt ›")
    terminal.press(*"they are away", "enter")
    terminal.see("2 → two.txt .* deferred")
    terminal.press("p")
    terminal.see("3 ✓ three.txt +success")
    terminal.see("walls +complete for")
    terminal.press("q")
    assert terminal.ends() == 0

    file = CampaignFile((folder / "campaign.md").read_bytes())
    assert [(line.index, line.result) for line in file.history] == [
        (1, "success"),
        (2, "STOP-NEEDS-HUMAN"),
        (2, "human_deferred"),
        (3, "success"),
    ]
    assert file.history[2].fields["why"] == "they are away"
    assert file.policy == ("Ask the neighbours first.",)
    names = run(house, "git", "ls-tree", "--name-only", "campaign/walls").split()
    assert {"one.txt", "three.txt"} <= set(names) and "two.txt" not in names


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


def write(path: Path, text: str) -> None:
    """Writes a file as the orchestrator does: nobody reads half of it."""
    files.replace(path.parent, path, text.encode())


def test_a_halt_rings_once_and_the_title_says_which_and_why(tmp_path: Path, open_terminal: Open) -> None:
    top = control_room(tmp_path, "running")
    queue = top / ".opsroom" / "campaigns" / NAME / "campaign.md"
    terminal = open_terminal(OPSROOM, "tui", columns=80, rows=24, cwd=top)
    terminal.see("strict-typing")
    terminal.wait(lambda: terminal.title() == "1 needs you · opsroom click", "the title of a running fleet")
    before = terminal.bells if isinstance(terminal, PyteTerminal) else 0
    text = queue.read_text().replace("STATUS: running", "STATUS: no_progress")
    write(queue, text.replace("STOP_REASON:", "STOP_REASON: 5 items in a row without progress"))
    said = "strict-typing no progress: 5 items in a row without progress · opsroom click"
    terminal.wait(lambda: terminal.title() == said, "the title of a halt")
    terminal.see("2 need you")
    if isinstance(terminal, PyteTerminal):
        assert (before, terminal.bells) == (0, 1)
    write(queue, text.replace("STATUS: no_progress", "STATUS: complete"))
    terminal.wait(lambda: terminal.title() == "1 needs you · opsroom click", "the title of a fleet with one stop")
    if isinstance(terminal, PyteTerminal):
        terminal.wait(lambda: terminal.bells == 2, "the bell of the end")
    terminal.press("q")
    assert terminal.ends() == 0
