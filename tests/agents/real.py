"""A repository with one real agent CLI, which talks to the scripted model: what the tests of real agents are told in.

Everything else is as with a person who uses that CLI: its settings lie in their home, its key in their environment.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from opsroom.commands.show import read_fleet
from orchestrator.agents import adapter
from orchestrator.agents.adapter import Run
from orchestrator.agents.reading import Reading
from state.agent_events import Event, Place, decode_line
from state.layout import StateDir
from state.machine import Hold
from state.model import AgentReport, decode
from state.usage import Usage
from tests.agents import install
from tests.agents.model_script import Script, Step
from tests.agents.model_script import Usage as Costs
from tests.agents.model_server import ModelServer, Request
from tests.stories import Story, telling

__all__ = ["COSTS", "Real", "cost", "playing"]

KEY = "sk-ant-api03-ThisIsTheKeyOfNobodyAtAll0123456789"
"""What must be found nowhere in the state directory."""
COSTS = Costs(input=1000, output=50, cached=200)
"""Tokens of each reply."""
PRICE = {"input": 2.0, "cached": 0.5, "output": 10.0}
"""Dollars a million tokens, of the models that the tests use."""
SECONDS = 240.0
"""How long one attempt may take: qwen tries for 100 s before it gives up a provider, and can't be told not to."""


def cost(name: str, replies: int) -> float:
    """Dollars of as many replies: claude says what its model costs, for the others the configuration does."""
    dear = {"input": 3.0, "cached": 0.3, "output": 15.0} if name == "claude" else PRICE
    fresh = COSTS.input - COSTS.cached
    one = fresh * dear["input"] + COSTS.cached * dear["cached"] + COSTS.output * dear["output"]
    return round(replies * one / 1e6, 6)


class Setup(NamedTuple):
    """How a person has set up one CLI."""

    variables: dict[str, str]
    """Of their environment, without the key."""
    key: str
    """The variable that holds it."""
    home: dict[str, str] = {}
    """Files of their home."""
    agent: dict[str, Any] = {}
    """What stands in `[agents.worker]` besides the kind."""


def _codex(url: str) -> Setup:
    provider = f'name = "scripted"\nbase_url = "{url}/v1"\nenv_key = "OPENAI_API_KEY"\nwire_api = "responses"\n'
    retries = "request_max_retries = 2\nstream_max_retries = 2\n"
    config = f'model_provider = "scripted"\n[model_providers.scripted]\n{provider}{retries}'
    config += "[analytics]\nenabled = false\n"  # it would try for 5 s to send them before it ends
    return Setup({}, "OPENAI_API_KEY", {".codex/config.toml": config}, {"model": "gpt-5.2-codex"})


def _claude(url: str) -> Setup:
    variables = {"ANTHROPIC_BASE_URL": url, "CLAUDE_CODE_MAX_RETRIES": "2"}
    return Setup(variables, "ANTHROPIC_API_KEY", {}, {"model": "claude-sonnet-4-5"})


def _opencode(url: str) -> Setup:
    options = {"baseURL": f"{url}/v1", "apiKey": "{env:OPENAI_API_KEY}"}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"scripted": {"name": "scripted"}}}
    config = {"provider": {"local": provider}, "permission": "allow"}
    home = {".config/opencode/opencode.json": json.dumps(config)}
    return Setup({}, "OPENAI_API_KEY", home, {"model": "local/scripted"})


def _gemini(url: str) -> Setup:
    # with an address of one's own it asks how to sign in, unless that is set
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}, "general": {"maxAttempts": 2}}
    home = {".gemini/settings.json": json.dumps(settings)}
    return Setup({"GOOGLE_GEMINI_BASE_URL": url}, "GEMINI_API_KEY", home, {"model": "gemini-2.5-pro"})


def _pi(url: str) -> Setup:
    provider = {"baseUrl": f"{url}/v1", "api": "openai-completions", "apiKey": "OPENAI_API_KEY"}
    models = {"providers": {"local": {**provider, "models": [{"id": "scripted"}]}}}
    home = {".pi/agent/models.json": json.dumps(models)}
    return Setup({}, "OPENAI_API_KEY", home, {"model": "local/scripted"})


def _copilot(url: str) -> Setup:
    variables = {"COPILOT_OFFLINE": "true", "COPILOT_PROVIDER_BASE_URL": f"{url}/v1"}
    variables |= {"COPILOT_PROVIDER_TYPE": "openai", "COPILOT_MODEL": "scripted"}
    return Setup(variables, "COPILOT_PROVIDER_API_KEY", {}, {"model": "scripted"})


def _qwen(url: str) -> Setup:
    home = {".qwen/settings.json": json.dumps({"model": {"generationConfig": {"maxRetries": 0}}})}
    return Setup({"OPENAI_BASE_URL": f"{url}/v1"}, "OPENAI_API_KEY", home, {"model": "scripted"})


SETUPS = {
    "codex": _codex,
    "claude": _claude,
    "opencode": _opencode,
    "gemini": _gemini,
    "pi": _pi,
    "copilot": _copilot,
    "qwen": _qwen,
}


