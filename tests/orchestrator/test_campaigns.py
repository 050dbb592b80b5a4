"""Each rule of `campaigns.plan`, as a campaign and its tasks and what follows from them."""

from typing import Any

from orchestrator.campaign.campaigns import Begin, Halt, Launch, Record, plan, spec_of, task_of
from state.campaign_file import CampaignFile
from state.envelope import Campaign, Run
from state.errors import Fault
from state.views import CampaignView, TaskView
from tests.orchestrator.snapshots import NOW, view

ITEMS = ["a.txt", "b.txt", "c.txt"]
RUN = Run(started=NOW, branch="campaign/twos")


def campaign(
    *history: str, status: str = "running", run: Run | None = RUN, at_once: int = 1, next_index: int = 1, **parts: Any
) -> CampaignView:
    """Campaign `twos` with three items; `history` are lines without their time."""
    queue = "".join(f"{number}. {item} | why=easy\n" for number, item in enumerate(ITEMS, 1))
    lines = "".join(f"2026-11-21T12:00:00+00:00 | {line}\n" for line in history)
    head = f"# Twos\n\nSTATUS: {status}\nSTOP_REASON: said so\nNEXT_INDEX: {next_index}\nNOTES: Be careful.\n"
    file = CampaignFile(f"{head}\n## Queue\n{queue}\n## History\n{lines}".encode())
    values: dict[str, Any] = {
        "name": "twos",
        "envelope": Campaign(agent="a", at_once=at_once),
        "file": file,
        "runs": () if run is None else ((1, run),),
    }
    return CampaignView(**values | parts)


def tasks(*states: str) -> dict[str, TaskView]:
    """The tasks of the first items, each in one of `states`."""
    found = [view(state, task=task_of("twos", number)) for number, state in enumerate(states, 1) if state]
    return {task.id: task for task in found}


def test_a_run_begins_with_its_branch_and_its_metric() -> None:
    fresh = campaign(run=Run(started=NOW))
    assert plan(fresh, {}, busy=False) == [Begin("twos", 1)]
    assert plan(fresh, {}, busy=True) == []


def test_items_are_launched_in_order_and_as_many_as_may_be_at_once() -> None:
    for at_once in (1, 2, 3, 9):
        launched = [d.item.index for d in plan(campaign(at_once=at_once), {}, busy=False) if isinstance(d, Launch)]
        assert launched == list(range(1, min(at_once, 3) + 1))


def test_a_live_item_takes_a_place() -> None:
    for state in ("queued", "running", "waiting", "paused", "retrying", "verifying", "merging"):
        assert plan(campaign(at_once=1), tasks(state), busy=False) == []
        (only,) = plan(campaign(at_once=2), tasks(state), busy=False)
        assert isinstance(only, Launch)
        assert only.item.index == 2


def test_each_end_of_a_task_is_a_line_of_history() -> None:
    ends = {
        "merged": "success",
        "done": "success",
        "failed": "failure_reverted",
        "cancelled": "skipped",
        "stopped": "STOP-NEEDS-HUMAN",
    }
    for state, said in ends.items():
        (record,) = plan(campaign(), tasks(state), busy=False)
        assert isinstance(record, Record)
        assert (record.item.index, record.task, record.result) == (1, "twos-0001", said)


def test_a_line_that_is_there_is_not_written_again_unless_a_later_attempt_ended() -> None:
    known = campaign("index=1 | result=failure_reverted | attempt=1", next_index=2)
    (launch,) = plan(known, tasks("failed"), busy=False)
    assert isinstance(launch, Launch)
    later = {"twos-0001": view("failed", task="twos-0001", attempt=2)}
    assert [type(decision) for decision in plan(known, later, busy=False)] == [Record]


def test_history_is_written_before_anything_else_and_without_a_run_too() -> None:
    for parts in ({"status": "paused"}, {"run": None}, {"status": "complete", "run": Run(started=NOW, ended=NOW)}):
        assert [type(d) for d in plan(campaign(**parts), tasks("merged"), busy=False)] == [Record]


def test_the_run_halts_once_every_item_has_an_outcome() -> None:
    lines = [f"index={index} | result=success | attempt=1" for index in (1, 2, 3)]
    assert plan(campaign(*lines, next_index=4), tasks("merged", "merged", "merged"), busy=False) == [
        Halt("twos", 1, "complete", "every item has an outcome")
    ]


def test_items_before_next_index_are_a_persons_business() -> None:
    (launch,) = plan(campaign(next_index=3), {}, busy=False)
    assert isinstance(launch, Launch)
    assert launch.item.index == 3


def test_a_stop_halts_the_run_when_what_else_runs_has_ended() -> None:
    stopped = campaign("index=1 | result=STOP-NEEDS-HUMAN | attempt=1 | why=Which?", at_once=3)
    assert plan(stopped, tasks("stopped", "running"), busy=False) == []
    assert plan(stopped, tasks("stopped"), busy=False) == [Halt("twos", 1, "stop", "item 1, a.txt: Which?")]


def test_a_status_that_is_not_running_ends_the_run_with_it() -> None:
    assert plan(campaign(status="paused"), {}, busy=False) == [Halt("twos", 1, "paused", "said so")]
    assert plan(campaign(status="paused", run=Run(started=NOW, ended=NOW)), {}, busy=False) == []


def test_running_written_by_hand_starts_nothing() -> None:
    assert plan(campaign(run=None), {}, busy=False) == []
    assert plan(campaign(run=Run(started=NOW, ended=NOW)), {}, busy=False) == []


def test_a_fault_halts_the_run_with_the_fault() -> None:
    fault = Fault("campaigns/twos/campaign.md", 3, "nonsense")
    assert plan(campaign(faults=(fault,)), {}, busy=False) == [Halt("twos", 1, "error", str(fault))]


def test_without_a_file_or_an_envelope_nothing_is_done() -> None:
    assert plan(campaign(file=None), tasks("merged"), busy=False) == []
    assert plan(campaign(envelope=None), tasks("merged"), busy=False) == []


def test_what_nobody_could_read_for_too_long_halts_the_run_whatever_else_there_is() -> None:
    halt = Halt("twos", 1, "error", "line 3")
    running: list[dict[str, Any]] = [{}, {"file": None}, {"envelope": None}]
    for parts in running:
        assert plan(campaign(**parts), tasks("verifying"), busy=False, unreadable="line 3") == [halt]
    over: list[dict[str, Any]] = [{"run": None}, {"file": None, "run": Run(started=NOW, ended=NOW)}]
    for parts in over:
        assert halt not in plan(campaign(**parts), {}, busy=False, unreadable="line 3")
    (paused,) = plan(campaign(status="paused"), {}, busy=False, unreadable="line 3")
    assert isinstance(paused, Halt)
    assert paused.status == "paused"


def test_the_spec_of_an_item_says_what_it_is() -> None:
    file = campaign().file
    assert file is not None
    assert spec_of(campaign(), file.queue[1]) == ("# Twos: b.txt\n\nItem 2 of campaign twos: `b.txt`.\n\n- why: easy\n")
