"""The line of the locks: what stands on it in how many columns, and when it is there at all."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from rich.cells import cell_len

from state import flocked
from state.model import Holder, Ticket, encode
from state.views import LockView
from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.room import opened
from tests.tui.test_untrusted import TEXT, check
from tui.locks import lock_line
from tui.text import plain

HOLDER = Holder(since=ago(seconds=40), task="0043", what="make test")


def waiting(*tasks: str) -> tuple[Ticket, ...]:
    return tuple(Ticket(since=NOW, task=task) for task in tasks)


def line(*views: LockView, columns: int = 80) -> str:
    return plain(lock_line(columns, NOW, views))


def test_who_has_it_for_how_long_and_who_waits() -> None:
    assert line(LockView("build", HOLDER, waiting("0050"))) == " build lock: 0043, 40s · waiting: 0050"
    assert line(LockView("build", HOLDER)) == " build lock: 0043, 40s"
    assert line(LockView("build", None, waiting("0050", "0051"))) == " build lock: free · waiting: 0050, 0051"


def test_several_locks_share_the_line() -> None:
    studio = LockView("studio", Holder(since=ago(minutes=3), what="opsroom studio run"))
    said = line(studio, LockView("idle"), LockView("build", HOLDER, waiting("0050")))
    assert said == " build lock: 0043, 40s · waiting: 0050  studio lock: opsroom studio run, 3m"


def test_how_long_it_took_lately_is_told_where_there_is_room() -> None:
    view = LockView("build", HOLDER, waiting("0050"), (31.2, 35.0, 29.9, 240.0))
    assert line(view) == " build lock: 0043, 40s · waiting: 0050 · lately 35s, 29s, 4m"
    assert line(view, columns=50) == " build lock: 0043, 40s · waiting: 0050"


def test_where_there_is_no_room_those_who_wait_are_counted() -> None:
    view = LockView("build", HOLDER, waiting(*(f"{number:04}" for number in range(50, 70))))
    assert line(view, columns=100).endswith("waiting: 0050, 0051, 0052, 0053, 0054, 0055, 0056, 0057 +12")
    assert line(view) == " build lock: 0043, 40s · waiting: 0050, 0051, 0052, 0053, 0054, 0055, 0056 +13"
    assert line(view, columns=45) == " build lock: 0043, 40s · waiting: 0050 +19"
    assert line(view, columns=40) == " build lock: 0043, 40s · 20 waiting"
    assert line(view, columns=20) == " build lock: 0043,…"


@pytest.mark.parametrize("columns", [1, 2, 10, 40, 79, 80, 200])
def test_it_is_never_wider_than_the_screen(columns: int) -> None:
    holder = Holder(since=ago(days=800), task="任務" * 60)
    views = [LockView(name * 60, holder, waiting(*["x" * 100] * 30), (1e14,) * 5) for name in "ab"]
    assert 0 < cell_len(line(*views, columns=columns)) <= columns


def test_without_anybody_there_is_no_line() -> None:
    assert lock_line(80, NOW, []) == ()
    assert lock_line(80, NOW, [LockView("build", lasted=(3.0,))]) == ()


def test_what_is_over_at_once_makes_no_line() -> None:
    def held(**span: float) -> str:
        return line(LockView("build", Holder(since=ago(**span), task="0043")))

    assert held(milliseconds=900) == ""
    assert held(seconds=1) == " build lock: 0043, 1s"
    assert held(hours=-1) == " build lock: 0043, 0s"  # its clock is ahead of ours
    assert line(LockView("build", Holder(since=NOW, task="0043"), waiting("0050"))) != ""


def test_nothing_in_it_is_obeyed_by_a_terminal() -> None:
    said = line(LockView("build", Holder(since=ago(minutes=1), task=TEXT, what=TEXT), waiting(TEXT)), columns=400)
    assert said.isprintable()
    assert "\ufffd" in said


class Living:
    """Processes that have the lock `build` or wait for it; each lives until it is killed."""

    def __init__(self, fleet: FleetBuilder) -> None:
        self._lock = fleet.state.lock("build")
        self._lock.tickets.mkdir(parents=True)
        self._all = ExitStack()

    def __enter__(self) -> "Living":
        return self

    def __exit__(self, *_: object) -> None:
        self._all.close()

    def has_it(self, task: str, **fields: object) -> ExitStack:
        return self._lives("holder.toml", Holder(**({"since": ago(seconds=40), "task": task} | fields)))  # type: ignore[arg-type]

    def waits(self, task: str) -> ExitStack:
        return self._lives("tickets/20261121T101502.123456Z-3f0a3f0a.toml", Ticket(since=NOW, task=task))

    def _lives(self, name: str, record: Ticket) -> ExitStack:
        path = self._lock.root / name
        life = self._all.enter_context(ExitStack())
        folder = os.open(path.parent, os.O_RDONLY)
        life.callback(os.close, folder)
        life.callback(os.close, flocked.publish(folder, path.name, encode(record)))
        return life


@pytest.fixture
def living(click: FleetBuilder) -> Iterator[Living]:
    with Living(click) as living:
        yield living


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_line_is_there_while_somebody_has_the_lock_or_waits(
    click: FleetBuilder, living: Living, size: tuple[int, int]
) -> None:
    async with opened(click, size=size) as person:
        assert "build lock" not in person.screen
        has_it = living.has_it("0043")
        await person.sees("build lock: 0043, 40s ")
        waits = living.waits("0050")
        await person.sees("build lock: 0043, 40s · waiting: 0050 ")
        await person.wait(seconds=5)
        await person.sees("build lock: 0043, 45s · waiting: 0050 ")
        rows = person.screen.splitlines()
        below_the_list = max(index for index, row in enumerate(rows) if "0041 Pin sphinx" in row)
        assert next(index for index, row in enumerate(rows) if "build lock" in row) > below_the_list
        has_it.close()  # killed: no file says so
        await person.sees("build lock: free · waiting: 0050 ")
        waits.close()
        await person.sees_no_more("build lock")


async def test_what_a_worker_wrote_into_a_lock_is_shown_as_text(click: FleetBuilder, living: Living) -> None:
    living.has_it("", what=TEXT)
    async with opened(click) as person:
        await person.sees("build lock: ")
        check(person.app.screen._compositor.render_strips())


async def test_what_nobody_understands_of_a_lock_is_a_fault(click: FleetBuilder, living: Living) -> None:
    life = living._lives("holder.toml", Ticket(since=NOW, extra={"token": 5}))
    async with opened(click) as person:
        await person.sees("4 need you")
        (fault,) = person.app.fleet.snapshot.fleet.faults
        assert str(fault).startswith("locks/build/holder.toml: line 2: ")
        life.close()
        await person.sees("3 need you")


async def test_a_clock_that_runs_makes_no_line_of_what_is_over_at_once(click: FleetBuilder, living: Living) -> None:
    living.has_it("0043", since=NOW - timedelta(milliseconds=100))
    async with opened(click) as person:
        assert "build lock" not in person.screen
        await person.wait(seconds=1)
        await person.sees("build lock: 0043, 1s ")
