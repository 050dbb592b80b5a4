"""What the stream of a task's newest attempt has told: which agent it is, how it goes, how it went. Pure."""

from datetime import datetime

from state.machine import until
from state.model import FINAL, AgentReport
from state.times import age
from state.usage import tokens_text
from state.views import Fleet, TaskView
from tui.text import Cell, Line, line, pad

__all__ = ["LABEL", "agent_lines", "held_lines", "identity", "verdict"]

LABEL = 11
"""Columns of a label."""
SESSION = 13
"""Characters of a session's name that are shown: of a UUID those that differ within a day."""


def agent_lines(view: TaskView, now: datetime) -> list[Line]:
    """What `agent.toml` says of the newest attempt; none where its agent's stream is not read."""
    report = view.report
    if report is None:
        return []
    lines = [_field("runs", (identity(report), ""))]
    if report.verdict:
        good = report.verdict == "success"
        cells: tuple[Cell, ...] = ((verdict(report), "" if good else "strong"),)
        lines.append(_field("verdict", *cells, (f"  from its stream, {_ago(report.at, now)}", "muted")))
        if report.why and not good:
            back = f"  until {report.until.astimezone():%H:%M}" if report.until and report.until > now else ""
            lines.append(_field("it said", (line(report.why, 1_000), ""), (back, "muted")))
    else:
        lines.append(
            _field("verdict", ("none yet", "muted"), (f"  its stream was read {_ago(report.at, now)}", "muted"))
        )
        if report.said.strip():
            lines.append(_field("it said", (line(" ".join(report.said[:1_000].split())), "")))
    if report.retries:
        many = "1 failure" if report.retries == 1 else f"{report.retries:,} failures"
        lines.append(_field("retries", (f"{many} that it got over by itself", "")))
    if report.unknown:
        many = f"{report.unknown:,} of {report.events:,} events"
        verb = "is" if report.unknown == 1 else "are"
        lines.append(_field("unknown", (f"{many} {verb} not understood", ""), (", shown in the log", "muted")))
    if told := tokens_text(report.usage):
        mine = "  in this attempt" if len(view.attempts) > 1 else ""
        lines.append(_field("tokens", (told, ""), (mine, "muted")))
    return lines


def identity(report: AgentReport) -> str:
    """`codex 0.169.0 · gpt-5.2-codex · session 01a1fc01-d7cd`, as much of it as is known."""
    parts = [f"{line(report.kind, 30)} {line(report.version, 30)}".rstrip(), line(report.model, 60)]
    if report.session:
        resumed = " (resumed)" if report.resumed else ""
        parts.append(f"session {line(report.session, 100)[:SESSION].rstrip('-')}{resumed}")
    return " · ".join(part for part in parts if part)


def verdict(report: AgentReport) -> str:
    """`success`, or `failed: rate limit`."""
    failure = f": {line(report.failure, 40).replace('_', ' ')}" if report.failure else ""
    return f"{line(report.verdict, 20)}{failure}"


def held_lines(view: TaskView, fleet: Fleet, now: datetime) -> list[Line]:
    """Why no attempt of this task's agent is launched, where one is still to come."""
    if view.task is None or view.state in FINAL:
        return []
    mine = [hold for hold in fleet.holds if hold.agent == view.task.agent]
    return [
        _field("held", (f"for {_span(hold.since, now)}: {line(hold.why, 1_000)}{until(hold, now)}", "attention"))
        for hold in mine
    ]


def _ago(at: datetime, now: datetime) -> str:
    return f"{_span(at, now)} ago"


def _span(at: datetime, now: datetime) -> str:
    return age((now - at).total_seconds())


def _field(label: str, *cells: Cell) -> Line:
    return ((pad(label, LABEL), "muted"), *cells)
