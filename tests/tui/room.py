"""A person at the keys: opens the control room on a built fleet, presses, and looks at what is on the screen."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from state import commands, files, messages
from state.messages import Message
from state.model import Command, decode
from tests.tui.builder import NOW, FleetBuilder
from tui.app import OpsroomApp
from tui.key_order import TURNS

PATIENCE = 60.0
"""Seconds until a condition that does not come true fails the test; met conditions cost a few milliseconds."""


KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t"}
"""The characters that some keys by name have."""


class Clock:
    """The app's clock, moved by the test."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


class Person:
    """Presses keys and looks at the screen."""

    def __init__(self, fleet: FleetBuilder, app: OpsroomApp, pilot: Pilot[None], clock: Clock) -> None:
        self.fleet = fleet
        self.state = fleet.state
        self.app = app
        self.pilot = pilot
        self.clock = clock

    @property
    def screen(self) -> str:
        """All that is on the screen, line by line."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settled()

    async def type(self, text: str) -> None:
        await self.press(*(_key(one) for one in text))

    async def burst(self, *keys: str, gap: int = 0) -> None:
        """Keys as a slow connection brings them: the next comes when the loop has turned `gap` times, done or not."""
        for key in keys:
            event = events.Key(_character_to_key(key), key) if len(key) == 1 else events.Key(key, KEYS.get(key))
            event.set_sender(self.app)
            self.app.post_message(event)
            for _ in range(gap):
                await asyncio.sleep(0)

    async def settled(self) -> None:
        """Waits until what was pressed or told has had its effect and is drawn, so far as no thread has a part in it.

        The pilot's own pauses end when this process has taken little of a processor for a while, which is so as well
        while others have it: then keys and messages are still on their way.
        """
        deadline = time.monotonic() + PATIENCE
        calm = False
        while not calm:
            assert time.monotonic() < deadline, f"never settled\n{self.screen}"
            await self.pilot.pause()
            calm = not self._busy()
            for _ in range(TURNS):  # a message that was taken from its queue is on its way yet
                await asyncio.sleep(0)
                calm = calm and not self._busy()

    def _busy(self) -> bool:
        if not self.app.is_running:
            return False
        keys, screen = self.app._keys, self.app.screen
        return bool(
            keys._under_way
            or keys._waiting
            or any(one.message_queue_size for one in (self.app, *screen.walk_children(with_self=True)))
            or screen._layout_required
            or screen._repaint_required
            or screen._dirty_widgets
            or screen._callbacks
        )

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Waits until `condition` holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"never came true: {what or condition}\n{self.screen}")
            await self.pilot.pause()
            await asyncio.sleep(0.005)
        await self.settled()

    async def sees(self, *texts: str) -> None:
        """Waits until each of `texts` is on the screen."""
        for text in texts:
            await self.until(lambda text=text: text in self.screen, f"{text!r} on the screen")  # type: ignore[misc]

    async def sees_no_more(self, text: str) -> None:
        await self.until(lambda: text not in self.screen, f"{text!r} gone from the screen")

    async def select(self, key: str) -> None:
        """Moves to a row, as so many presses of j or k would."""
        assert self.app.fleet.tasks.select(key), f"no row {key}"
        await self.until(lambda: self.app.fleet.filling._row and self.app.fleet.filling._row.key == key)

    async def wait(self, **span: float) -> None:
        """Lets time pass on the app's clock."""
        self.clock.forward(**span)
        self.app.tick()
        await self.settled()

    @property
    def sent(self) -> list[Command]:
        """The commands that are in the orchestrator's inbox."""
        folder = self.state.inbox
        return [
            decode(Command, files.read_text(self.state.root, folder / name), name)
            for name in commands.waiting(self.state)
        ]

    async def sends_one(self) -> tuple[str, Command]:
        """Waits for exactly one command, and returns its name and what it says."""
        await self.until(lambda: commands.waiting(self.state), "a command in the inbox")
        (name,) = commands.waiting(self.state)
        (command,) = self.sent
        return name, command

    def told(self, task: str) -> list[Message]:
        """The messages that wait for the worker of `task`."""
        return messages.pending(self.state.root, self.state.task(task).inbox)[0]

    async def tells_one(self, task: str) -> Message:
        """Waits for exactly one message to a worker."""
        await self.until(lambda: self.told(task), f"a message to {task}")
        (message,) = self.told(task)
        return message

    @property
    def journal(self) -> list[dict[str, Any]]:
        path: Path = self.state.journal
        return [json.loads(one) for one in path.read_text().splitlines()] if path.exists() else []


def _key(character: str) -> str:
    return {" ": "space", "/": "slash", ":": "colon", "-": "minus", ".": "full_stop"}.get(character, character)


@asynccontextmanager
async def opened(
    fleet: FleetBuilder, size: tuple[int, int] = (120, 40), theme: str = "opsroom-dark", **arguments: Any
) -> AsyncIterator[Person]:
    """The control room of `fleet`, once it has read everything."""
    clock = arguments.pop("clock", None) or Clock()
    app = OpsroomApp(fleet.state, theme=theme, clock=clock, **arguments)
    async with app.run_test(size=size) as pilot:
        person = Person(fleet, app, pilot, clock)
        await person.until(lambda: not app.fleet.snapshot.reading, "everything read")
        yield person
