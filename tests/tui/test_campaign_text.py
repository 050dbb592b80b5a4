"""What the campaign screen says, without a screen."""

from datetime import timedelta
from pathlib import Path

import pytest

from state.campaign_file import CampaignFile
from state.envelope import Campaign, Metric, Proposal, Run
from state.fleet import FleetReader
from state.model import Status, Task
from state.spending import of_tasks
from state.usage import Budget, Usage
from state.views import CampaignView, TaskView
from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.campaigns import NAME, strict_typing
from tui.campaign_acts import between_runs, moved
from tui.campaign_progress import head, progress, since, why_line
from tui.campaign_queue import Queue, item_lines, when
from tui.campaign_text import history, policy, promoted, proposal_cells, proposals, runs
from tui.text import Line, plain, width


def read(fleet: FleetBuilder) -> tuple[CampaignView, dict[int, TaskView]]:
    reader = FleetReader(fleet.state)
    root = fleet.state.root
    reader.apply(frozenset(path.relative_to(root).as_posix() for path in root.rglob("*")))
    tasks = {task.task.index: task for task in reader.fleet.tasks.values() if task.task}
    return reader.fleet.campaigns[NAME], tasks


def text_of(lines: list[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


def campaign(
    items: int = 3,
    history: str = "",
    envelope: Campaign | None = None,
    runs: tuple[tuple[int, Run], ...] = (),
    **headers: object,
) -> CampaignView:
    head = "".join(f"{key}: {value}\n" for key, value in headers.items())
    queue = "".join(f"{index}. f{index}.py\n" for index in range(1, items + 1))
    file = CampaignFile(f"# c\n\n{head}\n## Queue\n{queue}\n## History\n{history}".encode())
    return CampaignView("c", envelope, file, runs)


def task(index: int, state: str, **fields: object) -> TaskView:
    status = Status(state=state, since=ago(minutes=3), by="orchestrator", **fields)  # type: ignore[arg-type]
    return TaskView(f"c-{index:04}", Task(title=f"f{index}.py", created=NOW, campaign="c", index=index), status)


# the queue


@pytest.mark.parametrize("columns", [4, 12, 20, 30, 46, 56, 100, 300])
def test_a_row_is_exactly_as_wide_as_its_list(tmp_path: Path, columns: int) -> None:
    view, tasks = read(strict_typing(tmp_path))
    queue = Queue(view, tasks)
    for place in range(len(queue)):
        assert width(plain(queue.cells(place, columns, NOW))) == max(columns, 6), place


def test_a_task_at_work_says_more_than_the_history() -> None:
    line = "2026-11-21T09:00:00+00:00 | index=1 | result=failure_reverted | why=tests failed\n"
    tried_again = Queue(campaign(history=line), {1: task(1, "queued")})
    assert tried_again.standing(tried_again.items[0], 0).word == "queued"
    over = Queue(campaign(history=line), {1: task(1, "failed")})
    assert over.standing(over.items[0], 0).word == "reverted"
    assert over.why(over.items[0]) == "tests failed"
    ended = Queue(campaign(), {1: task(1, "merged")})  # its line of history is about to be written
    assert ended.standing(ended.items[0], 0).word == "merged"


def test_items_above_the_next_one_were_passed_over() -> None:
    queue = Queue(campaign(NEXT_INDEX=2), {})
    assert [queue.standing(item, place).word for place, item in enumerate(queue.items)] == [
        "passed",
        "pending",
        "pending",
    ]
    assert plain(queue.cells(1, 40, NOW)).startswith("› 2 · f2.py")
    assert "the campaign goes on below it" in text_of(item_lines(queue, 0, NOW))
    assert "the next one" in text_of(item_lines(queue, 1, NOW))


def test_a_repair_is_counted_and_an_unknown_limit_is_not_made_up() -> None:
    repairing = {1: task(1, "running", repairs=3, attempt=4)}
    queue = Queue(campaign(envelope=Campaign(agent="codex", repairs=7)), repairing)
    assert queue.standing(queue.items[0], 0).word == "repair 3/7"
    assert "repair 3/7, running for 3m · attempt 4" in text_of(item_lines(queue, 0, NOW))
    assert Queue(campaign(), repairing).standing(queue.items[0], 0).word == "repair 3/?"


def test_a_result_that_nobody_knows_is_shown_as_it_stands() -> None:
    queue = Queue(campaign(history="today | index=1 | result=miracle | seconds=soon\n"), {})
    assert "miracle" in plain(queue.cells(0, 60, NOW))
    assert queue.took(queue.items[0], NOW) == ""


def test_a_changed_task_has_nothing_worked_out_anew_but_a_changed_file_has() -> None:
    view = campaign(NEXT_INDEX=2)
    queue = Queue(view, {})
    places = queue.places
    renewed = queue.renewed(view, {2: task(2, "running")})
    assert renewed.places is places
    assert renewed.standing(renewed.items[1], 1).word == "running"
    assert queue.renewed(campaign(4), {}).places == {1: 0, 2: 1, 3: 2, 4: 3}


def test_only_a_time_with_a_zone_is_one() -> None:
    assert when("2026-11-21T09:00:00+00:00") == NOW.replace(hour=9, minute=0, second=0)
    assert when("2026-11-21T09:00:00") is None
    assert when("yesterday") is None


# how it stands


def test_the_head_says_status_age_and_the_next_item(tmp_path: Path) -> None:
    view, tasks = read(strict_typing(tmp_path))
    text = plain(head(Queue(view, tasks), NOW, 200))
    assert text.startswith(" strict-typing  stop for 20m · run 2   5/14 ▓▓▓▓▓▓▓░")
    assert text.endswith("next 6 src/click/termui.py")
    for columns in (10, 40, 80):
        assert width(plain(head(Queue(view, tasks), NOW, columns))) <= columns


def test_the_age_of_a_status_is_that_of_its_run() -> None:
    assert since(campaign()) is None
    assert since(campaign(runs=((1, Run(started=ago(hours=1))),))) == ago(hours=1)
    assert since(campaign(runs=((1, Run(started=ago(hours=1), ended=ago(minutes=1))),))) == ago(minutes=1)


def test_why_it_halted_is_one_line_and_nothing_where_it_did_not() -> None:
    view = campaign(STATUS="error", STOP_REASON="a worker ran out of time")
    assert plain(why_line(view, 80)) == " a worker ran out of time"
    assert plain(why_line(view, 12)) == " a worker r…"
    assert why_line(campaign(STATUS="running"), 80) == ()


def test_the_head_of_an_empty_and_of_a_finished_queue() -> None:
    assert "0/0" in plain(head(Queue(campaign(0), {}), NOW, 100))
    line = "2026-11-21T09:00:00+00:00 | index=1 | result=success\n"
    assert "no item is left" in plain(head(Queue(campaign(1, line, NEXT_INDEX=2), {}), NOW, 100))


@pytest.mark.parametrize(
    ("spent", "said", "tone"),
    [
        (Usage(dollars=1.0), "$1.00 of $10.00", ""),
        (Usage(dollars=9.5), "$9.50 of $10.00", "attention"),
        (Usage(dollars=12.0), "$12.00 of $10.00", "trouble"),
    ],
)
def test_a_budget_is_marked_as_it_is_used_up(spent: Usage, said: str, tone: str) -> None:
    view = campaign(envelope=Campaign(agent="codex", budgets=Budget(dollars=10.0)))
    (line,) = [line for line in progress(Queue(view, {}), spent, 60, 20) if plain(line).startswith("dollars")]
    assert said in plain(line)
    assert line[-1][1] == tone


def test_what_has_no_limit_says_so() -> None:
    text = text_of(progress(Queue(campaign(), {}), Usage(tokens=41_210), 60, 20))
    assert "tokens      41,210  no limit" in text
    assert "no progress 0  no limit" in text


def test_what_tasks_used_is_summed(tmp_path: Path) -> None:
    _, tasks = read(strict_typing(tmp_path))
    assert of_tasks(tasks.values(), NOW) == Usage(attempts=16, seconds=2831.0, tokens=1_273_020, dollars=6.39)


def test_a_goal_that_is_no_number_draws_no_goal() -> None:
    metric = Metric(name="files", command=["./count"], goal=float("inf"))
    line = "2026-11-21T09:00:00+00:00 | index=1 | result=success | metric=3\n"
    view = campaign(history=line, envelope=Campaign(agent="codex", metric=metric), METRIC_START=5, METRIC_CURRENT=3)
    text = text_of(progress(Queue(view, {}), Usage(), 60, 20))
    assert "start 5 · now 3 · goal inf" in text
    assert "5 ┤" in text


# policy, history, runs, proposals


def test_the_policy_is_all_that_a_worker_is_held_to(tmp_path: Path) -> None:
    view, _ = read(strict_typing(tmp_path))
    text = text_of(policy(view))
    for said in (
        "- A cast needs a comment that says why it holds.",
        "- src/click/_textwrap.py",
        "allow       {item}",
        "deny        tests/",
        r"forbid      :\s*Any\b  type: ignore",
        "at most     3 files · 400 lines",
        "repairs     7",
        "check       typecheck   make typecheck",
        "files without strict types, at most 2 % worse   ./count.sh --strict",
        "seconds of the test suite, at most 15 % worse",
        "invocations started  21",
    ):
        assert said in text


def test_without_a_policy_it_says_how_to_make_one() -> None:
    assert "N adds a line, D protects a path" in text_of(policy(campaign()))


def test_of_a_long_history_the_newest_lines_are_shown() -> None:
    lines = "".join(f"2026-11-21T09:00:00+00:00 | index={index} | result=success\n" for index in range(1, 1_501))
    shown = history(campaign(history=lines).file)
    assert len(shown) == 1_001
    assert "1500" in plain(shown[0])
    assert "500 older lines: e opens campaign.md" in plain(shown[-1])


def test_a_run_that_is_on_says_for_how_long() -> None:
    text = text_of(runs(campaign(runs=((3, Run(started=ago(minutes=5), items=2, metric_before="27")),)), NOW))
    assert "3 running for 5m" in text
    assert "2 items" in text
    assert "metric 27 → ?" in text
    assert "not started yet: p starts it" in text_of(runs(campaign(), NOW))


def test_proposals_are_those_of_the_newest_run_that_ended() -> None:
    old, new = Proposal(kind="rule", text="old"), Proposal(kind="rule", text="new")
    first = Run(started=ago(hours=3), ended=ago(hours=2), proposals=[old])
    second = Run(started=ago(hours=2), ended=ago(hours=1), proposals=[new])
    assert proposals(campaign(runs=((1, first), (2, second), (3, Run(started=NOW))))) == [new]


def test_what_was_promoted_is_ticked(tmp_path: Path) -> None:
    view, _ = read(strict_typing(tmp_path))
    assert [promoted(view, one) for one in proposals(view)] == [True, False, False, False]
    for columns in (10, 30, 80):
        assert all(width(plain(proposal_cells(view, one, columns))) == columns for one in proposals(view))


# moves


@pytest.mark.parametrize(
    ("index", "by", "before", "after"),
    [
        (3, -1, 2, [1, 3, 2, 4]),
        (3, 1, 0, [1, 2, 4, 3]),
        (2, 1, 4, [1, 3, 2, 4]),
        (4, -1, 3, [1, 2, 4, 3]),
    ],
)
def test_a_move_says_before_which_item(index: int, by: int, before: int, after: list[int]) -> None:
    assert moved([1, 2, 3, 4], frozenset(), index, by) == (before, after)


@pytest.mark.parametrize(("index", "by"), [(1, -1), (4, 1), (3, -1), (9, 1)])
def test_nothing_moves_off_the_queue_or_past_what_is_over(index: int, by: int) -> None:
    assert moved([1, 2, 3, 4], frozenset({2}), index, by) is None


def test_between_runs_is_when_none_is_on() -> None:
    ended = ((1, Run(started=ago(hours=1), ended=NOW)),)
    assert between_runs(campaign(STATUS="stop", runs=ended))
    assert not between_runs(campaign(STATUS="running", runs=ended))
    assert not between_runs(campaign(STATUS="paused", runs=((1, Run(started=NOW)),)))  # its last items are at work


def test_an_age_of_the_future_is_none() -> None:
    view = campaign(STATUS="running", runs=((1, Run(started=NOW + timedelta(hours=1))),))
    assert "running for 0s" in plain(head(Queue(view, {}), NOW, 80))
