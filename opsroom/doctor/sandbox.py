"""Whether workers and checks get the sandbox that the configuration asks for, with all that it names in it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from opsroom.doctor.findings import Finding, fail, ok, warn
from orchestrator.config import Config
from orchestrator.sandboxes import enclosure
from state.errors import Unavailable
from state.layout import DIRECTORY, StateDir

__all__ = ["findings"]

GROUP = "sandbox"


def findings(config: Config, top: Path, environment: Mapping[str, str]) -> list[Finding]:
    """What there is to say of it in the repository at `top`; bubblewrap is run once or twice to find out."""
    if config.sandbox.kind == "none":
        return [ok(GROUP, "off, as sandbox.kind = 'none' asks: workers and checks can do whatever you can")]
    probe = enclosure.probe_for(config)
    if not probe.works and config.sandbox.kind == "bubblewrap":
        return [fail(GROUP, probe.why, "or set sandbox.kind in opsroom.toml to 'auto' or 'none'")]
    if not probe.works:
        return [warn(GROUP, probe.why, "until then workers run in none, and can do whatever you can")]
    who = "workers and checks run" if config.sandbox.checks else "workers run, and checks do not,"
    said = ok(GROUP, f"bubblewrap {probe.version}, {probe.program}: {who} in it")
    chosen = enclosure.Enclosure(StateDir(top / DIRECTORY), config, probe, "", environment)
    return [said, *dict.fromkeys(_missing(config, chosen))]


def _missing(config: Config, chosen: enclosure.Enclosure) -> Iterator[Finding]:
    """What the configuration names and is not there, the first for each agent: nothing starts without it."""
    for agent in (None, *config.agents.values()):
        try:
            chosen.named(agent)
        except Unavailable as error:
            yield fail(GROUP, error.message.removeprefix("sandbox: "), error.todo)
