"""`opsroom agents` and `opsroom agents try`: a person finds out whether an agent works before they rely on it.

The agent here is a small program that does real work in git and prints what the real codex once printed.
"""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from orchestrator.agents import adapter
from state.layout import StateDir
from state.model import Attempt, Exit, decode
from tests.stories import CHECKOUT, Said, Story, gone

VERSION = adapter("codex").version
KEY = "sk-proj-of-nobody-0123456789abcdefghij"
WORK = """
echo "hello from agent" > hello.txt
git add hello.txt
git commit --quiet --message 'wrote it'
opsroom result success --summary 'wrote it' >/dev/null
"""


@pytest.fixture(autouse=True)
def trials(story: Story) -> Path:
    """The folder in which scratch repositories are made."""
    story.sandbox("bubblewrap")
    (story.folder / "home").mkdir()
    (story.folder / "bin").mkdir()
    return story.folder / "cache" / "opsroom"


def install(story: Story, work: str = WORK, stream: str = "success", status: int = 0, name: str = "codex") -> None:
    """Puts an agent CLI on PATH that does `work` and prints a recorded stream."""
    folder = story.folder / "bin"
    recorded = folder / f"{name}.jsonl"
    recorded.write_bytes((CHECKOUT / "tests" / "streams" / name / f"{stream}.jsonl").read_bytes())
    program = folder / name
    version = f'if [ "$1" = --version ]; then echo {name} {adapter(name).version}; exit; fi'
    program.write_text(
        f"#!/bin/sh\n{version}\ncat > prompt.txt\nrm prompt.txt\n{work}\ncat {recorded}\nexit {status}\n"
    )
    program.chmod(0o755)


def agents(story: Story, *arguments: str, **variables: str) -> Said:
    """`opsroom agents …` of a person with an empty home and these `variables`."""
    path = f"{story.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    keys = dict.fromkeys((*adapter("codex").keys, *adapter("claude").keys), "")
    own = {"HOME": str(story.folder / "home"), "XDG_CACHE_HOME": str(story.folder / "cache"), "PATH": path}
    return story.opsroom("agents", *arguments, environment=keys | own | variables)


def codex(story: Story, **settings: object) -> None:
    """Configures it."""
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    story.further(f'[agents.mine]\nkind = "codex"\n{lines}')


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_says_of_each_agent_where_it_starts_and_how_it_signs_in(story: Story) -> None:
    install(story)
    install(story, name="claude")
    codex(story)
    said = agents(story, OPENAI_API_KEY=KEY)
    rows = [re.split(r"  +", line.strip()) for line in said.out.splitlines()]
    assert rows[0] == ["agent", "kind", "version", "sandboxed", "no network", "signs in with"]
    assert ["mine", "codex", VERSION, "starts", "starts", "OPENAI_API_KEY"] in rows
    assert ["(claude)", "claude", adapter("claude").version, "starts", "starts", "nothing found"] in rows
    assert (said.status, said.err, KEY in said.out) == (0, "", False)


def test_an_agent_that_cannot_start_is_exit_status_1_with_what_to_do(story: Story) -> None:
    codex(story)
    said = agents(story)
    assert said.status == 1
    assert said.out.splitlines()[-1] == (
        f"! mine: codex is not on PATH; npm install -g @openai/codex@{VERSION}, "
        "or change agents.mine.command in opsroom.toml"
    )


def test_the_same_for_a_program(story: Story) -> None:
    install(story)
    codex(story)
    said = agents(story, "--json", OPENAI_API_KEY=KEY)
    mine = json.loads(said.out)["agents"][0]
    assert (mine["name"], mine["version"], mine["verdict"]) == ("mine", VERSION, "ok")
    assert mine["starts_sandboxed"] == mine["starts_without_network"] == {"ok": True, "problem": None}
    assert mine["signs_in_with"] == ["OPENAI_API_KEY"]


