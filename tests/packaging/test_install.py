"""The project installs as people install things, and runs far from its repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CONSTRAINTS = REPOSITORY / "constraints.txt"


def run(*argv: str | Path, cwd: Path, **environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OPSROOM_", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{argv}: exit status {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, REPOSITORY, cwd=folder)
    (built,) = folder.glob("opsroom-*.whl")
    return built


def test_a_wheel_in_an_empty_venv_runs_the_demo_to_its_end(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "-c", CONSTRAINTS, wheel, cwd=tmp_path)
    opsroom = tmp_path / "venv" / "bin" / "opsroom"

    said = run(opsroom, "demo", "--no-tui", "--speed", "20", "--dir", tmp_path / "demo", cwd=tmp_path)

    assert "halted: stop" in said
    history = (tmp_path / "demo/.opsroom/campaigns/typing-imports/campaign.md").read_text()
    assert "result=success" in history
    assert "result=failure_reverted" in history
    assert "result=STOP-NEEDS-HUMAN" in history
    shipped = run(python, "-c", "from tui.theme import load; print(*sorted(load({}).themes))", cwd=tmp_path)
    assert shipped.split() == ["opsroom-dark", "opsroom-light", "terminal"]


def test_uv_installs_it_as_a_tool(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    places = {
        "UV_TOOL_DIR": tmp_path / "tools",
        "UV_TOOL_BIN_DIR": tmp_path / "bin",
        "UV_CACHE_DIR": tmp_path / "cache",
    }
    run(
        *(uv, "tool", "install", "--quiet", "--python", sys.executable, "--constraints", CONSTRAINTS, REPOSITORY),
        cwd=tmp_path,
        **{name: str(place) for name, place in places.items()},
    )
    assert run(tmp_path / "bin" / "opsroom", "--version", cwd=tmp_path).startswith("opsroom, version ")
