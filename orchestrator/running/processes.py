"""What a tree of processes takes, however the processes in it come and go. psutil is imported when it is asked.

A look at a tree costs what the tree's own processes cost to look at, however many others the machine has.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Use", "children_by", "use_below"]

Children = Callable[[int], list[int]]


class Use(NamedTuple):
    """What some processes take together."""

    cpu_seconds: float = 0.0
    """Since they began, with that of all their children that have ended."""
    memory: int = 0
    """Resident bytes; a page that several share counts for each."""
    processes: int = 0

    def plus(self, other: "Use") -> "Use":
        """Both together."""
        return Use(self.cpu_seconds + other.cpu_seconds, self.memory + other.memory, self.processes + other.processes)


def use_below(top: int, children: Children) -> Use:
    """What all that descends from the process `top` takes, without `top`; nothing if there is no such process.

    Of a process that ended, the one that took its status has the CPU. So nothing of what short-lived processes
    used is lost between two looks.
    """
    import psutil

    try:
        ended = psutil.Process(top).cpu_times()
    except psutil.Error:
        return Use()
    use = Use(cpu_seconds=ended.children_user + ended.children_system)
    for pid, parent in _below(top, children):
        use = use.plus(_use_of(pid, parent))
    return use


def _use_of(pid: int, parent: int) -> Use:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.ppid() != parent:  # it ended, and another process has its number now
                return Use()
            times = process.cpu_times()
            seconds = times.user + times.system + times.children_user + times.children_system
            return Use(seconds, process.memory_info().rss, 1)
    except psutil.Error:
        return Use()


def _below(top: int, children: Children) -> Iterator[tuple[int, int]]:
    """Every process below `top`, each with its parent."""
    waiting, seen = [top], {top}
    while waiting:
        parent = waiting.pop()
        for pid in children(parent):
            if pid not in seen:
                seen.add(pid)
                waiting.append(pid)
                yield pid, parent


def children_by(*, told: bool | None = None) -> Children:
    """How to learn of a process's children for one look: from the kernel where it tells, else from all parents.

    `told` says whether the kernel tells; it is found out where that is None.
    """
    if os.path.exists("/proc/thread-self/children") if told is None else told:
        return _told_children
    import psutil

    found: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"], []).append(process.pid)
    return lambda parent: found.get(parent, [])


def _told_children(parent: int) -> list[int]:
    """The children of `parent`, whichever of its threads started them."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{parent}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
        except OSError:  # the thread has ended
            continue
    return found
