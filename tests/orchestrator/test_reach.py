"""Tools below a home run in the sandbox wherever they were installed, and of the home nothing is there besides.

Each test lays out what an installer would have left, and has a worker run it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.config import Agent
from orchestrator.repository import worktrees
from orchestrator.sandboxes.reach import TOOL_ROOTS, tool_environment
from state import messages
from tests.orchestrator.boxed import Boxed, program
from tests.stories import CHECKOUT, Story

SYSTEM_PATH = "/usr/bin:/bin"
OnPath = Callable[..., None]


@pytest.fixture
def boxed(story: Story, monkeypatch: pytest.MonkeyPatch) -> Boxed:
    monkeypatch.setenv("HOME", str(story.folder / "home"))
    for name in ("VIRTUAL_ENV", *(root.variable for root in TOOL_ROOTS if root.variable)):
        monkeypatch.delenv(name, raising=False)
    return Boxed(story)


@pytest.fixture
def on_path(boxed: Boxed, monkeypatch: pytest.MonkeyPatch) -> OnPath:
    """Puts folders of the home first on PATH."""

    def put(*folders: str) -> None:
        spelled = [str(boxed.home / folder) for folder in folders]
        monkeypatch.setenv("PATH", ":".join([*spelled, SYSTEM_PATH]))

    return put


def written(path: Path, text: str = "secret\n") -> Path:
    """A file at `path` with the content `text`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def environment(folder: Path, module: str, *pth: Path) -> Path:
    """A Python environment in `folder` with a program `tool` that prints what `module` says; its site-packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    program(folder / "bin" / "tool", f"#!{folder}/bin/python\nimport {module}\nprint({module}.said)\n")
    site = next(folder.glob("lib/python*/site-packages"))
    written(site / "_editable.pth", "".join(f"{path}\n" for path in pth))
    return site


# ── where tools are ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_script_on_path(boxed: Boxed, on_path: OnPath) -> None:
    program(boxed.home / ".local/bin/tool", "#!/bin/sh\necho said\n")
    written(boxed.home / ".local/share/app/token")
    written(boxed.home / ".netrc")
    on_path(".local/bin")
    said = boxed.run(f"tool; cd {boxed.home}; find . -mindepth 1")
    assert said.splitlines() == ["said", "./.local", "./.local/bin", "./.local/bin/tool"]


@pytest.mark.parametrize("place", [".local/share/pipx/venvs/tool", ".local/share/uv/tools/tool", "apps/tool"])
def test_a_link_into_an_environment_of_its_own(boxed: Boxed, on_path: OnPath, place: str) -> None:
    site = environment(boxed.home / place, "inner")
    written(site / "inner.py", "said = 'said'\n")
    written((boxed.home / place).parent / "another" / "secret")
    (boxed.home / ".local/bin").mkdir(parents=True)
    (boxed.home / ".local/bin/tool").symlink_to(boxed.home / place / "bin/tool")
    on_path(".local/bin")
    assert boxed.run(f"tool; ls {(boxed.home / place).parent}") == "said\ntool\n"


def test_an_environment_made_with_a_python_below_the_home(boxed: Boxed, on_path: OnPath) -> None:
    python = boxed.home / "pythons/3.13/bin/python3.13"
    program(python, '#!/bin/sh\ncat "${0%/*}/../lib/python3.13/os.py" "$1"\n')
    written(python.parents[1] / "lib/python3.13/os.py", "standard library\n")
    written(python.parents[1] / "secret")
    folder = boxed.home / "work/.venv"
    written(folder / "pyvenv.cfg", f"home = {python.parent}\nversion = 3.13.0\n")
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(python)
    program(folder / "bin/tool", f"#!{python}\nsaid\n")
    on_path("work/.venv/bin")
    said = boxed.run(f"tool; ls {python.parents[1]}").splitlines()
    assert (said[0], said[-3:]) == ("standard library", ["said", "bin", "lib"])


def test_a_package_of_npm(boxed: Boxed, on_path: OnPath) -> None:
    node = 'cd "$(dirname "$(readlink -f "$1")")" && cat lib/main.js ../dependency/index.js'
    program(boxed.home / ".node/bin/node", f"#!/bin/sh\n{node}\n")
    modules = boxed.home / ".npm-global/lib/node_modules"
    program(modules / "tool/cli.js", "#!/usr/bin/env node\nrequire('./lib/main.js')\n")
    written(modules / "tool/lib/main.js", "said\n")
    written(modules / "dependency/index.js", "by two\n")
    (boxed.home / ".npm-global/bin").mkdir()
    (boxed.home / ".npm-global/bin/tool").symlink_to("../lib/node_modules/tool/cli.js")
    written(boxed.home / ".npmrc", "//registry/:_authToken=secret\n")
    on_path(".npm-global/bin", ".node/bin")
    assert boxed.run(f"tool; ls -A {boxed.home}") == "said\nby two\n.node\n.npm-global\n"


def test_a_package_of_javascript_that_lies_by_itself(boxed: Boxed, on_path: OnPath) -> None:
    program(boxed.home / ".node/bin/node", '#!/bin/sh\ncat "$(dirname "$(readlink -f "$1")")/../main.js"\n')
    package = boxed.home / "code/tool"
    program(package / "bin/tool", "#!/usr/bin/env node\n")
    written(package / "package.json", "{}\n")
    written(package / "main.js", "said\n")
    written(boxed.home / "code/secret")
    (boxed.home / ".local/bin").mkdir(parents=True)
    (boxed.home / ".local/bin/tool").symlink_to(package / "bin/tool")
    on_path(".local/bin", ".node/bin")
    assert boxed.run(f"tool; ls {boxed.home}/code") == "said\ntool\n"


def test_a_package_of_npm_that_is_linked_from_a_checkout(boxed: Boxed, on_path: OnPath) -> None:
    program(boxed.home / ".node/bin/node", '#!/bin/sh\ncat "$(dirname "$(readlink -f "$1")")/lib/main.js"\n')
    checkout = boxed.home / "code/tool"
    program(checkout / "cli.js", "#!/usr/bin/env node\n")
    written(checkout / "lib/main.js", "said\n")
    for name in ("package.json", ".git/config", ".env"):
        written(checkout / name)
    modules = boxed.home / ".npm-global/lib/node_modules"
    modules.mkdir(parents=True)
    (modules / "tool").symlink_to(checkout)
    (boxed.home / ".npm-global/bin").mkdir()
    (boxed.home / ".npm-global/bin/tool").symlink_to("../lib/node_modules/tool/cli.js")
    on_path(".npm-global/bin", ".node/bin")
    assert boxed.run(f"tool; ls -A {checkout}") == "said\ncli.js\nlib\npackage.json\n"


def test_a_wrapper_that_hands_over_to_a_program_elsewhere(boxed: Boxed, on_path: OnPath) -> None:
    place = boxed.home / "apps/tool-1.2"
    program(place / "bin/tool", f"#!/bin/sh\ncat {place}/lib/data; echo $1\n")
    written(place / "lib/data", "said\n")
    written(place / "secret")
    program(boxed.home / ".local/bin/tool", f'#!/usr/bin/env bash\nset -e\nexec "{place}/bin/tool" "$@"\n')
    on_path(".local/bin")
    assert boxed.run(f"tool word; ls {place}") == "said\nword\nbin\nlib\n"


def test_the_shims_of_a_version_manager(boxed: Boxed, on_path: OnPath) -> None:
    root = boxed.home / ".pyenv"
    inner = '"${PYENV_ROOT:-$HOME/.pyenv}/versions/$(cat "$PYENV_ROOT/version")/bin/$2"'
    program(root / "libexec/pyenv", f"#!/bin/sh\nexec {inner}\n")
    program(root / "shims/tool", f'#!/usr/bin/env bash\nexec "{root}/libexec/pyenv" exec "${{0##*/}}" "$@"\n')
    program(root / "versions/3.13.0/bin/tool", "#!/bin/sh\necho said\n")
    written(root / "version", "3.13.0\n")
    on_path(".pyenv/shims")
    assert boxed.run("tool") == "said\n"


def test_version_managers_are_told_where_they_are(boxed: Boxed) -> None:
    for folder in (".rustup/toolchains", ".cargo/bin", ".nvm/versions", ".volta/tools"):
        (boxed.home / folder).mkdir(parents=True)
    found = tool_environment(boxed.home, {"VOLTA_HOME": "/nowhere", "NVM_DIR": f"{boxed.home}/.nvm"})
    assert found == {"RUSTUP_HOME": f"{boxed.home}/.rustup", "NVM_DIR": f"{boxed.home}/.nvm"}


@pytest.mark.parametrize("top", [".git/config", "pyproject.toml"])  # a part of a larger repository has no .git
def test_a_tool_that_is_installed_to_be_edited(boxed: Boxed, on_path: OnPath, top: str) -> None:
    checkout = boxed.home / "code/project"
    written(checkout / "inner/__init__.py", "from inner.words import said\n")
    written(checkout / "inner/words.py", "from other import said\n")
    written(checkout / "other.py", "said = 'said'\n")
    written(checkout / top)
    written(checkout / ".env")
    written(checkout / "notes.md")
    environment(boxed.home / ".local/share/uv/tools/tool", "inner", checkout)
    on_path(".local/share/uv/tools/tool/bin")
    assert boxed.run(f"tool; ls -A {checkout}") == "said\ninner\nother.py\n"


def test_a_tool_that_setuptools_installed_to_be_edited(boxed: Boxed, on_path: OnPath) -> None:
    """Instead of a path it leaves a module that knows the packages' places."""
    checkout = boxed.home / "code/project"
    written(checkout / "inner/__init__.py", "said = 'said'\n")
    written(checkout / ".env")
    site = environment(boxed.home / ".local/share/uv/tools/tool", "inner")
    written(site / "__editable__.tool-1.0.pth", "import __editable___tool_1_0_finder\n")
    mapping = f"MAPPING: dict[str, str] = {{'inner': '{checkout}/inner'}}"
    loading = "spec_from_file_location('inner', MAPPING['inner'] + '/__init__.py')"
    finder = f"import sys\nfrom importlib.util import module_from_spec, spec_from_file_location\n{mapping}\n"
    finder += f"spec = {loading}\nsys.modules['inner'] = module_from_spec(spec)\n"
    written(site / "__editable___tool_1_0_finder.py", f"{finder}spec.loader.exec_module(sys.modules['inner'])\n")
    on_path(".local/share/uv/tools/tool/bin")
    assert boxed.run(f"tool; ls -A {checkout}") == "said\ninner\n"


