"""Tries what a supervisor needs of the system, and prints a line for each: its name, and why it does not work if so.

Run as a program, isolated: `python -I -S process_probe.py`. What it tries has effects on a process for life.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LIMIT = 3
"""Seconds for all of it together; then SIGALRM ends it."""


def subreaper(libc: ctypes.CDLL) -> str:
    """'' if a process whose parent ended becomes the child of this one."""
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        return os.strerror(ctypes.get_errno())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        parent = os.getpid()
        if os.fork() == 0:
            while os.getppid() == parent:
                os.sched_yield()
            os.write(writing, str(os.getppid()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    new_parent = int(os.read(reading, 32))
    os.wait()
    return "" if new_parent == os.getpid() else f"an orphan went to process {new_parent}"


def parent_death(libc: ctypes.CDLL) -> str:
    """'' if a process gets the signal that it asked for when its parent ends."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        if grandchild == 0:
            failed = libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.write(writing, f"{os.getpid()} {ctypes.get_errno() if failed else 0} ".encode())
            while True:
                signal.pause()
        ready = b""
        while ready.count(b" ") < 2:
            ready += os.read(reading, 64)
        os.write(writing, ready)
        os._exit(0)
    os.waitpid(child, 0)
    pid, error = (int(word) for word in os.read(reading, 64).split())
    if error:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.strerror(error) if error else "" if os.WTERMSIG(status) == signal.SIGKILL else "the signal did not come"


def pidfd() -> str:
    """'' if a process can be held by a descriptor that no other process will ever be taken for."""
    child = os.fork()
    if child == 0:
        while True:
            signal.pause()
    try:
        descriptor = os.pidfd_open(child)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError as error:
        os.kill(child, signal.SIGKILL)
        return error.strerror or str(error)
    finally:
        os.waitpid(child, 0)
    return ""


def main() -> None:
    """Tries all of it, in an order in which the later ones may rely on the earlier."""
    signal.alarm(LIMIT)
    libc = ctypes.CDLL(None, use_errno=True)
    tried = {"subreaper": subreaper(libc)}
    if not tried["subreaper"]:  # who is no subreaper cannot wait for a grandchild
        tried["parent death signal"] = parent_death(libc)
    tried["pidfd"] = pidfd()
    for name, why in tried.items():
        sys.stdout.write(f"{name}: {why}\n")


if __name__ == "__main__":
    main()
