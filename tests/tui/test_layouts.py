"""Every size: two columns where there is room, one thing at a time where there is not."""

import pytest

from tests.tui.builder import FleetBuilder
from tests.tui.room import opened

SIZES = [(300, 100), (200, 50), (120, 40), (100, 24), (99, 24), (80, 24), (60, 15), (40, 10), (20, 6)]


@pytest.mark.parametrize("size", SIZES)
async def test_every_line_is_as_wide_as_the_screen(click: FleetBuilder, size: tuple[int, int]) -> None:
    async with opened(click, size=size) as person:
        for keys in ((), ("n",), ("enter",), ("4",), ("escape", "a"), ("escape", "question_mark")):
            await person.press(*keys)
            await person.settled()
            strips = person.app.screen._compositor.render_strips()
            assert [strip.cell_length for strip in strips] == [size[0]] * size[1]
            assert "need you" in person.screen or size[0] <= 40


async def test_at_80_columns_everything_is_reachable(click: FleetBuilder) -> None:
    async with opened(click, size=(80, 24)) as person:
        await person.sees("2 running", "3 need you", "$0.78", "003 src/click/types.py", "1 defer   2 allow here")
        await person.press("j", "enter")
        await person.sees(
            "typing-imports-003  src/click/types.py", "41,210 tokens", "1 Status  2 Checkpoint  3 Outbox 2"
        )
        assert "008 src/click" not in person.screen
        for key, text in (
            ("2", "Where I am"),
            ("3", "worker: question"),
            ("4", "nothing written yet"),
            ("6", "explicit"),
        ):
            await person.press(key)
            await person.sees(text)
        await person.press("escape")
        await person.sees("008 src/click/decorators.py")
        await person.press("a")
        await person.sees("or `Any` in two places here", "press 1–2, or type an answer")
        await person.press("escape", "4")
        await person.sees("1 Status")
        await person.press("slash")
        await person.type("s:merged")
        await person.sees("001 src/click/globals.py")


async def test_at_40_columns_a_question_can_be_read_to_its_end(click: FleetBuilder) -> None:
    async with opened(click, size=(40, 10)) as person:
        await person.press("a")
        for _ in range(6):
            await person.press("pagedown")
        await person.sees("2 allow here")
        await person.press("2")
        assert (await person.tells_one("typing-imports-003")).body == "allow here"


async def test_resizing_keeps_what_is_read(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:typing-imports-003")
        await person.press("2", "tab")
        await person.sees("Where I am")
        await person.pilot.resize_terminal(80, 24)
        await person.sees("Where I am")
        assert "008 src/click" not in person.screen
        await person.press("escape")
        await person.sees("008 src/click")
        await person.pilot.resize_terminal(120, 40)
        await person.sees("Where I am", "008 src/click")


async def test_many_sizes_in_a_row(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("n", "a")
        for size in (*SIZES, *reversed(SIZES)):
            await person.pilot.resize_terminal(*size)
            await person.settled()
        await person.press("escape")
        await person.pilot.resize_terminal(120, 40)
        await person.sees("003 src/click/types.py", "1 Status  2 Checkpoint")
