from datetime import timedelta

import pytest
from rich.cells import cell_len

from state.campaign_file import CampaignFile
from state.errors import Fault
from state.machine import Worker
from state.model import STATES, Status, Task
from state.views import CampaignView, TaskView
from tests.tui.builder import NOW
from tui.cells import GLYPHS, bar, row_cells
from tui.rows import Row
from tui.text import plain


def row(state: str = "running", title: str = "src/click/types.py", name: str = "strict-003", **fields: object) -> Row:
    task = Task(title=title, created=NOW, campaign="strict")
    status = Status(state=state, since=NOW - timedelta(seconds=12), by="o")
    return Row(f"task:{name}", 1, TaskView(name, task, status, **fields))  # type: ignore[arg-type]


def test_a_row_says_sign_name_state_and_age() -> None:
    assert plain(row_cells(row(), 44, NOW)) == "  ● 003 src/click/types.py   running    12s "


def test_every_state_of_the_protocol_has_a_sign_of_one_column() -> None:
    assert set(GLYPHS) == STATES
    assert all(cell_len(sign) == 1 for sign in GLYPHS.values())


def test_a_wide_row_says_what_its_worker_takes() -> None:
    takes = Worker(task="strict-003", attempt=1, cpu_percent=187.4, memory_mib=1_290, processes=9)
    text = plain(row_cells(row(), 70, NOW, takes=takes))
    assert text == "  ● 003 src/click/types.py                 187%  1.3G  running    12s "
    assert "187%" not in plain(row_cells(row(), 60, NOW, takes=takes))


def test_an_unknown_state_is_shown_as_it_stands() -> None:
    assert plain(row_cells(row("hibernating"), 50, NOW)).startswith("  · 003 src/click/types.py")
    assert "hibernating" in plain(row_cells(row("hibernating"), 50, NOW))


def test_a_fault_overrules_the_state() -> None:
    text = plain(row_cells(row(faults=(Fault("tasks/x/status.toml", 3, "not TOML"),)), 44, NOW))
    assert text.startswith("  ! 003") and "fault" in text and "running" not in text


def test_a_quiet_worker_is_marked_in_word_and_not_in_colour() -> None:
    cells = row_cells(row(), 44, NOW, quiet=True)
    assert "quiet" in plain(cells)
    assert not {tone for _, tone in cells} & {"attention", "trouble"}


@pytest.mark.parametrize("state", ["queued", "running", "merged", "cancelled", "paused", "verifying"])
def test_only_what_needs_a_person_has_colour(state: str) -> None:
    assert not {tone for _, tone in row_cells(row(state), 44, NOW)} & {"attention", "trouble"}


@pytest.mark.parametrize("columns", range(4, 120, 7))
@pytest.mark.parametrize("title", ["src/click/types.py", "日本語のとても長い題名", "x" * 300])
def test_a_row_takes_exactly_the_columns_there_are(columns: int, title: str) -> None:
    assert cell_len(plain(row_cells(row(title=title), columns, NOW))) == columns or columns < 8


def test_a_bar_is_full_only_when_all_is_done() -> None:
    assert bar(0, 10, 4) == "░░░░"
    assert bar(1, 63, 4) == "▓░░░"
    assert bar(62, 63, 4) == "▓▓▓░"
    assert bar(63, 63, 4) == "▓▓▓▓"
    assert bar(0, 0, 4) == "░░░░"


def test_a_campaign_says_how_far_it_is() -> None:
    file = CampaignFile(b"# t\n\nSTATUS: no_progress\nMETRIC_START: 27\nMETRIC_CURRENT: 19\n\n## Queue\n1. a\n2. b\n")
    one = Row("campaign:strict", 0, None, CampaignView("strict", file=file), False, done=1, total=2)
    assert plain(row_cells(one, 64, NOW)) == "▾ strict                        1/2 ▓▓▓▓░░░░ no progress  27→19 "
    assert ("no progress", "trouble") in [(text.strip(), tone) for text, tone in row_cells(one, 64, NOW)]
