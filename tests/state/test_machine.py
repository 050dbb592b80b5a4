"""What is left of the machine, and what is held, is what the files say or a fault that names the line."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from state.errors import BadFile
from state.machine import Hold, Holds, Machine, Worker, amount, stale, until
from state.model import decode, encode
from state.times import utc_now

AT = utc_now()
SAMPLE = Machine(
    at=AT,
    every=5.0,
    host="here",
    cores=8,
    load=2.5,
    memory_total_mib=32_000,
    memory_free_mib=14_500,
    disk_total_mib=200_000,
    disk_free_mib=81_000,
    workers=[Worker(task="0001", attempt=2, cpu_percent=187.5, memory_mib=412, processes=4)],
)
HELD = "[[holds]]\nkind = 'provider'\nagent = 'codex'\nwhy = 'rate limit'\nsince = 2026-11-21T10:15:02Z\n"


def test_a_sample_is_read_as_it_was_written() -> None:
    assert decode(Machine, encode(SAMPLE).decode(), "machine.toml") == SAMPLE


def test_holds_are_read_as_they_were_written() -> None:
    holds = Holds(
        holds=[
            Hold(kind="provider", agent="codex", why="rate limit", since=AT, until=AT + timedelta(hours=1), failures=3),
            Hold(kind="budget", why="30.00 of 30.00 dollars are spent", since=AT),
        ]
    )
    assert decode(Holds, encode(holds).decode(), "holds.toml") == holds


def test_no_hold_is_an_empty_file() -> None:
    assert encode(Holds()) == b""
    assert decode(Holds, "", "holds.toml").holds == []


def test_a_kind_that_nobody_knows_is_taken_as_it_stands() -> None:
    assert decode(Holds, HELD.replace("provider", "weather"), "holds.toml").holds[0].kind == "weather"


@pytest.mark.parametrize("figure", ["nan", "inf", "-1.0", "'much'"])
def test_a_figure_that_is_none_is_a_fault(figure: str) -> None:
    text = encode(SAMPLE).decode().replace("load = 2.5", f"load = {figure}")
    with pytest.raises(BadFile, match=r"machine\.toml: line 5: .*`\$\.load`"):
        decode(Machine, text, "machine.toml")


def test_a_time_within_that_no_other_zone_could_tell_is_a_fault() -> None:
    text = f"{HELD}\n{HELD.replace('2026', '0001')}"
    with pytest.raises(BadFile, match=r"holds\.toml: line 11: the year 1 is out of range - at `\$\.holds\[1\]\.since`"):
        decode(Holds, text, "holds.toml")


@pytest.mark.parametrize(
    ("seconds", "every", "old"),
    [(0, 5, False), (15, 5, False), (16, 5, True), (170, 60, False), (-10, 5, False), (-3600, 5, True), (2, 0, False)],
)
def test_a_sample_is_stale_after_three_that_did_not_come(seconds: float, every: float, old: bool) -> None:
    sample = decode(Machine, encode(SAMPLE).decode(), "m")
    sample.every = every
    assert stale(sample, AT + timedelta(seconds=seconds)) is old


@pytest.mark.parametrize(
    ("mib", "text"),
    [
        (0, "0M"),
        (412, "412M"),
        (1023, "1023M"),
        (1024, "1.0G"),
        (14_541, "14.2G"),
        (20_428, "19.9G"),
        (20_480, "20G"),
        (81_203, "79G"),
        (1_900_000, "1.8T"),
        (3_000_000_000, "2P"),
        (2**63 - 1, "999P"),
    ],
)
def test_an_amount_has_at_most_five_columns(mib: int, text: str) -> None:
    assert amount(mib) == text
    assert len(text) <= 5


@pytest.fixture
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_in_utc")
@pytest.mark.parametrize(
    ("minutes", "text"),
    [(None, ""), (17, ", until 10:32"), (30 * 60, ", until Sun 16:15"), (-1, ", being tried again")],
)
def test_a_hold_ends_when_the_clock_on_the_wall_says(minutes: int | None, text: str) -> None:
    now = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
    end = None if minutes is None else now + timedelta(minutes=minutes)
    assert until(Hold(kind="provider", why="x", since=now, until=end), now) == text
