import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opsroom.demo.package import copy_source

RECORDER = """\
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
verb = sys.argv[1]
text = sys.stdin.read() if sys.argv[-1] == "-" else ""
pictures = [pathlib.Path(word).read_bytes()[1:4].decode() for word in sys.argv if word.endswith(".png")]
with (folder / "calls.jsonl").open("a") as log:
    log.write(json.dumps({"argv": sys.argv[1:], "text": text, "pictures": pictures}) + "\\n")
reply = folder / f"{verb}.reply"
if reply.exists():
    status, _, words = reply.read_text().partition(" ")
    print(words, file=sys.stderr if int(status) else sys.stdout)
    sys.exit(int(status))
"""


class Recorder:
    """A stand-in for `opsroom`: a real program that writes down how it was called, and says what it was told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "recorder.py").write_text(RECORDER)
        self.argv = [sys.executable, "-I", "-S", str(folder / "recorder.py")]

    def will_say(self, verb: str, words: str, status: int = 0) -> None:
        (self._folder / f"{verb}.reply").write_text(f"{status} {words}")

    @property
    def calls(self) -> list[dict[str, Any]]:
        log = self._folder / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def arguments(self, verb: str) -> list[list[str]]:
        return [call["argv"][1:] for call in self.calls if call["argv"][0] == verb]

    def texts(self, verb: str) -> list[str]:
        return [call["text"] for call in self.calls if call["argv"][0] == verb]


@pytest.fixture
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    return Recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Runs git in the folder of the test, with nobody's configuration."""
    person = ["-c", "user.name=Somebody", "-c", "user.email=somebody@localhost", "-c", "commit.gpgSign=false"]

    def run(*arguments: str) -> str:
        done = subprocess.run(["git", *person, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with a copy of click's source."""
    copy_source(tmp_path)
    return tmp_path


@pytest.fixture
def repository(copied: Path, git: Callable[..., str]) -> Path:
    """The same, committed to a fresh repository."""
    git("init", "--quiet", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "--message", "click")
    return copied
