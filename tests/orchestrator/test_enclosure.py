"""Orchestrators with and without a sandbox, from a person's side: what lands, what is said, and what is left."""

import json
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import load
from orchestrator.sandboxes.enclosure import choose
from orchestrator.sandboxes.sandbox import probe
from state.errors import Unavailable
from tests.orchestrator.boxed import program
from tests.stories import Story, alive, gone

ON_HOST = os.readlink("/proc/self/ns/mnt")
"""Where a program that writes outside would hurt: nothing of the kind is done if it finds itself here."""
MISSING = "bubblewrap is not installed: apt install bubblewrap"


@pytest.fixture
def without_bubblewrap(story: Story) -> dict[str, str]:
    """An environment whose PATH has what a story needs, and no bubblewrap."""
    folder = story.folder / "bin"
    folder.mkdir()
    for name in ("sh", "git", "env", "cat", "true", "python3", "sleep"):
        found = shutil.which(name, path="/usr/bin:/bin")
        if found:
            (folder / name).symlink_to(found)
    return {"PATH": str(folder)}


@pytest.fixture
def home(story: Story, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's home, with a secret in it."""
    folder = story.folder / "home"
    (folder / ".ssh").mkdir(parents=True)
    (folder / ".ssh" / "id_ed25519").write_text("secret\n")
    monkeypatch.setenv("HOME", str(folder))
    return folder


def toml(path: Path) -> dict[str, Any]:
    """What stands in a file."""
    return tomllib.loads(path.read_text())


def sandbox_of(story: Story, task: str, attempt: int = 1) -> Any:
    """What the record of an attempt says of its sandbox."""
    return toml(story.state.task(task).attempt(attempt).run).get("sandbox")


# ── which one is chosen ─────────────────────────────────────────────────────────────────────────────────────────


def test_auto_goes_without_where_there_is_none_and_says_so(story: Story, without_bubblewrap: dict[str, str]) -> None:
    story.agent("echo made > made")
    story.sandbox("auto")
    task = story.spawn()
    said = story.opsroom("up", "--once", environment=without_bubblewrap)
    assert (said.status, story.task(task).state, story.file("made")) == (0, "merged", "made")
    assert sandbox_of(story, task) == "none"
    lease = toml(story.state.lease)
    assert (lease["sandbox"], lease["sandbox_why"]) == ("none", MISSING)
    status = json.loads(story.opsroom("status", "--json").out)
    assert (status["orchestrator"]["sandbox"], status["orchestrator"]["sandbox_why"]) == ("none", MISSING)


def test_bubblewrap_refuses_where_there_is_none_and_starts_nothing(
    story: Story, without_bubblewrap: dict[str, str]
) -> None:
    story.agent(f"touch {story.folder}/started")
    story.sandbox("bubblewrap")
    task = story.spawn()
    said = story.opsroom("up", "--once", environment=without_bubblewrap)
    (line,) = said.err.splitlines()
    assert (said.status, said.out) == (3, "")
    assert f"no sandbox: {MISSING}" in line
    assert "set sandbox.kind in opsroom.toml to 'auto' or 'none'" in line
    assert not (story.folder / "started").exists()
    assert (task in story.states(), story.events("up"), story.state.lease.exists()) == (False, [], False)


def test_none_does_not_even_look(story: Story, without_bubblewrap: dict[str, str]) -> None:
    story.agent("readlink /proc/self/ns/mnt > where")
    story.sandbox("none", credentials=["~/nowhere"])
    task = story.spawn()
    program(Path(without_bubblewrap["PATH"]) / "bwrap", f"#!/bin/sh\n: > {story.folder}/asked\n")
    path = f"{without_bubblewrap['PATH']}:{os.environ['PATH']}"
    said = story.opsroom("up", "--once", environment={"PATH": path})
    assert (said.status, sandbox_of(story, task), story.file("where")) == (0, "none", ON_HOST)
    assert (toml(story.state.lease).get("sandbox_why", ""), (story.folder / "asked").exists()) == ("", False)


def test_a_task_lands_from_its_sandbox_and_nothing_of_it_is_left(story: Story, home: Path) -> None:
    story.agent("readlink /proc/self/ns/mnt > where; git add where; git commit --quiet --message 'by hand'")
    story.sandbox()
    task = story.spawn()
    story.up_once()
    assert (story.task(task).state, sandbox_of(story, task)) == ("merged", "bubblewrap")
    assert story.file("where").startswith("mnt:[")
    assert story.file("where") != ON_HOST
    assert story.git("log", "-1", "--format=%an <%ae>", "main") == "A Person <person@localhost>"
    lease = toml(story.state.lease)
    assert (lease["sandbox"], lease.get("sandbox_why", "")) == ("bubblewrap", "")
    for folder in (story.state.worktrees, story.state.homes, story.state.clones):
        assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == []
    assert story.git("fsck", "--strict", "--no-dangling") == ""
    assert (home / ".ssh" / "id_ed25519").read_text() == "secret\n"


def test_a_worker_in_its_sandbox_that_is_killed_leaves_nothing_running(story: Story) -> None:
    story.agent("setsid sleep 600 & touch $OPSROOM_TASK_DIR/worker/begun; sleep 600", seconds=600.0, grace=0.2)
    story.sandbox()
    task = story.spawn()
    running = story.up("--once")
    story.wait((story.state.task(task).worker / "begun").exists, "the worker to begin")
    processes = story.processes(task)
    assert story.outcome(story.send("kill", task=task)).outcome == "accepted"
    story.wait_for_state(task, "cancelled")
    story.finish(running)
    assert not alive(processes.child)
    assert gone(processes.supervisor)  # the exit record is the last but one thing that it does


# ── checks and metrics ──────────────────────────────────────────────────────────────────────────────────────────


def checked_by(story: Story, script: str) -> None:
    """Commits a check, and has changes checked by it."""
    (story.repository / "check.sh").write_text(script)
    story.git("add", "check.sh")
    story.git("commit", "--quiet", "--message", "a check")
    story.configure(checks=("sh check.sh",))


def test_a_check_writes_nothing_but_its_worktree_and_reads_no_home(story: Story, home: Path) -> None:
    checked_by(
        story,
        f"""set -e
        [ "$(readlink /proc/self/ns/mnt)" != "{ON_HOST}" ]
        touch made-by-check; cat made; git status --short
        for place in {story.repository} {story.state.root} {story.state.root}/tasks; do
            if touch $place/planted; then exit 1; fi
        done
        touch {story.folder}/planted  # a file in a /tmp of its own
        for place in {home} ~; do if cat $place/.ssh/id_ed25519; then exit 1; fi; done
        """,
    )
    story.agent("echo made > made")
    story.sandbox()
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged", story.why(task)
    assert not list(story.folder.rglob("planted"))


def test_a_check_that_fails_in_the_sandbox_fails(story: Story, home: Path) -> None:
    story.configure(checks=(f"cat {home}/.ssh/id_ed25519",))
    story.agent("echo made > made", max_attempts=1)
    story.sandbox()
    task = story.spawn()
    story.up_once()
    assert (story.task(task).state, story.subjects()) == ("failed", ["first"])


def test_checks_run_outside_where_that_is_asked_for(story: Story, home: Path) -> None:
    checked_by(story, f'[ "$(readlink /proc/self/ns/mnt)" = "{ON_HOST}" ] && cat {home}/.ssh/id_ed25519\n')
    story.agent("readlink /proc/self/ns/mnt > where")
    story.sandbox(checks=False)
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged", story.why(task)
    assert story.file("where") != ON_HOST


def test_the_metric_of_a_campaign_is_measured_in_the_sandbox(story: Story, home: Path) -> None:
    inside = (
        f"[ \"$(readlink /proc/self/ns/mnt)\" != '{ON_HOST}' ] && ! cat {home}/.ssh/id_ed25519 && wc -l < notes.txt"
    )
    metric = f'[metric]\nname = "lines"\ncommand = ["sh", "-c", {json.dumps(inside)}]\n'
    story.agent("sed -i 1d notes.txt")
    story.campaign("shorter", ["one", "two"], envelope=metric)
    story.sandbox()
    story.send("campaign-start", campaign="shorter")
    story.up_once()
    file = story.campaign_view("shorter").file
    assert file is not None
    said = file.headers
    assert (said["STATUS"], said["METRIC_START"], said["METRIC_CURRENT"]) == ("complete", "3", "1")
    assert [path.name for path in story.state.clones.iterdir() if not path.name.startswith(".")] == []
    assert [path.name for path in story.state.homes.iterdir()] == []


# ── over attempts ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_question_is_answered_and_the_home_is_there_again(story: Story) -> None:
    story.agent(
        """answer=$(opsroom ask "Which colour?" --option red --option blue --wait 0) || {
            echo "asked" > ~/.memory; echo half > half; exit 0
        }
        echo "$(cat ~/.memory) $(cat half) $answer" > colour"""
    )
    story.sandbox()
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "waiting"
    assert (story.state.homes / task / ".memory").read_text() == "asked\n"
    assert story.opsroom("answer", task, "--option", "2").status == 0
    story.up_once()
    assert (story.task(task).state, story.file("colour")) == ("merged", "asked half blue")
    assert [sandbox_of(story, task, attempt) for attempt in (1, 2)] == ["bubblewrap", "bubblewrap"]
    assert not (story.state.homes / task).exists()


def test_an_answer_reaches_a_worker_that_still_waits_in_its_sandbox(story: Story) -> None:
    story.agent('opsroom ask "Which colour?" --wait 60 > colour')
    story.sandbox()
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "waiting")
    story.opsroom("answer", task, "red")
    story.finish(running)
    assert (story.file("colour"), story.task(task).attempts) == ("red", (1,))


