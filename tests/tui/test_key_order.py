"""One key is under way at a time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual import events

from tui import key_order
from tui.key_order import TURNS, KeyOrder


class App:
    """Takes keys, and has what they set off done some turns of the loop later, as widgets do."""

    def __init__(self, turns: int = 0) -> None:
        self.turns = turns
        self.built = True
        self.done: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.keys = KeyOrder(self.deliver, self.again, lambda: self.built)

    async def deliver(self, event: events.Event) -> None:
        assert isinstance(event, events.Key)
        if event.key == "fails":
            raise ValueError(event.key)
        self._start(self._effect(event.key))

    async def _effect(self, key: str) -> None:
        for _ in range(self.turns if key == "slow" else 0):
            await asyncio.sleep(0)
        self.done.append(key)

    def again(self, call: Callable[[], Awaitable[None]]) -> None:
        async def wait() -> None:
            await call()

        self._start(wait())

    def _start(self, coroutine: Awaitable[None]) -> None:
        task = asyncio.ensure_future(coroutine)
        assert isinstance(task, asyncio.Task)
        self.tasks.add(task)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.keys.put(events.Key(key, None))

    async def until(self, *keys: str) -> None:
        for _ in range(30_000):
            if self.done == list(keys):
                return
            await asyncio.sleep(0.001)
        raise AssertionError(self.done)


async def test_a_key_waits_until_the_one_before_is_done() -> None:
    app = App(turns=TURNS - 4)
    await app.press("slow", "a", "slow", "b")
    await app.until("slow", "a", "slow", "b")


async def test_the_first_key_waits_for_nothing() -> None:
    app = App()
    await app.press("a")
    await asyncio.sleep(0)
    assert app.done == ["a"]


async def test_a_key_waits_for_a_screen_that_is_being_built_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_order, "LIMIT", 60.0)
    app = App()
    app.built = False
    await app.press("a", "b")
    for _ in range(3 * TURNS):
        await asyncio.sleep(0.001)
        assert app.done == ["a"]
    app.built = True
    await app.until("a", "b")
    monkeypatch.setattr(key_order, "LIMIT", 0.01)
    app.built = False
    await app.press("c", "d")
    await app.until("a", "b", "c", "d")


async def test_a_key_that_fails_holds_up_none_after_it() -> None:
    app = App()
    with pytest.raises(ValueError, match="fails"):
        await app.press("fails")
    await app.press("a")
    await app.until("a")
