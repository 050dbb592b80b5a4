"""The agents of `opsroom.toml`, and agent programs that are there besides."""

from collections.abc import Mapping
from pathlib import Path

from opsroom.doctor.findings import OK, Finding, warn
from opsroom.doctor.looks import Look, looks
from opsroom.doctor.starts import SECONDS
from orchestrator.config import Config

__all__ = ["findings"]

GROUP = "agents"


def findings(config: Config, top: Path, environment: Mapping[str, str], seconds: float = SECONDS) -> list[Finding]:
    """Each configured agent, then what else is on PATH. `top` is where the repository is."""
    found = [_finding(look) for look in looks(config, top, environment, seconds)]
    if not config.agents:
        todo = "name one in opsroom.toml: [agents.NAME] with a kind, or a command"
        found.insert(0, warn(GROUP, "none is configured", todo))
    return found


def _finding(look: Look) -> Finding:
    who = look.name if look.configured else f"{look.name} is on PATH, and no agent in opsroom.toml runs it"
    return Finding(GROUP, look.verdict, f"{who}: {look.said}", "" if look.verdict == OK else look.advice)
