"""The prompt of an attempt, built from parts in one place and bounded.

A worker starts fresh each time: the spec, where an earlier attempt left off, what was answered, what is unread.
"""

from state.envelope import Packet
from state.messages import Message

__all__ = ["GO_ON", "VERBS", "build", "fitting"]

PART = 16_000
"""Characters that one part may have; what is cut is said with the file that has the whole."""

VERBS = """\
## How to work
You work alone, in the current directory, a git worktree of your own. Go on without asking as long as the task
covers what you do. These commands reach the people who gave it:
- `opsroom checkpoint -` (text on standard input): where you are and what is next. Rewrite it after each step that
  would be a pity to lose; another attempt begins from it. It prints messages for you, if there are any.
- `opsroom ask "QUESTION" --option A --option B`: prints the answer. If it exits with 3, nobody answered in time:
  write a checkpoint and leave; you are started again with the answer.
- `opsroom note "TEXT"`: something a person should read later.
- `opsroom capture FILE`: takes a picture (PNG) into the task.
- `opsroom lock build -- CMD`: runs CMD, a build or heavy tests, when nobody else runs one. Its exit status is CMD's, or
  3 if others had the lock for too long (`--wait SECONDS`, 600 if not given).
- `opsroom stop "REASON"`: what you were given does not cover this. One sentence why, then leave.
- `opsroom result success --summary TEXT --learned TEXT` or `failure`: the last thing you do.
Leave your change committed or uncommitted in the worktree and exit with 0. It is checked and landed for you.
"""

GO_ON = """\
Go on with the task where you left off, in the same directory. What is new since then stands below."""


def build(
    *,
    spec: str,
    campaign: str,
    checkpoint: str,
    answers: list[tuple[Message, Message]],
    unread: list[Message],
    earlier: str,
    packet: Packet | None = None,
) -> str:
    """The whole prompt. `answers` pairs each question with its answer; `earlier` says how the last attempt ended.

    `packet` says why its change was not taken, where it was not.
    """
    parts = [_cut(spec, "$OPSROOM_TASK_DIR/spec.md").rstrip() + "\n"]
    if campaign.strip():
        parts.append(_cut(campaign, "$OPSROOM_STATE_DIR/campaigns/$OPSROOM_CAMPAIGN").rstrip() + "\n")
    parts.append(VERBS)
    if earlier:
        parts.append(f"## The attempt before this one\n{earlier}\n")
    if packet is not None:
        parts.append(_failure(packet))
    if checkpoint.strip():
        kept = _cut(checkpoint, "$OPSROOM_TASK_DIR/worker/checkpoint.md").rstrip()
        parts.append(f"## Your last checkpoint\n{kept}\n")
    if answers:
        parts.append("## Answers\n" + "\n".join(_answered(answers)) + "\n")
    if unread:
        lines = [f"- {message.by or 'somebody'}: {_line(message.body)}" for message in unread]
        parts.append("## Messages\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def fitting(unread: list[Message]) -> list[Message]:
    """The first of `unread` that fit in one prompt, one at least; the rest wait for the next checkpoint."""
    room = PART
    taken: list[Message] = []
    for message in unread:
        room -= len(_line(message.body))
        if taken and room < 0:
            break
        taken.append(message)
    return taken


def _answered(answers: list[tuple[Message, Message]]) -> list[str]:
    """The newest of `answers` that fit in one prompt, one at least, oldest first."""
    room, lines = PART, list[str]()
    for question, answer in reversed(answers):
        text = f"Q: {_line(question.body)}\nA: {_line(answer.body)}"
        room -= len(text)
        if lines and room < 0:
            left = len(answers) - len(lines)
            lines.append(f"… {left} older ones are in $OPSROOM_TASK_DIR/outbox and $OPSROOM_TASK_DIR/inbox/done")
            break
        lines.append(text)
    return lines[::-1]


def _failure(packet: Packet) -> str:
    """What has to be repaired, or why the work begins again."""
    if packet.kind == "conflict":
        lines = ["## Begin again", f"Your change was not taken: {packet.failed}. The worktree is without it."]
    else:
        lines = ["## Repair your change", f"It was not taken: {packet.failed}. It lies in the worktree, committed."]
    if packet.check:
        status = "it ran out of time" if packet.status is None else f"exit status {packet.status}"
        lines.append(f"The check `{packet.check}` failed ({status}). Its last lines:")
        lines += [f"    {line}" for line in packet.lines]
    if packet.metric_before or packet.metric_after:
        before, after = (text or "not known" for text in (packet.metric_before, packet.metric_after))
        lines.append(f"The metric was {before} without your change, and is {after} with it.")
    if packet.earlier:
        lines.append("Earlier tries:")
        for tried in packet.earlier:
            said = f" The worker said: {_line(tried.said)[:500]}" if tried.said else ""
            lines.append(f"- attempt {tried.attempt}: {tried.failed}.{said}")
    if packet.elsewhere:
        lines.append("What has changed beside your item since you began, in case the cause is there:")
        lines += [f"- {line}" for line in packet.elsewhere]
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())[:PART]


def _cut(text: str, source: str) -> str:
    return text if len(text) <= PART else f"{text[:PART]}\n… cut here; the whole is in {source}"
