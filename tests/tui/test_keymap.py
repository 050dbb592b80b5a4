import pytest
from textual.binding import Binding

from tests.tui.builder import FleetBuilder
from tests.tui.room import opened
from tui.keymap import KEYS, PLACES, bindings
from tui.screens.help import lines
from tui.text import plain

TAKEN_ELSEWHERE = {"ctrl+q", "ctrl+s", "ctrl+b", "ctrl+z", *(f"f{number}" for number in range(1, 25))}


def test_ids_are_unique_and_begin_with_their_place() -> None:
    ids = [one.id for one in KEYS]
    assert len(set(ids)) == len(ids)
    assert {one.place for one in KEYS} == set(PLACES)


def test_no_place_binds_a_key_twice() -> None:
    for place in PLACES:
        keys = [key for one in KEYS if one.place == place for key in one.keys.split(",")]
        assert len(set(keys)) == len(keys), place


def test_no_key_is_one_that_terminals_and_tmux_keep() -> None:
    assert not TAKEN_ELSEWHERE & {key for one in KEYS for key in one.keys.split(",")}


async def test_none_of_textuals_own_is_either(click: FleetBuilder) -> None:
    async with opened(click) as person:
        active = {binding.binding.key for binding in person.app.screen.active_bindings.values()}
        assert not TAKEN_ELSEWHERE & active
        await person.press("ctrl+q")
        assert person.app.is_running


async def test_every_action_exists_where_it_is_bound(click: FleetBuilder) -> None:
    async with opened(click) as person:
        fleet = person.app.fleet
        await person.press("enter")
        await person.until(lambda: person.app.campaign and person.app.campaign.ready)
        campaign = person.app.campaign
        assert campaign is not None
        await person.press("H")
        await person.until(lambda: person.app.history and person.app.history.ready)
        owners = {
            "app": person.app,
            "fleet": fleet,
            "list": fleet.tasks,
            "pane": fleet.panes.text("Status"),
            "log": fleet.panes.log_pane,
            "captures": fleet.panes.captures,
            "campaign": campaign,
            "history": person.app.history,
            "items": campaign.list,
            "answer": fleet.query_one("#answer"),
            "prompt": fleet.query_one("#prompt-line"),
        }
        for one in KEYS:
            owner = person.app if one.action.startswith("app.") else owners[one.place]
            name = one.action.removeprefix("app.").partition("(")[0]
            assert hasattr(owner, f"action_{name}"), one


def test_the_help_has_every_key() -> None:
    text = "\n".join(plain(line) for line in lines())
    for one in KEYS:
        assert one.display in text
        assert (one.help or one.label) in text


async def test_the_help_opens_and_closes(click: FleetBuilder) -> None:
    async with opened(click, size=(80, 24)) as person:
        await person.press("question_mark")
        await person.sees("Pressed twice: stop the task's worker")
        await person.press("G")
        await person.sees("quiet: a running worker")
        await person.press("escape")
        await person.sees("003 src/click/types.py")


@pytest.mark.parametrize("place", PLACES)
def test_bindings_carry_their_ids(place: str) -> None:
    assert all(isinstance(one, Binding) and one.id for one in bindings(place))
