"""Installs the agent CLIs that the tests run, each once and for all checkouts, outside of the tree.

    python -m tests.agents.install [NAME]…

They lie in `$XDG_CACHE_HOME/opsroom/agents/<hash of package.json>/<name>`, each in a folder of its own, so that whoever
needs two of them doesn't have to fetch seven.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.agents import KINDS, adapter

__all__ = ["CannotInstall", "folder", "install", "installed", "locked", "pinned"]

PACKAGE = Path(__file__).with_name("package.json")
PROGRAMS = Path("node_modules", ".bin")
SECONDS = 600.0
"""How long one CLI may take to install, and another's installing of it is waited for."""
ANSWER_SECONDS = 60.0
"""How long a CLI may take to say its version, the first time."""
NPM = (
    *("npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--no-progress", "--no-update-notifier"),
    *("--engine-strict=false", "--loglevel=error"),  # a CLI that asks for a newer node runs on this one
)


class CannotInstall(Exception):
    """Why a CLI could not be installed, in words for a person."""


def pinned(name: str) -> tuple[str, str]:
    """The package of the CLI `name` and its version; raises `CannotInstall`."""
    versions = json.loads(PACKAGE.read_text())["dependencies"]
    if name not in KINDS or adapter(name).package not in versions:
        raise CannotInstall(f"no agent {name!r}: there are {', '.join(KINDS)}")
    return adapter(name).package, versions[adapter(name).package]


def folder(name: str) -> Path:
    """Where the CLI `name` lies, or will."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    version = hashlib.sha256(PACKAGE.read_bytes()).hexdigest()[:16]
    return Path(cache).expanduser() / "opsroom" / "agents" / version / name


def installed(name: str) -> Path:
    """The folder for PATH in which the CLI `name` is; raises `CannotInstall` where it is not installed."""
    programs = folder(name) / PROGRAMS
    if not programs.is_dir():
        raise CannotInstall(f"{name} is not installed: python -m tests.agents.install {name}")
    return programs


def install(name: str, seconds: float = SECONDS) -> Path:
    """The folder for PATH in which the CLI `name` is, after it was installed unless it was already.

    Raises `CannotInstall`, also after `seconds`.
    """
    package, version = pinned(name)
    place = folder(name)
    programs = place / PROGRAMS
    if programs.is_dir():
        return programs
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.with_suffix(".lock"), seconds):
        if not programs.is_dir():  # while we waited for the lock
            partial = place.with_suffix(".partial")
            if partial.exists():
                shutil.rmtree(partial)
            partial.mkdir()
            wanted = {"private": True, "dependencies": {package: version}}
            (partial / "package.json").write_text(json.dumps(wanted))
            _run_npm(partial, package, seconds)
            _try(partial / PROGRAMS / adapter(name).program, version)
            partial.rename(place)
    return programs


@contextlib.contextmanager
def locked(path: Path, seconds: float) -> Iterator[None]:
    """Holds the lock `path`; the system frees it when its holder dies."""
    until = time.monotonic() + seconds
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise CannotInstall(f"{path}: somebody else has installed for {seconds:g} s") from None
            time.sleep(0.1)
        yield


def _run_npm(where: Path, package: str, seconds: float) -> None:
    if not shutil.which("node") or not shutil.which("npm"):
        raise CannotInstall("the agents' CLIs need node and npm: apt-get install nodejs npm")
    npm = subprocess.Popen(
        NPM, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0
    )
    try:
        said = npm.communicate(timeout=seconds)[1].decode("utf-8", "replace").strip()
    except subprocess.TimeoutExpired:
        raise CannotInstall(f"{package}: npm did not end within {seconds:g} s") from None
    finally:
        if npm.poll() is None:
            os.killpg(npm.pid, 9)
            npm.communicate()
    if npm.returncode:
        raise CannotInstall(f"{package}: npm ended with {npm.returncode}:\n{said[-2000:]}")


def _try(program: Path, version: str) -> None:
    """Has `program` say its version, which it can't if something of it is missing."""
    with tempfile.TemporaryDirectory() as home:
        try:
            done = subprocess.run(
                [str(program), "--version"],
                env={**os.environ, "HOME": home},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CannotInstall(f"{program} was installed and does not start: {error}") from None
    said = (done.stdout + done.stderr).strip()[-400:]  # pi says it on standard error
    if version not in said:
        raise CannotInstall(f"{program} --version says {said!r}, which is not {version}")


def main(names: list[str]) -> int:
    """Installs the named CLIs, or all; returns an exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.agents.install", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(KINDS)}; all without any")
    for name in parser.parse_args(names).names or KINDS:
        try:
            if not folder(name).exists():
                print(f"installing {' '.join(pinned(name))}", flush=True)
            install(name)
        except (CannotInstall, OSError) as error:
            print(f"install: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
