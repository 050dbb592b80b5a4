"""Messages between a worker and everybody else: filed away once they are read, refused where they come too late."""

from orchestrator import tasks
from state import commands, files, messages
from state.layout import StateDir
from state.messages import Message
from state.views import TaskView

__all__ = ["OVER", "answers", "file_away", "file_messages"]

OVER = frozenset({"merged", "done"})
"""States in which nobody will read a message any more; every other one a person may end."""


def file_messages(state: StateDir, view: TaskView) -> frozenset[str]:
    """Files away what the worker acknowledged, and refuses what comes too late; the paths that changed."""
    changed: set[str] = set()
    answered = {m.reply_to for m in view.inbox if m.kind == "answer" and m.name in view.acknowledged}
    if any(m.kind == "answer" and m.name not in view.acknowledged for m in view.inbox):
        answered |= {m.reply_to for m in view.filed if m.kind == "answer" and _was_accepted(state, view.id, m)}
    questions = {message.name for message in view.outbox if message.kind == "question"}
    for message in view.inbox:
        refusal = ""
        if view.state in OVER and message.name not in view.acknowledged:
            refusal = "the task has ended"
        elif message.kind == "answer" and message.name not in view.acknowledged:
            if message.reply_to in answered:
                refusal = "the question was answered before"
            elif message.reply_to not in questions:
                refusal = "there is no such question"
            answered.add(message.reply_to)
        if refusal or message.name in view.acknowledged:
            changed |= file_away(state, view.id, message, refusal)
    return frozenset(changed)


def _was_accepted(state: StateDir, task: str, message: Message) -> bool:
    """Whether a message that is filed away was delivered: one that was refused answers nothing."""
    outcome = commands.outcome_of(state, state.task(task).inbox_done, message.name)
    return outcome is None or outcome.outcome == "accepted"


def file_away(state: StateDir, task: str, message: Message, refusal: str = "") -> set[str]:
    """Files a message away as delivered, or as refused for the reason `refusal`; the paths that changed."""
    folder = state.task(task)
    source, target = folder.inbox / message.name, folder.inbox_done / message.name
    outcome = commands.refused(tasks.BY, refusal) if refusal else commands.accepted(tasks.BY, task)
    commands.conclude(state, folder.inbox_done, message.name, outcome)
    files.take(state.root, source, target)
    return {state.relative(source), state.relative(target)}


def answers(state: StateDir, view: TaskView) -> list[tuple[Message, Message]]:
    """The questions of a task that were answered, each with its answer."""
    folder = state.task(view.id)
    questions = [message for message in view.outbox if message.kind == "question"]
    pairs = ((question, messages.answer_to(state.root, folder, question.name)) for question in questions)
    return [(question, answer) for question, answer in pairs if answer is not None]
