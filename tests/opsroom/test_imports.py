"""What a subcommand loads: a worker's verb is called often and must begin at once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from state import messages
from state.layout import StateDir
from state.messages import Message
from state.times import utc_now
from tests.stories import CHECKOUT, DEADLINE

HEAVY = {
    "PIL",
    "apprise",
    "asyncio",
    "filelock",
    "git",
    "orchestrator",
    "psutil",
    "rich",
    "studio",
    "textual",
    "textual_image",
    "tui",
    "watchfiles",
}
LOADED = """
import json, sys
from opsroom.cli import run
sys.stderr = open("/dev/null", "w")
status = run(sys.argv[1:])
print(json.dumps([status, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def loaded_by(folder: Path, *arguments: str) -> set[str]:
    """The top-level modules that are loaded once `opsroom <arguments>` has ended, for a worker in `folder`."""
    state = StateDir(folder / ".opsroom")
    state.create()
    task = state.task("0001")
    task.root.mkdir()
    messages.post(state.root, task.inbox, Message(kind="message", at=utc_now(), body="for you"))
    (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(CHECKOUT), "OPSROOM_TASK": "0001", "OPSROOM_STATE_DIR": str(state.root)},
        input="text",
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == (3 if "ask" in arguments else 0)
    return set(modules)


@pytest.mark.parametrize(
    "verb",
    [
        ("ask", "x", "--wait", "0"),
        ("checkpoint", "-"),
        ("note", "x"),
        ("handoff", "-"),
        ("stop", "x"),
        ("result", "success"),
        ("capture", "x.png"),
        ("lock", "x", "--", "true"),
    ],
    ids=lambda verb: verb[0],
)
def test_a_workers_verb_loads_nothing_heavy(tmp_path: Path, verb: tuple[str, ...]) -> None:
    loaded = loaded_by(tmp_path, *verb)
    assert "state" in loaded
    assert not loaded & HEAVY


def test_status_loads_no_screen_and_no_orchestrator(tmp_path: Path) -> None:
    assert not loaded_by(tmp_path, "status") & HEAVY
