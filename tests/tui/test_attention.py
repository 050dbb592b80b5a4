from pathlib import Path

from state.fleet import FleetReader
from state.machine import Hold
from tests.tui.builder import FleetBuilder, ago
from tui.attention import Entry, entries


def found(fleet: FleetBuilder) -> tuple[Entry, ...]:
    reader = FleetReader(fleet.state)
    root = fleet.state.root
    reader.apply(frozenset(path.relative_to(root).as_posix() for path in root.rglob("*")))
    return entries(reader.fleet)


def test_questions_come_first_and_each_kind_oldest_first(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    fleet.task("failed", "failed", since=ago(hours=3), why="no disk")
    fleet.task("late", "waiting", since=ago(minutes=1))
    fleet.say("late", "question", "second", ago(minutes=1))
    fleet.task("early", "waiting", since=ago(minutes=9))
    fleet.say("early", "question", "first", ago(minutes=9))
    fleet.task("stopped", "stopped", since=ago(hours=1))
    fleet.say("stopped", "stop", "policy ran out", ago(hours=1))
    assert [(one.kind, one.text) for one in found(fleet)] == [
        ("question", "first"),
        ("question", "second"),
        ("stop", "policy ran out"),
        ("failed", "no disk"),
    ]


def test_a_failed_item_of_a_campaign_needs_nobody(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    fleet.task("strict-001", "failed", campaign="strict")
    assert found(fleet) == ()


def test_a_halted_campaign_needs_a_person_unless_its_stopped_task_says_so_already(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    fleet.campaign("strict", ["a.py"], status="stop", STOP_REASON="public API")
    assert [(one.kind, one.key, one.text) for one in found(fleet)] == [
        ("halted", "campaign:strict", "stop: public API")
    ]
    fleet.task("strict-001", "stopped", campaign="strict", why="public API")
    assert [one.kind for one in found(fleet)] == ["stop"]


def test_a_spent_budget_needs_a_person_and_any_other_hold_goes_by_itself(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    fleet.holds(
        Hold(kind="provider", agent="codex", why="rate limit", since=ago(minutes=4)),
        Hold(kind="machine", why="412 MiB of memory are free", since=ago(minutes=4)),
        Hold(kind="budget", why="the fleet's budget of $30.00 is used up: $30.11", since=ago(minutes=9)),
        Hold(kind="budget", agent="codex", why="another", since=ago(minutes=1)),
    )
    entries = found(fleet)
    assert [(one.kind, one.key, one.name) for one in entries] == [("budget", "", "all agents"), ("budget", "", "codex")]
    assert entries[0].text == "the fleet's budget of $30.00 is used up: $30.11"
    assert entries[0].id != entries[1].id


def test_a_refused_key_needs_a_person(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    fleet.holds(
        Hold(kind="provider", agent="claude", why="no key", since=ago(minutes=4), failure="authentication"),
        Hold(kind="provider", agent="codex", why="busy", since=ago(minutes=4), failure="overload"),
        Hold(kind="machine", why="not of a provider", since=ago(minutes=4), failure="authentication"),
    )
    (entry,) = found(fleet)
    assert (entry.kind, entry.key, entry.name, entry.text) == ("authentication", "", "claude", "no key")


def test_faults_are_told_of_tasks_campaigns_and_the_rest(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    fleet.task("a")
    fleet.text(fleet.state.task("a").status, "state = ")
    fleet.campaign("strict", ["a.py"], NEXT_INDEX="soon")
    (fleet.state.tasks / "not a name").mkdir()
    keys = {one.key: one.text for one in found(fleet) if one.kind == "fault"}
    assert "tasks/a/status.toml: line 1" in keys["task:a"]
    assert "NEXT_INDEX is not a number" in keys["campaign:strict"]
    assert "not a name" in keys[""]
