"""What a person does to tasks: each writes one file, then waits a moment for what becomes of it."""

import time
from pathlib import Path
from typing import Any

import click

from opsroom.finding import state_dir
from state import commands, journal, lease, messages
from state.errors import BadFile, NotThere, Refused, Unavailable
from state.layout import StateDir, TaskDir
from state.messages import Message
from state.model import Command, Outcome
from state.times import utc_now

__all__ = ["answer", "kill", "pause", "release", "resume", "retry", "send", "spawn", "tell"]

PATIENCE = 10.0
"""Seconds to wait for the orchestrator's word."""
BY = "human"


def orchestrator_runs(state: StateDir) -> bool:
    """Whether an orchestrator has given a sign of life."""
    try:
        return lease.alive(lease.read(state), utc_now())
    except BadFile:
        return False


def send(explicit: str | None, verb: str, **fields: Any) -> None:
    """Sends a command, notes it in the journal and reports what became of it; raises `Refused` or `Unavailable`."""
    state = state_dir(explicit)
    if "task" in fields:
        _task(state, fields["task"])
    command = Command(verb=verb, at=utc_now(), by=BY, **fields)
    name = commands.send(state, command)
    journal.write(state, "command", BY, verb=verb, name=name, **fields)
    runs = orchestrator_runs(state)
    # one that has ended since may have obeyed it: above all a shutdown
    outcome = _await(state, name) if runs else commands.outcome_of(state, state.inbox_done, name)
    if outcome is None and not runs:
        click.echo(f"{verb}: sent; it waits, for no orchestrator runs ('opsroom up' starts one)")
        return
    if outcome is None:
        raise Unavailable(f"{verb}: sent, and not taken within {PATIENCE:g} s", todo=f"look at {state.inbox / name}")
    if outcome.outcome != "accepted":
        raise Refused(f"{verb}: {outcome.why}")
    more = outcome.task or outcome.why
    click.echo(f"{verb}: {outcome.outcome}{' ' if more else ''}{more}")


def _await(state: StateDir, name: str) -> Outcome | None:
    until = time.monotonic() + PATIENCE
    while (outcome := commands.outcome_of(state, state.inbox_done, name)) is None and time.monotonic() < until:
        time.sleep(0.05)
    return outcome


def _task(state: StateDir, task_id: str) -> TaskDir:
    task = state.task(task_id)
    if not task.root.is_dir():
        raise NotThere(f"there is no task {task_id!r}", todo="'opsroom status' lists them")
    return task


def _simple(verb: str, about: str) -> click.Command:
    @click.command(name=verb, help=about, short_help=about)
    @click.argument("task")
    @click.option("--why", "text", default="", metavar="TEXT", help="Your words, kept with the task.")
    @click.pass_obj
    def act(explicit: str | None, task: str, text: str) -> None:
        send(explicit, verb, task=task, **({"text": text} if text else {}))

    return act


pause = _simple("pause", "End the task's attempt and hold the task; its work stays.")
resume = _simple("resume", "Let a paused task go on from its checkpoint.")
kill = _simple("kill", "End a task at once, every process of it; its work stays on its branch.")
retry = _simple("retry", "Try a failed, stopped or cancelled task again.")


@click.command(short_help="Let an agent be launched again whose provider failed.")
@click.argument("agent", required=False, default="")
@click.pass_obj
def release(explicit: str | None, agent: str) -> None:
    """End the hold on AGENT, or on every agent that its provider's failure holds: it is tried again now."""
    send(explicit, "release", agent=agent)


@click.command(short_help="Make a task.")
@click.option("--title", required=True, metavar="TEXT")
@click.option(
    "--spec", required=True, type=click.Path(path_type=Path), metavar="FILE", help="What to do; '-' reads it."
)
@click.option("--agent", default="", metavar="NAME", help="An agent of opsroom.toml; the first if not given.")
@click.option("--parent", default="", metavar="TASK")
@click.pass_obj
def spawn(explicit: str | None, title: str, spec: Path, agent: str, parent: str) -> None:
    """Make a task: a title, and a spec that says what to do and how to know that it is done."""
    from opsroom.commands.worker import text_of

    fields = {"agent": agent, "parent": parent}
    send(
        explicit,
        "spawn",
        title=title,
        spec=text_of(str(spec)),
        **{key: value for key, value in fields.items() if value},
    )


@click.command(short_help="Send a worker a message.")
@click.argument("task")
@click.argument("text")
@click.pass_obj
def tell(explicit: str | None, task: str, text: str) -> None:
    """Send the worker of TASK a message; it reads it at its next checkpoint, or when it starts."""
    state = state_dir(explicit)
    folder = _task(state, task)
    message = Message(kind="message", at=utc_now(), by=BY, body=text)
    sent = messages.post(state.root, folder.inbox, message)
    journal.write(state, "message", BY, task=task, name=sent.name, text=text)
    click.echo(f"sent: {sent.name}")


@click.command(short_help="Answer a task's open question.")
@click.argument("task")
@click.argument("text", required=False)
@click.option("--option", "number", type=click.IntRange(1), metavar="N", help="The N-th of the offered answers.")
@click.pass_obj
def answer(explicit: str | None, task: str, text: str | None, number: int | None) -> None:
    """Answer the open question of TASK with TEXT, or with one of the answers that it offers."""
    if (text is None) == (number is None):
        raise click.UsageError("give the answer's TEXT or --option N")
    state = state_dir(explicit)
    folder = _task(state, task)
    question = _open_question(state, folder)
    if number is not None:
        text = messages.chosen(question, number)
        if text is None:
            raise Refused(f"the question offers {len(question.options)} answers", todo=_offered(question))
    sent = messages.reply(state.root, folder, question, text or "", BY)
    journal.write(state, "answer", BY, task=task, name=sent.name, question=question.name, text=text)
    click.echo(f"sent: {sent.name}")


def _open_question(state: StateDir, folder: TaskDir) -> Message:
    asked = [m for m in messages.pending(state.root, folder.outbox, "question")[0] if m.kind == "question"]
    for question in asked:
        if messages.answer_to(state.root, folder, question.name) is None:
            return question
    raise NotThere(f"task {folder.id} has no open question" + (", it was answered" if asked else ""))


def _offered(question: Message) -> str:
    return "; ".join(f"{number} {option}" for number, option in enumerate(question.options, 1)) or "answer with a text"
