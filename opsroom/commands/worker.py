"""The workers' verbs: cheap, one purpose, safe to call twice and at once from two processes.

The worker knows its task from OPSROOM_TASK and OPSROOM_STATE_DIR, which the orchestrator set. Nothing here loads
Textual, git or the orchestrator.
"""

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import click

from opsroom.options import SECONDS, Amount
from state import files, messages, secrets
from state.errors import BadFile, Fault, NotThere, OpsroomError, Unavailable
from state.layout import StateDir, TaskDir
from state.messages import Message
from state.model import Capture, Result, Spent, decode, encode
from state.times import stamp, utc_now

__all__ = ["ask", "capture", "checkpoint", "handoff", "note", "result", "unavailable", "usage", "worker"]

LIMIT = 256 * 1024
"""Bytes that a text given to a verb may have."""
PICTURE = 20 * 1024 * 1024
"""Bytes that a picture may have."""
PNG = b"\x89PNG\r\n\x1a\n"


class Worker(NamedTuple):
    """Who calls: the task and attempt that the environment names."""

    state: StateDir
    task: TaskDir
    attempt: int

    def post(self, kind: str, body: str, **fields: object) -> Message:
        """Posts a message of `kind` from this attempt into the outbox."""
        message = Message(kind=kind, at=utc_now(), attempt=self.attempt, body=body, **fields)  # type: ignore[arg-type]
        return messages.post(self.state.root, self.task.outbox, message)


def worker(explicit: str | None) -> Worker:
    """The calling worker; raises `NotThere` outside of a task."""
    from opsroom.finding import state_dir

    task_id = os.environ.get("OPSROOM_TASK", "")
    if not task_id:
        raise NotThere("OPSROOM_TASK is not set", todo="workers' verbs are for a running attempt; it is set there")
    state = state_dir(explicit)
    task = state.task(task_id)
    if not task.root.is_dir():
        raise NotThere(f"there is no task {task_id!r} in {state.root}")
    number = os.environ.get("OPSROOM_ATTEMPT", "")
    return Worker(state, task, int(number) if number.isdecimal() else 0)


