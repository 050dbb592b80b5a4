"""Exit statuses and errors that hold for every subcommand, and those that set a repository up."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from opsroom.cli import COMMANDS
from orchestrator.agents import KINDS, adapter
from state.layout import StateDir
from tests.stories import DEADLINE, Said, Story

NO_STATE = (
    "opsroom: no state directory in {here} or above it; "
    "run 'opsroom init' in a git repository, or 'opsroom demo' to look around\n"
)
NEEDS_STATE = [
    ("status",),
    ("up", "--once"),
    ("down",),
    ("tui",),
    ("log", "0001"),
    ("pause", "0001"),
    ("tell", "0001", "x"),
    ("answer", "0001", "x"),
    ("stop", "0001"),
    ("spawn", "--title", "t", "--spec", "-"),
]


@pytest.fixture
def elsewhere(story: Story) -> Path:
    """A folder with no repository and no state directory above it."""
    folder = story.folder / "elsewhere"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("arguments", NEEDS_STATE, ids=lambda arguments: arguments[0])
def test_without_a_state_directory_it_says_what_to_do(
    story: Story, elsewhere: Path, arguments: tuple[str, ...]
) -> None:
    assert story.opsroom(*arguments, cwd=elsewhere) == Said(1, "", NO_STATE.format(here=elsewhere))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dance",), "opsroom: No such command 'dance'; 'opsroom --help' shows how\n"),
        (("--loud",), "opsroom: No such option"),
        (("note",), "opsroom: Missing argument 'TEXT'; 'opsroom note --help' shows how\n"),
        (("up", "--idle", "x"), "opsroom: Invalid value for '--idle': 'x' is not a valid float range; "),
        (("spawn", "--title", "t"), "opsroom: Missing option '--spec'; 'opsroom spawn --help' shows how\n"),
        (("log", "0001", "--attempt", "0"), "opsroom: Invalid value for '--attempt': 0 is not in the range x>=1; "),
    ],
)
def test_wrong_use_is_one_line_and_exit_status_2(story: Story, arguments: tuple[str, ...], said: str) -> None:
    found = story.opsroom(*arguments)
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert found.err.startswith(said)


def test_help_names_every_subcommand(story: Story) -> None:
    said = story.opsroom("--help")
    assert said.status == 0
    words = said.out.split()
    assert [name for name in COMMANDS if name not in words] == []


def test_the_version_is_said(story: Story) -> None:
    said = story.opsroom("--version")
    assert (said.status, said.out.startswith("opsroom, version ")) == (0, True)


def test_the_state_directory_is_found_upwards_by_name_and_by_the_environment(story: Story, elsewhere: Path) -> None:
    below = story.repository / "a" / "b"
    below.mkdir(parents=True)
    assert story.opsroom("status", cwd=below).status == 0
    assert story.opsroom("--state-dir", str(story.state.root), "status", cwd=elsewhere).status == 0
    environment = {"OPSROOM_STATE_DIR": str(story.state.root)}
    assert story.opsroom("status", cwd=elsewhere, environment=environment).status == 0
    assert story.opsroom("--state-dir", "none", "status", cwd=elsewhere).status == 1


def test_a_reader_that_goes_away_is_no_error(story: Story) -> None:
    folder = story.state.task("0001").attempt(1)
    folder.root.mkdir(parents=True)
    folder.stdout.write_bytes(b"line\n" * 500_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "opsroom", "log", "0001"],
        cwd=story.repository,
        env=story.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"line\n"
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(DEADLINE)) == (b"", 0)
    process.stderr.close()


def test_a_broken_configuration_is_exit_status_2_with_file_and_line(story: Story) -> None:
    (story.repository / "opsroom.toml").write_text("[orchestrator]\nmax_workers = many\n")
    said = story.opsroom("up", "--once")
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("opsroom: opsroom.toml: line 2: not TOML: ")
    assert story.events("up") == []


def test_a_fault_of_our_own_is_one_line_and_a_traceback_only_where_it_is_asked_for(story: Story) -> None:
    (story.repository / "opsroom.toml").write_text("agents = 3\n")
    assert "Traceback" not in story.opsroom("up").err
    assert "Traceback" in story.opsroom("--debug", "up").err


# ── init ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def fresh(elsewhere: Path, story: Story) -> Path:
    """A repository with one commit on a branch with an unusual name, and no opsroom.toml."""
    story.git("init", "--quiet", '--initial-branch=tr"unk', cwd=elsewhere)
    story.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x", cwd=elsewhere)
    return elsewhere


def init(story: Story, where: Path, *programs: str, **variables: str) -> Said:
    """`opsroom init` of somebody on whose PATH there are git and `programs`."""
    folder = story.folder / "bin"
    folder.mkdir()
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    for name in programs:
        (folder / name).write_text("#!/bin/sh\nexit 1\n")
        (folder / name).chmod(0o755)
    keys = {name: "" for kind in KINDS for name in adapter(kind).keys}
    home = {"HOME": str(story.folder / "home"), "PATH": str(folder)}
    return story.opsroom("init", cwd=where, environment={**keys, **home, **variables})


def test_init_writes_one_file_and_one_folder_that_ignores_itself(story: Story, fresh: Path) -> None:
    said = story.opsroom("init", cwd=fresh)
    assert said.status == 0
    assert sorted(path.name for path in fresh.iterdir()) == [".git", ".opsroom", "opsroom.toml"]
    assert story.git("status", "--porcelain", cwd=fresh) == "?? opsroom.toml"
    assert StateDir(fresh / ".opsroom").format.read_text() == "version = 1\n"
    assert (fresh / ".opsroom").stat().st_mode & 0o777 == 0o700


def test_what_init_writes_is_a_configuration_for_the_branch_that_is_checked_out(story: Story, fresh: Path) -> None:
    from orchestrator.config import load

    assert init(story, fresh).out.endswith("name your agents there, then 'opsroom' opens the control room\n")
    config = load(fresh)
    assert (config.orchestrator.base, config.agents["example"].command) == ('tr"unk', ["./agent.sh"])


def test_init_proposes_the_agents_that_are_on_path(story: Story, fresh: Path) -> None:
    from orchestrator.config import load

    said = init(story, fresh, "opencode", "codex", "aider")
    assert said.out.endswith("its agent is codex; 'opsroom agents try codex' says whether it works\n")
    assert [(name, agent.kind) for name, agent in load(fresh).agents.items()] == [("codex", "codex")]
    text = (fresh / "opsroom.toml").read_text()
    (fresh / "opsroom.toml").write_text(re.sub(r"^# (\[agents|kind|seconds)", r"\1", text, flags=re.MULTILINE))
    assert [(name, agent.kind) for name, agent in load(fresh).agents.items()] == [
        ("codex", "codex"),
        ("opencode", "opencode"),
    ]


def test_init_prefers_an_agent_that_has_its_key(story: Story, fresh: Path) -> None:
    from orchestrator.config import load

    init(story, fresh, "claude", "codex", "opencode", OPENAI_API_KEY="sk-proj-of-nobody-0123456789")
    assert list(load(fresh).agents) == ["codex"]
    assert "sk-proj" not in (fresh / "opsroom.toml").read_text()


def test_what_init_gives_as_examples_is_understood(story: Story, fresh: Path) -> None:
    from orchestrator.config import Sandbox, load

    init(story, fresh)
    assert load(fresh).sandbox == Sandbox()
    text = (fresh / "opsroom.toml").read_text()
    changed, number = re.subn(r"^(\w+) = \[\] .*such as (\[.*\])$", r"\1 = \2", text, flags=re.MULTILINE)
    assert number == 4
    (fresh / "opsroom.toml").write_text(changed)
    config = load(fresh)
    assert (config.sandbox.credentials, config.sandbox.readable) == (["~/.npmrc"], ["~/datasets"])
    assert (config.sandbox.keep, config.checks.commands) == (["NPM_TOKEN"], ["make test"])


def test_init_twice_changes_nothing(story: Story, fresh: Path) -> None:
    story.opsroom("init", cwd=fresh)
    (fresh / "opsroom.toml").write_text("# mine\n")
    said = story.opsroom("init", cwd=fresh)
    assert (said.status, said.err) == (0, "opsroom.toml is there already and stays as it is\n")
    assert (fresh / "opsroom.toml").read_text() == "# mine\n"


def test_init_in_a_folder_of_the_repository_sets_up_its_top(story: Story, fresh: Path) -> None:
    (fresh / "deep").mkdir()
    story.opsroom("init", cwd=fresh / "deep")
    assert (fresh / "opsroom.toml").exists()
    assert list((fresh / "deep").iterdir()) == []


def test_init_outside_of_git_says_what_to_do(story: Story, elsewhere: Path) -> None:
    said = story.opsroom("init", cwd=elsewhere)
    assert said == Said(2, "", f"opsroom: {elsewhere} is in no git repository; run 'git init' first\n")
    assert list(elsewhere.iterdir()) == []


def test_init_without_a_commit_says_what_to_do(story: Story, elsewhere: Path) -> None:
    story.git("init", "--quiet", cwd=elsewhere)
    said = story.opsroom("init", cwd=elsewhere)
    assert said == Said(2, "", f"opsroom: {elsewhere} has no commit yet; make one: worktrees begin at a commit\n")
    assert [path.name for path in elsewhere.iterdir()] == [".git"]


# ── up ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_up_says_what_happens_in_a_line_each(story: Story) -> None:
    story.agent("touch made")
    task = story.spawn("One")
    lines = [line.split("  ", 1)[1] for line in story.up_once().splitlines()]
    assert lines == [
        "up",
        f"{task}  One",
        f"command spawn accepted {task}",
        f"{task}  queued → starting",
        f"{task}  starting → running",
        f"{task}  running → verifying",
        f"{task}  verifying → merging",
        f"{task}  merging → merged",
        "down: nothing is left to do",
    ]


def test_up_quietly_says_nothing(story: Story) -> None:
    assert story.opsroom("up", "--once", "--quiet") == Said(0, "", "")


def test_up_in_a_folder_that_is_no_repository_refuses_what_it_cannot_do(story: Story, elsewhere: Path) -> None:
    StateDir(elsewhere / ".opsroom").create()
    assert story.opsroom("up", "--once", cwd=elsewhere).status == 0
