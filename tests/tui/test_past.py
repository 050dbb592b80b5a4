"""The past, put together from files and commits."""

from datetime import timedelta
from pathlib import Path

from opsroom.commands.show import read_fleet
from state.usage import Usage
from state.views import Fleet
from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.campaigns import API, NAME, strict_typing
from tui.past import Commit, Past, build, commits_in, matches

HOUR = timedelta(hours=1)


def fields(commit: str, trailers: str, at: str = "2026-11-21T09:00:00+00:00", subject: str = "a subject") -> list[str]:
    return [f"\n{commit}", at, "A Person", subject, trailers]


def landed(index: int, campaign: str = "old", **changed: str) -> Commit:
    """The commit of an item, an hour after the one before."""
    said = {"item": f"f{index}.py", "task": f"{campaign}-{index:04}", "subject": f"did f{index}.py"} | changed
    return Commit(f"{index:040x}", ago(days=2) + index * HOUR, campaign=campaign, **said)


def past(fleet: FleetBuilder, *commits: Commit) -> Past:
    return build(read_fleet(fleet.state), commits)


# what git prints


def test_a_commit_is_told_by_its_trailers() -> None:
    ours = "Opsroom-Task: old-0012\nOpsroom-Campaign: old\nOpsroom-Item: src/a b.py\nSigned-off-by: x"
    (found,) = commits_in(fields("a1", ours))
    assert found == Commit(
        "a1", ago(hours=1, minutes=15, seconds=2), "A Person", "a subject", "old", "src/a b.py", "old-0012"
    )
    assert found.index == 12


def test_a_commit_without_our_trailers_is_none_of_ours() -> None:
    assert (
        list(commits_in(fields("a1", "") + fields("a2", "Opsroom-Task: 0042\n") + fields("a3", "Opsroom-Campaign:\n")))
        == []
    )


def test_of_several_trailers_the_last_one_counts() -> None:
    (found,) = commits_in(fields("a1", "Opsroom-Campaign: a workers word\nOpsroom-Campaign: old"))
    assert (found.campaign, found.index) == ("old", None)


def test_what_is_cut_off_or_has_no_time_is_left_out() -> None:
    ours = "Opsroom-Campaign: old"
    whole = fields("a1", ours)
    assert [one.id for one in commits_in(whole + fields("a2", ours, at="long ago") + fields("a3", ours)[:4])] == ["a1"]


def test_a_task_of_another_name_says_no_number() -> None:
    assert landed(3, task="other-0003").index is None
    assert landed(3, task="old-x").index is None


# put together


def test_of_a_campaign_without_files_git_knows_items_and_times() -> None:
    (found,) = build(Fleet(), [landed(1), landed(3), landed(2), landed(3)]).campaigns
    assert (found.name, found.from_git, found.status, found.commits) == ("old", True, "", 4)
    assert [(item.index, item.target, len(item.commits), item.result) for item in found.items] == [
        (1, "f1.py", 1, ""),
        (2, "f2.py", 1, ""),
        (3, "f3.py", 2, ""),
    ]
    assert found.items[1].commit == landed(2).id
    assert found.span == (landed(1).at, landed(3).at)


def test_a_commit_whose_item_nobody_numbered_is_told_by_its_target() -> None:
    (found,) = build(Fleet(), [landed(1, task=""), landed(2, task="", item="")]).campaigns
    assert [(item.index, item.target) for item in found.items] == [(None, "f1.py"), (None, "did f2.py")]


def test_a_run_has_the_items_that_had_an_outcome_in_it(tmp_path: Path) -> None:
    (found,) = past(strict_typing(tmp_path)).campaigns
    assert [(run.number, [(item.index, item.result) for item in run.items]) for run in found.runs] == [
        (2, [(4, "success"), (5, "human_deferred"), (8, "STOP-NEEDS-HUMAN")]),
        (1, [(1, "success"), (2, "success"), (3, "failure_reverted")]),
    ]
    assert (found.status, found.why, found.metric, found.from_git) == ("stop", API, ("27", "19"), False)
    assert dict(found.results) == {"success": 3, "failure_reverted": 1, "human_deferred": 1, "STOP-NEEDS-HUMAN": 1}
    assert found.spent.dollars == 6.39
    assert len(found.items) == 14


