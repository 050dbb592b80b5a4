"""Messages between a worker and everyone else: Markdown with a TOML head between `+++` lines.

A message is a file of its own in `tasks/<id>/outbox/` (from the worker) or `tasks/<id>/inbox/` (to it), created
once and never changed. Files sort by time: `20261121T101502.123456Z-3f0a-question.md`.
"""

import os
import re
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from state import commands, files
from state.errors import BadFile, CannotWrite, Fault
from state.layout import StateDir, TaskDir, check_name
from state.record import Record, Time, decode, encode
from state.times import parse_stamp, stamp, utc_now

__all__ = [
    "KINDS",
    "Message",
    "acknowledge",
    "answer_to",
    "message_name",
    "parse",
    "pending",
    "post",
    "read",
    "render",
    "unread",
]

KINDS = ("question", "note", "stop", "unavailable", "handoff", "ack", "answer", "message")
LIMIT = 256 * 1024
"""Bytes that one message may have."""
_FENCE = re.compile(r"^\+\+\+\r?(?:\n|\Z)", re.MULTILINE)


class Message(Record):
    """One message. `name` is its file's; everything else stands in the file."""

    kind: str
    at: Time
    body: str = ""
    name: str = ""
    by: str = ""
    attempt: int = 0
    options: list[str] = []
    """What a question offers, in the order of their numbers from 1."""
    blocking: bool = True
    deadline: Time | None = None
    default: str = ""
    """What counts as the answer once `deadline` has passed."""
    until: Time | None = None
    """With `unavailable`: when what the worker needs is there again, as far as it was told."""
    reply_to: str = ""
    """With an answer: the question's name."""
    of: str = ""
    """With an ack: the name of the message that was read."""


def render(message: Message) -> bytes:
    """The file's bytes. `parse` gives back an equal message, but for what no text file holds.

    A lone surrogate in it becomes `?`, a NUL in its body U+FFFD.
    """
    record = Message(
        **{name: getattr(message, name) for name in message.__struct_fields__ if name not in ("body", "name")}
    )
    return b"+++\n" + encode(record) + b"+++\n" + message.body.replace("\0", "\ufffd").encode("utf-8", "replace")


def parse(text: str, path: str) -> Message:
    """The message that `text` is; `path` names it in faults and gives its name. Raises `BadFile`."""
    name = path.rpartition("/")[2]
    fences = list(islice(_FENCE.finditer(text), 2))
    if not fences or fences[0].start() != 0:
        raise BadFile(Fault(path, 1, "a message begins with a line +++"))
    if len(fences) < 2:
        raise BadFile(Fault(path, text.count("\n") + 1, "the head is not ended by a line +++"))
    opening, closing = fences
    try:
        message = decode(Message, text[opening.end() : closing.start()], path)
    except BadFile as error:
        fault = error.fault
        raise BadFile(fault._replace(line=None if fault.line is None else fault.line + 1)) from None
    if "body" in message.extra or message.body or message.name:
        raise BadFile(Fault(path, 1, "'body' and 'name' are not keys of a head"))
    message.body = text[closing.end() :]
    message.name = name
    return message


def message_name(kind: str, at: datetime) -> str:
    """A fresh file name for a message of `kind` posted `at`."""
    return f"{stamp(at)}-{os.urandom(2).hex()}-{kind}.md"


def post(root: Path, folder: Path, message: Message) -> Message:
    """Creates `message` in `folder` under a name that nobody else has, and returns it with that name.

    Raises `CannotWrite`, also for a message that no reader would take because it is too long.
    """
    data = render(message)
    if len(data) > LIMIT:
        raise CannotWrite(
            f"a {message.kind} of {len(data):,} bytes; a message has at most {LIMIT:,}",
            todo="write a file and name it in a shorter message",
        )
    while True:
        name = check_name("message", message_name(message.kind, message.at))
        try:
            files.create(root, folder / name, data)
        except FileExistsError:
            continue
        return Message(**{field: getattr(message, field) for field in message.__struct_fields__} | {"name": name})


def read(root: Path, path: Path) -> Message:
    """The message in the file `path`; raises `BadFile`."""
    return parse(files.read_text(root, path, LIMIT), files.relative(root, path))


def pending(root: Path, folder: Path, kind: str = "") -> tuple[list[Message], list[Fault]]:
    """The messages in `folder`, oldest first, and a fault for each file that is none.

    With `kind` those that are of another by their name are not even read: an outbox may hold very many.
    """
    messages, faults = [], []
    others = tuple(f"-{other}.md" for other in KINDS if other != kind)
    for name in files.names(root, folder, ".md"):
        if kind and name.endswith(others):
            continue
        try:
            messages.append(read(root, folder / name))
        except BadFile as error:
            if files.exists(folder / name):  # moved to done/ between listing and reading is no fault
                faults.append(error.fault)
    return messages, faults


def unread(root: Path, task: TaskDir) -> list[Message]:
    """What waits for the worker of `task` and was not acknowledged yet, oldest first."""
    waiting, _ = pending(root, task.inbox)
    if not waiting:
        return []
    seen = {message.of for message in pending(root, task.outbox, "ack")[0] if message.kind == "ack"}
    return [message for message in waiting if message.name not in seen]


def acknowledge(root: Path, task: TaskDir, message: Message, at: datetime, attempt: int) -> None:
    """The worker's word that it has read `message`; the orchestrator then files the message away."""
    post(root, task.outbox, Message(kind="ack", at=at, of=message.name, attempt=attempt))


def answer_to(root: Path, task: TaskDir, question: str) -> Message | None:
    """The first answer to `question` that was not refused, filed away or not; None while there is none."""
    found = [  # the inbox first: what is filed away between the two looks is then seen twice, not never
        message
        for folder in (task.inbox, task.inbox_done)
        for message in pending(root, folder)[0]
        if message.kind == "answer" and message.reply_to == question
    ]
    for message in sorted(found, key=lambda message: message.name):
        outcome = commands.outcome_of(StateDir(root), task.inbox_done, message.name)
        if outcome is None or outcome.outcome == "accepted":
            return message
    return None


def posted_at(message: Message) -> datetime:
    """When `message` was posted by its name, which its sender cannot set later; else by its head."""
    return parse_stamp(message.name) or message.at


def reply(root: Path, task: TaskDir, question: Message, text: str, by: str, at: datetime | None = None) -> Message:
    """Posts `text` as the answer to `question` into the worker's inbox."""
    answer = Message(kind="answer", at=at or utc_now(), by=by, reply_to=check_name("message", question.name), body=text)
    return post(root, task.inbox, answer)


def chosen(question: Message, number: int) -> str | None:
    """The option that digit `number`, counted from 1, stands for; None if `question` offers no such one."""
    return question.options[number - 1] if 1 <= number <= len(question.options) else None


def head(message: Message) -> dict[str, Any]:
    """The keys of `message` that say something, for a person or `--json` to read."""
    return {
        name: value
        for name in message.__struct_fields__
        if name != "extra" and (value := getattr(message, name)) not in ("", 0, None, [])
    }
