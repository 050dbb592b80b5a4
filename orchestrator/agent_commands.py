"""How an agent is started: its configuration and what is known of its kind, made into a command and an environment."""

import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import agents
from orchestrator.agents.adapter import Run
from orchestrator.config import Agent, Config
from orchestrator.failures import came_to_nothing
from state import files
from state.errors import BadFile
from state.layout import StateDir
from state.model import AgentReport, decode
from state.usage import Usage
from state.views import TaskView

__all__ = ["Start", "counter_before", "credentials", "keys", "secret_variables", "start", "variables"]


@dataclass(frozen=True, slots=True)
class Start:
    """How one attempt's agent is started."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    session: str = ""
    """What the session will be called, where that is known before."""
    resumed: str = ""
    """The session that it goes on with."""


def start(state: StateDir, view: TaskView, agent: Agent, *, sandboxed: bool, afresh: bool) -> Start:
    """How the next attempt of a task is started; `afresh` where an earlier session would know of other work."""
    if agent.kind == agents.COMMAND:
        return Start([*agent.command, *agent.args], dict(agent.environment))
    adapter = agents.adapter(agent.kind)
    session = "" if afresh or agent.continues != "session" else _session(state, view, agent.kind)
    run = Run(
        worktree=Path(os.path.realpath(state.worktree(view.id))),
        folder=state.task(view.id).worker,
        model=agent.model,
        attempt=view.status.attempt if view.status else 1,
        new_session="" if session else str(uuid.uuid4()),
        resume=session,
        root=os.geteuid() == 0,
        sandboxed=sandboxed,
    )
    argv = [*agent.command, *adapter.arguments(run)]
    # a lone `-` at the end stands for the prompt on standard input, and what follows it would be taken for one
    end = argv.pop() if argv[-1] == "-" else ""
    argv += [*agent.args, *([end] if end else [])]
    named = session or (run.new_session if run.new_session in argv else "")
    return Start(argv, {**adapter.environment(run), **agent.environment}, named, session)


def keys(agent: Agent) -> tuple[str, ...]:
    """The variables with keys that an agent of this kind gets from the orchestrator's environment."""
    return () if agent.kind == agents.COMMAND else agents.adapter(agent.kind).keys


def secret_variables(config: Config) -> list[str]:
    """The variables whose values are masked: those that the configuration names, and those with its agents' keys."""
    own = (name for agent in config.agents.values() for name in keys(agent))
    return sorted({*config.secrets.variables, *own})


def variables(agent: Agent) -> tuple[str, ...]:
    """All variables that it gets, beside those that every worker gets."""
    return () if agent.kind == agents.COMMAND else (*keys(agent), *agents.adapter(agent.kind).variables)


def credentials(agent: Agent) -> tuple[str, ...]:
    """What of the person's home an agent of this kind signs in with, as far as it is there."""
    return () if agent.kind == agents.COMMAND else agents.adapter(agent.kind).credentials


def report_of(state: StateDir, task: str, attempt: int) -> AgentReport | None:
    """What is told of an attempt's stream; None where nothing is, or nothing that can be read."""
    path = state.task(task).attempt(attempt).report
    try:
        return decode(AgentReport, files.read_text(state.root, path), state.relative(path))
    except BadFile:
        return None


def counter_before(state: StateDir, task: str, attempt: int, session: str) -> Usage:
    """What the agent's own counter over `session` showed when the last attempt before `attempt` had it."""
    for number in range(attempt - 1, 0, -1):
        report = report_of(state, task, number)
        if report is not None and report.session == session and report.counter is not None:
            return report.counter
    return Usage()


def _session(state: StateDir, view: TaskView, kind: str) -> str:
    """The session of the last attempt, if it can be gone on with."""
    before = [number for number in view.attempts if view.status is None or number < view.status.attempt]
    report = report_of(state, view.id, before[-1]) if before else None
    if report is None or report.kind != kind or came_to_nothing(report):
        return ""
    return report.session
