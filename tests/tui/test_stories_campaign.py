"""A person looks at a campaign, and makes the moves that are theirs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from state.campaign_file import CampaignFile
from state.model import Command
from tests.tui.builder import NOW, FleetBuilder
from tests.tui.campaigns import API, NAME, long_queue, strict_typing
from tests.tui.room import Person, opened
from tui.screens.campaign import CampaignScreen


@pytest.fixture
def strict(tmp_path: Path) -> FleetBuilder:
    """A campaign that has stopped in its second run."""
    return strict_typing(tmp_path)


@asynccontextmanager
async def looking(fleet: FleetBuilder, name: str = NAME, **arguments: Any) -> AsyncIterator[Person]:
    """The control room with the screen of a campaign open."""
    async with opened(fleet, **arguments) as person:
        await person.select(f"campaign:{name}")
        await person.press("enter")
        await person.until(lambda: person.app.campaign and person.app.campaign.ready, "the campaign screen")
        yield person


def screen_of(person: Person) -> CampaignScreen:
    assert person.app.campaign is not None
    return person.app.campaign


async def go_to(person: Person, index: int) -> None:
    """Moves to an item, as so many presses of j or k would."""
    screen = screen_of(person)
    screen.list.cursor = screen.queue.places[index]
    await person.until(lambda: screen.item and screen.item.index == index)


async def sends(person: Person, verb: str) -> Command:
    """Waits for exactly one command, which must be that one, for the campaign."""
    _, command = await person.sends_one()
    assert (command.verb, command.campaign, command.by, command.at) == (verb, NAME, "human", NOW)
    return command


# looking


async def test_enter_opens_it_and_escape_goes_back(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.sees("stop for 20m · run 2", "5/14", "next 6 src/click/termui.py", API)
        await person.press("escape")
        await person.until(lambda: person.app.screen is person.app.fleet)
        await person.sees("▾ strict-typing")


async def test_each_item_says_how_it_went_and_what_its_task_is_at(strict: FleetBuilder) -> None:
    async with looking(strict, size=(200, 50)) as person:
        await person.sees(
            " 1 ✓ src/click/globals.py",
            "3 ✗ src/click/types.py  check `tests` failed after 7 repairs",
            "5 → src/click/formatting.py  wait for the parser's rewrite",
            "› 6 ● src/click/termui.py",
            "7 ◑ src/click/exceptions.py",
            "repair 2/7",
            "8 ■ src/click/decorators.py",
            "9 · src/click/testing.py",
            "pending",
            "5m 3f0ac41",
        )
        await go_to(person, 7)
        await person.sees("repair 2/7, verifying for 8s · attempt 3")
        await go_to(person, 4)
        await person.sees("success 1h ago · 77e0c1d · checks typecheck,tests · metric 19 · took 1m")


async def test_budgets_are_bars_with_both_figures(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.sees(
            "47m of 2h00m",
            "16 of 40",
            "1,273,020 of 2,000,000",
            "$6.39 of $20.00",
            "2 of 5",
            "start 27 · now 19 · goal 0",
        )
        await person.sees("27 ┤⠉", "goal 0 ┤┄")


async def test_policy_history_runs_and_proposals_are_a_key_away(strict: FleetBuilder) -> None:
    async with looking(strict, size=(120, 50)) as person:
        await person.sees(
            "- Use collections.abc, not typing, for what both have.", "- docs/", "- src/click/_textwrap.py"
        )
        await person.sees("Static checks only.", "2 Policy 4  3 History 6  4 Runs 2  5 Proposals 4")
        await person.press("3")
        await person.sees("11-21 09:55    8 ■ stopped", "5 → deferred", "learned use collections.abc, not typing")
        await person.press("4")
        await person.sees(
            "2 stop after 50m", "3 items: 1 success, 1 deferred, 1 stopped", "metric 24 → 19 · spent 711,800 tokens"
        )
        await person.sees("1 no progress after 40m", "5 items in a row without progress, the limit")
        await person.press("5")
        await person.sees("✓ rule   Use collections.abc", "+ file   src/click/types.py", "it stands in campaign.md")


async def test_what_changes_on_disk_changes_on_the_screen(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await go_to(person, 9)
        queue = strict.state.campaign(NAME).queue
        text = (
            queue.read_text().replace("STATUS: stop", "STATUS: running").replace(f"STOP_REASON: {API}", "STOP_REASON:")
        )
        strict.text(queue, text + "2026-11-21T10:14:00+00:00 | index=6 | file=src/click/termui.py | result=success\n")
        strict.status(f"{NAME}-0006", "merged", since=NOW, attempt=1)
        await person.sees("strict-typing  running for 20m", "6/14", "6 ✓ src/click/termui.py")
        assert API not in person.screen.splitlines()[2]
        assert screen_of(person).item and screen_of(person).item.index == 9  # type: ignore[union-attr]
        strict.status(f"{NAME}-0007", "waiting", since=NOW, waiting_on="an answer", repairs=2)
        await person.sees("7 ? src/click/exceptions.py", "repair 2/7")


async def test_a_campaign_whose_file_is_broken_says_so_and_heals(strict: FleetBuilder) -> None:
    queue = strict.state.campaign(NAME).queue
    good = queue.read_text()
    async with looking(strict) as person:
        strict.text(queue, good.replace("NEXT_INDEX: 6", "NEXT_INDEX: soon"))
        await person.sees("NEXT_INDEX is not a number")
        queue.unlink()
        await person.sees("no campaign.md that can be read", "campaigns/strict-typing/campaign.md: missing")
        await person.press("p")
        await person.sees("its campaign.md cannot be read")
        strict.text(queue, good)
        await person.sees("stop for 20m", "14 · ")
        assert person.sent == []


async def test_at_80_columns_everything_is_reachable(strict: FleetBuilder) -> None:
    async with looking(strict, size=(80, 24)) as person:
        await person.sees("3 ✗ src/click/types.py", "6 src/click/termui.py", "● running for 2m · attempt 1 · codex")
        for key, text in (
            ("1", "$6.39 of $20.00"),
            ("2", "Do not touch"),
            ("3", "by human"),
            ("4", "2 stop after 50m"),
        ):
            await person.press(key)
            await person.sees(text)
            assert "9 · src/click/testing.py" not in person.screen
        await person.press("5", "j", "j")
        await person.sees("protects this path: no worker may change it")
        await person.press("s")
        await person.sees("esc goes back to the queue, to choose an item")
        await person.press("escape")
        await person.sees("9 · src/click/testing.py")
        await person.press("escape")
        await person.until(lambda: person.app.screen is person.app.fleet)


@pytest.mark.parametrize("size", [(300, 100), (200, 50), (120, 40), (100, 24), (80, 24), (60, 15), (40, 10), (20, 6)])
async def test_every_line_is_as_wide_as_the_screen(strict: FleetBuilder, size: tuple[int, int]) -> None:
    async with looking(strict, size=size) as person:
        for keys in ((), *((key,) for key in "12345"), ("escape", "o"), ("escape", "e"), ("escape", "G")):
            await person.press(*keys)
            await person.settled()
            strips = person.app.screen._compositor.render_strips()
            assert [strip.cell_length for strip in strips] == [size[0]] * size[1]


async def test_resizing_keeps_what_is_read(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("4", "tab", "tab")
        await person.until(lambda: screen_of(person).panes.widget.has_focus)
        for size in ((80, 24), (40, 10), (100, 24)):
            await person.pilot.resize_terminal(*size)
            await person.settled()
            assert screen_of(person).panes.widget.has_focus
        await person.pilot.resize_terminal(80, 24)
        await person.sees("2 stop after 50m")
        await person.pilot.resize_terminal(120, 40)
        await person.sees("2 stop after 50m", "9 · src/click/testing.py", "start 27 · now 19")


async def test_enter_on_an_item_opens_its_task(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await go_to(person, 9)
        await person.press("enter")
        await person.sees("item 9 has no task yet")
        await go_to(person, 7)
        await person.press("enter")
        await person.until(lambda: person.app.screen is person.app.fleet)
        await person.sees("strict-typing-0007", "verifying  for 8s")


async def test_n_goes_to_what_needs_a_person(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("n")
        await person.until(lambda: person.app.screen is person.app.fleet)
        assert person.app.fleet.row and person.app.fleet.row.key == f"task:{NAME}-0008"


async def test_a_halt_needs_a_person_once_and_its_screen_is_a_key_away(strict: FleetBuilder) -> None:
    strict.campaign("other", ["a.py"], status="no_progress", STOP_REASON="5 items in a row without progress")
    async with opened(strict) as person:
        entries = person.app.fleet.needs.entries
        assert [(entry.kind, entry.name) for entry in entries] == [("stop", f"{NAME}-0008"), ("halted", "other")]
        await person.press("n", "n")
        await person.sees("no progress: 5 items in a row without progress", "enter its campaign")
        await person.press("enter")
        await person.until(lambda: person.app.campaign and person.app.campaign.name_of == "other")


async def test_y_copies_what_the_item_is_about(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("y")
        assert person.app.clipboard == "src/click/termui.py"


async def test_the_palette_opens_it_too_and_has_its_moves(strict: FleetBuilder) -> None:
    strict.campaign("other", ["a.py"])
    async with opened(strict) as person:
        for name in (NAME, "other"):
            await person.press("colon")
            await person.sees("Search for commands")
            await person.type(f"campaign: {name}")
            await person.sees("Its queue, budgets, metric, policy and runs")
            await person.press("enter")
            await person.until(lambda name=name: person.app.campaign and person.app.campaign.name_of == name)  # type: ignore[misc]
        await person.press("colon")
        await person.sees("Search for commands")
        await person.type("start/pause")
        await person.sees("Start the campaign, or pause it")
        await person.press("enter")
        _, command = await person.sends_one()
        assert (command.verb, command.campaign) == ("campaign-pause", "other")


# moves


@pytest.mark.parametrize(("status", "verb"), [("stop", "campaign-start"), ("running", "campaign-pause")])
async def test_p_starts_or_pauses(tmp_path: Path, status: str, verb: str) -> None:
    fleet = strict_typing(tmp_path, status)
    async with looking(fleet) as person:
        await person.press("p")
        await sends(person, verb)
        (name,) = [path.name for path in fleet.state.inbox.glob("*.toml")]
        fleet.conclude(name, "refused", "there is no agent 'codex' in opsroom.toml")
        await person.sees("refused: there is no agent 'codex' in opsroom.toml")


async def test_an_item_is_deferred_with_the_persons_words(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await go_to(person, 8)
        await person.press("d")
        await person.sees("defer 8 src/click/decorators.py ›")
        await person.press("enter")
        await person.sees("nothing sent: say why the item waits for a person")
        await person.press("d")
        await person.type("the API is settled in 9.0")
        await person.press("enter")
        command = await sends(person, "campaign-defer")
        assert (command.index, command.text) == (8, "the API is settled in 9.0")
        await person.sees("campaign defer strict-typing 8: “the API is settled in 9.0”  sent")
        (word,) = person.journal
        assert (word["verb"], word["campaign"], word["index"], word["text"]) == (
            "campaign-defer",
            NAME,
            "8",
            "the API is settled in 9.0",
        )


@pytest.mark.parametrize(
    ("index", "key", "typed", "verb", "text"),
    [
        (9, "s", "", "campaign-skip", ""),
        (9, "s", "not ours", "campaign-skip", "not ours"),
        (3, "r", "", "campaign-retry", ""),
        (8, "r", "leave overload alone", "campaign-retry", "leave overload alone"),
        (5, "r", "", "campaign-retry", ""),
        (9, "w", " and cli", "campaign-reword", "src/click/testing.py and cli"),
    ],
)
async def test_an_item_is_skipped_tried_again_reworded(
    strict: FleetBuilder, index: int, key: str, typed: str, verb: str, text: str
) -> None:
    async with looking(strict) as person:
        await go_to(person, index)
        await person.press(key)
        await person.type(typed)
        await person.press("enter")
        command = await sends(person, verb)
        assert (command.index, command.text) == (index, text)


@pytest.mark.parametrize(("key", "verb"), [("o", "campaign-add"), ("N", "campaign-note"), ("D", "campaign-protect")])
async def test_items_policy_and_protected_files_are_added(strict: FleetBuilder, key: str, verb: str) -> None:
    async with looking(strict) as person:
        await person.press(key)
        await person.type("docs/api.md")
        await person.press("enter")
        command = await sends(person, verb)
        assert (command.index, command.text) == (0, "docs/api.md")


async def test_a_move_thought_better_of_is_not_sent(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        for key in ("o", "N", "D", "e"):
            await person.press(key)
            await person.type("x" if key != "e" else "")
            await person.press("escape")
            await person.settled()
            assert screen_of(person).list.has_focus
        assert person.sent == []


async def test_after_typing_a_person_is_where_they_were(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("5", "j", "N", "x", "escape")
        await person.until(lambda: screen_of(person).panes.proposals.list.has_focus)
        await person.press("j")
        await person.sees("protects this path")


async def test_items_move_up_and_down_in_the_order_of_work(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await go_to(person, 12)
        await person.press("K")
        command = await sends(person, "campaign-reorder")
        assert (command.index, command.before) == (12, 11)


async def test_moves_in_a_burst_count_from_where_the_item_will_be(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await go_to(person, 12)
        await person.press("K", "K", "J", "J", "J", "J")
        await person.until(lambda: len(person.sent) == 6)
        assert {one.index for one in person.sent} == {12}
        # the clock stands still here, so their names tell nothing of their order
        assert sorted(one.before for one in person.sent) == sorted([11, 10, 11, 13, 14, 0])


@pytest.mark.parametrize(
    ("index", "key", "why"),
    [
        (6, "d", "item 6 is running: stop its task first"),
        (7, "s", "item 7 is verifying: stop its task first"),
        (1, "d", "item 1 is done: there is nothing to leave out"),
        (1, "r", "item 1 is done: there is nothing to try again"),
        (6, "r", "item 6 is running already"),
        (9, "r", "item 9 has not been tried yet"),
        (5, "d", "item 5 is deferred already"),
        (1, "w", "item 1 has its outcome: add another item"),
        (6, "w", "item 6 is running: stop its task first"),
        (4, "K", "item 4 has its outcome: it stays where it is"),
        (6, "K", "item 6 is first of what can be moved"),
        (14, "J", "item 14 is last of what can be moved"),
    ],
)
async def test_a_move_that_makes_no_sense_says_why(strict: FleetBuilder, index: int, key: str, why: str) -> None:
    async with looking(strict) as person:
        await go_to(person, index)
        await person.press(key)
        await person.sees(why)
        assert person.sent == []
        assert not screen_of(person).prompt.purpose


async def test_a_proposal_is_promoted_by_a_key(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("plus")
        await person.sees("no proposal is selected: 5 shows them")
        await person.press("5", "plus")
        await person.sees("it stands in campaign.md already")
        await person.press("j", "plus")
        command = await sends(person, "campaign-note")
        assert command.text == "Run make typecheck on the whole package, not on one file."


async def test_a_file_that_costs_much_is_promoted_to_what_is_protected(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("5", "j", "j", "enter")
        assert (await sends(person, "campaign-protect")).text == "src/click/types.py"
        queue = strict.state.campaign(NAME).queue
        strict.text(queue, queue.read_text().replace("- docs/\n", "- docs/\n- src/click/types.py\n"))
        await person.sees("✓ file   src/click/types.py")


async def test_read_only_sends_nothing(strict: FleetBuilder) -> None:
    async with looking(strict, readonly=True) as person:
        await go_to(person, 9)
        for key in ("p", "d", "s", "r", "K", "J", "w", "o", "N", "D", "e", "5", "j", "plus", "enter"):
            await person.press(key)
            await person.settled()
            assert not screen_of(person).prompt.purpose
            if key not in ("5", "j"):
                await person.sees("read-only: nothing is")
        assert person.sent == []
        assert not person.state.journal.exists()


async def test_without_an_orchestrator_a_move_waits_and_says_so(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("p")
        await sends(person, "campaign-start")
        strict.state.lease.unlink()
        await person.sees("✗ ")
        await person.wait(seconds=11)
        await person.sees("waits: no orchestrator runs")


# files


async def test_campaign_md_is_the_orchestrators_while_a_run_is_on(tmp_path: Path) -> None:
    async with looking(strict_typing(tmp_path, "running")) as person:
        await person.press("e")
        await person.sees("edit  1 campaign.toml  2 campaign.md (between runs)  3 prompt.md ›")
        await person.press("2")
        await person.sees("campaign.md is the orchestrator's while a run is on: p pauses it")


async def test_a_link_out_of_the_state_directory_is_not_edited(strict: FleetBuilder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    strict.state.campaign(NAME).prompt.symlink_to(tmp_path / "elsewhere")
    async with looking(strict) as person:
        await person.press("e", "3")
        await person.sees("prompt.md is a symbolic link")


async def test_where_no_editor_can_have_the_terminal_it_says_so(strict: FleetBuilder) -> None:
    async with looking(strict) as person:
        await person.press("e", "1")
        await person.sees("no editor can have this terminal: edit ")
        await person.press("e", "9")
        await person.until(lambda: not screen_of(person).prompt.purpose)
        await person.press("e", "3")  # a prompt.md may be made
        await person.sees("prompt.md elsewhere")


# cost


async def test_of_ten_thousand_items_only_those_in_sight_are_made(tmp_path: Path) -> None:
    many = 10_000
    async with looking(long_queue(tmp_path, many), "long") as person:
        screen = screen_of(person)
        assert screen.item and screen.item.index == many // 2 + 1
        made: list[int] = []
        cells = screen.queue.cells

        def counted(place: int, columns: int, now: Any) -> Any:
            made.append(place)
            return cells(place, columns, now)

        screen.list._cells = counted
        await person.press("G", "k", "g")
        await person.sees("   1 ✓ f1.py")
        assert len(set(made)) < 4 * screen.list.size.height
        made.clear()
        person.app.tick()
        await person.settled()
        assert len(set(made)) <= screen.list.size.height


async def test_a_second_draws_nothing_where_no_age_changes(strict: FleetBuilder) -> None:
    for index, state in ((6, "running"), (7, "verifying")):
        strict.status(f"{NAME}-{index:04}", state, since=NOW.replace(hour=1), attempt=1)
    async with looking(strict) as person:
        screen = screen_of(person)
        await person.settled()
        drawn: list[object] = []
        for widget in screen.query("*"):
            refresh = widget.refresh

            def noted(*regions: Any, widget: Any = widget, refresh: Any = refresh, **arguments: Any) -> Any:
                drawn.append((widget, regions))
                return refresh(*regions, **arguments)

            widget.refresh = noted  # type: ignore[method-assign]
        await person.wait(seconds=1)
        assert drawn == []


async def test_an_item_in_a_file_without_a_history_is_pending(empty: FleetBuilder) -> None:
    empty.campaign("new", [], status="paused")
    async with looking(empty, "new") as person:
        await person.sees("the queue has no item yet: o adds one", "paused", "0/0")
        file = CampaignFile(empty.state.campaign("new").queue.read_bytes())
        assert file.queue == []
        await person.press("j", "enter", "d")
        await person.sees("the queue has no item")
