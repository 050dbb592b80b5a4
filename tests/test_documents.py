"""The documents name tests and files that exist."""

import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import pytest

from orchestrator.agents import KINDS, adapter
from orchestrator.agents.adapter import Run
from orchestrator.config import Config

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md")])


def test_each_promise_of_safety_names_a_test_that_exists() -> None:
    named = re.findall(r"`([\w/]+/test_\w+\.py)(?:::(\w+))?`", (CHECKOUT / "docs" / "safety.md").read_text())
    assert len(named) > 40
    for path, name in named:
        text = (CHECKOUT / "tests" / path).read_text()
        assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{path}::{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_agent_is_described_as_it_is(kind: str) -> None:
    text = (CHECKOUT / "docs" / "agents.md").read_text()
    (section,) = re.findall(rf"^### {kind}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    known = adapter(kind)
    assert section.startswith(f"{known.version}, npm `{known.package}`.\n")
    run = Run(Path("WORKTREE"), Path("WORKER"), model="MODEL", new_session="UUID", root=True, sandboxed=True)
    command = re.sub(r"WORKER/\S+", "FILE", shlex.join([known.program, *known.arguments(run)]))
    assert f"```\n{command}\n```" in section
    named = {*known.keys, *known.variables, *known.environment(run)}
    assert [name for name in sorted(named) if f"`{name}`" not in section] == []
    files = [file for file in known.credentials if not file.startswith("~/.config/opencode/")]
    assert [file for file in files if f"`{file}`" not in section] == []


def test_the_settings_of_agents_are_all_there_and_understood() -> None:
    text = (CHECKOUT / "docs" / "agents.md").read_text()
    (block,) = re.findall(r"## Settings\n```toml\n(.*?)```", text, re.DOTALL)
    config = msgspec.convert(tomllib.loads(block), Config)
    (agent,) = config.agents.values()
    assert [key for key in agent.__struct_encode_fields__ if f"\n{key} = " not in block] == []
    assert not config.extra
