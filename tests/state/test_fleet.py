"""The fleet says of each task what its files say, and what is wrong with them."""

import os
from datetime import UTC, datetime

import pytest

from state.errors import Fault
from state.fleet import FleetReader
from state.layout import StateDir
from state.scan import Scan
from state.views import Change, TaskView
from tests.state import writing
from tests.state.writing import put


class Following:
    """A reader and the scan that tells it what changed."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self.scan = Scan(str(state.root))
        self.reader = FleetReader(state)

    def put(self, path: str, data: bytes) -> None:
        put(self.state.root, path, data)

    def look(self) -> Change:
        return self.reader.apply(frozenset(self.scan.everything()))

    def task(self, name: str = "t1") -> TaskView:
        self.look()
        return self.reader.fleet.tasks[name]


@pytest.fixture
def fleet(state: StateDir) -> Following:
    following = Following(state)
    following.put("tasks/t1/task.toml", writing.task("Strict typing"))
    following.put("tasks/t1/status.toml", writing.status())
    following.look()
    return following


def test_an_empty_state_directory_is_an_empty_fleet(state: StateDir) -> None:
    following = Following(state)
    following.look()
    fleet = following.reader.fleet
    assert (fleet.tasks, fleet.campaigns, fleet.lease, fleet.commands, fleet.faults) == ({}, {}, None, (), ())


def test_a_task_is_what_its_files_say(fleet: Following) -> None:
    view = fleet.task()
    assert (view.title, view.state, view.faults) == ("Strict typing", "running", ())


def test_a_state_that_nobody_knows_is_shown_as_it_stands(fleet: Following) -> None:
    fleet.put("tasks/t1/status.toml", writing.status("pondering"))
    assert fleet.task().state == "pondering"


def test_a_status_that_cannot_be_read_is_no_status_and_a_fault(fleet: Following) -> None:
    fleet.put("tasks/t1/status.toml", b'state = "running"\nsince')
    view = fleet.task()
    assert (view.status, view.state) == (None, "")
    assert [(fault.path, fault.line) for fault in view.faults] == [("tasks/t1/status.toml", 2)]


def test_a_fault_goes_when_the_file_is_mended(fleet: Following) -> None:
    fleet.put("tasks/t1/status.toml", b"")
    assert fleet.task().faults
    fleet.put("tasks/t1/status.toml", writing.status("done"))
    assert (fleet.task().faults, fleet.task().state) == ((), "done")


def test_a_missing_status_is_a_fault(fleet: Following) -> None:
    (fleet.state.task("t1").status).unlink()
    assert fleet.task().faults == (Fault("tasks/t1/status.toml", None, "missing"),)


def test_a_fault_touches_no_other_task(fleet: Following) -> None:
    fleet.put("tasks/t2/task.toml", b"?")
    fleet.look()
    assert [bool(view.faults) for _, view in sorted(fleet.reader.fleet.tasks.items())] == [False, True]


def test_a_task_without_a_title_is_named_by_its_id(fleet: Following) -> None:
    fleet.put("tasks/t1/task.toml", writing.task(" "))
    assert fleet.task().title == "t1"


def test_a_task_that_was_archived_is_gone(fleet: Following) -> None:
    (fleet.state.tasks / "t1").rename(fleet.state.root / "archive" / "t1")
    assert fleet.look().tasks == {"t1"}
    assert fleet.reader.fleet.tasks == {}


def test_a_task_made_again_remembers_nothing(fleet: Following) -> None:
    fleet.put("tasks/t1/outbox/a.md", writing.message("note"))
    fleet.look()
    (fleet.state.tasks / "t1").rename(fleet.state.root / "archive" / "t1")
    fleet.put("tasks/t1/task.toml", writing.task("another"))
    assert (fleet.task().title, fleet.task().outbox, fleet.task().state) == ("another", (), "")


def test_an_older_snapshot_stays_as_it_was(fleet: Following) -> None:
    before = fleet.reader.fleet
    fleet.put("tasks/t1/status.toml", writing.status("done"))
    fleet.look()
    assert (before.tasks["t1"].state, fleet.reader.fleet.tasks["t1"].state) == ("running", "done")


def test_a_change_names_what_differs(fleet: Following) -> None:
    fleet.put("tasks/t2/task.toml", writing.task())
    fleet.put("campaigns/c/campaign.toml", writing.campaign())
    change = fleet.look()
    assert (set(change.tasks), set(change.campaigns), change.other) == ({"t2"}, {"c"}, False)


def test_a_file_written_again_with_the_same_words_differs_in_nothing(fleet: Following) -> None:
    fleet.put("tasks/t1/status.toml", writing.status())
    fleet.put("campaigns/c/campaign.toml", writing.campaign())
    fleet.look()
    fleet.put("tasks/t1/status.toml", writing.status())
    fleet.put("campaigns/c/campaign.toml", writing.campaign())
    change = fleet.look()
    assert (change.tasks, change.campaigns) == (frozenset(), frozenset())
    assert "tasks/t1/status.toml" in change.paths


@pytest.mark.parametrize("answer", ["inbox/b.md", "inbox/done/b.md"])
def test_a_question_is_open_until_it_is_answered(fleet: Following, answer: str) -> None:
    fleet.put("tasks/t1/outbox/a.md", writing.message("question", "which?"))
    assert [question.body for question in fleet.task().questions] == ["which?"]
    fleet.put(f"tasks/t1/{answer}", writing.message("answer", "this", reply_to="a.md"))
    assert fleet.task().questions == ()


def test_an_answer_in_no_folder_of_the_protocol_is_none(fleet: Following) -> None:
    fleet.put("tasks/t1/outbox/a.md", writing.message("question", "which?"))
    fleet.put("tasks/t1/inbox/drafts/b.md", writing.message("answer", "this", reply_to="a.md"))
    assert len(fleet.task().questions) == 1


def test_a_task_that_ended_asks_nothing(fleet: Following) -> None:
    fleet.put("tasks/t1/outbox/a.md", writing.message("question", "which?"))
    fleet.put("tasks/t1/status.toml", writing.status("merged"))
    assert fleet.task().questions == ()


def test_an_acknowledgement_is_no_word_of_its_own(fleet: Following) -> None:
    fleet.put("tasks/t1/outbox/a.md", writing.message("ack", of="m.md"))
    assert (fleet.task().outbox, set(fleet.task().acknowledged)) == ((), {"m.md"})


def test_a_stop_is_told_word_for_word(fleet: Following) -> None:
    fleet.put("tasks/t1/status.toml", writing.status("stopped"))
    fleet.put("tasks/t1/outbox/a.md", writing.message("stop", "the spec contradicts itself\n"))
    assert fleet.task().stop_reason == "the spec contradicts itself"


@pytest.mark.parametrize(
    ("word", "needed"),
    [
        ("running", False),
        ("waiting", False),
        ("stopped", True),
        ("failed", True),
        ("done", False),
        ("cancelled", False),
    ],
)
def test_a_state_calls_for_a_person_or_not(fleet: Following, word: str, needed: bool) -> None:
    fleet.put("tasks/t1/status.toml", writing.status(word))
    assert fleet.task().needs_human is needed


def test_a_question_calls_for_a_person(fleet: Following) -> None:
    fleet.put("tasks/t1/outbox/a.md", writing.message("question"))
    assert fleet.task().needs_human


def test_a_message_that_is_none_is_a_fault_of_its_task(fleet: Following) -> None:
    fleet.put("tasks/t1/outbox/a.md", b"hello")
    assert fleet.task().faults == (Fault("tasks/t1/outbox/a.md", 1, "a message begins with a line +++"),)


def test_pictures_are_shown_newest_first(fleet: Following) -> None:
    for name in ("1.png", "2.PNG", "2.toml"):
        fleet.put(f"tasks/t1/captures/{name}", b"")
    (fleet.state.task("t1").captures / "3.png").mkdir()
    assert fleet.task().captures == ("2.PNG", "1.png")


def test_the_newest_attempt_is_shown(fleet: Following) -> None:
    fleet.put("tasks/t1/attempts/9/exit.toml", writing.exit(1))
    fleet.put("tasks/t1/attempts/10/run.toml", writing.run())
    view = fleet.task()
    assert (view.attempts, view.exit, view.run is None) == ((9, 10), None, False)


def test_an_attempt_that_is_gone_leaves_the_one_before_it(fleet: Following) -> None:
    fleet.put("tasks/t1/attempts/1/exit.toml", writing.exit(1))
    fleet.put("tasks/t1/attempts/2/exit.toml", b"?")
    assert (fleet.task().exit, len(fleet.task().faults)) == (None, 1)
    (fleet.state.task("t1").attempt(2).root).rename(fleet.state.root / "archive" / "2")
    view = fleet.task()
    assert (view.attempts, view.exit and view.exit.status, view.faults) == ((1,), 1, ())


@pytest.mark.parametrize("name", ["0", "01", "x", "٣", "-1", "1" * 12])
def test_a_folder_that_is_no_number_is_no_attempt(fleet: Following, name: str) -> None:
    fleet.put(f"tasks/t1/attempts/{name}/exit.toml", writing.exit())
    assert (fleet.task().attempts, fleet.task().exit) == ((), None)


@pytest.mark.parametrize(
    ("path", "heard"),
    [
        ("outbox/a.md", True),
        ("worker/checkpoint.md", True),
        ("captures/1.png", True),
        ("attempts/1/stdout.log", True),
        ("attempts/1/stderr.log", True),
        ("attempts/1/events.jsonl", False),
        ("inbox/a.md", False),
        ("spec.md", False),
        ("other/1/stdout.log", False),
    ],
)
def test_a_worker_is_heard_when_it_writes(fleet: Following, path: str, heard: bool) -> None:
    fleet.put(f"tasks/t1/{path}", writing.message("note"))
    os.utime(fleet.state.tasks / "t1" / path, (5e8, 5e8))
    assert fleet.task().heard == (datetime.fromtimestamp(5e8, UTC) if heard else None)


def test_a_folder_that_the_orchestrator_makes_is_no_word_of_the_worker(fleet: Following) -> None:
    fleet.state.task("t1").outbox.mkdir()
    assert fleet.task().heard is None


@pytest.mark.parametrize("path", ["tasks/t2", "tasks/t1/outbox", "tasks/t1/inbox/done", "tasks/t1/attempts/1"])
def test_a_file_in_the_place_of_a_folder_is_a_fault_of_its_task(fleet: Following, path: str) -> None:
    fleet.put(path, b"")
    assert Fault(path, None, "not a directory") in fleet.task(path.split("/")[1]).faults


@pytest.mark.parametrize("path", ["tasks", "inbox/done", "locks"])
def test_a_file_in_the_place_of_a_folder_of_all_is_a_fault_of_none(state: StateDir, path: str) -> None:
    (state.root / path).rmdir()
    put(state.root, path, b"")
    following = Following(state)
    following.look()
    assert following.reader.fleet.faults == (Fault(path, None, "not a directory"),)


@pytest.mark.parametrize(("top", "kind"), [("tasks", "task id"), ("campaigns", "campaign name")])
def test_a_folder_that_no_task_can_have_is_a_fault_until_it_is_gone(fleet: Following, top: str, kind: str) -> None:
    folder = fleet.state.root / top / "not a name"
    folder.mkdir()
    (folder / "status.toml").write_bytes(writing.status())
    fleet.look()
    assert fleet.reader.fleet.faults == (Fault(f"{top}/not a name", None, f"{kind} 'not a name' is not a name"),)
    folder.rename(fleet.state.root / "archive" / "x")
    fleet.look()
    assert not fleet.reader.fleet.faults
    assert set(fleet.reader.fleet.tasks) == {"t1"}


def test_a_campaign_is_what_its_files_say(fleet: Following) -> None:
    fleet.put("campaigns/c/campaign.toml", writing.campaign())
    fleet.put("campaigns/c/campaign.md", writing.queue())
    fleet.put("campaigns/c/runs/2.toml", writing.campaign_run())
    fleet.look()
    view = fleet.reader.fleet.campaigns["c"]
    assert (view.done, [number for number, _ in view.runs], view.faults) == (1, [2], ())


def test_a_campaign_that_a_run_cannot_go_by_is_a_fault(fleet: Following) -> None:
    fleet.put("campaigns/c/campaign.toml", writing.campaign())
    fleet.put("campaigns/c/campaign.md", b"NEXT_INDEX: x\n")
    fleet.look()
    view = fleet.reader.fleet.campaigns["c"]
    assert [str(fault) for fault in view.faults] == ["campaigns/c/campaign.md: line 1: NEXT_INDEX is not a number: 'x'"]


def test_commands_that_wait_are_shown_until_they_are_taken(fleet: Following) -> None:
    fleet.put("inbox/a.toml", b"")
    fleet.look()
    assert list(fleet.reader.fleet.commands) == ["a.toml"]
    (fleet.state.inbox / "a.toml").rename(fleet.state.inbox_done / "a.toml")
    fleet.look()
    assert not fleet.reader.fleet.commands


def test_the_lease_is_shown(fleet: Following) -> None:
    fleet.put("orchestrator/lease.toml", writing.lease(4711))
    assert fleet.look().other
    assert fleet.reader.fleet.lease and fleet.reader.fleet.lease.pid == 4711


def test_a_lease_that_cannot_be_read_is_no_lease_and_a_fault(fleet: Following) -> None:
    fleet.put("orchestrator/lease.toml", b"?")
    fleet.look()
    assert fleet.reader.fleet.lease is None
    assert [fault.path for fault in fleet.reader.fleet.faults] == ["orchestrator/lease.toml"]


def test_what_is_left_of_the_machine_is_shown(fleet: Following) -> None:
    fleet.put("orchestrator/machine.toml", writing.machine(memory_free_mib=412))
    assert fleet.look().other
    machine = fleet.reader.fleet.machine
    assert machine and (machine.memory_free_mib, machine.workers[0].task) == (412, "t1")


def test_holds_are_shown_until_they_are_gone(fleet: Following) -> None:
    fleet.put("orchestrator/holds.toml", writing.holds("rate limit", "overload"))
    assert fleet.look().other
    assert [hold.why for hold in fleet.reader.fleet.holds] == ["rate limit", "overload"]
    fleet.put("orchestrator/holds.toml", writing.holds())
    fleet.look()
    assert fleet.reader.fleet.holds == ()
    fleet.put("orchestrator/holds.toml", writing.holds("rate limit"))
    fleet.look()
    fleet.state.holds.unlink()
    fleet.look()
    assert fleet.reader.fleet.holds == ()


@pytest.mark.parametrize("name", ["machine", "holds"])
def test_a_word_on_the_machine_that_cannot_be_read_is_none_and_a_fault(fleet: Following, name: str) -> None:
    fleet.put("orchestrator/machine.toml", writing.machine())
    fleet.put("orchestrator/holds.toml", writing.holds("rate limit"))
    fleet.look()
    fleet.put(f"orchestrator/{name}.toml", b"?")
    fleet.look()
    assert not getattr(fleet.reader.fleet, name)
    assert [fault.path for fault in fleet.reader.fleet.faults] == [f"orchestrator/{name}.toml"]