def test_the_bin_folder_of_cargo_and_not_its_credentials(boxed: Boxed, on_path: OnPath) -> None:
    program(boxed.home / ".cargo/bin/tool", "#!/bin/sh\necho said\n")
    written(boxed.home / ".cargo/credentials.toml")
    on_path(".cargo/bin")
    assert boxed.run(f"tool; ls -A {boxed.home}/.cargo") == "said\nbin\n"


# ── what is never shown ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", [".ssh/bin", ".docker/bin", ".config/gh/bin", ".gnupg"])
def test_a_tool_in_a_secret_place(boxed: Boxed, on_path: OnPath, place: str) -> None:
    program(boxed.home / place / "tool", "#!/bin/sh\necho said\n")
    on_path(place)
    assert boxed.fails("tool").status == 127
    assert boxed.run(f"ls -A {boxed.home}") == ""


@pytest.mark.parametrize("place", ["", ".", "..", ".local", ".local/share", ".config"])
def test_a_home_and_what_holds_many_things_are_not_shown_as_a_whole(boxed: Boxed, on_path: OnPath, place: str) -> None:
    folder = boxed.home / place
    program(folder / "tool", "#!/bin/sh\necho said\n")
    for name in ("token", "app/token"):
        written(folder / name)
    on_path(place)
    assert boxed.run(f"tool; cat {folder}/token {folder}/app/token 2>/dev/null || true") == "said\n"


