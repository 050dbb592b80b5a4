"""`opsroom stop`: one word for two: a worker's STOP-NEEDS-HUMAN, and a person's end of a task."""

import os

import click

__all__ = ["stop"]


@click.command(short_help="A worker stops for a human (REASON); a person stops a task (TASK).")
@click.argument("words", nargs=-1, required=True, metavar="REASON|TASK")
@click.pass_obj
def stop(explicit: str | None, words: tuple[str, ...]) -> None:
    """In a worker: STOP-NEEDS-HUMAN for REASON, one sentence; then leave. For a person: end the task TASK.

    Which of the two it is follows from OPSROOM_TASK, which is set for workers only.
    """
    if os.environ.get("OPSROOM_TASK"):
        from opsroom.commands.worker import worker

        worker(explicit).post("stop", " ".join(words))
        return
    if len(words) != 1:
        raise click.UsageError("name one task")
    from opsroom.commands.acts import send

    send(explicit, "stop", task=words[0])
