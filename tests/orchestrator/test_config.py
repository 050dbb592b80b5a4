"""What opsroom.toml may say, and where a mistake in it is said to be."""

from pathlib import Path

import pytest

from orchestrator.config import Config, load
from state.errors import BadFile

GOOD = """\
[orchestrator]
max_workers = 2
base = "trunk"

[agents.sed]
command = ["./migrate.sh", "--all"]
seconds = 5

[checks]
commands = ["make test", "sh -c 'exit 0'"]
lock_seconds = 60
"""


def test_a_file_says_limits_agents_and_checks(tmp_path: Path) -> None:
    (tmp_path / "opsroom.toml").write_text(GOOD)
    config = load(tmp_path)
    assert (config.orchestrator.max_workers, config.orchestrator.base) == (2, "trunk")
    assert config.agents["sed"].command == ["./migrate.sh", "--all"]
    assert (config.agents["sed"].seconds, config.agents["sed"].max_attempts) == (5, 3)
    assert config.checks.lock_seconds == 60
    assert [(check.name, check.command) for check in config.checks.as_checks()] == [
        ("make test", ["make", "test"]),
        ("sh -c 'exit 0'", ["sh", "-c", "exit 0"]),
    ]


def test_no_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[orchestrator\n", "opsroom.toml: line 1: not TOML: "),
        ("[orchestrator]\nbase = \n", "opsroom.toml: line 2: not TOML: "),
        ("[orchestrator]\nmax_workers = 0\n", "opsroom.toml: line 2: Expected `int` >= 1"),
        ("\n[orchestrator]\nmax_worker = 1\n", "opsroom.toml: line 3: Object contains unknown field `max_worker`"),
        ("[orchestrator]\n[extras]\n", "opsroom.toml: line 2: unknown key 'extras'"),
        ("\nextras = 1\n", "opsroom.toml: line 2: unknown key 'extras'"),
        ("[agents.a]\ncommand = []\n", "opsroom.toml: line 1: agents.a: command is empty"),
        ("[agents.a]\ncommand = ['x']\n[agents.b]\ncommand = ['']\n", "line 3: agents.b: command is empty"),
        ("[agents.a]\nkind = 'command'\n", "command is empty; name a program, or a kind: claude"),
        ("[agents.a]\ncommand = ['x']\nkind = 'robot'\n", "agents.a: no kind 'robot'; there are command, claude"),
        ("[agents.a]\ncommand = ['x']\nmodel = 'm'\n", "agents.a: model is for agents of a known kind"),
        ("[agents.a]\ncommand = ['x']\ncontinue = 'session'\n", "continue is for agents of a known kind"),
        (
            f"[agents.a]\nkind = 'codex'\nenvironment = {{ X = 'sk-proj-{'a1' * 20}' }}\n",
            "environment.X looks like a key, and this is a file: name the variable in sandbox.keep instead",
        ),
        ("[prices.m]\ninput = -1\noutput = 1\n", "opsroom.toml: line 2: Expected `float` >= 0"),
        ("[agents.a]\ncommand = ['x']\nseconds = -1\n", "opsroom.toml: line 3: Expected `float` > 0.0"),
        (
            "[checks]\n[agents.a]\ncommand = ['x']\nseconds = 1\n[agents.b]\ncommand = ['x']\nseconds = -1\n",
            "opsroom.toml: line 2: Expected `float` > 0.0 - at `$.agents[...].seconds`",  # which agent is not told
        ),
        ("[checks]\nlock_seconds = 0\n", "Expected `float` > 0.0"),
        ('[checks]\ncommands = ["it\'s"]\n', 'opsroom.toml: line 2: checks: "it\'s": No closing quotation'),
        ("[checks]\ncommands = ['']\n", "opsroom.toml: line 2: checks: an empty command"),
    ],
)
def test_a_mistake_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "opsroom.toml").write_text(text)
    with pytest.raises(BadFile) as caught:
        load(tmp_path)
    assert said in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_file_that_is_no_text_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "opsroom.toml").write_bytes(b"[orchestrator]\nbase = '\xff'\n")
    with pytest.raises(BadFile, match="line 2: not UTF-8"):
        load(tmp_path)
