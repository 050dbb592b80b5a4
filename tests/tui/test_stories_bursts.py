"""Over a slow connection keys come in bursts, each while the one before is still on its way: they keep their order."""

from pathlib import Path

import pytest

from tests.tui.builder import FleetBuilder
from tests.tui.campaigns import NAME, strict_typing
from tests.tui.room import opened

ASKS = "typing-imports-003"
GAPS = (0, 1, 3, 8)
"""Turns of the loop between two keys. A key takes one for each widget on its way to the app."""


@pytest.fixture
def strict(tmp_path: Path) -> FleetBuilder:
    """A campaign that has stopped in its second run."""
    return strict_typing(tmp_path)


@pytest.mark.parametrize("gap", GAPS)
async def test_a_line_opened_typed_and_sent(strict: FleetBuilder, gap: int) -> None:
    async with opened(strict) as person:
        await person.select(f"campaign:{NAME}")
        await person.press("enter")
        await person.until(lambda: person.app.campaign and person.app.campaign.ready, "the campaign screen")
        await person.burst("N", *"Ask the neighbours first.", "enter", "o", *"docs/x.md", "enter", gap=gap)
        await person.until(lambda: len(person.sent) == 2, "two commands")
        assert {one.verb: one.text for one in person.sent} == {
            "campaign-note": "Ask the neighbours first.",
            "campaign-add": "docs/x.md",
        }


@pytest.mark.parametrize("gap", GAPS)
async def test_what_comes_after_enter_is_not_typed(click: FleetBuilder, gap: int) -> None:
    async with opened(click) as person:
        await person.burst("a", *"no, wait", "enter", "6", gap=gap)
        assert (await person.tells_one(ASKS)).body == "no, wait"
        await person.until(lambda: person.app.fleet.panes.current == 5, "the spec's pane")


@pytest.mark.parametrize("gap", GAPS)
async def test_a_filter_is_there_before_the_key_that_goes_by_it(click: FleetBuilder, gap: int) -> None:
    async with opened(click) as person:
        await person.burst("/", *"004", "enter", "j", "m", *"go on", "enter", gap=gap)
        assert (await person.tells_one("typing-imports-004")).body == "go on"


@pytest.mark.parametrize("gap", GAPS)
async def test_a_screen_is_there_before_the_keys_that_are_for_it(strict: FleetBuilder, gap: int) -> None:
    async with opened(strict) as person:
        await person.burst("H", "/", *"termui", gap=gap)
        await person.until(lambda: person.app.history and person.app.history.ready, "the history")
        await person.sees("termui")
        await person.burst("escape", "escape", "?", "escape", ":", *"history", "enter", gap=gap)
        await person.until(lambda: person.app.history and person.app.history.ready, "the history again")
