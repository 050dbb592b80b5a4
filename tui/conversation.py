"""The Outbox pane: everything said between a worker and the others, both ways, in order. Pure."""

from collections.abc import Mapping
from datetime import datetime

from state.messages import Message, posted_at
from state.model import Outcome
from state.times import age
from state.views import TaskView
from tui.text import Cell, Line, block, line

__all__ = ["Outcomes", "describe", "fate"]

Outcomes = Mapping[str, Outcome]
"""Outcomes of messages to a worker, by message name."""

NEWEST = 200
"""Messages that are shown."""


def fate(message: Message, view: TaskView, outcomes: Outcomes) -> Cell:
    """What became of a message to the worker: sent, read by it, delivered, or refused and why."""
    outcome = outcomes.get(message.name)
    if outcome and outcome.outcome != "accepted":
        return (f"refused: {line(outcome.why or outcome.outcome)}", "trouble")
    if outcome:
        return ("delivered", "")
    if message.name in view.acknowledged:
        return ("read", "")
    filed = any(one.name == message.name for one in view.filed)
    return ("filed", "") if filed else ("sent", "attention")


def describe(view: TaskView, outcomes: Outcomes, now: datetime) -> list[Line]:
    """The conversation, oldest first. `outcomes` are those of the messages to the worker, by message name."""
    told = [(posted_at(message), True, message) for message in (*view.inbox, *view.filed)]
    said = [(posted_at(message), False, message) for message in view.outbox]
    every = sorted([*told, *said], key=lambda one: (one[0], one[2].name))
    if not every:
        return [(("nothing was said yet, in either direction", "muted"),)]
    answered = {message.reply_to for _, _, message in told if message.kind == "answer"}
    lines: list[Line] = []
    if len(every) > NEWEST:
        lines += [((f"… {len(every) - NEWEST} older messages", "muted"),), ()]
    for at, to_worker, message in every[-NEWEST:]:
        if lines and lines[-1]:
            lines.append(())
        lines.append(_head(at, to_worker, message, view, outcomes, now, message.name in answered))
        lines += [(("  " + one, ""),) for one in block(message.body.strip(), 16_000, 400) if message.body.strip()]
        lines += [
            (("  ", ""), (f"{number} ", "accent"), (line(option), ""))
            for number, option in enumerate(message.options[:20], 1)
        ]
    return lines


def _head(
    at: datetime,
    to_worker: bool,
    message: Message,
    view: TaskView,
    outcomes: Outcomes,
    now: datetime,
    answered: bool,
) -> Line:
    old = f"  {age((now - at).total_seconds())} ago  "
    if to_worker:
        by = line(message.by, 60) or "somebody"
        return (
            ("› ", "accent"),
            (f"{by}: {line(message.kind, 40)}", "head"),
            (old, "muted"),
            fate(message, view, outcomes),
        )
    mark: Cell = ("", "")
    if message.kind == "question":
        mark = ("answered", "muted") if answered else ("open", "attention")
    return (("‹ ", "muted"), (f"worker: {line(message.kind, 40)}", "head"), (old, "muted"), mark)