# ── a trial ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_agent_that_works_is_said_to_with_what_it_took_and_nothing_is_left(story: Story, trials: Path) -> None:
    install(story)
    codex(story, model="gpt-5.2-codex")
    before = story.git("log", "--format=%H", "--all")
    said = agents(story, "try", "mine", OPENAI_API_KEY=KEY)
    assert (said.status, said.err) == (0, "")
    assert "it costs a few tokens of yours" in said.out.splitlines()[1]
    assert "  says: I will write the file." in said.out
    last = said.out.splitlines()[-1]
    assert last.startswith(
        "mine works: its change was merged, and the file is right; 3,000 in (600 cached) · 150 out; "
    )
    assert "; cost unknown, for [prices] has none of gpt-5.2-codex; " in last
    assert list(trials.iterdir()) == []
    assert story.git("log", "--format=%H", "--all") == before
    assert story.states() == {}


def test_prices_of_the_configuration_hold_for_the_trial(story: Story) -> None:
    install(story)
    story.further(
        '[agents.mine]\nkind = "codex"\nmodel = "m"\n[prices.m]\ninput = 100.0\ncached = 0.0\noutput = 400.0\n'
    )
    assert "; cost $0.30; " in agents(story, "try", "mine", OPENAI_API_KEY=KEY).out


def test_a_kind_that_nobody_has_configured_can_be_tried(story: Story) -> None:
    install(story)
    said = agents(story, "try", "codex", OPENAI_API_KEY=KEY)
    assert said.status == 0
    assert said.out.splitlines()[-1].startswith("codex works")


def test_a_program_of_the_repository_can_be_tried_as_well(story: Story) -> None:
    (story.repository / "agent.sh").write_text(f"#!/bin/sh\n{WORK}")
    (story.repository / "agent.sh").chmod(0o755)
    story.git("add", "agent.sh")
    story.git("commit", "--quiet", "--message", "an agent")
    story.further('[agents.mine]\ncommand = ["./agent.sh"]\n')
    said = agents(story, "try", "mine")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[-1].startswith("mine works")


def test_what_is_to_be_kept_is_kept_and_can_be_looked_at(story: Story, trials: Path) -> None:
    install(story)
    codex(story)
    said = agents(story, "try", "mine", "--keep", OPENAI_API_KEY=KEY)
    (kept,) = trials.iterdir()
    assert f"all of it is in {kept}" in said.out.splitlines()[-1]
    assert story.git("show", "main:hello.txt", cwd=kept / "repository") == "hello from agent"
    assert StateDir(kept / "repository" / ".opsroom").task("0001").attempt(1).report.exists()


def test_an_agent_that_does_not_say_that_it_is_done_works_with_a_remark(story: Story) -> None:
    install(story, WORK.replace("opsroom result", ": opsroom result"))
    codex(story)
    said = agents(story, "try", "mine", OPENAI_API_KEY=KEY)
    assert said.status == 0
    assert said.out.splitlines()[-1] == "but it gave no 'opsroom result success', as it was told to"


def test_one_that_writes_something_else_does_not_work(story: Story) -> None:
    install(story, WORK.replace("hello from agent", "here you are"))
    codex(story)
    said = agents(story, "try", "mine", OPENAI_API_KEY=KEY)
    assert said.status == 1
    assert (
        "mine does not work: it ended well, but hello.txt has 'here you are' in it, not 'hello from agent'" in said.out
    )


def test_one_whose_provider_fails_is_said_in_the_providers_words_and_kept(story: Story, trials: Path) -> None:
    install(story, work="", stream="err500", status=1)
    codex(story)
    said = agents(story, "try", "mine", OPENAI_API_KEY=KEY)
    assert said.status == 1
    (line,) = [line for line in said.out.splitlines() if line.startswith("mine does not work")]
    assert "the provider failed (overload): We’re currently experiencing high demand" in line
    assert line.endswith("; try again later")
    (kept,) = trials.iterdir()
    assert f"all of it is in {kept}" in said.out.splitlines()[-1]


