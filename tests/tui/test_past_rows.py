"""Rows of the past as cells, and what is said of one of them."""

from pathlib import Path

import pytest

from opsroom.commands.show import read_fleet
from state.usage import Usage
from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.campaigns import NAME, strict_typing
from tui.past import Commit, Past, PastRun, build
from tui.past_git import Change
from tui.past_rows import Row, campaign_rows, cells, item_rows, metric_text, results_text
from tui.past_text import change_lines, compared, row_lines
from tui.text import plain, width


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """A campaign with two runs, and one of which git alone knows."""
    gone = [Commit(f"{n:040x}", ago(days=3), "A", f"did {n}", "gone", f"f{n}.py", f"gone-{n:04}") for n in range(1, 13)]
    return build(read_fleet(strict_typing(tmp_path).state), gone)


def said(row: Row, columns: int) -> str:
    return plain(cells(row, columns, NOW))


def test_each_row_takes_exactly_the_columns_there_are(past: Past) -> None:
    rows = campaign_rows(past, ["s"])  # items among them
    assert {(row.run is not None, row.item is not None) for row in rows} == {
        (False, False),
        (True, False),
        (False, True),
    }
    for columns in range(24, 240):
        for row in rows:
            assert width(said(row, columns)) == columns


def test_a_row_says_more_where_there_is_room(past: Past) -> None:
    row = campaign_rows(past)[0]
    assert said(row, 40).split() == [NAME, "stop", "20m"]
    assert said(row, 56).split() == [NAME, "stop", "3✓", "1✗", "1■", "1→", "20m"]
    assert said(row, 80).split() == [NAME, "stop", "3✓", "1✗", "1■", "1→", "27", "→", "19", "$6.39", "20m"]
    gone = campaign_rows(past)[-1]
    assert said(gone, 80).split() == ["gone", "from", "git", "12", "commits", "3d"]


def test_an_item_says_why_or_what_was_learned(past: Past) -> None:
    rows = item_rows(past.campaigns[0], None)
    assert "2 ✓ src/click/utils.py  use collections.abc, not typing" in said(rows[1], 100)
    assert "3 ✗ src/click/types.py  check `tests` failed after 7 repairs" in said(rows[2], 110)
    assert said(rows[8], 80).split() == ["9", "·", "src/click/testing.py", "pending"]
    assert said(item_rows(past.campaigns[1], None)[0], 80).split()[:5] == ["1", "✓", "f1.py", "did", "1"]


def test_a_stop_that_is_over_needs_nobody(past: Past) -> None:
    assert {tone for row in item_rows(past.campaigns[0], None) for _, tone in cells(row, 100, NOW)} <= {
        "",
        "muted",
        "strong",
    }


def test_figures() -> None:
    assert results_text({"skipped": 1, "success": 12_000, "odd": 2, "other": 1}) == "12,000✓ 1– 3·"
    assert (metric_text("27", "19"), metric_text("", "19"), metric_text("", "")) == ("27 → 19", "? → 19", "")


def test_a_search_shows_a_campaign_with_what_matches_below_it(past: Past) -> None:
    assert [row.item.target for row in campaign_rows(past, ["f7.py"]) if row.item] == ["f7.py"]
    assert len(campaign_rows(past, ["gone"])) == 13
    assert campaign_rows(past, ["f7.py", "f8.py"]) == []


def lines(past: Past, *keys: int) -> list[str]:
    campaign = past.campaigns[0]
    row = Row(campaign, campaign.runs[keys[0]]) if keys else Row(campaign)
    return [plain(one) for one in row_lines(row, NOW)]


def test_a_campaign_and_a_run_are_told(past: Past) -> None:
    assert "items       14: 3 success, 1 reverted, 1 deferred, 1 stopped" in lines(past)
    assert "when        2026-11-21 08:15 to 2026-11-21 09:55, 20m ago" in lines(past)
    run = lines(past, 1)
    assert run[:3] == [
        f"{NAME}, run 1",
        "status      no progress after 40m",
        "why         5 items in a row without progress, the limit",
    ]
    assert "spent       901,220 tokens · $4.11 · 34m in 12 attempts" in run