def test_what_a_link_on_path_leads_to_is_no_way_to_a_home(boxed: Boxed, on_path: OnPath) -> None:
    written(boxed.home / ".netrc")
    written(boxed.home / ".ssh/id")
    written(boxed.home / ".local/bin/notes", "said\n")
    (boxed.home / ".local/bin/home").symlink_to(boxed.home)
    (boxed.home / ".local/bin/keys").symlink_to(boxed.home / ".ssh")
    on_path(".local/bin", ".local/bin/home", ".local/bin/keys")
    assert boxed.run(f"cd {boxed.home}/.local/bin; cat notes home/.netrc keys/id || true") == "said\n"


def test_a_home_that_is_spelled_over_a_link(boxed: Boxed, monkeypatch: pytest.MonkeyPatch) -> None:
    spelled = boxed.story.folder / "me"
    spelled.symlink_to(boxed.home)
    monkeypatch.setenv("HOME", str(spelled))
    monkeypatch.setenv("PATH", f"{spelled}/.local/bin:{spelled}/.ssh/bin:{spelled}/.tool/x/bin:{SYSTEM_PATH}")
    program(boxed.home / ".local/bin/tool", "#!/bin/sh\necho said\n")
    program(boxed.home / ".tool/x/bin/other", f"#!/bin/sh\ncat {spelled}/.tool/x/data\n")
    written(boxed.home / ".tool/x/data", "by two\n")
    program(boxed.home / ".ssh/bin/key", "#!/bin/sh\necho key\n")
    (boxed.home / ".rustup/toolchains").mkdir(parents=True)
    assert boxed.run(f"tool; other; ls -A {boxed.home}; ls $RUSTUP_HOME").splitlines() == [
        *("said", "by two", ".local", ".rustup", ".tool", "toolchains")
    ]


