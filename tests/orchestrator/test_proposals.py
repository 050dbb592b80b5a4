"""What a run proposes for the next one's envelope."""

from orchestrator.campaign import proposals
from state.campaign_file import HistoryLine
from state.envelope import Proposal


def line(item: str, result: str = "success", **fields: str) -> HistoryLine:
    return HistoryLine("2026-11-21T10:00:00+00:00", {"file": item, "result": result, **fields}, 1)


def told(*lines: HistoryLine, notes: tuple[tuple[str, str], ...] = (), policy: tuple[str, ...] = ()) -> list[Proposal]:
    return proposals.of_run(lines, notes, policy)


def test_sentences_of_workers_that_read_as_rules_what_several_say_first() -> None:
    found = told(
        line("a", learned="It was easy. Always rebuild the index before the tests."),
        line("b", learned="Never rename what is public."),
        notes=(("c", "- Never rename what is public.\nlunch"),),
    )
    assert [(proposal.kind, proposal.text, proposal.source) for proposal in found] == [
        ("rule", "Never rename what is public.", "b, c"),
        ("rule", "Always rebuild the index before the tests.", "a"),
    ]


def test_what_is_policy_already_is_not_proposed() -> None:
    assert told(line("a", learned="Never rename it."), policy=("Never rename it.",)) == []


def test_a_file_that_took_much_longer_than_the_others() -> None:
    lines = [line(item, seconds=str(seconds)) for item, seconds in (("a", 20), ("b", 22), ("c", 25), ("big", 190))]
    assert told(*lines) == [Proposal(kind="file", text="big", source="190 s, where 24 s is usual")]
    assert told(*[line(item, seconds=seconds) for item, seconds in zip("abcd", "1119", strict=True)]) == []


def test_checks_that_turned_away_more_than_one_change() -> None:
    why = "check make lint failed (exit status 1): src/a.py:1: error"
    lines = [line(item, "failure_reverted", why=why) for item in "ab"]
    lines += [line("c", "failure_reverted", why="check types failed (no result)"), line("d", "skipped", why=why)]
    assert told(*lines) == [Proposal(kind="check", text="make lint turned away 2 changes", source="make lint")]
