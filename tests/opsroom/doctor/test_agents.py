"""Each agent's program is found where a worker would find it, or it is said what to do."""

import os
from pathlib import Path

import pytest

from opsroom.doctor.agents import findings
from opsroom.doctor.findings import FAIL, OK, WARN, Finding
from orchestrator.config import Agent, Config
from tests.opsroom.doctor.conftest import Install
from tests.stories import Story


def look(story: Story, *command: str, path: Path | None = None) -> list[Finding]:
    """What is said of an agent `migrate` with that command; of no agent without one."""
    agents = {"migrate": Agent(command=list(command))} if command else {}
    places = f"{path or story.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return findings(Config(agents=agents), story.repository, dict(os.environ) | {"PATH": places})


def test_a_program_on_path_is_named_with_its_place_and_version(story: Story, install: Install) -> None:
    place = install("codex", "echo codex-cli 0.42.1")
    (only,) = look(story, "codex", "exec")
    assert (only.verdict, only.text) == (OK, f"migrate: codex-cli 0.42.1, {place}")


def test_a_program_that_is_not_on_path_fails(story: Story) -> None:
    found = look(story, "no-such-agent")[0]
    assert (found.verdict, found.text) == (FAIL, "migrate: no-such-agent is not on PATH")
    assert "agents.migrate.command" in found.todo


def test_a_program_that_cannot_be_run_fails(story: Story, install: Install) -> None:
    install("codex", "").write_bytes(b"\x7fELF nonsense")
    found = look(story, "codex")[0]
    assert found.verdict == FAIL
    assert "cannot be run" in found.text


def test_a_program_without_a_version_works(story: Story, install: Install) -> None:
    place = install("migrate-all", "exit 3")
    found = look(story, "migrate-all")[0]
    assert (found.verdict, found.text) == (OK, f"migrate: {place}, which says nothing to --version")


def script(story: Story, mode: int = 0o755) -> None:
    path = story.repository / "agent.sh"
    path.write_text("#!/bin/sh\ntouch was-run\n")
    path.chmod(mode)


def test_a_script_of_the_repository_is_found_and_not_run(story: Story) -> None:
    script(story)
    story.git("add", "agent.sh")
    story.git("commit", "--quiet", "--message", "an agent")
    found = look(story, "./agent.sh")[0]
    assert (found.verdict, found.text) == (OK, f"migrate: {story.repository / 'agent.sh'}")
    assert not (story.repository / "was-run").exists()


def test_a_script_that_no_worktree_would_have_fails(story: Story) -> None:
    script(story)
    found = look(story, "./agent.sh")[0]
    assert (found.verdict, found.text) == (FAIL, "migrate: ./agent.sh is not in git, so no worktree has it")


@pytest.mark.parametrize("mode", [None, 0o644])
def test_a_script_that_is_not_there_or_not_executable_fails(story: Story, mode: int | None) -> None:
    if mode is not None:
        script(story, mode)
    found = look(story, "./agent.sh")[0]
    assert found.verdict == FAIL
    assert ("is not executable" if mode else "is not there") in found.text


def test_without_an_agent_it_is_said_how_to_name_one(story: Story) -> None:
    found = look(story)[0]
    assert (found.verdict, found.text) == (WARN, "none is configured")


def test_an_agent_that_is_there_and_not_configured_is_worth_a_word(story: Story, install: Install) -> None:
    install("codex", "echo codex-cli 0.42.1")
    place = install("aider", "echo aider 0.86.1")
    found = look(story, "codex")
    assert [one.text for one in found[1:]] == [
        f"aider is on PATH, and no agent in opsroom.toml runs it: aider 0.86.1, {place}"
    ]


def test_ten_that_do_not_answer_take_no_longer_than_one(story: Story, install: Install) -> None:
    for name in ("aider", "amp", "goose", "mini"):
        install(name, "sleep 600")
    assert sum("did not answer --version within 5 s" in one.text for one in look(story)) == 4


def test_a_link_to_an_agent_that_is_gone_is_worth_a_word(story: Story, install: Install) -> None:
    install("true-codex", "").unlink()
    (story.folder / "bin" / "codex").symlink_to(story.folder / "bin" / "true-codex")
    found = look(story)[1]
    assert found.verdict == WARN
    assert f"{story.folder / 'bin' / 'codex'} is a link to {story.folder / 'bin' / 'true-codex'}, which" in found.text
