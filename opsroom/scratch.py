"""A repository of our own to try something in: one commit, nobody's hooks, templates or signatures."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from state.errors import OpsroomError, Unavailable

__all__ = ["BRANCH", "git", "make_repository"]

BRANCH = "main"
SECONDS = 60.0


def make_repository(folder: Path, files: Mapping[str, str], author: str) -> None:
    """Makes a repository in `folder`, which is there and empty, with `files` in its one commit by `author`.

    Raises `Unavailable` where git is not installed, and `OpsroomError`.
    """
    git(folder, "init", "--quiet", "--template=", f"--initial-branch={BRANCH}")
    settings = {"user.name": author, "user.email": "opsroom@localhost", "commit.gpgsign": "false"}
    for key, value in settings.items():
        git(folder, "config", key, value)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", "A repository to try something in")


def git(folder: Path, *arguments: str) -> str:
    """What `git <arguments>` prints in `folder`; raises as `make_repository` does."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise Unavailable("git is not installed", todo="install git") from None
    except subprocess.TimeoutExpired:
        raise OpsroomError(f"git {arguments[0]} in {folder} did not end within {SECONDS:g} s") from None
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise OpsroomError(f"git {arguments[0]} in {folder}: {words[0]}")
    return done.stdout.strip()