def text_of(source: str) -> str:
    """The text in the file `source`, or on standard input for `-`; raises `BadFile`."""
    try:
        if source == "-":
            data = sys.stdin.buffer.read(LIMIT + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(LIMIT + 1)
    except OSError as error:
        raise BadFile(Fault(source, None, (error.strerror or str(error)).lower())) from None
    if len(data) > LIMIT:
        raise BadFile(Fault(source, None, f"larger than {LIMIT:,} bytes"))
    return data.decode("utf-8", "replace")


def deliver(who: Worker) -> None:
    """Prints what is unread, and acknowledges it."""
    for message in messages.unread(who.state.root, who.task):
        if message.kind != "answer":
            click.echo(f"message from {message.by or 'somebody'}: {message.body.strip()}")
            messages.acknowledge(who.state.root, who.task, message, utc_now(), who.attempt)


@click.command(short_help="Ask a person; prints the answer.")
@click.argument("text")
@click.option("--option", "options", multiple=True, metavar="TEXT", help="An answer to offer; repeat it.")
@click.option("--default", metavar="TEXT", default="", help="What counts as the answer after the deadline.")
@click.option("--deadline", type=SECONDS, metavar="SECONDS", help="When the default counts.")
@click.option("--wait", type=SECONDS, metavar="SECONDS", default=100.0, show_default=True)
@click.pass_obj
def ask(
    explicit: str | None, text: str, options: tuple[str, ...], default: str, deadline: float | None, wait: float
) -> None:
    """Ask a person TEXT. Prints the answer and exits with 0.

    If nobody has answered after the wait it exits with 3: write a checkpoint and leave. The task is started again
    with the answer. Asking the same again asks nobody twice: an answer that was given is printed at once, so a
    script that begins from its top finds it where it asks.
    """
    who = worker(explicit)
    text, options = secrets.known().text(text), tuple(map(secrets.known().text, options))  # as it is looked up below
    if bool(default) != (deadline is not None):
        raise click.UsageError("--default and --deadline go together")
    now = utc_now()
    until = None if deadline is None else now + timedelta(seconds=deadline)
    with _alone(who.state, who.task.outbox / ".asking"):  # two processes that ask the same at once ask it once
        question = _asked_before(who, text, list(options)) or who.post(
            "question", text, options=list(options), default=default, deadline=until
        )
    answer = _await(who, question, time.monotonic() + wait)
    if answer is None:
        raise Unavailable(
            f"no answer within {wait:g} s", todo="write a checkpoint and leave; you are started again with the answer"
        )
    messages.acknowledge(who.state.root, who.task, answer, utc_now(), who.attempt)
    click.echo(answer.body.rstrip("\n"))


@contextlib.contextmanager
def _alone(state: StateDir, lock: Path) -> Iterator[None]:
    """Keeps other processes of the same task from the block; raises `CannotWrite`."""
    files.make_folder(state.root, lock.parent)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _asked_before(who: Worker, text: str, options: list[str]) -> Message | None:
    """The same question, asked by this attempt or an earlier one, answered or not."""
    asked = messages.pending(who.state.root, who.task.outbox, "question")[0]
    same = (m for m in reversed(asked) if m.kind == "question" and m.body == text and m.options == options)
    return next(same, None)


def _await(who: Worker, question: Message, until: float) -> Message | None:
    pause = 0.05
    while (answer := messages.answer_to(who.state.root, who.task, question.name)) is None:
        if time.monotonic() >= until:
            return None
        time.sleep(pause)
        pause = min(0.25, pause * 1.5)
    return answer


@click.command(short_help="Write down where you are and what is next.")
@click.argument("file")
@click.pass_obj
def checkpoint(explicit: str | None, file: str) -> None:
    """Replace the task's checkpoint by FILE, or standard input for '-'. Prints messages for you, if there are any."""
    who = worker(explicit)
    files.replace(who.state.root, who.task.checkpoint, text_of(file).encode("utf-8", "replace"))
    deliver(who)


@click.command(short_help="Something a person should read later.")
@click.argument("text")
@click.pass_obj
def note(explicit: str | None, text: str) -> None:
    """Leave TEXT for a person to read. Prints messages for you, if there are any."""
    who = worker(explicit)
    who.post("note", text)
    deliver(who)


@click.command(short_help="Hand over to whoever comes next.")
@click.argument("file")
@click.pass_obj
def handoff(explicit: str | None, file: str) -> None:
    """Post FILE, or standard input for '-', as the handoff to the task's parent."""
    worker(explicit).post("handoff", text_of(file))


@click.command(short_help="How it went; the last thing a worker does.")
@click.argument("outcome", type=click.Choice(["success", "failure"]))
@click.option("--summary", default="", metavar="TEXT", help="What was done, in a sentence.")
@click.option("--learned", default="", metavar="TEXT", help="What the next worker should know.")
@click.pass_obj
def result(explicit: str | None, outcome: str, summary: str, learned: str) -> None:
    """State the outcome: success or failure."""
    who = worker(explicit)
    said = Result(outcome=outcome, at=utc_now(), attempt=who.attempt, summary=summary, learned=learned)
    files.replace(who.state.root, who.task.result, encode(said))


@click.command(short_help="What was used so far, for budgets.")
@click.option("--tokens", type=click.IntRange(0), default=0, metavar="N")
@click.option("--dollars", type=Amount(0, 1e9), default=0.0, metavar="X")
@click.pass_obj
def usage(explicit: str | None, tokens: int, dollars: float) -> None:
    """Add TOKENS and DOLLARS to what this attempt has used. Budgets are kept by it; prints the sum."""
    who = worker(explicit)
    with _alone(who.state, who.task.worker / ".usage"):
        before = _spent(who)
        spent = Spent(
            attempt=who.attempt, at=utc_now(), tokens=before.tokens + tokens, dollars=round(before.dollars + dollars, 6)
        )
        files.replace(who.state.root, who.task.spent, encode(spent))
    click.echo(f"{spent.tokens:,} tokens, ${spent.dollars:,.4f}")


def _spent(who: Worker) -> Spent:
    """What this attempt has told before; nothing where that can't be read."""
    with contextlib.suppress(BadFile):
        found = decode(Spent, files.read_text(who.state.root, who.task.spent), who.task.spent.name)
        if found.attempt == who.attempt:
            return found
    return Spent(attempt=who.attempt, at=utc_now())


@click.command(short_help="What you need is not to be had for now.")
@click.argument("why")
@click.option("--for", "seconds", type=SECONDS, metavar="SECONDS", help="For how long, if told.")
@click.pass_obj
def unavailable(explicit: str | None, why: str, seconds: float | None) -> None:
    """Say that your provider fails: a rate limit, an overload, a login that is refused. Then leave.

    It is no failure of the task. No attempt of the same agent is launched until SECONDS are over or, where they are
    not given, a backoff; then the task is started again from its checkpoint. Exit status 75 says the same.
    """
    who = worker(explicit)
    who.post("unavailable", why, until=None if seconds is None else utc_now() + timedelta(seconds=seconds))


@click.command(short_help="Take a picture (PNG) into the task.")
@click.argument("file")
@click.option("--of", default="", metavar="WHAT", help="What it shows.")
@click.option("--note", "words", default="", metavar="TEXT", help="What to look at.")
@click.pass_obj
def capture(explicit: str | None, file: str, of: str, words: str) -> None:
    """Take the picture FILE, a PNG, into the task. Prints its name there."""
    who = worker(explicit)
    try:
        with Path(file).open("rb") as picture:
            data = picture.read(PICTURE + 1)
    except OSError as error:
        raise BadFile(Fault(file, None, (error.strerror or str(error)).lower())) from None
    if len(data) > PICTURE:
        raise BadFile(Fault(file, None, f"larger than {PICTURE:,} bytes"))
    if not data.startswith(PNG):
        raise BadFile(Fault(file, None, "not a PNG picture"))
    now = utc_now()
    name = f"{stamp(now)}-{os.urandom(2).hex()}"
    told = Capture(at=now, of=of, note=words, attempt=who.attempt)
    files.create(who.state.root, who.task.captures / f"{name}.toml", encode(told))
    try:
        files.create(who.state.root, who.task.captures / f"{name}.png", data, verbatim=True)
    except FileExistsError:
        raise OpsroomError(f"{name}.png exists", todo="try again") from None
    click.echo(f"{name}.png")
