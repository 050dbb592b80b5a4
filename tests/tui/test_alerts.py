from pathlib import Path

import pytest

from state.fleet import FleetReader
from tests.tui.builder import FleetBuilder, ago
from tui.alerts import Alert, Alerts
from tui.feed import Snapshot
from tui.summary import summarise


class Room:
    """A state directory, and what the terminal is told as it changes."""

    def __init__(self, root: Path) -> None:
        self.fleet = FleetBuilder(root)
        self._reader = FleetReader(self.fleet.state)
        self._alerts = Alerts("click")

    def hears(self, *, reading: bool = False) -> Alert:
        root = self.fleet.state.root
        self._reader.apply(frozenset(path.relative_to(root).as_posix() for path in root.rglob("*")))
        fleet = self._reader.fleet
        return self._alerts.heard(Snapshot(fleet, summarise(fleet), reading=reading))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.mark.parametrize("status", ["stop", "error", "no_progress", "budget_exhausted"])
def test_a_halt_rings_once_and_says_which_and_why(room: Room, status: str) -> None:
    room.fleet.campaign("strict", ["a.py"])
    assert room.hears() == Alert("opsroom click")
    room.fleet.campaign("strict", ["a.py"], status=status, STOP_REASON="the reason")
    title = f"strict {status.replace('_', ' ')}: the reason · opsroom click"
    assert room.hears() == Alert(title, ring=True)
    assert room.hears() == Alert(title)


def test_the_end_of_a_campaign_is_heard_of_and_a_pause_is_not(room: Room) -> None:
    room.fleet.campaign("strict", ["a.py"])
    room.hears()
    room.fleet.campaign("strict", ["a.py"], status="paused")
    assert room.hears() == Alert("opsroom click")
    room.fleet.campaign("strict", ["a.py"], status="complete")
    assert room.hears() == Alert("strict complete · opsroom click", ring=True)
    room.fleet.campaign("strict", ["a.py"])
    assert room.hears() == Alert("opsroom click")


def test_what_had_halted_before_rings_nothing(room: Room) -> None:
    room.fleet.campaign("strict", ["a.py"], status="error", STOP_REASON="dirty")
    assert not room.hears(reading=True).ring
    assert not room.hears().ring
    room.fleet.campaign("other", ["a.py"], status="complete")
    assert not room.hears().ring


def test_of_several_halts_the_newest_is_named(room: Room) -> None:
    for name, minutes in (("old", 50), ("new", 5), ("older", 90)):
        room.fleet.campaign(name, ["a.py"], status="no_progress", STOP_REASON="5 in a row")
        room.fleet.run(name, 1, ago(hours=2), ended=ago(minutes=minutes))
    assert room.hears().title == "new no progress +2: 5 in a row · opsroom click"


def test_without_a_halt_it_says_how_many_need_a_person(room: Room) -> None:
    room.fleet.task("0001", "failed")
    assert room.hears().title == "1 needs you · opsroom click"
    room.fleet.task("0002", "failed")
    assert room.hears().title == "2 need you · opsroom click"


def test_a_reason_is_no_command_to_the_terminal(room: Room) -> None:
    room.fleet.campaign("strict", ["a.py"], status="stop", STOP_REASON="\x1b]52;c;eA==\x07\x9b31m" + "x" * 500)
    title = room.hears().title
    assert title.isprintable()
    assert len(title) < 140