def test_what_is_installed_to_be_edited_and_gone_since_keeps_nothing_from_starting(
    boxed: Boxed, on_path: OnPath
) -> None:
    checkout = boxed.home / "code/project"
    (checkout / ".git").mkdir(parents=True)
    (checkout / "old.py").symlink_to("nowhere.py")
    site = environment(boxed.home / "tool", "inner", checkout, boxed.home / "code/gone")
    written(site / "inner.py", "said = 'said'\n")
    written(site / "__editable___gone_finder.py", f"MAPPING = {{'gone': '{boxed.home}/code/gone/gone'}}\n")
    on_path("tool/bin")
    assert boxed.run("tool") == "said\n"


def test_the_home_of_a_service_is_hidden_as_others_are(boxed: Boxed, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/var/lib` stands for one: it is on every machine, and nothing is written there."""
    assert os.listdir("/var/lib")
    monkeypatch.setenv("HOME", "/var/lib")
    assert boxed.run("ls -A /var/lib; test -d /usr/bin && test -d /var/cache && echo on") == "on\n"


# ── the agent's own program ─────────────────────────────────────────────────────────────────────────────────────


def test_an_agent_that_is_named_by_its_path(boxed: Boxed) -> None:
    tool = program(boxed.home / "opt/agent/bin/agent", '#!/bin/sh\ncat "${0%/*}/../share/words"\n')
    written(tool.parents[1] / "share/words", "said\n")
    written(tool.parents[1] / "secret")
    assert boxed.run(str(tool), "") == "said\n"
    assert boxed.run("sh", "-c", f"ls {boxed.home}; true") == ""


def test_an_agent_that_lies_in_the_repository(boxed: Boxed) -> None:
    program(boxed.story.repository / "agent.sh", "#!/bin/sh\necho said $1\n")
    boxed.story.git("add", "agent.sh")
    boxed.story.git("commit", "--quiet", "--message", "an agent")
    assert boxed.run("./agent.sh", "word") == "said word\n"


def test_a_script_that_an_interpreter_is_given(boxed: Boxed) -> None:
    script = written(boxed.home / "agents/agent.py", "print('said')\n")
    written(boxed.home / "agents/token")
    assert boxed.run("python3", str(script)) == "said\n"
    assert boxed.fails("sh", "-c", f"cat {script}").status == 1


class Running:
    """An orchestrator that runs: one enclosure for everything that it starts."""

    def __init__(self, boxed: Boxed) -> None:
        self.boxed = boxed
        self.enclosure = boxed.enclosure()
        worktrees.prepare(boxed.story.repository, boxed.worktree, "0001", 1, "main")

    def says(self, command: str) -> str:
        """What `command` prints in a sandbox, all of it."""
        agent = Agent(command=["sh", "-c", command])
        enclosed = self.enclosure.worker(self.boxed.worktree, "0001", agent, self.boxed.environment())
        at = enclosed.argv.index("--json-status-fd")
        argv = enclosed.argv[:at] + enclosed.argv[at + 2 :]
        done = subprocess.run(
            argv, env=enclosed.whole(os.environ), capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout + done.stderr


def test_a_tool_that_is_installed_while_the_orchestrator_runs(boxed: Boxed, on_path: OnPath) -> None:
    (boxed.home / ".local/bin").mkdir(parents=True)
    on_path(".local/bin")
    running = Running(boxed)
    assert "tool: not found" in running.says("tool")
    program(boxed.home / "apps/tool-1/bin/tool", "#!/bin/sh\necho said\n")
    (boxed.home / ".local/bin/tool").symlink_to(boxed.home / "apps/tool-1/bin/tool")
    assert running.says("tool") == "said\n"


def test_a_tool_that_is_replaced_while_the_orchestrator_runs(boxed: Boxed, on_path: OnPath) -> None:
    """The folder on PATH stays as it is: `current` is another link now, and what it led to is gone."""
    program(boxed.home / "apps/tool-1/bin/tool", "#!/bin/sh\necho one\n")
    (boxed.home / "apps/current").symlink_to("tool-1")
    (boxed.home / ".local/bin").mkdir(parents=True)
    (boxed.home / ".local/bin/tool").symlink_to(boxed.home / "apps/current/bin/tool")
    on_path(".local/bin")
    running = Running(boxed)
    assert running.says("tool") == "one\n"
    program(boxed.home / "apps/tool-2/bin/tool", "#!/bin/sh\necho two\n")
    (boxed.home / "apps/current").unlink()
    (boxed.home / "apps/current").symlink_to("tool-2")
    shutil.rmtree(boxed.home / "apps/tool-1")
    assert running.says("tool") == "two\n"


# ── opsroom itself ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_verbs_of_a_worker_where_opsroom_is_installed_below_the_home(
    boxed: Boxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = boxed.home / ".local/share/uv/tools/opsroom"
    site = environment(folder, "opsroom", *(Path(path) for path in sys.path if path.endswith("site-packages")))
    for name in ("opsroom", "state", "orchestrator"):
        shutil.copytree(CHECKOUT / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    boxed.story.agent(
        """set -e
        opsroom note "$(tail -n 1 "$(command -v opsroom)")"
        echo made > made; opsroom result success --summary done"""
    )
    shutil.rmtree(boxed.task.root)
    monkeypatch.setattr(sys, "executable", str(folder / "bin/python"))
    boxed.story.spawn()
    said = boxed.story.opsroom("up", "--once", environment={"PYTHONPATH": ""})
    assert (said.status, said.err) == (0, "")
    assert boxed.story.task("0001").state == "merged"
    assert boxed.story.file("made") == "made"
    (note,) = messages.pending(boxed.state.root, boxed.task.outbox)[0]
    assert note.body.startswith(f"exec {folder}/bin/python -I -m opsroom")
