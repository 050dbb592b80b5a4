"""A person looks at what was: campaigns, runs, items, their commits, also of what git alone knows."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.campaigns import API, FILES, NAME
from tests.tui.repositories import LEARNED, Repository, with_a_past
from tests.tui.room import Person, opened
from tui import past_loader
from tui.past_rows import Row
from tui.screens.history import HistoryScreen
from tui.text import plain

GONE = "drop-python-3.8"


@pytest.fixture
def fleet(tmp_path: Path) -> FleetBuilder:
    """A campaign with two runs, and one of which git alone knows."""
    return with_a_past(tmp_path)


@asynccontextmanager
async def remembering(fleet: FleetBuilder, **arguments: Any) -> AsyncIterator[Person]:
    """The control room with the history open, all of it read."""
    async with opened(fleet, **arguments) as person:
        await person.press("H")
        await settled(person)
        yield person


async def settled(person: Person) -> None:
    await person.until(lambda: person.app.history and person.app.history.ready, "the history screen")
    loader = screen_of(person).loader
    await person.until(lambda: loader.known and not loader.asking and not loader._building, "everything read")


def screen_of(person: Person) -> HistoryScreen:
    assert person.app.history is not None
    return person.app.history


def rows(person: Person) -> list[str]:
    """What stands in the list, row by row: a campaign, a run, or an item's number."""

    def said(row: Row) -> str:
        if row.item is not None:
            return f"#{row.item.index}"
        return f"run {row.run.number}" if row.run is not None else row.campaign.name

    return [said(row) for row in screen_of(person)._rows]


def about(person: Person) -> str:
    """What is known of what is selected, before wrapping."""
    return "\n".join(plain(line) for line in screen_of(person).about.lines)


# looking


