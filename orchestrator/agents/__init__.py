"""The agent CLIs that Opsroom knows: what each is called here, and where what is known of it stands.

Nothing outside this package knows an agent's name. How one is added stands in CONTRIBUTING.md.
"""

import importlib
from typing import cast

from orchestrator.agents.adapter import Adapter

__all__ = ["COMMAND", "KINDS", "adapter"]

COMMAND = "command"
"""The kind of a program that nothing is known of: it gets the prompt, and its exit status is its word."""
KINDS = ("claude", "codex", "copilot", "gemini", "opencode", "pi", "qwen")
"""The kinds besides, each a module here with an `ADAPTER`."""


def adapter(kind: str) -> Adapter:
    """What is known of the agents of `kind`, one of `KINDS`."""
    if kind not in KINDS:
        raise ValueError(f"no kind of agent: {kind!r}")
    return cast(Adapter, importlib.import_module(f"orchestrator.agents.{kind}").ADAPTER)