def test_an_item_that_was_stopped_and_then_done_reads_differently_in_each_run(empty: FleetBuilder) -> None:
    lines = [
        f"{at.isoformat()} | index=1 | file=a.py | result={result}"
        for at, result in ((ago(hours=3), "STOP-NEEDS-HUMAN"), (ago(hours=1), "success"))
    ]
    empty.campaign("c", ["a.py"], lines, "complete")
    empty.run("c", 1, ago(hours=4), ended=ago(hours=3), halted="stop")
    empty.run("c", 2, ago(hours=2), ended=NOW, halted="complete", spent=Usage(dollars=0.5))
    (found,) = past(empty).campaigns
    assert [run.items[0].result for run in found.runs] == ["success", "STOP-NEEDS-HUMAN"]
    assert [one.result for one in found.items[0].lines] == ["STOP-NEEDS-HUMAN", "success"]
    assert found.spent.dollars == 0.5  # of its runs, where there is no task any more


def test_a_run_that_begins_within_a_second_has_its_items(empty: FleetBuilder) -> None:
    begun = ago(hours=1).replace(microsecond=900_000)
    line = f"{begun.replace(microsecond=0).isoformat()} | index=1 | file=a.py | result=success"
    empty.campaign("c", ["a.py"], [line], "complete")
    empty.run("c", 1, begun, ended=begun + timedelta(milliseconds=50))
    assert len(past(empty).campaigns[0].runs[0].items) == 1


def test_commits_come_to_the_items_of_a_campaign_with_files(tmp_path: Path) -> None:
    first = Commit("3f0ac41" + "0" * 33, ago(minutes=114), campaign=NAME, item="src/click/globals.py", subject="Strict")
    (found,) = past(strict_typing(tmp_path), first).campaigns
    assert found.items[0].commit == first.id
    assert found.items[1].commit == "9d11b2e"  # as campaign.md says it
    assert found.items[2].commit == ""  # reverted


def test_an_earlier_campaign_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    found = past(strict_typing(tmp_path), landed(1, NAME), landed(2, NAME)).campaigns
    assert [(one.name, one.from_git, one.commits) for one in found] == [(NAME, False, 0), (NAME, True, 2)]


def test_a_campaign_of_which_only_tasks_are_left_is_told_from_them(empty: FleetBuilder) -> None:
    empty.task("gone-0002", "failed", campaign="gone", item="b.py", index=2, usage=Usage(dollars=1.5))
    (found,) = past(empty, landed(1, "gone")).campaigns
    assert (found.from_git, found.view, found.spent.dollars) == (False, None, 1.5)
    assert [(item.index, item.target) for item in found.items] == [(1, "f1.py"), (2, "b.py")]


def test_the_campaign_that_was_at_work_last_comes_first(empty: FleetBuilder) -> None:
    for name, hours in (("b", 3), ("a", 9)):
        empty.campaign(name, ["x"], [], "complete")
        empty.run(name, 1, ago(hours=hours), ended=ago(hours=hours - 1))
    empty.campaign("never-begun", ["x"], [], "paused")
    assert [one.name for one in past(empty, landed(1)).campaigns] == ["b", "a", "old", "never-begun"]


def test_a_line_that_stands_in_no_queue_is_shown_too(empty: FleetBuilder) -> None:
    empty.campaign("c", ["a.py"], ["2026-11-21T09:00:00+00:00 | index=7 | file=gone.py | result=skipped"], "complete")
    assert [(item.index, item.target) for item in past(empty).campaigns[0].items] == [(1, "a.py"), (7, "gone.py")]


def test_what_was_learned_is_told_in_full_where_the_task_has_it(tmp_path: Path) -> None:
    fleet = strict_typing(tmp_path)
    fleet.result(f"{NAME}-0002", "success", learned="use collections.abc, not typing\n\nand say so")
    fleet.result(f"{NAME}-0001", "success", learned="nothing that the history has")
    items = past(fleet).campaigns[0].items
    assert items[1].learned == "use collections.abc, not typing\n\nand say so"
    assert items[0].learned == "nothing that the history has"


# search


def test_a_search_looks_through_all_that_is_shown(tmp_path: Path) -> None:
    first = Commit(
        "3f0ac41" + "b" * 33, ago(minutes=114), subject="Explicit Shapes", campaign=NAME, task=f"{NAME}-0001"
    )
    items = past(strict_typing(tmp_path), first).campaigns[0].items
    for text, found in (
        ("globals", [1]),
        ("3f0ac41bbb", [1]),
        ("explicit shapes", [1]),
        ("collections.abc typing", [2]),
        ("reverted 7 repairs", [3]),
        ("parser's", [5]),
        ("human_deferred", [5]),
        ("needs-human overload", [8]),
        ("nowhere", []),
    ):
        assert [item.index for item in items if matches(item.text, text.split())] == found, text
