"""What the fleet says of its locks: who lives and has one, who lives and waits, in which order."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from state import flocked
from state.fleet import FleetReader
from state.layout import StateDir
from state.locks import Who, hold
from state.scan import Scan
from state.views import Change, LockView
from tests.state import writing
from tests.state.processes import start
from tests.state.writing import put

TICKET = "20261121T101502.12345{}Z-3f0a3f0a.toml"
HOLD = """
import sys
from pathlib import Path
from state.layout import StateDir
from state.locks import Who, hold
with hold(StateDir(Path(sys.argv[1])), "build", Who("0042")):
    print("has it", flush=True)
    input()
"""


class Following:
    """A reader, the scan that tells it what changed, and parties that live."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self.scan = Scan(str(state.root))
        self.reader = FleetReader(state)
        self.lock = state.lock("build")
        self.lock.tickets.mkdir(parents=True)
        self.living = ExitStack()

    def writes(self, name: str, data: bytes) -> int:
        """Somebody who lives writes `name` in the lock's folder; gives what its life hangs by."""
        path = self.lock.root / name
        folder = os.open(path.parent, os.O_RDONLY)
        self.living.callback(os.close, folder)
        return flocked.publish(folder, path.name, data)

    def look(self) -> Change:
        return self.reader.apply(frozenset(self.scan.everything()))

    def build(self) -> LockView:
        self.look()
        return self.reader.fleet.locks["build"]

    def faults(self) -> list[str]:
        self.look()
        return [str(fault) for fault in self.reader.fleet.faults]


@pytest.fixture
def following(state: StateDir) -> Iterator[Following]:
    following = Following(state)
    with following.living:
        yield following


def tasks(view: LockView) -> tuple[str, list[str]]:
    return (view.holder.task if view.holder else "", [ticket.task for ticket in view.waiting])


def test_a_lock_that_nobody_wants_is_free(following: Following) -> None:
    assert following.build() == LockView("build")
    assert not following.build().busy


def test_who_has_it_and_who_waits_is_told_in_order(following: Following) -> None:
    following.writes("holder.toml", writing.holder("0001"))
    for number, task in ((3, "0004"), (1, "0002"), (2, "0003")):
        following.writes(f"tickets/{TICKET.format(number)}", writing.ticket(task))
    assert tasks(following.build()) == ("0001", ["0002", "0003", "0004"])


def test_the_dead_have_nothing_and_wait_for_nothing(following: Following) -> None:
    put(following.state.root, "locks/build/holder.toml", writing.holder())
    put(following.state.root, f"locks/build/tickets/{TICKET.format(1)}", writing.ticket())
    put(following.state.root, f"locks/build/tickets/{TICKET.format(2)}", b"garbage")
    assert (tasks(following.build()), following.faults()) == (("", []), [])


def test_who_dies_is_missed_at_the_next_look_though_no_file_changes(following: Following) -> None:
    holder = following.writes("holder.toml", writing.holder("0001"))
    ticket = following.writes(f"tickets/{TICKET.format(1)}", writing.ticket("0002"))
    spoilt = following.writes(f"tickets/{TICKET.format(2)}", b"garbage")
    assert tasks(following.build()) == ("0001", ["0002"])
    assert len(following.faults()) == 1
    assert following.reader.apply(frozenset()) == Change()
    for descriptor in (holder, spoilt):
        os.close(descriptor)
    assert following.reader.apply(frozenset()).other
    assert (tasks(following.build()), following.faults()) == (("", ["0002"]), [])
    os.close(ticket)
    assert following.reader.apply(frozenset()).other
    assert not following.build().busy


def test_a_real_holder_is_seen_and_missed_when_it_is_killed(following: Following) -> None:
    process = start(HOLD, following.state.root)
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    assert tasks(following.build()) == ("0042", [])
    process.kill()
    process.communicate()
    following.reader.apply(frozenset())
    assert tasks(following.build()) == ("", [])


def test_how_long_it_was_had_lately_is_told(following: Following) -> None:
    for _ in range(7):
        with hold(following.state, "build", Who()):
            pass
    assert len(following.build().lasted) == 5
    assert all(0 <= seconds < 60 for seconds in following.build().lasted)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"\xff", "locks/build/history.jsonl: line 2: not a JSON object"),
        (b"[]", "locks/build/history.jsonl: line 2: not a JSON object"),
        (b'{"held": "long"}', None),
        (b'{"held": NaN}', None),
        (b'{"held": true}', None),
        (b'{"held": 1e999}', None),
        (b'{"held": 1' + b"0" * 400 + b"}", None),
        (b'{"held": -1}', None),
    ],
)
def test_a_history_that_is_not_understood_is_a_fault_of_its_line_alone(
    following: Following, line: bytes, fault: str | None
) -> None:
    following.lock.history.write_bytes(writing.history(1.5) + line + b"\n" + writing.history(2.5) + b'{"held": 9')
    assert following.build().lasted == (1.5, 2.5)
    assert following.faults() == ([fault] if fault else [])


def test_what_a_living_one_wrote_and_nobody_understands_is_a_fault(following: Following) -> None:
    following.writes("holder.toml", b"since = \n")
    following.writes(f"tickets/{TICKET.format(1)}", b"task = '0001'\n")
    following.writes(f"tickets/{TICKET.format(2)}", writing.ticket() + b"#" * 20_000)
    assert tasks(following.build()) == ("", [])
    faults = following.faults()
    assert faults[0].startswith("locks/build/holder.toml: line 1: not TOML")
    assert "missing required field `since`" in faults[1]
    assert faults[2].endswith("larger than 16,384 bytes")


def test_something_else_in_the_place_of_a_file_is_a_fault(following: Following) -> None:
    following.lock.holder.mkdir()
    (following.lock.tickets / TICKET.format(1)).symlink_to("/etc/passwd")
    os.mkfifo(following.lock.tickets / TICKET.format(2))
    following.lock.history.symlink_to("/etc/passwd")
    (following.state.locks / "file").write_text("")
    (following.state.locks / "no name").mkdir()
    assert following.faults() == [
        "locks/build/history.jsonl: a symbolic link",
        "locks/build/holder.toml: a directory",
        f"locks/build/tickets/{TICKET.format(1)}: a symbolic link",
        f"locks/build/tickets/{TICKET.format(2)}: not a regular file",
        "locks/file: not a directory",
        "locks/no name: lock name 'no name' is not a name",
    ]
    assert set(following.reader.fleet.locks) == {"build"}


def test_a_lock_that_is_removed_is_none_any_more(following: Following) -> None:
    following.writes("holder.toml", b"garbage")
    assert following.build().name == "build"
    following.lock.root.rename(following.state.root / "archive" / "build")
    assert following.faults() == []
    assert following.reader.fleet.locks == {}
