"""Installing CLIs, with an npm that makes a package of its own: the real one is used by `make test-agents`."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from orchestrator.agents import KINDS, adapter
from tests.agents import install
from tests.agents.install import CannotInstall
from tests.processes import NAP, running
from tests.stories import CHECKOUT, DEADLINE, wait

NPM = """#!/bin/sh
echo "$$ $*" >> {log}
{before}
mkdir -p node_modules/.bin
printf '#!/bin/sh\\necho codex-cli {version}\\n' > node_modules/.bin/codex
chmod +x node_modules/.bin/codex
"""


class Machine:
    """A machine with a cache of its own and such an npm."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.bin.mkdir()
        self.npm()

    def npm(self, before: str = "", version: str = install.pinned("codex")[1]) -> None:
        """Has npm run the shell script `before` first, and install a CLI that says that it is `version`."""
        for name, text in {
            "npm": NPM.format(log=self.log, before=before, version=version),
            "node": "#!/bin/sh",
        }.items():
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

    def runs(self) -> list[str]:
        """How npm was called."""
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    return made


def test_every_kind_is_pinned_at_the_version_that_its_adapter_was_written_for() -> None:
    assert {name: install.pinned(name) for name in KINDS} == {
        name: (adapter(name).package, adapter(name).version) for name in KINDS
    }


def test_it_is_installed_once_outside_of_the_tree(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(CannotInstall, match=r"python -m tests.agents.install codex"):
        install.installed("codex")
    programs = install.install("codex")
    assert install.installed("codex") == programs
    assert programs.is_relative_to(tmp_path / "cache" / "opsroom" / "agents")
    assert (programs / "codex").is_file()
    assert install.install("codex") == programs
    (run,) = machine.runs()
    assert "--no-package-lock" in run


def test_two_who_install_at_once_install_once(machine: Machine) -> None:
    machine.npm(before="sleep 0.3")
    argv = [sys.executable, "-m", "tests.agents.install", "codex"]
    both = [subprocess.Popen(argv, cwd=CHECKOUT, env=dict(os.environ)) for _ in range(2)]
    assert [process.wait(DEADLINE) for process in both] == [0, 0]
    assert len(machine.runs()) == 1


def test_what_was_broken_off_is_begun_anew(machine: Machine) -> None:
    partial = install.folder("codex").with_suffix(".partial")
    (partial / "node_modules" / "half").mkdir(parents=True)
    programs = install.install("codex")
    assert not (programs.parent / "half").exists()
    assert not partial.exists()


def test_what_npm_says_against_it_is_said(machine: Machine) -> None:
    machine.npm(before="echo no space left >&2; exit 28")
    with pytest.raises(CannotInstall, match=r"@openai/codex: npm ended with 28:\nno space left"):
        install.install("codex")
    assert not install.folder("codex").exists()


def test_an_npm_that_hangs_is_ended_with_all_that_it_started(machine: Machine) -> None:
    machine.npm(before=f"sleep {NAP} & sleep {NAP}")
    with pytest.raises(CannotInstall, match=r"npm did not end within 2 s"):
        install.install("codex", seconds=2)
    assert wait(lambda: not running("sleep", NAP), lambda: "what it started to end")


def test_whoever_waits_for_another_gives_up_in_the_end(machine: Machine) -> None:
    lock = install.folder("codex").with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    taken, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with install.locked(lock, 1):
            taken.set()
            leave.wait(DEADLINE)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(DEADLINE)
    with pytest.raises(CannotInstall, match=r"somebody else has installed for 0\.2 s"):
        install.install("codex", seconds=0.2)
    leave.set()
    holder.join()


def test_a_cli_of_another_version_is_not_taken(machine: Machine) -> None:
    machine.npm(version="0.1.0")
    with pytest.raises(CannotInstall, match=r"--version says 'codex-cli 0\.1\.0', which is not "):
        install.install("codex")
    assert not install.folder("codex").exists()


def test_without_npm_it_is_said_what_to_install(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine.bin / "npm").unlink()
    monkeypatch.setenv("PATH", str(machine.bin))
    with pytest.raises(CannotInstall, match="apt-get install nodejs npm"):
        install.install("codex")


def test_an_agent_that_nobody_knows_is_an_error() -> None:
    argv = [sys.executable, "-m", "tests.agents.install", "emacs"]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stderr) == (2, f"install: no agent 'emacs': there are {', '.join(KINDS)}\n")