# ── mistakes ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("netwrok = false", "unknown field `netwrok`"),
        ('kind = "docker"', "Invalid enum value 'docker'"),
        ('credentials = ["id_ed25519"]', "matching regex"),
        ('credentials = ["~/"]', "matching regex"),
        ('readable = ["~"]', "matching regex"),
        ('readable = ["/"]', "matching regex"),
        ('writable = ["../secret"]', "matching regex"),
        ('keep = ["MY KEY"]', "matching regex"),
        ('keep = ["MY_KEY=value"]', "matching regex"),
    ],
)
def test_a_mistake_in_the_section_is_said_with_its_line(story: Story, line: str, said: str) -> None:
    story.agent("true")
    text = (story.repository / "opsroom.toml").read_text()
    (story.repository / "opsroom.toml").write_text(text.replace('kind = "none"', line))
    number = text[: text.index('kind = "none"')].count("\n") + 1
    answer = story.opsroom("up", "--once")
    (told,) = answer.err.splitlines()
    assert (answer.status, answer.out) == (2, "")
    assert f"opsroom.toml: line {number}: " in told
    assert said in told


@pytest.mark.parametrize(
    ("settings", "agent", "said"),
    [
        ({"credentials": ["~/.agent.json"]}, {}, "credentials names ~/.agent.json, and {home}/.agent.json does not"),
        ({"readable": ["data"]}, {}, "readable names data, and {repository}/data does not exist"),
        ({"writable": ["/no/such/place"]}, {}, "writable names /no/such/place, and /no/such/place does not exist"),
        ({}, {"credentials": ["~/.own.json"]}, "credentials names ~/.own.json, and {home}/.own.json does not exist"),
    ],
)
def test_what_is_named_and_not_there_is_said_at_the_start(
    story: Story, home: Path, settings: dict[str, Any], agent: dict[str, Any], said: str
) -> None:
    story.agent("true", **agent)
    story.sandbox(**settings)
    answer = story.opsroom("up", "--once")
    (line,) = answer.err.splitlines()
    assert answer.status == 3
    assert said.format(home=home, repository=story.repository) in line
    assert "put it there, or take it out of opsroom.toml" in line


@pytest.mark.parametrize("name", [".git", ".git/hooks", ".opsroom/tasks", "linked"])
def test_what_decides_over_a_worker_is_not_made_writable(story: Story, name: str) -> None:
    (story.repository / "linked").symlink_to(story.repository)
    story.agent("true")
    story.sandbox(writable=[name])
    said = story.opsroom("up", "--once")
    assert said.status == 3
    assert f"sandbox: writable names {name}, and {story.repository}" in said.err


def test_the_network_of_one_agent_is_looked_at_before_anything_starts(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where bubblewrap cannot take it away, an agent that must not have it is not run with it."""
    story.agent("true", network=False)
    story.sandbox()
    said = "bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted"
    lame = f'#!/bin/sh\ncase "$*" in *--unshare-net*) echo "{said}" >&2; exit 1;; esac\n'
    monkeypatch.setenv("PATH", f"{program(story.folder / 'bin' / 'bwrap', lame).parent}:{os.environ['PATH']}")
    probe.cache_clear()
    try:
        with pytest.raises(Unavailable, match="cannot take the network away here"):
            choose(story.state, load(story.repository))
    finally:
        probe.cache_clear()
