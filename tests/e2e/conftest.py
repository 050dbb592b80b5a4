"""A repository with a worker that asks, and a terminal to answer it in."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.running import attempts
from orchestrator.running.plain import start_ticks
from state import lease
from state.errors import BadFile
from state.layout import StateDir
from state.model import Attempt, decode
from tests.e2e.terminals import PyteTerminal, Terminal, TmuxTerminal

OPSROOM = str(Path(sys.executable).with_name("opsroom"))

PAINTER = """\
#!/bin/sh
cat > /dev/null
echo "looking at the wall"
printf 'In front of the wall. Next: paint it.\\n' | opsroom checkpoint -
colour=$(opsroom ask "Which colour shall it be?" --option red --option blue --wait 120) || exit 0
echo "painting it $colour"
echo "$colour" > wall.txt
opsroom result success --summary "painted it $colour" --learned "one coat is enough"
"""

Open = Callable[..., Terminal]


def environment() -> dict[str, str]:
    """This process's environment without what would tell opsroom of another place, or of another terminal."""
    other = ("OPSROOM_", "TMUX", "GIT_", "COLUMNS", "LINES")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(other)}
    return kept | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def run(folder: Path, *argv: str) -> str:
    """The output of a command that must go well."""
    done = subprocess.run(argv, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Path]:
    """A repository named `house` whose one agent asks for a colour and paints a wall. Its orchestrator is ended."""
    top = tmp_path / "house"
    top.mkdir()
    (top / "README").write_text("a house\n")
    painter = tmp_path / "painter.sh"
    painter.write_text(PAINTER)
    painter.chmod(0o700)
    run(top, "git", "init", "--quiet", "--initial-branch=main")
    run(top, "git", "config", "user.name", "A Person")
    run(top, "git", "config", "user.email", "person@localhost")
    run(top, "git", "add", ".")
    run(top, "git", "commit", "--quiet", "-m", "a house")
    run(top, OPSROOM, "init")
    (top / "opsroom.toml").write_text(
        '[orchestrator]\nmax_workers = 2\nbase = "main"\n\n'
        f'[agents.painter]\ncommand = ["{painter}"]\nseconds = 300.0\n'
    )
    yield top
    end_all(StateDir(top / ".opsroom"))


@pytest.fixture
def demo_folder(tmp_path: Path) -> Iterator[Path]:
    """Where a demo may be made. What it started is ended."""
    top = tmp_path / "click"
    yield top
    end_all(StateDir(top / ".opsroom"))


def end_all(state: StateDir) -> None:
    """Ends, by the ids that they wrote down, the orchestrator of `state` and all that its attempts started."""
    with contextlib.suppress(BadFile, ProcessLookupError):
        if lease.held(state):
            os.kill(lease.read(state).pid, signal.SIGKILL)
    for path in state.tasks.glob("*/attempts/*/run.toml"):
        run = decode(Attempt, path.read_text(), path.name)
        if run.supervisor_start and start_ticks(run.supervisor) == run.supervisor_start:
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.supervisor, signal.SIGKILL)
    for path in state.tasks.glob("*/attempts/*"):
        attempts.sweep(path.parents[1], int(path.name))


@pytest.fixture(params=["pseudo-terminal", "tmux"])
def open_terminal(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens the program in a terminal of the kind of this test; it is closed at the end."""
    kind = PyteTerminal if request.param == "pseudo-terminal" else TmuxTerminal
    opened: list[Terminal] = []

    def open_one(*argv: str, columns: int, rows: int, cwd: Path) -> Terminal:
        opened.append(kind(argv, columns=columns, rows=rows, cwd=cwd, environment=environment()))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()
