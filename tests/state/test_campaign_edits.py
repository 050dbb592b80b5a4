"""What a command of a person's changes in a campaign.md, and how little else."""

import contextlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state import campaign_edits as edits
from state.campaign_file import POLICY, UNTOUCHABLE, CampaignFile
from state.errors import NotThere, OpsroomError, Refused
from tests.state.test_campaign_file import AT, EXAMPLE, anything, documents, lines_of

QUEUE = b"""\
# Twos

STATUS: paused
NEXT_INDEX: 2

## Queue
1. a.txt
<!-- the hard ones -->
2. b.txt | checks=make x; make y
  3) c.txt
4. d.txt"""
HISTORY = b"\n\n## History\n2026-04-25 | index=1 | result=success\n"
indexes = st.integers(0, 4)
words = st.text(max_size=12)
queues = st.builds(
    lambda head, lines, tail: head + b"\n## Queue\n" + b"".join(lines) + tail,
    documents,
    st.lists(
        st.sampled_from([b"1. a\n", b" 2) b | x=1 \r\n", b"3. \xff\t\n", b"4. d", b"\n", b"<!-- aside -->\n", b"\r\n"]),
        max_size=8,
    ),
    st.sampled_from([b"", b"\n## History\nx | index=2 | result=success\n"]) | documents,
)


def order(file: CampaignFile) -> list[int]:
    return [item.index for item in file.queue]


def bare(data: bytes) -> list[bytes]:
    """The lines of `data` without their ends, and without NEXT_INDEX, which follows the items."""
    return [line for line in map(bytes.strip, lines_of(data)) if not line.startswith(b"NEXT_INDEX:")]


# ── whatever stands in the file ─────────────────────────────────────────────────────────────────────────────


@given(queues | anything, indexes, indexes)
def test_a_move_keeps_every_line_and_the_order_of_all_others(data: bytes, index: int, before: int) -> None:
    file = CampaignFile(data)
    moved = file.item(index)
    try:
        edits.move_item(file, index, before)
    except OpsroomError:
        return
    assert moved is not None
    old, new = bare(data), bare(file.render())
    line = bare(lines_of(data)[moved.line - 1])[0] if not data.startswith(b"\xef\xbb\xbf") else None
    assert Counter(old) == Counter(new)
    if line is not None and old.count(line) == 1:
        assert [other for other in old if other != line] == [other for other in new if other != line]
    place = order(file).index(index)
    assert order(file)[place + 1 : place + 2] == ([before] if before else [])


@given(queues | anything, indexes, words)
def test_a_new_wording_changes_one_line_and_keeps_its_fields(data: bytes, index: int, target: str) -> None:
    file = CampaignFile(data)
    before = file.item(index)
    try:
        edits.reword_item(file, index, target)
    except OpsroomError:
        return
    again = CampaignFile(file.render()).item(index)
    assert before is not None
    assert again is not None
    assert (again.target, again.fields, again.line) == (target.strip(), before.fields, before.line)
    changed = [a != b for a, b in zip(lines_of(data), lines_of(file.render()), strict=True)]
    assert sum(changed) <= 1


@given(queues | documents, words)
def test_an_added_item_is_the_last_and_has_a_number_of_its_own(data: bytes, text: str) -> None:
    file = CampaignFile(data)
    before, spoken_for = order(file), {line.index for line in file.history}
    try:
        index = edits.add_item(file, text, 7)
    except Refused:
        return
    again = CampaignFile(file.render())
    added = again.item(index)
    assert added is not None
    assert added.target == text.strip().partition(" | ")[0].strip()
    assert index > 7
    assert index not in {*before, *spoken_for}
    assert order(again) == [*before, index]
    assert index in [item.index for item in again.remaining] or again.faults
    rest = iter(bare(file.render()))
    assert all(any(new == old for new in rest) for old in bare(data) if old)


@given(queues | anything, st.sampled_from([POLICY, UNTOUCHABLE]), words)
def test_a_rule_is_added_once_and_takes_nothing_away(data: bytes, section: str, text: str) -> None:
    file = CampaignFile(data)
    with contextlib.suppress(Refused):
        edits.add_rule(file, section, text)
        once = file.render()
        assert not edits.add_rule(file, section, text)
        assert file.render() == once
        again = CampaignFile(once)
        assert (again.queue and order(again)) == (CampaignFile(data).queue and order(CampaignFile(data)))
        rest = iter(bare(once))
        assert all(any(new == old for new in rest) for old in bare(data) if old)


# ── one file that somebody wrote ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("index", "before", "wanted", "then"),
    [
        (4, 2, [1, 4, 2, 3], 4),
        (2, 0, [1, 3, 4, 2], 3),
        (3, 4, [1, 2, 3, 4], 2),
        (4, 1, [4, 1, 2, 3], 4),
        (4, 0, [1, 2, 3, 4], 2),
    ],
)
def test_a_moved_line_takes_next_index_along(index: int, before: int, wanted: list[int], then: int) -> None:
    file = CampaignFile(QUEUE + HISTORY)
    edits.move_item(file, index, before)
    assert (order(file), file.next_index, file.first_open) == (wanted, then, then)


