"""What the control room writes: commands, answers and messages, each with a line in the journal. Runs in threads."""

from datetime import datetime
from typing import NamedTuple

from state import commands, journal, messages
from state.errors import CannotWrite
from state.layout import StateDir
from state.messages import Message
from state.model import Command

__all__ = ["BY", "Posted", "answer", "command", "message"]

BY = "human"


class Posted(NamedTuple):
    """The name of the file that was written, and why the journal does not have it, where it has not."""

    name: str
    unrecorded: str = ""


def command(state: StateDir, sent: Command) -> Posted:
    """Puts a command into the orchestrator's inbox; raises `CannotWrite`."""
    name = commands.send(state, sent)
    about = {"task": sent.task, "agent": sent.agent, "campaign": sent.campaign}
    return _recorded(state, "command", name=name, verb=sent.verb, **about, index=str(sent.index or ""), text=sent.text)


def message(state: StateDir, task: str, text: str, at: datetime) -> Posted:
    """Puts a message into the worker's inbox; raises `BadName` or `CannotWrite`."""
    posted = messages.post(state.root, state.task(task).inbox, Message(kind="message", at=at, by=BY, body=text))
    return _recorded(state, "message", name=posted.name, task=task, text=text)


def answer(state: StateDir, task: str, question: Message, text: str, at: datetime) -> Posted:
    """Answers `question` in the worker's inbox; raises `BadName` or `CannotWrite`."""
    posted = messages.reply(state.root, state.task(task), question, text, BY, at)
    return _recorded(state, "answer", name=posted.name, task=task, question=question.name, text=text)


def _recorded(state: StateDir, kind: str, *, name: str, **fields: str) -> Posted:
    said = {key: value for key, value in fields.items() if value}
    try:
        journal.write(state, kind, BY, name=name, **said)
    except CannotWrite as error:
        return Posted(name, f"the journal has it not: {error.message}")
    return Posted(name)