class Real:
    """A story whose agent `worker` is the CLI `name`, in a sandbox."""

    def __init__(self, story: Story, name: str, model: ModelServer, setup: Setup) -> None:
        self.story = story
        self.name = name
        self.model = model
        self._setup = setup
        story.patience = SECONDS
        story.sandbox("bubblewrap")
        self.configure()

    def configure(self, limits: dict[str, Any] | None = None, agent: dict[str, Any] | None = None) -> None:
        """Sets `[orchestrator]` and what else there is to say of the agent."""
        # A machine that is busy with other tests is not what these are about.
        chosen = {"min_free_memory_mib": 0, "min_free_disk_mib": 0} | (limits or {})
        self.story.configure(**chosen)
        settings = {"kind": self.name, "grace": 5.0, "seconds": SECONDS, **self._setup.agent, **(agent or {})}
        text = "[agents.worker]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        prices = "".join(f"{key} = {value}\n" for key, value in PRICE.items())
        self.story.further(f'{text}[prices."*"]\n{prices}')

    def script(self, *steps: Step, watch: tuple[str, ...] = ()) -> None:
        """What the model says from now on."""
        self.model.play("agent", Script(steps=steps, usage=COSTS, watch=watch))

    def report(self, task: str, attempt: int = 1) -> AgentReport:
        """What the stream of an attempt came to, once that is known."""

        def read() -> AgentReport | None:
            view = read_fleet(self.story.state).tasks.get(task)
            report = view.report if view and view.attempts and view.attempts[-1] == attempt else None
            return report if report and report.verdict else None

        return self.story.wait(read, f"a verdict on attempt {attempt} of {task}")

    def used(self, task: str) -> Usage:
        """What all attempts at `task` have used."""
        status = self.story.task(task).status
        assert status is not None
        return status.usage

    def program(self, task: str) -> int:
        """The process of the CLI itself: bubblewrap's first child waits for those that lose their parents."""
        outside = psutil.Process(self.story.processes(task).child)
        (first,) = outside.children()
        return int(first.children()[0].pid)

    def report_of(self, task: str, attempt: int) -> AgentReport:
        """What the stream of an attempt has told so far."""
        path = self.story.state.task(task).attempt(attempt).report
        return decode(AgentReport, path.read_text(), path.name)

    def holds(self) -> tuple[Hold, ...]:
        """Why nothing is launched now."""
        return read_fleet(self.story.state).holds

    def verdicts(self) -> list[str]:
        """In a few words what each attempt at each task came to, oldest first."""
        found = []
        for path in sorted(self.story.state.tasks.glob("*/attempts/*/agent.toml")):
            report = decode(AgentReport, path.read_text(), path.name)
            found.append(" ".join(filter(None, [report.verdict or "no verdict", report.failure])))
        return found

    def told(self, task: str, attempt: int = 1) -> list[tuple[Event, Place]]:
        """The events of an attempt's stream, each with where it stands."""
        lines = self.story.state.task(task).attempt(attempt).events.read_bytes().splitlines()
        return [told for told in map(decode_line, lines) if told is not None]

    def told_anew(self, task: str, attempt: int = 1) -> list[Event]:
        """The events of an attempt, read from what it printed from beginning to end."""
        known, folder = adapter(self.name), self.story.state.task(task)
        reading = Reading(known.parser())
        found = reading.feed(folder.attempt(attempt).stdout.read_bytes())
        if known.usage_file is not None:
            run = Run(worktree=self.story.state.worktree(task), folder=folder.worker, attempt=attempt)
            found += reading.beside("usage_file", known.usage_file(run).read_bytes())
        return [event for event, _ in [*found, *reading.end()]]

    def asked(self) -> list[Request]:
        """What the agent asked the model."""
        return [request for request in self.model.requests("agent") if request.step is not None]


@contextlib.contextmanager
def playing(name: str, folder: Path, model: ModelServer, patched: pytest.MonkeyPatch) -> Iterator[Real]:
    """A story of the real CLI `name`; when it ends no key may be found in anything that was written."""
    programs = install.installed(name)
    setup = SETUPS[name](model.url("agent"))
    home = folder / "home"
    for path, text in setup.home.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
    home.mkdir(exist_ok=True)
    for variable in [variable for variable in os.environ if variable.lower().endswith("_proxy")]:
        patched.delenv(variable)
    for variable, value in {**setup.variables, setup.key: KEY, "HOME": str(home)}.items():
        patched.setenv(variable, value)
    patched.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with telling(folder / "told") as story:
        yield Real(story, name, model, setup)
    assert _holding_the_key(story.state) == []


def _holding_the_key(state: StateDir) -> list[str]:
    """The files that the key stands in, but for what the agent keeps in its own HOME."""
    mark, found = KEY.encode(), []
    for folder, folders, files in os.walk(state.root):
        if Path(folder) == state.root:
            folders.remove("homes")
        paths = [Path(folder, file) for file in files]
        found += [str(path) for path in paths if not path.is_symlink() and mark in path.read_bytes()]
    return found
