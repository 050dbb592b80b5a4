"""A record is what its file says, or a fault that names file, line and reason."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.envelope import Campaign, Check
from state.errors import BadFile
from state.model import Command, Record, Status, Task, decode, decode_text, encode
from tests.state.strategies import records

STATUS = 'state = "running"\nsince = 2026-11-21T10:15:02Z\nby = "loop"\n'


def fault_of(kind: type[Record], text: str) -> str:
    with pytest.raises(BadFile) as caught:
        decode(kind, text, "status.toml")
    return str(caught.value)


@pytest.mark.parametrize("name", records)
@given(data=st.data())
def test_what_was_written_is_read(name: str, data: st.DataObject) -> None:
    record = data.draw(records[name])
    assert decode(type(record), encode(record).decode(), "file.toml") == record


@given(record=st.one_of(*records.values()))
def test_writing_twice_gives_the_same_bytes(record: Record) -> None:
    once = encode(record)
    assert encode(decode(type(record), once.decode(), "file.toml")) == once


def test_unknown_keys_are_kept() -> None:
    text = STATUS + 'mood = "fine"\n\n[later]\ndeep = [1, {a = 2}]\n'
    kept = decode(Status, encode(decode(Status, text, "a")).decode(), "a").extra
    assert kept == {"mood": "fine", "later": {"deep": [1, {"a": 2}]}}


def test_unknown_keys_of_a_table_within_are_kept() -> None:
    text = 'agent = "x"\n[[checks]]\nname = "lint"\ncommand = ["make"]\nwhere = "src"\n'
    assert b'where = "src"' in encode(decode(Campaign, text, "a"))


@pytest.mark.parametrize("value", ['"text"', "1", "{a = 1}", "[1]"])
def test_an_unknown_key_named_extra_is_one_like_any_other(value: str) -> None:
    text = f'agent = "x"\n\n[[checks]]\nname = "lint"\ncommand = []\nextra = {value}\n'
    record = decode(Campaign, text, "a")
    assert list(record.checks[0].extra) == ["extra"]
    assert decode(Campaign, encode(record).decode(), "a") == record


def test_a_state_that_nobody_knows_is_taken_as_it_stands() -> None:
    assert decode(Status, STATUS.replace("running", "pondering"), "a").state == "pondering"


def test_defaults_are_not_written() -> None:
    record = Task(title="t", created=datetime(2026, 1, 1, tzinfo=UTC))
    assert encode(record) == b'title = "t"\ncreated = 2026-01-01 00:00:00+00:00\n'


def test_times_are_written_in_utc() -> None:
    at = datetime(2026, 4, 25, 10, tzinfo=timezone(-timedelta(hours=7)))
    assert b"at = 2026-04-25 17:00:00+00:00" in encode(Command(verb="stop", at=at, by="me"))


def test_a_surrogate_does_not_keep_a_record_from_being_written() -> None:
    record = Command(verb="message", at=datetime(2026, 1, 1, tzinfo=UTC), by="me", text="a\udcffb")
    assert decode(Command, encode(record).decode(), "a").text == "a?b"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (STATUS + "attempt = 'two'\n", "status.toml: line 4: Expected `int`, got `str` - at `$.attempt`"),
        (STATUS + "\nattempt = -1\n", "status.toml: line 5: Expected `int` >= 0 - at `$.attempt`"),
        (
            STATUS + f"attempt = {2**63}\n",
            "status.toml: line 4: Expected `int` <= 9223372036854775807 - at `$.attempt`",
        ),
        ('state = "x"\nby = "y"\n', "status.toml: line 1: Object missing required field `since`"),
        (
            STATUS.replace("02Z", "02"),
            "status.toml: line 2: Expected `datetime` with a timezone component - at `$.since`",
        ),
        (STATUS.replace("T10:15:02Z", ""), "status.toml: line 2: Expected `datetime`, got `date` - at `$.since`"),
        (STATUS.replace("2026", "0001"), "status.toml: line 2: the year 1 is out of range - at `$.since`"),
        (STATUS.replace("2026", "9999"), "status.toml: line 2: the year 9999 is out of range - at `$.since`"),
        (STATUS + "state = 1\n", "status.toml: line 4: not TOML: Cannot overwrite a value"),
        (STATUS + "what is this\n", "status.toml: line 4: not TOML: Expected '=' after a key in a key/value pair"),
        ('state = "x', "status.toml: line 1: not TOML: Unterminated string"),
        (STATUS + "a = " + "9" * 5000, "status.toml: not TOML: Exceeds the limit (4300 digits)"),
        (STATUS + "a = " + "[" * 9000, "status.toml: not TOML: "),
        (STATUS + "a = " + "[" * 80 + "]" * 80, "status.toml: nested more than 64 deep"),
        (STATUS + "a = " + "{a = " * 80 + "1" + "}" * 80, "status.toml: nested more than 64 deep"),
        (STATUS + ".".join("a" * 70) + " = 1", "status.toml: line 4: not TOML: more than 64 dots in a key"),
        (STATUS + " . ".join(["'a'"] * 70) + " = 1", "status.toml: line 4: not TOML: more than 64 dots in a key"),
    ],
)
def test_a_fault_names_file_line_and_reason(text: str, fault: str) -> None:
    assert fault_of(Status, text).startswith(fault)


def test_a_number_too_large_for_its_field_is_a_fault() -> None:
    text = 'name = "x"\ncommand = []\nseconds = ' + "9" * 400
    assert fault_of(Check, text) == "status.toml: line 3: Number out of range - at `$.seconds`"


def test_a_fault_in_a_table_within_is_one_of_its_line() -> None:
    text = 'agent = "x"\n\n[[checks]]\nname = "lint"\n'
    assert fault_of(Campaign, text).startswith("status.toml: line 3: Object missing required field `command`")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("agent = 'x'\n[[checks]]\nname = 'a'\ncommand = []\n[[checks]]\nname = 'b'\ncommand = 1\n", 7),
        ("agent = 'x'\n[[checks]]\nname = 'a'\ncommand = []\n[[checks]]\nname = 'b'\n", 5),
        ("agent = 'x'\nmetric.name = 'm'\nmetric.command = 1\n", 3),
        ("agent = 'x'\n[metric]\nname = 'm'\ncommand = []\ngoal = 'low'\n[x.metric]\ngoal = 1\n", 5),
        ("agent = 'x'\n['metric']\nname = 'm'\ncommand = []\n  \"goal\" = 'low'\n", 5),
        ("agent = 'x'\nmetric = {name = 'm', command = [], goal = 'low'}\n", 2),
        ("agent = 'x'\nchecks = [{name = 'a', command = 1}]\n", 2),
        ("agent = 1\n[other]\nagent = 'x'\n", 1),
    ],
)
def test_a_fault_within_is_one_of_the_very_line(text: str, line: int) -> None:
    assert fault_of(Campaign, text).startswith(f"status.toml: line {line}: ")


def test_bytes_that_are_no_utf8_are_a_fault_of_their_line() -> None:
    with pytest.raises(BadFile, match=r"status\.toml: line 2: not UTF-8"):
        decode_text(Status, b'state = "x"\nby = "\xff"\n', "status.toml")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from([Status, Task, Campaign]))
def test_text_is_a_record_or_a_fault(text: str, kind: type[Record]) -> None:
    try:
        decode(kind, text, "a")
    except BadFile as error:
        assert error.fault.path == "a"


words = """state since by attempt usage x = . [ ] [[ ]] { } , # " ' \"\"\" \\ 1 -1 1e999 0x nan -inf true "a" 1979-05-27
10:15:02 24:60:61 2026-11-21T10:15:02Z 0001-01-01T00:00:00+23:59 9999-12-31T23:59:59.999999-23:59 99999999999999999999
"""
tokens = st.sampled_from([*words.split(), " ", "\n"])


@given(st.lists(tokens, max_size=40).map("".join))
def test_what_resembles_toml_is_a_record_or_a_fault(text: str) -> None:
    try:
        encode(decode(Status, STATUS + text, "a"))
    except BadFile as error:
        assert error.fault.line is None or 1 <= error.fault.line <= text.count("\n") + 5


@given(st.sampled_from(["since", "not_before"]), st.datetimes(), st.integers(-1439, 1439))
def test_a_time_that_was_read_can_be_told_in_any_zone(key: str, at: datetime, minutes: int) -> None:
    written = at.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()
    lines = {"state": '"x"', "since": "2026-01-01T00:00:00Z", "by": '"y"', key: written}
    try:
        record = decode(Status, "".join(f"{name} = {value}\n" for name, value in lines.items()), "a")
    except BadFile as error:
        assert "out of range" in str(error)
        return
    for hours in (-14, 14):
        getattr(record, key).astimezone(timezone(timedelta(hours=hours)))


LARGE: list[Callable[[int], str]] = [
    lambda size: "state = 1\n" + " " * size,
    lambda size: " " * size + "\nstate = 1\n",
    lambda size: "\t[" * (size // 2),
    lambda size: ".".join("a" * (size // 2)),
    lambda size: '"' * size,
    lambda size: "'a'." * (size // 4),
    lambda size: "a" * size + "." * 100,
    lambda size: "#" + "a." * 60 + " " * size,
]


@pytest.mark.parametrize("make", LARGE)
def test_a_large_file_of_nonsense_is_refused_in_time(make: Callable[[int], str]) -> None:
    fault_of(Status, make(1024 * 1024))  # one that took quadratic time would not end