async def test_it_opens_by_a_key_and_escape_goes_back(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.sees("2 campaigns · 2 runs · 5 in git", "strict-typing", "run 2", "27 → 19", "$6.39", "from git")
        assert rows(person) == [NAME, "run 2", "run 1", GONE]
        await person.press("H")  # it is open already
        await person.press("escape")
        await person.until(lambda: person.app.screen is person.app.fleet)
        await person.sees("▾ strict-typing")


async def test_what_is_selected_is_told_beside_the_list(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        assert f"why         {API}" in about(person)
        await person.press("j")
        await person.sees("strict-typing, run 2", "stop after 50m", "24 → 19", "711,800 tokens")
        assert "rule   Use collections.abc, not typing, for what both have." in about(person)
        await person.press("G")
        await person.sees("its files are gone: this is what git", "2026-11-14 10:24 to 2026-11-14")


async def test_enter_goes_into_a_run_and_escape_out_of_it(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("j", "enter")
        await person.sees("History › strict-typing › run 2", "3 items")
        assert rows(person) == ["#4", "#5", "#8"]
        await person.sees("4 ✓ src/click/parser.py", "5 → src/click/formatting.py", "8 ■ src/click/decorators.py")
        await person.press("escape")
        assert rows(person) == [NAME, "run 2", "run 1", GONE]
        row = screen_of(person).row
        assert row and row.run and row.run.number == 2


async def test_an_item_is_shown_with_its_commit(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("enter", "enter")
        await person.sees("History › strict-typing › src/click/globals.py")
        await person.sees("Strict types in globals.py", "-import typing as t")
        assert '+def push_context(ctx: "Context") -> None:' in about(person)
        await person.sees(
            f"learned     {LEARNED}", "said        Context is imported for checking only.", "1 file changed"
        )
        await person.sees("✓ success  commit")
        lines = {plain(line): {tone for _, tone in line} for line in screen_of(person).about.lines}
        assert lines["-import typing as t"] == {"muted"}
        assert lines["+if TYPE_CHECKING:"] == {"accent"}
        await person.press("escape")
        assert screen_of(person).lines.has_focus


async def test_the_next_item_is_a_key_away(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("G", "enter", "enter")
        await person.sees("core.py: builtin generics instead of typing's")
        await person.press("right_square_bracket")
        await person.sees("types.py: builtin generics instead of typing's", "› src/click/types.py")
        await person.press("left_square_bracket")
        await person.sees("› src/click/core.py")
        await person.press("left_square_bracket")
        await person.sees("it is the first one")


async def test_an_item_without_a_commit_says_why(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("enter", "j", "j", "enter")
        await person.sees("✗ reverted", "check `tests` failed after 7 repairs: 2 failed, 581 passed", "attempt     8")
        await person.press("y")
        await person.sees("no commit is known of it")


async def test_a_commit_that_the_repository_has_no_more_is_said(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("enter", "j", "enter")
        await person.sees("git: bad revision '9d11b2e^{commit}'", "learned     use collections.abc, not typing")


async def test_a_campaign_whose_files_go_is_told_from_git(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        shutil.rmtree(fleet.state.campaign(NAME).root)
        for task in fleet.state.tasks.iterdir():
            shutil.rmtree(task)
        await person.until(lambda: [one.from_git for one in screen_of(person).past.campaigns] == [True, True])
        assert rows(person) == [NAME, GONE]
        await person.press("enter", "enter")
        await person.sees("1 src/click/globals.py", "✓ committed", "Strict types in globals.py")


async def test_what_lands_meanwhile_is_read_again(fleet: FleetBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    async with remembering(fleet) as person:
        monkeypatch.setattr(past_loader, "AGAIN", 1_000.0)  # the app counts seconds too, and there may be many by then
        repository = Repository(fleet.state.repository)
        repository.land(NAME, 6, FILES[5], NOW, subject="Strict types in termui.py")
        queue = fleet.state.campaign(NAME).queue
        fleet.text(queue, queue.read_text() + f"{NOW.isoformat()} | index=6 | file={FILES[5]} | result=success\n")
        await person.until(lambda: screen_of(person).past.campaigns[0].items[5].result == "success")
        for _ in range(5):
            person.app.tick()
        assert not screen_of(person).loader.asking  # not so soon
        assert screen_of(person).past.commits == 5
        monkeypatch.setattr(past_loader, "AGAIN", 10.0)

        def told() -> bool:
            person.app.tick()
            return screen_of(person).past.commits == 6

        await person.until(told, "the new commit")


async def test_an_item_that_goes_while_it_is_read_is_left(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("enter", "G", "enter")
        await person.sees("History › strict-typing › examples/complex")
        queue = fleet.state.campaign(NAME).queue
        fleet.text(queue, queue.read_text().replace(f"14. {FILES[13]}\n", ""))
        await person.until(lambda: len(rows(person)) == 13)
        assert screen_of(person).lines.has_focus


async def test_the_files_are_shown_where_there_is_no_git(empty: FleetBuilder) -> None:
    empty.campaign("c", ["a.py"], ["2026-11-21T09:00:00+00:00 | index=1 | file=a.py | result=success"], "complete")
    async with remembering(empty) as person:
        await person.sees("there is no git repository here", "complete", "1✓")


async def test_without_a_past_it_says_so(empty: FleetBuilder) -> None:
    async with remembering(empty) as person:
        await person.sees("no campaign yet, neither in the files nor in git")
        await person.press("enter", "j", "space", "c", "y", "slash", "enter", "right_square_bracket", "escape")
        await person.until(lambda: person.app.screen is person.app.fleet)


async def test_from_a_campaigns_screen_it_opens_at_that_campaign(fleet: FleetBuilder) -> None:
    async with opened(fleet) as person:
        await person.select(f"campaign:{NAME}")
        await person.press("enter", "H")
        await settled(person)
        await person.sees("History › strict-typing", "14 items")
        await person.press("escape", "escape")
        await person.until(lambda: person.app.screen is person.app.campaign)


async def test_the_palette_opens_it_and_leads_on_from_it(fleet: FleetBuilder) -> None:
    async with opened(fleet) as person:
        await person.press("colon")
        await person.sees("Search for commands")
        await person.type("history")
        await person.sees("Past campaigns, runs, items and their commits")
        await person.press("enter")
        await settled(person)
        await person.press("colon")
        await person.sees("Search for commands")
        await person.type("campaign strict")
        await person.sees("campaign: strict-typing")
        await person.press("enter")
        await person.until(lambda: person.app.campaign and person.app.screen is person.app.campaign)


# searching


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("overload", [NAME, "run 2", "#8"]),
        ("lazily", [NAME, "#1"]),
        ("builtin core", [GONE, "#1"]),
        ("no_progress", [NAME, "run 1"]),
        ("drop-python", [GONE, "#1", "#2", "#3", "#4"]),
        ("nowhere at all", []),
    ],
)
async def test_a_search_goes_through_everything(fleet: FleetBuilder, text: str, found: list[str]) -> None:
    async with remembering(fleet) as person:
        await person.press("slash")
        await person.type(text)
        await person.until(lambda: rows(person) == found, f"{text}: {found}, not {rows(person)}")
        await person.press("enter")
        await person.sees(f"/{text}")
        if not found:
            await person.sees("nothing matches: esc shows all again")
        await person.press("escape")
        assert rows(person) == [NAME, "run 2", "run 1", GONE]


async def test_a_commit_is_found_by_its_id_and_read_at_once(fleet: FleetBuilder) -> None:
    commit = Repository(fleet.state.repository).git("rev-parse", "HEAD~1")
    async with remembering(fleet) as person:
        await person.press("slash")
        await person.type(commit[:10])
        await person.press("enter")
        assert rows(person) == [GONE, "#4"]
        await person.press("j", "enter")
        await person.sees("testing.py: builtin generics instead of typing's", f"commit {commit}")
        await person.press("y")
        await person.sees(f"copied {commit}")
        assert person.app.clipboard == commit
        await person.press("escape")
        assert rows(person) == [GONE, "#4"]


async def test_items_are_searched_too_and_escape_while_typing_shows_all(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("enter", "slash")
        await person.type("deferred")
        await person.until(lambda: rows(person) == ["#5"])
        await person.press("escape")
        await person.until(lambda: len(rows(person)) == 14)
        assert screen_of(person).lines.has_focus


async def test_who_types_goes_on_to_where_the_campaign_goes_meanwhile(empty: FleetBuilder) -> None:
    empty.campaign("c", ["a.py"])
    async with remembering(empty) as person:
        await person.press("enter", "slash", "r")
        shutil.rmtree(empty.state.campaign("c").root)
        await person.until(lambda: not screen_of(person).past.campaigns)
        await person.type("eq")
        await person.sees("/ req")
        assert screen_of(person).words == ["req", "r"]


# two runs


async def test_two_marked_runs_are_shown_side_by_side(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("c")
        await person.sees("space marks two runs to compare")
        await person.press("space")
        await person.sees("two runs are compared: mark runs")
        await person.press("j", "space", "j", "c")
        await person.sees("History › two runs", "strict-typing, run 1", "strict-typing, run 2")
        said = {plain(line).split()[0]: plain(line).split()[1:] for line in screen_of(person).about.lines if line}
        assert said["✓"] == ["success", "2", "1"]
        assert said["■"] == ["stopped", "0", "1"]
        assert said["metric"] == ["27", "→", "24", "24", "→", "19"]
        assert said["change"] == ["-3", "-5"]
        assert said["cost"] == ["$4.11", "$3.02"]
        await person.press("escape")
        assert screen_of(person).lines.has_focus


async def test_a_mark_is_taken_away_by_the_same_key(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("j", "space", "j", "space")
        await person.sees("*   run 2", "*   run 1")
        await person.press("space")
        await person.sees_no_more("*   run 1")
        await person.press("k", "c")
        await person.sees("space marks two runs to compare")


async def test_items_that_both_runs_dealt_with_are_told(empty: FleetBuilder) -> None:
    at = (ago(hours=3, minutes=30), ago(hours=1))
    results = ("STOP-NEEDS-HUMAN", "success")
    lines = [
        f"{when.isoformat()} | index=1 | file=a.py | result={said}" for when, said in zip(at, results, strict=True)
    ]
    empty.campaign("c", ["a.py"], lines, "complete")
    empty.run("c", 1, ago(hours=4), ended=ago(hours=3), halted="stop", results={"STOP-NEEDS-HUMAN": 1})
    empty.run("c", 2, ago(hours=2), ended=NOW, halted="complete", results={"success": 1})
    async with remembering(empty) as person:
        await person.press("j", "space", "j", "space", "c")
        await person.sees("Items in both, 1", "1 a.py", "■ stopped", "→ ✓ success")


# sizes, cost


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (30, 8), (300, 100)])
async def test_everything_is_in_reach_at_any_size(fleet: FleetBuilder, size: tuple[int, int]) -> None:
    async with remembering(fleet, size=size) as person:
        await person.press("G", "enter", "enter", "G")
        await person.until(lambda: "+src/click" in about(person) or "+core.py" in about(person), about(person))
        await person.press("escape", "escape", "k", "space", "k", "c", "escape", "escape")
        await person.until(lambda: person.app.screen is person.app.fleet)


async def test_it_stays_what_it_is_while_the_terminal_is_resized(fleet: FleetBuilder) -> None:
    async with remembering(fleet) as person:
        await person.press("enter", "enter")
        for size in ((60, 15), (120, 40), (99, 30), (200, 50)):
            await person.pilot.resize_terminal(*size)
            await person.until(lambda: "Strict types in globals.py" in about(person))
            assert screen_of(person).about.has_focus
        await person.press("escape", "j", "slash")
        await person.pilot.resize_terminal(80, 24)
        await person.type("utils")
        await person.until(lambda: rows(person) == ["#2"])
        await person.press("enter")
        await person.sees("2 ✓ src/click/utils.py", "learned")


async def test_of_ten_thousand_commits_only_those_in_sight_are_made(empty: FleetBuilder) -> None:
    repository = Repository(empty.state.repository)
    repository.many("long", 9_000, ago(days=30))
    repository.many("longer", 1_500, ago(days=10))
    async with remembering(empty) as person:
        await person.sees("older ones than the newest 10,000 commits are not shown")
        assert [len(one.items) for one in screen_of(person).past.campaigns] == [1_500, 8_500]
        await person.press("j", "enter")
        screen, made = screen_of(person), list[int]()
        made_by = screen.lines._cells

        def counted(place: int, columns: int, now: datetime) -> Any:
            made.append(place)
            return made_by(place, columns, now)

        screen.lines._cells = counted
        await person.press("G", "k", "g")
        assert len(set(made)) < 4 * screen.lines.size.height
        made.clear()
        person.app.tick()
        await person.settled()
        assert len(set(made)) <= screen.lines.size.height


async def test_a_second_draws_nothing_where_no_age_changes(fleet: FleetBuilder) -> None:
    for index, state in ((6, "running"), (7, "verifying")):
        fleet.status(f"{NAME}-{index:04}", state, since=NOW.replace(hour=1), attempt=1)
    async with remembering(fleet) as person:
        await person.press("enter", "enter")
        await person.sees("Strict types in globals.py")
        drawn: list[object] = []
        for widget in screen_of(person).query("*"):
            refresh = widget.refresh

            def noted(*regions: Any, widget: Any = widget, refresh: Any = refresh, **arguments: Any) -> Any:
                drawn.append((widget, regions))
                return refresh(*regions, **arguments)

            widget.refresh = noted  # type: ignore[method-assign]
        await person.wait(seconds=1)
        assert drawn == []
