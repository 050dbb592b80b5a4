"""The sandbox works as it is asked for, or it is said why not and what to do."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from opsroom.doctor.findings import FAIL, OK, WARN, Finding
from opsroom.doctor.sandbox import findings
from orchestrator.config import Agent, Config, Sandbox
from orchestrator.sandboxes.sandbox import probe
from tests.opsroom.doctor.conftest import Install
from tests.stories import Story

MISSING = "bubblewrap is not installed: apt install bubblewrap"


def look(top: Path, agent: dict[str, Any] | None = None, **settings: Any) -> list[Finding]:
    """What is said where `[sandbox]` has `settings`, and one agent has its own; the home is `top / "home"`."""
    agents = {"codex": Agent(command=["codex"], **(agent or {}))}
    config = Config(sandbox=msgspec.convert(settings, Sandbox), agents=agents)
    return findings(config, top, dict(os.environ) | {"HOME": str(top / "home")})


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What was found out about bubblewrap is found out anew by each test."""
    probe.cache_clear()
    yield
    probe.cache_clear()


@pytest.fixture
def path(install: Install, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes programs of a PATH that has no others but `true`."""
    monkeypatch.setenv("PATH", str(install("true", "exit 0").parent))
    return install


@pytest.mark.parametrize("kind", ["auto", "bubblewrap"])
def test_where_it_works_its_version_and_place_are_said(tmp_path: Path, kind: str) -> None:
    (only,) = look(tmp_path, kind=kind)
    found = probe()
    assert (only.verdict, only.todo) == (OK, "")
    assert only.text == f"bubblewrap {found.version}, {found.program}: workers and checks run in it"


def test_checks_that_run_outside_are_said_to(tmp_path: Path) -> None:
    (only,) = look(tmp_path, checks=False)
    assert only.text.endswith(": workers run, and checks do not, in it")


@pytest.mark.parametrize(
    ("kind", "verdict", "todo"),
    [
        ("auto", WARN, "until then workers run in none, and can do whatever you can"),
        ("bubblewrap", FAIL, "or set sandbox.kind in opsroom.toml to 'auto' or 'none'"),
    ],
)
@pytest.mark.usefixtures("path")
def test_where_it_is_missing_the_configuration_says_how_bad_that_is(
    tmp_path: Path, kind: str, verdict: str, todo: str
) -> None:
    (only,) = look(tmp_path, kind=kind)
    assert (only.verdict, only.text, only.todo) == (verdict, MISSING, todo)


def test_where_it_fails_the_reason_is_said(tmp_path: Path, path: Install) -> None:
    path("bwrap", "echo 'bwrap: no luck today' >&2; exit 1")
    (only,) = look(tmp_path)
    assert (only.verdict, only.text) == (WARN, "bubblewrap does not work here: bwrap: no luck today")


def test_an_agent_that_has_no_network_asks_for_more(tmp_path: Path, path: Install) -> None:
    path("bwrap", 'case "$*" in *--unshare-net*) echo "bwrap: loopback: Failed RTM_NEWADDR" >&2; exit 1;; esac')
    assert look(tmp_path)[0].verdict == OK
    (only,) = look(tmp_path, agent={"network": False})
    assert only.verdict == WARN
    assert "cannot take the network away here" in only.text


def test_none_is_said_to_be_off_and_nothing_is_tried(tmp_path: Path, path: Install) -> None:
    path("bwrap", f": > {tmp_path}/tried")
    (only,) = look(tmp_path, kind="none", credentials=["~/nowhere"])
    assert (only.verdict, only.text.startswith("off, as sandbox.kind = 'none' asks")) == (OK, True)
    assert not (tmp_path / "tried").exists()


@pytest.mark.parametrize(
    ("settings", "agent", "said"),
    [
        ({"credentials": ["~/.codex"]}, {}, "credentials names ~/.codex, and {top}/home/.codex does not exist"),
        ({}, {"credentials": ["~/.codex"]}, "credentials names ~/.codex, and {top}/home/.codex does not exist"),
        ({"readable": ["data"]}, {}, "readable names data, and {top}/data does not exist"),
        ({"writable": ["~/.cache/x"]}, {}, "writable names ~/.cache/x, and {top}/home/.cache/x does not exist"),
    ],
)
def test_what_is_named_and_not_there_fails_once(
    tmp_path: Path, settings: dict[str, Any], agent: dict[str, Any], said: str
) -> None:
    _, missing = look(tmp_path, agent, **settings)
    assert (missing.verdict, missing.text) == (FAIL, said.format(top=tmp_path))
    assert missing.todo == "put it there, or take it out of opsroom.toml"


def test_what_is_named_and_there_is_well(tmp_path: Path) -> None:
    for place in ("home/.codex", "data"):
        (tmp_path / place).mkdir(parents=True)
    found = look(tmp_path, {"credentials": ["~/.codex"]}, credentials=["~/.other"], readable=["data"])
    assert [one.verdict for one in found] == [OK]


def test_a_person_who_asks_the_doctor_is_told(story: Story) -> None:
    story.agent("true")
    assert "✓ ok    off, as sandbox.kind = 'none' asks" in story.opsroom("doctor").out
    story.sandbox(readable=["data"])
    said = story.opsroom("doctor")
    assert said.status == 1
    assert f"✗ fail  readable names data, and {story.repository}/data does not exist; put it there" in said.out
