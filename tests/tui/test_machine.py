"""What is said of the machine, of what a worker takes, and of what is held."""

from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from state.machine import Hold, Machine, Worker
from state.model import Exit, Lease, Status
from state.views import Fleet, TaskView
from tests.tui.builder import NOW, ago
from tui.machine import cores, hold_line, hold_text, left_cells, short_cells, takes_text, unsafe_text
from tui.summary import Summary, top_line
from tui.text import plain

LEASE = Lease(pid=1, host="h", started=ago(hours=2), beat=NOW)
CODEX = Hold(
    kind="provider",
    agent="codex",
    why="rate limit",
    since=ago(minutes=4),
    until=NOW + timedelta(minutes=17),
    failures=2,
)
SHORT = Hold(
    kind="machine",
    why="412 MiB of memory are free, less than orchestrator.min_free_memory_mib = 512",
    since=ago(seconds=40),
)


def machine(**figures: Any) -> Machine:
    usual: dict[str, Any] = {"memory_total_mib": 31_744, "memory_free_mib": 14_541, "min_free_memory_mib": 512}
    usual |= {"disk_total_mib": 204_800, "disk_free_mib": 81_203, "min_free_disk_mib": 1024, "at": NOW, "every": 5.0}
    return Machine(host="box", cores=8, load=2.5, **(usual | figures))


def worker(task: str = "a", attempt: int = 2) -> Worker:
    return Worker(task=task, attempt=attempt, cpu_percent=187.4, memory_mib=1_290, processes=9)


def view(state: str = "running", **parts: Any) -> TaskView:
    return TaskView("a", status=Status(state=state, since=NOW, by="o", attempt=2), **parts)


@pytest.mark.parametrize(("percent", "text"), [(0.0, "0%"), (98.6, "99%"), (187.4, "187%"), (1e12, "99999%")])
def test_a_share_of_the_cores(percent: float, text: str) -> None:
    assert cores(percent) == text


# what is left


def test_what_is_left_is_said_where_there_is_room() -> None:
    text = plain(top_line(120, NOW, "click", LEASE, Summary(), machine=machine()))
    assert "mem 14.2G free · disk 79G" in text
    assert "mem" not in plain(top_line(60, NOW, "click", LEASE, Summary(running=2, total=9), machine=machine()))


def test_what_is_short_is_said_in_colour_at_eighty_columns_and_alone() -> None:
    line = top_line(80, NOW, "click", LEASE, Summary(total=12), machine=machine(memory_free_mib=412))
    assert ("mem 412M free", "attention") in line
    assert "disk" not in plain(line)


def test_of_two_that_are_short_both_are_said() -> None:
    line = top_line(80, NOW, "click", LEASE, Summary(), machine=machine(memory_free_mib=412, disk_free_mib=90))
    assert ("mem 412M · disk 90M free", "attention") in line


def test_with_room_only_what_is_short_has_the_colour() -> None:
    cells = left_cells(machine(disk_free_mib=900), NOW)
    assert plain(cells) == "mem 14.2G free · disk 900M"
    assert [text for text, tone in cells if tone == "attention"] == ["900M"]


def test_nothing_is_short_where_nobody_says_what_is_needed() -> None:
    nobody = machine(memory_free_mib=1, disk_free_mib=1, min_free_memory_mib=0, min_free_disk_mib=0)
    assert short_cells(nobody, NOW) == ()


def test_a_sample_that_is_old_says_so_and_is_never_short() -> None:
    old = machine(at=ago(minutes=4), memory_free_mib=412)
    assert left_cells(old, NOW) == (("mem 412M? · disk 79G? 4m ago", "muted"),)
    assert short_cells(old, NOW) == ()


# what a worker takes


def test_the_running_attempt_is_found_in_the_sample() -> None:
    assert Fleet(machine=machine(workers=[worker("b"), worker()])).takes(view()) == worker()
    assert takes_text(worker()) == "187% cpu · 1.3G memory · 9 processes"
    assert takes_text(Worker(task="a", attempt=1, processes=1)).endswith(" · 1 process")