def test_an_item_is_told_with_what_its_line_says(empty: FleetBuilder) -> None:
    line = (
        "2026-11-21T09:00:00+00:00 | index=1 | file=a.py | result=success | seconds=12.4 | tokens=41000 | dollars=0.31"
    )
    empty.campaign("c", ["a.py"], [f"{line} | by=human | commit=abc1234"], "complete")
    past = build(read_fleet(empty.state), ())
    found = [plain(one) for one in row_lines(item_rows(past.campaigns[0], None)[0], NOW)]
    assert "took        12s · 41,000 tokens · $0.31" in found
    assert "commit      abc1234" in found
    assert "by          human" in found


# a commit


DIFF = """\
 a.py | 2 +-

diff --git a/a.py b/a.py
index 1..2 100644
--- a/a.py
+++ b/a.py
@@ -1 +1,2 @@ def f():
 same
-old
+\tnew
\\ No newline at end of file""".splitlines()


def test_a_diff_is_coloured_by_the_kind_of_its_lines() -> None:
    shown = change_lines(Change("a" * 40, "A", NOW, "subject\n\nOpsroom-Task: x", DIFF))
    tones = {plain(one): one[-1][1] for one in shown if one}
    assert tones["diff --git a/a.py b/a.py"] == "strong"
    assert tones["@@ -1 +1,2 @@ def f():"] == "head"
    assert (tones[" same"], tones["-old"], tones["+    new"]) == ("", "muted", "accent")
    assert tones["  Opsroom-Task: x"] == "muted"
    assert not {"attention", "trouble"} & set(tones.values())


def test_a_long_diff_is_bounded_and_says_so() -> None:
    shown = [plain(one) for one in change_lines(Change("a", "A", NOW, "m", ["+x"] * 3_500, "cut after 256 KiB"))]
    assert shown[-2:] == ["… 500 more lines", "… cut after 256 KiB"]
    assert plain(change_lines(Change("a", "A", NOW, "m"))[-1]) == "it changes no file"
    assert len(plain(change_lines(Change("a", "A", NOW, "m", ["+" + "x" * 9_000]))[-1])) == 400


# two runs


@pytest.mark.parametrize("columns", [24, 40, 77, 200])
def test_two_runs_fit_beside_each_other(past: Past, columns: int) -> None:
    second, first = past.campaigns[0].runs
    shown = compared(first, second, columns, NOW)
    assert max(width(plain(one)) for one in shown) <= max(columns, 30)


def test_a_price_that_nobody_knows_is_not_said_to_be_nothing(empty: FleetBuilder) -> None:
    line = "2026-11-21T09:00:00+00:00 | index=1 | file=a.py | result=success | seconds=12 | tokens=9000 | unpriced=9000"
    empty.campaign("c", ["a.py"], [line], "complete")
    spent = Usage(tokens=9000, unpriced=9000, seconds=12, attempts=1)
    empty.task("c-0001", "merged", attempt=1, campaign="c", item="a.py", index=1, usage=spent)
    empty.run("c", 1, ago(hours=2), ended=NOW, halted="complete", items=1, results={"success": 1}, spent=spent)
    past = build(read_fleet(empty.state), ())
    assert "$?" in said(campaign_rows(past)[0], 80)
    assert "$?" in said(campaign_rows(past)[1], 80)
    found = [plain(one) for one in row_lines(item_rows(past.campaigns[0], None)[0], NOW)]
    assert "took        12s · 9,000 tokens · $?" in found
    run = past.campaigns[0].runs[0]
    shown = {plain(one)[:12].strip(): plain(one)[12:].split() for one in compared(run, run, 100, NOW)}
    assert (shown["cost"], shown["a success"][:3]) == (["$?", "$?"], ["$?", "·", "12s"])


def test_what_a_success_cost_and_what_the_metric_gained_are_compared(past: Past) -> None:
    second, first = past.campaigns[0].runs
    shown = {plain(one)[:12].strip(): plain(one)[12:].split() for one in compared(first, second, 100, NOW)}
    assert shown["change"] == ["-3", "-5"]
    assert shown["a success"] == ["$2.06", "·", "17m", "$3.02", "·", "23m"]
    idle = PastRun("c", 1, second.run.__class__(started=NOW, spent=Usage(dollars=1.0)))
    shown = {plain(one)[:12].strip(): plain(one)[12:].split() for one in compared(idle, second, 100, NOW)}
    assert (shown["a success"][0], shown["change"][0], shown["status"][0]) == ("-", "-", "running")
