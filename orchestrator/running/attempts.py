"""Starts, finds and ends attempts. Each runs under a supervisor of its own that outlives the orchestrator."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from orchestrator.running.plain import BEGUN, start_ticks
from state import files, flocked
from state.errors import BadFile, CannotWrite
from state.layout import AttemptDir
from state.model import Attempt, Launch, decode, encode

__all__ = ["end", "is_alive", "reap", "running_seconds", "start", "sweep", "sweep_metric", "was_started"]

SUPERVISOR = Path(__file__).with_name("supervisor.py")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SWEEPS = 50
"""How often processes are looked for, a twentieth of a second apart, before what is left is given up."""
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_STARTED: list[subprocess.Popen[bytes]] = []
"""Supervisors that this process started, whose statuses it has to take."""
_STARTING = threading.Lock()


def start(root: Path, attempt: AttemptDir, launch: Launch, prompt: bytes) -> None:
    """Starts `launch` under a supervisor, with `prompt` on its standard input; raises `CannotWrite`.

    This is the one way by which an attempt comes to run.
    """
    files.replace(root, attempt.prompt, prompt, sync="none")  # no attempt outlives a power cut
    files.replace(root, attempt.launch, encode(launch), sync="none", verbatim=True)
    # The lock is held from here on without a gap: `is_alive` never sees a supervisor that is still starting as dead.
    try:
        for path in (attempt.stdout, attempt.stderr):  # so that no supervisor starts for which there is no room
            os.close(os.open(path, APPEND, 0o600))
        lock = os.open(attempt.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotWrite(f"{attempt.root}: {error.strerror or error}") from error
    try:
        _take(lock)
        with open(os.open(attempt.root / "supervisor.log", APPEND, 0o600), "ab") as log:
            supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), str(attempt.root), str(lock)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )
        with _STARTING:
            _STARTED.append(supervisor)
        with contextlib.suppress(OSError):  # it does so itself, too: here, lest one that cannot run be tried for ever
            os.ftruncate(lock, BEGUN)
    except OSError as error:
        raise CannotWrite(f"{attempt.root}: cannot start a supervisor: {error.strerror or error}") from error
    finally:
        os.close(lock)


def _take(lock: int) -> None:
    """Takes the open `lock`; whoever only looks whether it is held has it for no more than an instant."""
    for _ in range(100):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def was_started(attempt: AttemptDir) -> bool:
    """Whether the attempt came to have a supervisor. Whoever starts one and is killed before has made an empty lock."""
    try:
        return os.lstat(attempt.lock).st_size >= BEGUN
    except OSError as error:  # what cannot be looked at is not started a second time
        return error.errno not in (errno.ENOENT, errno.ENOTDIR)


def is_alive(attempt: AttemptDir) -> bool:
    """Whether the attempt goes on, on this machine: its supervisor lives and has not written how it ended."""
    if files.exists(attempt.exit):
        return False
    try:
        lock = os.open(attempt.lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:  # out of descriptors, a failing disk: what cannot be looked at is not taken for dead
        return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
    try:
        return flocked.is_flocked(lock)
    finally:
        os.close(lock)


def running_seconds(run: Attempt | None) -> float:
    """For how long the attempt has run, by a clock that nobody sets; 0 where that is not known."""
    if run is None or not run.supervisor_start:
        return 0.0
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return max(0.0, since_boot - run.supervisor_start / os.sysconf("SC_CLK_TCK"))


def end(root: Path, attempt: AttemptDir, grace: float, reason: str = "cancelled", why: str = "") -> None:
    """Asks the supervisor to end the attempt: TERM, `grace` seconds (at most the configured ones), KILL.

    `reason` and `why` go into its exit record. Safe to call again, and for an attempt that has ended.
    """
    if not is_alive(attempt):
        return
    asked = "\n".join([f"{grace:g}", reason, " ".join(why.split())[:400], ""])
    try:
        files.replace(root, attempt.cancel, asked.encode("utf-8", "replace"))
    finally:  # where that cannot be written, the signal alone ends it, with the grace that it was started with
        _wake(root, attempt)


def _wake(root: Path, attempt: AttemptDir) -> None:
    """Signals the supervisor of `attempt`, if it has named itself and is of this machine, and of this boot."""
    run = _of_this_boot(root, attempt)
    if run is None or not run.supervisor_start:
        return  # perhaps it is starting; the supervisor looks for the file `cancel` every second
    with contextlib.suppress(OSError):
        process = os.pidfd_open(run.supervisor)
        try:  # asked once the number can't come to mean another process any more
            if start_ticks(run.supervisor) == run.supervisor_start:
                signal.pidfd_send_signal(process, signal.SIGTERM)
        finally:
            os.close(process)


def _of_this_boot(root: Path, attempt: AttemptDir) -> Attempt | None:
    """What the supervisor of `attempt` said of its processes, if it did, on this machine and since it was started."""
    with contextlib.suppress(BadFile, OSError):
        run = decode(Attempt, files.read_text(root, attempt.run), str(attempt.run))
        if (run.host, run.boot) == (socket.gethostname(), BOOT_ID.read_text().strip()):
            return run
    return None


def sweep(task: Path, attempt: int) -> int:
    """Kills whatever still runs by an attempt, or by its checks; returns how many that were.

    That is what has its environment, or has its output open to write to: the pipe that its supervisor named, or the
    log. For when whoever was to end them was killed itself. `task` is the task's folder, as OPSROOM_TASK_DIR names it.
    """
    marks = {os.fsencode(f"OPSROOM_TASK_DIR={task}"), f"OPSROOM_ATTEMPT={attempt}".encode()}
    folder = AttemptDir(task / "attempts" / str(attempt))
    outputs = {os.path.realpath(folder.stdout), os.path.realpath(folder.stderr)}
    run = _of_this_boot(folder.root, folder)
    if run and run.folder == os.path.realpath(folder.root):
        outputs |= {f"pipe:[{number}]" for number in (run.stdout_pipe, run.stderr_pipe) if number}
    return _sweep(marks, outputs)


def sweep_metric(campaign: Path) -> int:
    """As `sweep`, what has the environment of the metric of a campaign, whose folder OPSROOM_CAMPAIGN_DIR names."""
    return _sweep({os.fsencode(f"OPSROOM_CAMPAIGN_DIR={campaign}")}, set())


def _sweep(marks: set[bytes], outputs: set[str]) -> int:
    killed: set[int] = set()
    empty = 0
    for _ in range(SWEEPS):
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _kill_marked(pid, marks, outputs)]
        empty = 0 if found else empty + 1
        if empty == 2:  # one look misses who is about to become another program, and has no environment meanwhile
            break
        killed.update(found)
        time.sleep(0.05)
    return len(killed)


def _kill_marked(pid: int, marks: set[bytes], outputs: set[str]) -> bool:
    """Kills `pid` if all of `marks` are in its environment, or if it writes to one of `outputs`.

    The pidfd keeps a recycled pid from being meant.
    """
    if pid == os.getpid():
        return False
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        if not marks.issubset(environment) and not _writes_to(pid, outputs):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(process)
    return True


def _writes_to(pid: int, outputs: set[str]) -> bool:
    """Whether `pid` has one of `outputs` open to write to; who only reads it is a person, or a control room."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{name}") in outputs:
                flags = Path(f"/proc/{pid}/fdinfo/{name}").read_text().partition("flags:")[2].split()[0]
                if int(flags, 8) & os.O_ACCMODE != os.O_RDONLY:
                    return True
    return False


def reap() -> None:
    """Takes the statuses of supervisors that ended, so that they don't stay as zombies."""
    with _STARTING:
        _STARTED[:] = [process for process in _STARTED if process.poll() is None]
