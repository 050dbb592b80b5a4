"""Follows the orchestrator's event log and says each event in a line."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from state import event_log
from state.errors import BadFile, Fault
from state.layout import StateDir
from state.sanitize import clean_line

__all__ = ["follow", "line_of"]


def line_of(event: dict[str, Any]) -> str:
    """One line for a person on an event of `orchestrator/events.jsonl`; '' where it is not worth one."""
    at = str(event.get("at", ""))[11:19]
    task = event.get("task", "")
    match event.get("kind"):
        case "move":
            said = f"{task}  {event.get('from') or 'new'} → {event.get('to')}"
        case "task":
            said = f"{task}  {event.get('title', '')}"
        case "command":
            said = f"command {event.get('verb', '')} {event.get('outcome', '')} {task}".rstrip()
        case "halt":
            said = f"campaign {event.get('campaign')} halted: {event.get('status')}"
        case "item":
            said = f"campaign {event.get('campaign')} item {event.get('index')}: {event.get('result')}"
        case "run":
            said = f"campaign {event.get('campaign')} run {event.get('run')} on {event.get('branch')}"
        case "ending":
            said = f"ending: waits for {', '.join(map(str, event.get('waits_for') or ()))}"
        case kind:
            said = f"{kind}"
    why = event.get("why")
    return clean_line(f"{at}  {said}{': ' + str(why) if why else ''}", 500)


def silence_output() -> None:
    """Leaves nothing for the interpreter's end to trip over."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


@contextlib.contextmanager
def follow(state: StateDir, say: Callable[[str], None] | None) -> Iterator[None]:
    """While the block runs, `say` gets a line for each new event; nothing happens where it is None."""
    if say is None:
        yield
        return
    try:
        place = event_log.last_lines(state.root, state.events, 1).place
    except BadFile:
        place = event_log.Place()
    ended = threading.Event()

    def read() -> None:
        at = place
        while True:
            last = ended.wait(0.2)
            try:
                batch = event_log.tail(state.root, state.events, at)
            except BadFile as error:
                say(str(error))
                return
            at = batch.place
            for event in event_log.events(batch.lines, "orchestrator/events.jsonl"):
                try:
                    say(str(event) if isinstance(event, Fault) else line_of(event))
                except OSError:  # nobody reads it any more: a pipe was closed, or a terminal
                    silence_output()
                    return
            if last and not batch.more:
                return

    reader = threading.Thread(target=read, name="follow", daemon=True)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join(timeout=5)
