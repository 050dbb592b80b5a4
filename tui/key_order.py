"""Keys have their effect in the order in which they were pressed, however fast they come.

Textual passes a key from the widget that has the focus up to the app, from queue to queue, and only there looks for
its binding. A key that comes meanwhile may overtake it: pressed in one burst, as a slow connection brings them, `N` and
words lost their order, and what came after `enter` was still typed on the line. So here the next key waits until what
the one before has set off is done.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from textual import events

__all__ = ["LIMIT", "TURNS", "KeyOrder"]

TURNS = 48
"""How often the event loop turns before the next key is passed on.

In a turn everything that is ready runs, so each message gets one widget further. The longest way so far, of an answer
that is sent, takes between 10 and 14 turns. A key that nothing precedes waits for nothing.
"""
LIMIT = 1.0
"""Seconds for which a key waits at most for a screen that is being built."""


class KeyOrder:
    """Passes on one key at a time.

    Args:
        deliver: gives a key to whoever it is for, and comes back before it has had its effect.
        again: has `following` awaited soon, in the app's own task.
        ready: whether the screen that is shown has all its parts.
    """

    def __init__(
        self,
        deliver: Callable[[events.Event], Awaitable[None]],
        again: Callable[[Callable[[], Awaitable[None]]], object],
        ready: Callable[[], bool],
    ) -> None:
        self._deliver = deliver
        self._again = again
        self._ready = ready
        self._waiting: deque[events.Event] = deque()
        self._under_way = False
        self._since = 0.0

    async def put(self, event: events.Event) -> None:
        """Passes `event` on when it is its turn: now, if none is under way."""
        self._waiting.append(event)
        await self.following()

    async def following(self) -> None:
        """Passes on the next one, unless one is under way."""
        if self._under_way or not self._waiting:
            return
        self._under_way = True
        self._since = time.monotonic()
        try:
            await self._deliver(self._waiting.popleft())
        finally:
            asyncio.get_running_loop().call_soon(self._turned, TURNS)

    def _turned(self, left: int) -> None:
        loop = asyncio.get_running_loop()
        if left:
            loop.call_soon(self._turned, left - 1)
        elif not self._ready() and time.monotonic() - self._since < LIMIT:
            loop.call_later(0.005, self._turned, TURNS)
        else:
            self._under_way = False
            if self._waiting:
                self._again(self.following)
