"""What the screen costs: counted in lines and imports, which no machine's speed changes."""

import subprocess
import sys
from pathlib import Path

from textual.geometry import Region

from state.usage import Usage
from tests.tui.builder import NOW, FleetBuilder
from tests.tui.room import Person, opened

MANY = 300


def many(tmp_path: Path) -> FleetBuilder:
    fleet = FleetBuilder(tmp_path)
    fleet.lease()
    for number in range(MANY):
        fleet.task(f"{number:04}", "running", since=NOW, attempt=1)
    return fleet


class Drawn:
    """The regions of the task list that were asked to be drawn."""

    def __init__(self, person: Person) -> None:
        self.regions: list[Region] = []
        self._list = person.app.fleet.tasks
        self._refresh = self._list.refresh
        self._list.refresh = self._note  # type: ignore[method-assign,assignment]

    def _note(self, *regions: Region, **arguments: bool) -> object:
        self.regions += regions or [Region(0, 0, *self._list.size)]
        return self._refresh(*regions, **arguments)


async def test_one_changed_task_draws_one_line(tmp_path: Path) -> None:
    fleet = many(tmp_path)
    async with opened(fleet) as person:
        await person.sees("● 0003")
        drawn = Drawn(person)
        fleet.status("0003", "running", since=NOW, attempt=2, usage=Usage(tokens=5))
        await person.until(lambda: person.app.fleet.snapshot.fleet.tasks["0003"].status.attempt == 2)  # type: ignore[union-attr]
        assert drawn.regions == []  # nothing on its line changed
        fleet.say("0003", "note", "hello")
        fleet.text(fleet.state.task("0003").status, "broken")
        await person.sees("! 0003")


async def test_what_is_out_of_sight_draws_nothing(tmp_path: Path) -> None:
    fleet = many(tmp_path)
    async with opened(fleet) as person:
        drawn = Drawn(person)
        fleet.status("0250", "retrying", since=NOW)
        await person.until(lambda: person.app.fleet.snapshot.fleet.tasks["0250"].state == "retrying")
        await person.settled()
        assert drawn.regions == []


async def test_a_second_draws_only_ages_that_changed(tmp_path: Path) -> None:
    fleet = many(tmp_path)
    fleet.status("0001", "retrying", since=NOW)
    for number in range(MANY):
        if number != 5:
            fleet.status(f"{number:04}", "retrying", since=NOW.replace(hour=1))
    async with opened(fleet) as person:
        await person.sees("● 0005")
        drawn = Drawn(person)
        await person.wait(seconds=1)
        assert len(drawn.regions) == 1 and drawn.regions[0].height == 1


def test_what_is_seldom_needed_is_imported_when_it_is() -> None:
    heavy = ("PIL", "plotille", "watchfiles", "textual_image", "orchestrator", "opsroom", "textual.widgets._markdown")
    code = f"import sys, tui.app; print([name for name in {heavy!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
