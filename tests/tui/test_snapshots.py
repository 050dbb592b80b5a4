"""The screen as it is drawn: three sizes in three themes. `make snapshots` accepts what is drawn now."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from state.machine import Hold
from tests.tui.agents import real_agents
from tests.tui.builder import NOW, ago, typing_imports
from tests.tui.campaigns import NAME, strict_typing
from tests.tui.repositories import with_a_past
from tests.tui.room import Clock, Person
from tui.app import OpsroomApp
from tui.text import plain
from tui.widgets.typing_line import TypingLine


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


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_machine_that_is_short_and_agents_that_are_held(
    snap_compare: Callable[..., bool], tmp_path: Path, size: tuple[int, int]
) -> None:
    fleet = typing_imports(tmp_path)
    fleet.lease(sandbox="none", sandbox_why="user namespaces are forbidden here")
    fleet.machine(memory_free_mib=412)
    until = NOW + timedelta(minutes=17)
    fleet.holds(
        Hold(kind="provider", agent="codex", why="rate limit", since=ago(minutes=4), until=until, failures=2),
        Hold(kind="machine", why="412 MiB of memory are free, less than 512", since=ago(seconds=40)),
        Hold(kind="budget", why="the fleet's budget of $30.00 is used up: $30.11", since=ago(minutes=1)),
    )
    clock = Clock()
    app = OpsroomApp(fleet.state, theme="opsroom-dark", clock=clock)

    async def settle(pilot: Pilot[None]) -> None:
        person = Person(fleet, app, pilot, clock)
        await person.until(lambda: not app.fleet.snapshot.reading)
        for _ in range(3):
            await person.press("n")
        await person.sees("raise it under [budgets]")

    assert snap_compare(app, terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("keys", "sees"),
    [
        (("1",), "tokens     38,000 in"),
        (("4",), "Line 211 is fixed; the checks run again."),
        (("4", "tab", "o"), '{"type":"turn.started"}'),
    ],
    ids=["status", "events", "raw"],
)
def test_an_agent_whose_stream_is_read(
    snap_compare: Callable[..., bool], tmp_path: Path, keys: tuple[str, ...], sees: str, size: tuple[int, int]
) -> None:
    fleet = real_agents(tmp_path)
    clock = Clock()
    app = OpsroomApp(fleet.state, theme="opsroom-dark", clock=clock)

    async def settle(pilot: Pilot[None]) -> None:
        person = Person(fleet, app, pilot, clock)
        await person.until(lambda: not app.fleet.snapshot.reading)
        await person.select("task:0001")
        await person.press(*keys)
        await person.sees(sees)

    assert snap_compare(app, terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_an_agent_that_nobody_signed_in(
    snap_compare: Callable[..., bool], tmp_path: Path, size: tuple[int, int]
) -> None:
    fleet = real_agents(tmp_path)
    clock = Clock()
    app = OpsroomApp(fleet.state, theme="opsroom-dark", clock=clock)

    async def settle(pilot: Pilot[None]) -> None:
        person = Person(fleet, app, pilot, clock)
        await person.until(lambda: not app.fleet.snapshot.reading)
        await person.select("task:0002")
        await person.press("1")
        await person.sees("failed: authentication")

    assert snap_compare(app, terminal_size=size, run_before=settle)


def opened_on_a_campaign(
    root: Path, theme: str, *keys: str
) -> tuple[OpsroomApp, Callable[[Pilot[None]], Awaitable[None]]]:
    """The app on a campaign that has stopped, and what opens its screen and presses `keys` there."""
    fleet = strict_typing(root)
    clock = Clock()
    app = OpsroomApp(fleet.state, theme=theme, clock=clock)

    async def settle(pilot: Pilot[None]) -> None:
        person = Person(fleet, app, pilot, clock)
        await person.until(lambda: not app.fleet.snapshot.reading)
        await person.select(f"campaign:{NAME}")
        await person.press("enter")
        await person.sees("9 · src/click/testing.py")
        await person.press(*keys)
        await person.settled()

    return app, settle


@pytest.mark.parametrize("theme", ["opsroom-dark", "terminal"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_campaign_that_has_stopped(
    snap_compare: Callable[..., bool], tmp_path: Path, theme: str, size: tuple[int, int]
) -> None:
    app, settle = opened_on_a_campaign(tmp_path, theme, "j", "j")
    assert snap_compare(app, terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("pane", ["1", "3", "4", "5"])
def test_the_panes_of_a_campaign(
    snap_compare: Callable[..., bool], tmp_path: Path, pane: str, size: tuple[int, int]
) -> None:
    keys = (pane, "j") if pane == "5" else (pane,)
    app, settle = opened_on_a_campaign(tmp_path, "opsroom-dark", *keys)
    assert snap_compare(app, terminal_size=size, run_before=settle)


def opened_on_the_past(
    root: Path, theme: str, *keys: str, sees: str
) -> tuple[OpsroomApp, Callable[[Pilot[None]], Awaitable[None]]]:
    """The app on what was, and what opens the history and presses `keys` there, until `sees` is on the screen."""
    fleet = with_a_past(root)
    clock = Clock()
    app = OpsroomApp(fleet.state, theme=theme, clock=clock)

    def read() -> bool:
        return app.history is not None and "reading the commit …" not in map(plain, app.history.about.lines)

    async def settle(pilot: Pilot[None]) -> None:
        person = Person(fleet, app, pilot, clock)
        await person.until(lambda: not app.fleet.snapshot.reading)
        await person.press("H")
        await person.until(lambda: app.history and app.history.ready and app.history.past.commits)
        for line in app.screen.query(TypingLine):
            line.cursor_blink = False  # it is there every other half second, whenever the picture is taken
        for key in keys:
            await person.press(key)
            await person.until(read, "the commit read, which the next key may scroll")
        await person.sees(sees)

    return app, settle


@pytest.mark.parametrize("theme", ["opsroom-dark", "terminal"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_past(snap_compare: Callable[..., bool], tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    app, settle = opened_on_the_past(tmp_path, theme, "j", "space", sees="strict-typing, run 2")
    assert snap_compare(app, terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("keys", "sees"),
    [
        (("enter", "j", "j"), "3 src/click/types.py"),
        (("enter", "enter", "pagedown"), "+if TYPE_CHECKING:"),
        (("j", "space", "j", "c"), "a success"),
        (("slash", *"core"), "/core"),
    ],
    ids=["items", "commit", "compared", "searched"],
)
def test_in_the_past(
    snap_compare: Callable[..., bool], tmp_path: Path, keys: tuple[str, ...], sees: str, size: tuple[int, int]
) -> None:
    app, settle = opened_on_the_past(tmp_path, "opsroom-dark", *keys, sees=sees)
    assert snap_compare(app, terminal_size=size, run_before=settle)
