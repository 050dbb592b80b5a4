"""`opsroom lock NAME -- CMD`: one at a time, in the order in which they came."""

import contextlib
import ctypes
import errno
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import NoReturn

import click

from opsroom.options import SECONDS
from state.errors import LockHeld, OpsroomError
from state.layout import StateDir, check_name
from state.locks import WAIT, Who, hold, who_has
from state.sanitize import clean_line

__all__ = ["lock"]

FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
PR_SET_PDEATHSIG = 1
PATIENCE = 1.0
"""Seconds that somebody at a terminal waits without a word."""
SIGN = 1.0
"""Seconds between two signs of life of a worker that waits."""


class Ended(Exception):
    """A signal came while the turn was waited for; its number."""


@click.command(short_help="Run a command when nobody else has the lock NAME.")
@click.argument("name")
@click.argument("command", nargs=-1, required=True, metavar="-- CMD...")
@click.option("--wait", type=SECONDS, default=WAIT, show_default=True, metavar="SECONDS", help="For the turn to come.")
@click.pass_obj
def lock(explicit: str | None, name: str, command: tuple[str, ...], wait: float) -> int:
    """Run CMD once its turn at the lock NAME has come; first come, first served.

    Builds and heavy tests share the lock 'build', under which changes are checked, too. Exits as CMD does, with
    128 + n if signal n ended it; with 3 if the turn did not come, which says who has the lock. Who asks for a lock
    inside of CMD that CMD has already gets it at once.
    """
    from opsroom.finding import state_dir

    state = state_dir(explicit)
    program = find_program(command[0])
    task, number = os.environ.get("OPSROOM_TASK", ""), os.environ.get("OPSROOM_ATTEMPT", "")
    who = Who(
        task=check_name("task id", task) if task else "",
        attempt=int(number) if number.isdecimal() and len(number) < 10 else 0,
        what=" ".join(command),
    )
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, statuses would be lost
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*FORWARDED, signal.SIGCHLD})
    try:
        with hold(state, name, who, wait=wait, environment=os.environ, pause=Waiting(state, name, who)) as given:
            return run(program, command, os.environ | given, before)
    except LockHeld as error:
        raise LockHeld(error.message, todo="do something else first, or wait longer with --wait") from None
    except Ended as ended:
        return 128 + int(ended.args[0])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def find_program(name: str) -> str:
    """The path that `name` stands for, found before anything is waited for; raises `OpsroomError`."""
    paths = [name] if "/" in name else [os.path.join(folder, name) for folder in os.get_exec_path()]
    reason = errno.ENOENT
    for path in paths:
        if os.path.isfile(path):
            if os.access(path, os.X_OK):
                return path
            reason = errno.EACCES
    raise OpsroomError(f"cannot run {name}: {os.strerror(reason).lower()}")


class Waiting:
    """Waits when it is called, unless a signal that ends us comes; then raises `Ended`.

    Who sits at a terminal is told once what is waited for, and a worker that waits here gives a sign of life.
    """

    def __init__(self, state: StateDir, name: str, who: Who) -> None:
        self._state = state
        self._name = name
        self._sign = state.task(who.task).worker if who.task else None
        self._begun = self._signed = time.monotonic()
        self._untold = True

    def __call__(self, seconds: float) -> None:
        if info := signal.sigtimedwait(FORWARDED, seconds):
            raise Ended(info.si_signo)
        now = time.monotonic()  # a machine that is busy makes more of `seconds` than was asked for
        if self._sign is not None and now - self._signed >= SIGN:
            self._signed = now
            with contextlib.suppress(OSError):
                os.utime(self._sign)
        if self._untold and now - self._begun >= PATIENCE:
            self._untold = False
            if sys.stderr.isatty():
                said = f"waiting for lock {self._name}: {who_has(self._state, self._name)}"
                click.echo(f"opsroom: {clean_line(said, 2000)}", err=True)


def run(program: str, command: tuple[str, ...], environment: Mapping[str, str], mask: set[int | signal.Signals]) -> int:
    """Runs the command to its end, with the signals that come meanwhile; its exit status as a shell tells it.

    The command is killed if this process is: it must not go on without the lock.
    """
    parent, libc = os.getpid(), ctypes.CDLL(None)
    child = os.fork()
    if not child:
        become(program, command, environment, mask, parent, libc)
    while True:
        info = signal.sigwaitinfo({*FORWARDED, signal.SIGCHLD})
        if info.si_signo == signal.SIGCHLD:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        elif info.si_code <= 0:  # by a process; what the terminal sends it has sent to the command as well
            os.kill(child, info.si_signo)


def become(
    program: str,
    command: tuple[str, ...],
    environment: Mapping[str, str],
    mask: set[int | signal.Signals],
    parent: int,
    libc: ctypes.CDLL,
) -> NoReturn:
    """Makes this child the command. Ends it with 2 where that fails."""
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # gone before it could be noticed
            os._exit(128 + signal.SIGKILL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.execve(program, command, environment)  # noqa: S606 - an argv, as it was given
    except OSError as error:
        os.write(
            2,
            f"opsroom: cannot run {command[0]}: {(error.strerror or str(error)).lower()}\n".encode("utf-8", "replace"),
        )
    finally:
        os._exit(2)