def test_a_comment_in_the_queue_stays_where_it_is() -> None:
    file = CampaignFile(QUEUE)
    edits.move_item(file, 4, 1)
    wanted = QUEUE.replace(b"\n4. d.txt", b"\n").replace(b"1. a.txt", b"4. d.txt\n1. a.txt")
    assert file.render() == wanted.replace(b"NEXT_INDEX: 2", b"NEXT_INDEX: 4")


def test_what_was_passed_over_is_taken_up_below_what_is_to_be_done() -> None:
    file = CampaignFile(QUEUE)  # nothing is said of item 1
    edits.move_item(file, 1, 3)
    assert (order(file), [item.index for item in file.remaining]) == ([2, 1, 3, 4], [2, 1, 3, 4])


def test_an_item_at_which_the_campaign_stopped_moves_and_one_that_is_done_does_not() -> None:
    file = CampaignFile(QUEUE + HISTORY)
    file.add_history(AT, index=2, result="STOP-NEEDS-HUMAN")
    edits.move_item(file, 2, 0)
    with pytest.raises(Refused, match="item 1 has an outcome: success"):
        edits.move_item(file, 1, 3)
    with pytest.raises(NotThere, match="the queue has no item 9"):
        edits.move_item(file, 3, 9)
    with pytest.raises(Refused, match="itself"):
        edits.move_item(file, 3, 3)


def test_a_new_wording_leaves_indentation_fields_and_line_end_alone() -> None:
    file = CampaignFile(QUEUE.replace(b"\n", b"\r\n"))
    edits.reword_item(file, 3, " e f.txt ")
    edits.reword_item(file, 2, "é.txt")
    wanted = QUEUE.replace(b"c.txt", b"e f.txt").replace(b"b.txt", "é.txt".encode()).replace(b"\n", b"\r\n")
    assert file.render() == wanted


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a | b=c", "a\x1b[0m", "\ud800", "x |"])
def test_what_cannot_be_an_item_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        edits.reword_item(CampaignFile(QUEUE), 2, text)


def test_an_item_is_added_behind_the_last_as_the_others_are_written() -> None:
    file = CampaignFile(QUEUE.replace(b"4. d.txt", b"  4) d.txt") + HISTORY)
    assert edits.add_item(file, "e.txt | checks=x") == 5
    assert b"\n  4) d.txt\n  5) e.txt | checks=x\n\n## History" in file.render()
    assert file.next_index == 2


def test_an_item_is_the_next_where_all_others_are_done() -> None:
    file = CampaignFile(b"NEXT_INDEX: 2\n## Queue\n1. a\n\n## History\nx | index=1 | result=success\n")
    assert edits.add_item(file, "b", 4) == 5
    assert (file.next_index, [item.target for item in file.remaining]) == (5, ["b"])


def test_a_number_of_the_history_is_not_given_again() -> None:
    assert edits.add_item(CampaignFile(b"## Queue\n1. a\n## History\nx | index=8 | result=skipped\n"), "b") == 9


def test_a_queue_is_begun_where_there_is_none() -> None:
    file = CampaignFile(b"# T\n\n## History\n")
    assert edits.add_item(file, "a") == 1
    assert file.render() == b"# T\n\n## Queue\n1. a\n\n## History\n"


def test_a_section_for_rules_is_made_between_header_and_queue() -> None:
    file = CampaignFile(EXAMPLE)
    assert edits.add_rule(file, POLICY, "no  `any`\nanywhere")
    assert edits.add_rule(file, UNTOUCHABLE, "/src/gen/")
    assert edits.add_rule(file, UNTOUCHABLE, "*.lock")
    made = b"## Policy\n- no `any` anywhere\n\n## Do not touch\n- /src/gen/\n- *.lock\n\n## Queue\n"
    assert file.render() == EXAMPLE.replace(b"## Queue\n", made)
    assert (file.policy, file.untouchable) == (("no `any` anywhere",), ("/src/gen/", "*.lock"))


def test_a_rule_goes_below_those_that_stand_there() -> None:
    file = CampaignFile(b"## Policy\r\n\r\n- a\r\n\r\nprose\r\n\r\n## Queue\r\n")
    edits.add_rule(file, POLICY, "b")
    assert file.render() == b"## Policy\r\n\r\n- a\r\n\r\nprose\r\n- b\r\n\r\n## Queue\r\n"
    assert not edits.add_rule(file, POLICY, "a")


def test_a_pattern_that_would_protect_nothing_is_refused() -> None:
    for pattern in ("# x", "", "a\nb"):
        with pytest.raises(Refused):
            edits.add_rule(CampaignFile(QUEUE), UNTOUCHABLE, pattern)
    with pytest.raises(Refused, match="mend it by hand"):
        edits.add_rule(CampaignFile(b"## Do not touch\n<!--\n"), UNTOUCHABLE, "x")