def test_what_has_ended_takes_nothing() -> None:
    fleet = Fleet(machine=machine(workers=[worker()]))
    ended = Exit(reason="exited", started=NOW, ended=NOW, status=0)
    assert fleet.takes(view(exit=ended)) is None
    assert fleet.takes(TaskView("a")) is None
    assert Fleet().takes(view()) is None


def test_a_worker_that_waits_for_an_answer_takes_its_memory_still() -> None:
    assert Fleet(machine=machine(workers=[worker()])).takes(view("waiting")) == worker()


def test_an_earlier_attempt_is_not_taken_for_the_one_that_runs() -> None:
    assert Fleet(machine=machine(workers=[worker(attempt=1)])).takes(view()) is None


# the sandbox


def test_a_sandbox_that_was_wanted_and_is_not_there_is_marked() -> None:
    fallen = Lease(pid=1, host="h", started=ago(hours=2), beat=NOW, sandbox="none", sandbox_why="no user namespaces")
    assert ("no sandbox", "attention") in top_line(80, NOW, "click", fallen, Summary())
    assert "sandbox" not in plain(top_line(80, NOW + timedelta(hours=1), "click", fallen, Summary()))


@pytest.mark.parametrize(("sandbox", "why"), [("bubblewrap", ""), ("none", ""), ("", ""), ("bubblewrap", "odd")])
def test_nothing_is_marked_where_nothing_less_than_wanted_is_used(sandbox: str, why: str) -> None:
    assert unsafe_text(Lease(pid=1, host="h", started=NOW, beat=NOW, sandbox=sandbox, sandbox_why=why)) == ""


# what is held


def test_a_hold_says_who_since_when_why_and_until_when() -> None:
    assert hold_text(CODEX, NOW) == "codex held 4m: rate limit, until 10:32"
    assert hold_text(SHORT, NOW) == f"all agents held 40s: {SHORT.why}"


def test_a_hold_until_another_day_names_the_day() -> None:
    far = Hold(kind="provider", agent="codex", why="quota", since=NOW, until=NOW + timedelta(hours=30))
    assert hold_text(far, NOW).endswith(", until Sun 16:15")


def test_a_hold_whose_time_is_over_is_being_tried() -> None:
    assert hold_text(CODEX, NOW + timedelta(minutes=18)) == "codex held 22m: rate limit, being tried again"


def test_several_are_said_with_as_much_of_their_reasons_as_there_is_room_for() -> None:
    assert plain(hold_line(160, NOW, [CODEX, SHORT])) == f" {hold_text(SHORT, NOW)} · {hold_text(CODEX, NOW)}"
    eighty = " all agents held 40s: 412 MiB of memo… · codex held 4m: rate limit, until 10:32"
    assert plain(hold_line(80, NOW, [CODEX, SHORT])) == eighty
    assert plain(hold_line(40, NOW, [CODEX, SHORT])) == " 2 holds: all agents, codex"


@pytest.mark.parametrize("columns", [1, 10, 40, 80, 120, 300])
@pytest.mark.parametrize("holds", [[CODEX], [SHORT], [CODEX, SHORT], [SHORT] * 9, [CODEX] * 9_999])
def test_the_line_is_never_wider_than_the_screen(columns: int, holds: list[Hold]) -> None:
    assert 0 < cell_len(plain(hold_line(columns, NOW, holds))) <= columns


def test_nothing_held_is_no_line() -> None:
    assert hold_line(80, NOW, []) == ()


def test_what_a_dead_orchestrator_left_steps_back() -> None:
    assert {tone for _, tone in hold_line(80, NOW, [CODEX])} == {"attention"}
    assert {tone for _, tone in hold_line(80, NOW, [CODEX], living=False)} == {"muted"}


def test_words_of_a_hold_cannot_steer_the_terminal() -> None:
    hostile = Hold(kind="provider", agent="\x1b[2J" * 40, why="\x1b]0;x\x07\u202e\n[red]", since=NOW)
    text = plain(hold_line(120, NOW, [hostile]))
    assert not any(character in text for character in "\x1b\x07\u202e\n")
    assert cell_len(text) <= 120
