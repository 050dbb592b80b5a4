"""campaign.md is read as a person wrote it, and stays byte for byte as it was wherever nothing changed."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.campaign_file import CampaignFile, parse
from state.errors import BadFile
from tests.state.strategies import times

EXAMPLE = (Path(__file__).parent / "campaign.md").read_bytes()
"""The one of docs/protocol.md."""
AT = datetime(2026, 4, 25, 10, 2, 11, tzinfo=timezone(-timedelta(hours=7)))

lines = st.one_of(
    st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")),
    st.sampled_from(
        [
            *[b"# Title", b"#", b"##", b"## Queue", b"## History", b"##  history ", b"## Notes", b"### lower"],
            *[
                b"STATUS: running",
                b"STATUS:paused",
                b"NEXT_INDEX: 2",
                b"NEXT_INDEX: x",
                b"STRICT_START: 3",
                b"OWN:  a ",
            ],
            *[
                b"",
                b"  ",
                b"<!-- aside -->",
                b"1. a | checks=x",
                b" 2) b",
                b"2. again",
                b"99999999999. c",
                b"\xff: \xfe",
            ],
            *[
                b"2026-04-25 | index=1 | result=success",
                b"x | index=z | result=skipped",
                b"plain",
                *[b"## Policy", b"## do not touch", b"- rule", b"  * `src/gen/`", b"<!--", b"-->"],
                b"\xef\xbb\xbf# Title",
            ],
        ]
    ),
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r\r\n"])
documents = st.builds(
    lambda parts, last: b"".join(line + end for line, end in parts) + last,
    st.lists(st.tuples(lines, ends), max_size=15),
    lines,
)
anything = documents | st.binary()


@given(anything)
def test_what_is_not_changed_is_rendered_as_it_was(data: bytes) -> None:
    assert CampaignFile(data).render() == data


def lines_of(data: bytes) -> list[bytes]:
    return re.findall(rb"[^\n]*\n|[^\n]+", data)


def without_one_line(data: bytes) -> set[bytes]:
    """What `data` may have been before one line was added to it."""
    lines = lines_of(data)
    return {b"".join(lines[:number] + lines[number + 1 :]) for number in range(len(lines))}


headers = st.sampled_from(["STATUS", "NEXT_INDEX", "METRIC_START", "OWN", "BRAND_NEW"])


@given(anything, headers, st.text() | st.integers())
def test_setting_a_header_touches_no_other_line(data: bytes, name: str, value: str | int) -> None:
    file = CampaignFile(data)
    stood = {name, "STRICT_START" if name == "METRIC_START" else name} & set(file.headers)
    file.set(name, value)
    if stood:
        both = zip(lines_of(data), lines_of(file.render()), strict=True)
        assert sum(before != after for before, after in both) <= 1
    else:
        ended = {data, data + b"\n", data + b"\r\n"}  # a last line without its newline gets one
        assert ended & without_one_line(file.render())


@given(anything, st.sampled_from(["STATUS", "STOP_REASON", "BRAND_NEW"]), st.text())
def test_a_header_that_was_set_is_read_in_one_line(data: bytes, name: str, value: str) -> None:
    file = CampaignFile(data)
    file.set(name, value)
    again = CampaignFile(file.render())
    assert again.headers[name].split() == re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", value).split()


@given(anything, st.sampled_from(["STATUS", "BRAND_NEW"]), st.text())
def test_setting_a_header_twice_is_setting_it_once(data: bytes, name: str, value: str) -> None:
    file = CampaignFile(data)
    file.set(name, value)
    once = file.render()
    file.set(name, value)
    assert file.render() == once


@given(anything, times, st.text(), st.text(min_size=1))
def test_a_history_line_is_added_behind_the_others(data: bytes, at: datetime, item: str, learned: str) -> None:
    file = CampaignFile(data)
    before = list(file.history)
    file.add_history(at, index=3, file=item, result="success", learned=learned)
    again = CampaignFile(file.render())
    assert again.history[:-1] == before
    assert (again.history[-1].index, again.history[-1].result) == (3, "success")
    assert (again.headers, again.queue) == (CampaignFile(data).headers, CampaignFile(data).queue)


@given(documents, times)
def test_history_takes_nothing_away(data: bytes, at: datetime) -> None:
    file = CampaignFile(data)
    file.add_history(at, index=3, result="success")
    rest = iter(file.render().split(b"\n"))
    assert all(any(line.rstrip(b"\r") == old.rstrip(b"\r") for line in rest) for old in data.rstrip(b"\n").split(b"\n"))


def test_the_example_of_the_protocol_is_read() -> None:
    file = parse(EXAMPLE, "campaign.md")
    assert (file.title, file.status, file.next_index) == ("Strict typing", "running", 1)
    assert (file.metric("METRIC_START"), file.headers["NOTES"]) == ("27", "Static checks only.")
    assert [(item.index, item.target, item.fields) for item in file.queue] == [
        (1, "src/common/Constants.luau", {"checks": "make typecheck; make lint"}),
        (2, "src/common/PadValueUtils.luau", {"checks": "make typecheck"}),
    ]
    outcome = file.outcome(1)
    assert outcome and outcome.fields["learned"] == "needed an explicit export shape"


def test_a_run_changes_the_example_where_it_says_something() -> None:
    file = parse(EXAMPLE, "campaign.md")
    file.set("NEXT_INDEX", 2)
    file.set("STOP_REASON", "a question")
    file.add_history(AT, index=2, file="a.luau", result="success")
    line = b"2026-04-25T10:02:11-07:00 | index=2 | file=a.luau | result=success\n"
    wanted = EXAMPLE.replace(b"NEXT_INDEX: 1", b"NEXT_INDEX: 2").replace(b"STOP_REASON:", b"STOP_REASON: a question")
    assert file.render() == wanted + line


def test_a_file_with_windows_line_ends_keeps_them() -> None:
    file = CampaignFile(EXAMPLE.replace(b"\n", b"\r\n"))
    file.set("NEXT_INDEX", 2)
    file.set("OWN", "new")
    file.add_history(AT, index=2, result="success")
    assert file.render().count(b"\n") == file.render().count(b"\r\n") == EXAMPLE.count(b"\n") + 2


def test_a_line_is_added_below_one_without_its_newline() -> None:
    file = CampaignFile(b"## History\na | result=skipped")
    file.add_history(AT, result="success")
    assert file.render() == b"## History\na | result=skipped\n2026-04-25T10:02:11-07:00 | result=success\n"


def test_a_history_is_begun_where_there_is_none() -> None:
    file = CampaignFile(b"# T\n\n## Queue\n1. a\n")
    file.add_history(AT, index=1, result="success")
    assert file.render().endswith(b"1. a\n\n## History\n2026-04-25T10:02:11-07:00 | index=1 | result=success\n")


def test_history_goes_above_a_section_that_follows() -> None:
    file = CampaignFile(b"## History\na | result=skipped\n\n## Notes\nmine\n")
    file.add_history(AT, result="success")
    assert [line[:4] for line in file.render().splitlines()] == [b"## H", b"a | ", b"2026", b"", b"## N", b"mine"]


def test_a_new_header_goes_below_the_others() -> None:
    file = CampaignFile(b"# T\n\nSTATUS: running\n\n## Queue\n")
    file.set("OWN", 1)
    assert file.render() == b"# T\n\nSTATUS: running\nOWN: 1\n\n## Queue\n"


def test_a_header_is_not_put_below_a_title_of_another_section() -> None:
    file = CampaignFile(b"## Queue\n# aside\n1. a\n")
    file.set("STATUS", "paused")
    assert CampaignFile(file.render()).headers == {"STATUS": "paused"}


def test_a_byte_order_mark_hides_no_header() -> None:
    file = CampaignFile(b"\xef\xbb\xbfSTATUS: running\n")
    file.set("OWN", 1)
    assert (file.status, file.render()) == ("running", b"\xef\xbb\xbfSTATUS: running\nOWN: 1\n")


def test_the_space_behind_a_colon_stays_as_wide_as_it_was() -> None:
    file = CampaignFile(b"STATUS:\t running\nNOTES:x\n")
    file.set("STATUS", "stop")
    assert file.render() == b"STATUS:\t stop\nNOTES:x\n"


@pytest.mark.parametrize("name", ["status", "A B", "", "A:B", "A\nB", "9A"])
def test_a_name_that_is_none_of_a_header_is_not_set(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a header"):
        CampaignFile(b"").set(name, "x")


def test_a_value_cannot_add_a_field_to_a_history_line() -> None:
    file = CampaignFile(b"")
    file.add_history(AT, index=1, result="skipped", learned="x | result=success\n## Queue")
    assert (file.history[0].result, file.queue) == ("skipped", [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("STRICT_START: 5\n", "5"),
        ("METRIC_START: 4\nSTRICT_START: 5\n", "4"),
        ("METRIC_START:\nSTRICT_START: 5\n", "5"),
        ("", ""),
    ],
)
def test_the_older_name_of_a_metric_is_read_where_the_newer_is_absent(text: str, value: str) -> None:
    assert CampaignFile(text.encode()).metric("METRIC_START") == value


def test_the_older_name_of_a_metric_is_written_where_only_it_stands() -> None:
    file = CampaignFile(b"STRICT_CURRENT: 5\n")
    file.set("METRIC_CURRENT", 4)
    assert file.render() == b"STRICT_CURRENT: 4\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("NEXT_INDEX: two\n", "campaign.md: line 1: NEXT_INDEX is not a number: 'two'"),
        ("\nNO_PROGRESS_COUNT: -1\n", "campaign.md: line 2: NO_PROGRESS_COUNT is not a number: '-1'"),
        ("INVOCATIONS_STARTED: ²\n", "campaign.md: line 1: INVOCATIONS_STARTED is not a number: '²'"),
        ("STATUS: stop\nSTATUS: running\n", "campaign.md: line 2: STATUS stands here a second time"),
        ("## Queue\n1. a\n\n1. b\n", "campaign.md: line 4: item 1 stands here a second time"),
        ("STATUS: running\nNEXT_INDEX: 2\n## Queue\n1. a\n3. c\n", "campaign.md: line 2: the queue has no item 2"),
        ("STATUS: running\nNEXT_INDEX: 1\n## Queue\n2. a\n", "campaign.md: line 2: the queue has no item 1"),
        ("## Do not touch\n- a\nb\n", "campaign.md: line 3: not a pattern, which begins with '- ': 'b'"),
        ("## Do not touch\n<!--\n- a\n## Queue\n", "campaign.md: line 3: a comment that is not closed by '-->'"),
    ],
)
def test_a_file_that_a_run_cannot_go_by_is_refused(text: str, fault: str) -> None:
    with pytest.raises(BadFile) as caught:
        parse(text.encode(), "campaign.md")
    assert str(caught.value.fault) == fault


def test_a_queue_that_was_worked_through_is_no_fault() -> None:
    assert parse(b"STATUS: running\nNEXT_INDEX: 2\n## Queue\n1. a\n", "a").item(2) is None


def test_the_order_of_the_lines_is_the_order_of_work() -> None:
    text = b"NEXT_INDEX: 3\n## Queue\n2. b\n3. c\n1. a\n4. d\n## History\nx | index=1 | result=success\n"
    file = CampaignFile(text)
    assert [item.index for item in file.remaining] == [3, 4]  # 2 has no outcome, and is passed over
    file.add_history(AT, index=3, result="STOP-NEEDS-HUMAN")
    assert file.first_open == 3
    file.add_history(AT, index=3, result="human_deferred")
    assert file.first_open == 4
    file.add_history(AT, index=4, result="skipped")
    assert (file.first_open, file.remaining) == (5, [])


def test_without_a_next_index_the_first_line_is_the_next() -> None:
    file = CampaignFile(b"STATUS: running\n## Queue\n2. b\n1. a\n")
    assert (file.next_index, file.faults, [item.index for item in file.remaining]) == (2, [], [2, 1])


def test_a_number_behind_the_last_leaves_nothing_to_do() -> None:
    assert CampaignFile(b"NEXT_INDEX: 3\n## Queue\n2. b\n1. a\n").remaining == []


def test_policy_and_what_must_not_be_touched_are_read_line_by_line() -> None:
    file = CampaignFile(
        b"# T\n\n## Policy\nWhat holds:\n- no new names,\n  not even private ones\n* types only\n\n"
        b"## Do not touch\n<!-- made by hand:\n- nothing -->\n### generated\n- `src/gen/`\n- *.lock\n\n## Queue\n1. a\n"
    )
    assert file.policy == ("no new names, not even private ones", "types only")
    assert file.untouchable == ("src/gen/", "*.lock")
    assert file.faults == []


def test_the_newest_outcome_of_an_item_counts() -> None:
    file = CampaignFile(b"## History\na | index=1 | result=failure_reverted\nb | index=1 | result=success\n")
    outcome = file.outcome(1)
    assert outcome and outcome.result == "success"


def test_a_missing_counter_is_zero_and_the_next_item_is_the_first() -> None:
    file = CampaignFile(b"")
    assert (file.counter("INVOCATIONS_STARTED"), file.next_index, file.status) == (0, 1, "paused")


LARGE: list[Callable[[int], bytes]] = [
    lambda size: b"A: x" + b" " * size + b"y",
    lambda size: b"A:" + b" \t" * size,
    lambda size: b"## x" + b" " * size + b"y",
    lambda size: b"# x" + b"\t" * size + b"y",
    lambda size: b"## Queue\n" + b" " * size + b"1. x" + b" " * size + b"y",
    lambda size: b"## Queue\n" + b"".join(b"%d. a\n" % number for number in range(size // 20)),
    lambda size: b"## History\n" + b"x | index=1 | result=y\n" * (size // 40),
    lambda size: b"\r" * size,
    lambda size: b"A" * size,
]


@pytest.mark.parametrize("make", LARGE)
def test_a_large_file_is_read_in_time(make: Callable[[int], bytes]) -> None:
    data = make(1024 * 1024)  # one that took quadratic time would not end
    assert CampaignFile(data).render() == data
