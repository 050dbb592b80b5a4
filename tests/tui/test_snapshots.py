"""The screen as it is drawn: three sizes in three themes. `make snapshots` accepts what is drawn now."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.builder import typing_imports
from tests.tui.room import Clock, Person
from tui.app import OpsroomApp


@pytest.mark.parametrize("theme", ["opsroom-dark", "opsroom-light", "terminal"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_fleet(snap_compare: Callable[..., bool], tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    fleet = typing_imports(tmp_path)
    clock = Clock()
    app = OpsroomApp(fleet.state, theme=theme, clock=clock)

    async def settle(pilot: Pilot[None]) -> None:
        person = Person(fleet, app, pilot, clock)
        await person.until(lambda: not app.fleet.snapshot.reading)
        await person.press("n")
        if size[0] >= 120:
            await person.sees("41,210 tokens")
        await person.sees("1 defer   2 allow here   in 27m: “leave it”")

    assert snap_compare(app, terminal_size=size, run_before=settle)
