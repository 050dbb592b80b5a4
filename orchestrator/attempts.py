"""Starts, finds and ends attempts. Each runs under a supervisor of its own that outlives the orchestrator."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from orchestrator.supervisor import start_ticks
from state import files
from state.errors import BadFile, CannotWrite
from state.layout import AttemptDir
from state.model import Attempt, Launch, decode, encode

__all__ = ["end", "is_alive", "reap", "start"]

SUPERVISOR = Path(__file__).with_name("supervisor.py")
_STARTED: list[subprocess.Popen[bytes]] = []
"""Supervisors that this process started, whose statuses it has to take."""


def start(root: Path, attempt: AttemptDir, launch: Launch, prompt: bytes) -> None:
    """Starts `launch` under a supervisor, with `prompt` on its standard input; raises `CannotWrite`.

    This is the one way by which an attempt comes to run.
    """
    files.replace(root, attempt.prompt, prompt)
    files.replace(root, attempt.launch, encode(launch))
    # The lock is held from here on without a gap: `is_alive` never sees a supervisor that is still starting as dead.
    try:
        lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotWrite(f"{attempt.lock}: {error.strerror or error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with (attempt.root / "supervisor.log").open("ab") as log:
            _STARTED.append(
                subprocess.Popen(
                    [sys.executable, "-I", "-S", str(SUPERVISOR), str(attempt.root), str(lock)],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(lock,),
                )
            )
    except OSError as error:
        raise CannotWrite(f"{attempt.root}: cannot start a supervisor: {error.strerror or error}") from error
    finally:
        os.close(lock)


def is_alive(attempt: AttemptDir) -> bool:
    """Whether the attempt's supervisor lives, on this machine."""
    try:
        lock = os.open(attempt.lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def end(root: Path, attempt: AttemptDir, grace: float) -> None:
    """Asks the supervisor to end the attempt: TERM, `grace` seconds (at most the configured ones), KILL.

    Safe to call again, and for an attempt that has ended.
    """
    if not is_alive(attempt):
        return
    files.replace(root, attempt.cancel, f"{grace:g}".encode())
    try:
        run = decode(Attempt, files.read_text(root, attempt.run), str(attempt.run))
    except BadFile:
        return  # it is starting; the supervisor looks for the file `cancel` every second
    if run.supervisor_start and start_ticks(run.supervisor) == run.supervisor_start:
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.supervisor, signal.SIGTERM)


def reap() -> None:
    """Takes the statuses of supervisors that ended, so that they don't stay as zombies."""
    _STARTED[:] = [process for process in _STARTED if process.poll() is None]