def test_one_that_is_not_signed_in_is_tried_all_the_same_and_says_so_itself(story: Story) -> None:
    words = '{"type":"turn.failed","error":{"message":"unexpected status 401 Unauthorized: no API key"}}'
    install(story, work=f"echo '{words}'; exit 1")
    codex(story)
    said = agents(story, "try", "mine")
    assert said.status == 1
    assert "nothing to sign in with: there is no OPENAI_API_KEY, " in said.out
    assert "it is tried all the same; sign in with it, or set one of these variables" in said.out
    assert "mine does not work: the provider failed (authentication): unexpected status 401" in said.out
    assert "; sign in with it, or set its key, and see 'opsroom doctor'" in said.out


def test_one_that_asks_instead_of_doing_it_does_not_work(story: Story) -> None:
    install(story, work="opsroom ask 'Which file?' --wait 0 || true")
    codex(story)
    said = agents(story, "try", "mine", OPENAI_API_KEY=KEY)
    assert said.status == 1
    assert "mine does not work: it did not do it but asked: Which file?; " in said.out


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(story: Story, trials: Path) -> None:
    install(story, work="sleep 600")
    codex(story, grace=0.5)
    said = agents(story, "try", "mine", "--seconds", "2", OPENAI_API_KEY=KEY)
    assert said.status == 1
    (kept,) = trials.iterdir()
    exit = decode(Exit, (kept / "repository/.opsroom/tasks/0001/attempts/1/exit.toml").read_text(), "exit.toml")
    assert exit.reason == "timeout"
    assert f"mine does not work: it ran out of time after {exit.seconds:.0f} s" in said.out
    assert "--seconds gives it longer" in said.out


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_all_of_it_and_leaves_nothing(story: Story, trials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(story, work="sleep 61372")
    codex(story)
    monkeypatch.setenv("HOME", str(story.folder / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(story.folder / "cache"))
    monkeypatch.setenv("PATH", f"{story.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    process = story.begin("agents", "try", "mine")
    attempt = story.wait(lambda: next(trials.glob("*/repository/.opsroom/tasks/0001/attempts/1/run.toml"), None))
    child = story.wait(lambda: decode(Attempt, attempt.read_text(), "run.toml").child, "its agent")
    story.end_by_id(process.pid, signal.SIGINT)
    assert story.finish(process).status == 130
    assert gone(child)
    assert list(trials.iterdir()) == []


def test_words_that_would_steer_the_terminal_are_shown_as_text(story: Story) -> None:
    event = r'{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"a\\u001b]0;x\\u0007b"}}'
    install(story, work=f"{WORK}\nprintf '%s\\n' '{event.replace(chr(92) * 2, chr(92))}'")
    codex(story)
    said = agents(story, "try", "mine", OPENAI_API_KEY=KEY)
    assert "says: a\ufffd]0;x\ufffdb" in said.out
    assert "\x1b" not in said.out


def test_one_that_is_not_there_is_refused_before_anything_is_made(story: Story, trials: Path) -> None:
    codex(story)
    said = agents(story, "try", "mine")
    assert (said.status, said.out) == (1, "")
    assert said.err == (
        f"opsroom: mine cannot start: codex is not on PATH; npm install -g @openai/codex@{VERSION}, "
        "or change agents.mine.command in opsroom.toml\n"
    )
    assert not trials.exists()


def test_a_name_that_nobody_has_is_refused_with_those_that_there_are(story: Story) -> None:
    codex(story)
    said = agents(story, "try", "yours")
    assert said.status == 1
    assert said.err.startswith("opsroom: there is no agent 'yours'; opsroom.toml has mine; kinds are claude, codex, ")


def test_without_room_for_a_scratch_repository_it_is_said(story: Story) -> None:
    install(story)
    codex(story)
    said = agents(story, "try", "mine", OPENAI_API_KEY=KEY, XDG_CACHE_HOME="/proc/nowhere")
    assert said.status == 2
    assert said.err.endswith("; set XDG_CACHE_HOME to a folder that you can write to\n")
