"""Times in files and in names of files, and how long ago they were."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import times
from tests.state import strategies


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=strategies.zones))
def test_a_stamp_is_read_as_it_was_made(at: datetime) -> None:
    assert times.parse_stamp(f"{times.stamp(at)}-3f0a-note.md") == at


@given(strategies.times, strategies.times)
def test_stamps_sort_as_their_times_do(one: datetime, other: datetime) -> None:
    assert (one < other) == (times.stamp(one) < times.stamp(other))


def test_a_time_is_told_in_utc_to_the_microsecond() -> None:
    at = datetime(2026, 4, 25, 10, 2, 11, tzinfo=timezone(-timedelta(hours=7)))
    assert times.rfc3339(at) == "2026-04-25T17:02:11.000000Z"


def test_a_year_of_three_digits_keeps_its_zero() -> None:
    assert times.stamp(datetime(987, 1, 2, tzinfo=UTC)) == "09870102T000000.000000Z"


@given(st.text() | st.from_regex(r"\d{8}T\d{6}\.\d{6}Z.*"))
def test_any_name_has_a_stamp_or_none(name: str) -> None:
    found = times.parse_stamp(name)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_400, "1d"), (1e12, "999d")],
)
def test_an_age_takes_four_columns(seconds: float, shown: str) -> None:
    assert times.age(seconds) == shown
