"""What is left of the machine, what a worker takes, and what is held, in cells. Pure."""

from collections.abc import Sequence
from datetime import datetime

from state.machine import Hold, Machine, Worker, amount, stale, until
from state.model import Lease
from state.times import age
from tui.text import Cell, Line, cut, line, width

__all__ = [
    "cores",
    "hold_line",
    "hold_text",
    "left_cells",
    "short_cells",
    "takes_text",
    "unsafe_text",
]

MOST = 12
"""Holds that are told one by one; of more only whose they are."""
REASONS = (300, *range(100, 12, -3))
"""Columns that the reason of a hold may have, the first with which all holds fit."""


def cores(cpu_percent: float) -> str:
    """`0%`, `98%`, `187%`: the share of one core, 100 for each that is busy."""
    return f"{min(cpu_percent, 99_999):.0f}%"


# what is left


def left_cells(machine: Machine, now: datetime) -> tuple[Cell, ...]:
    """`mem 14.2G free · disk 79G`; a sample that is too old to be trusted steps back and says its age."""
    memory, disk = amount(machine.memory_free_mib), amount(machine.disk_free_mib)
    if stale(machine, now):
        old = age(abs((now - machine.at).total_seconds()))
        return ((f"mem {memory}? · disk {disk}? {old} ago", "muted"),)
    return (
        ("mem ", "muted"),
        (memory, "attention" if _short_of_memory(machine) else ""),
        (" free · disk ", "muted"),
        (disk, "attention" if _short_of_disk(machine) else ""),
    )


def short_cells(machine: Machine, now: datetime) -> tuple[Cell, ...]:
    """Only what there is too little of to launch more: `mem 412M free`; () where nothing is, or nobody knows."""
    if stale(machine, now):
        return ()
    said = [f"mem {amount(machine.memory_free_mib)}"] if _short_of_memory(machine) else []
    said += [f"disk {amount(machine.disk_free_mib)}"] if _short_of_disk(machine) else []
    return ((f"{' · '.join(said)} free", "attention"),) if said else ()


def _short_of_memory(machine: Machine) -> bool:
    return machine.memory_free_mib < machine.min_free_memory_mib


def _short_of_disk(machine: Machine) -> bool:
    return machine.disk_free_mib < machine.min_free_disk_mib


def unsafe_text(lease: Lease | None) -> str:
    """Why attempts run without a sandbox though one was asked for; '' where they don't, or nobody wanted one."""
    return line(lease.sandbox_why, 300) if lease and lease.sandbox == "none" else ""


# what a worker takes


def takes_text(worker: Worker) -> str:
    """`187% cpu · 412M memory · 4 processes`."""
    many = "1 process" if worker.processes == 1 else f"{worker.processes:,} processes"
    return f"{cores(worker.cpu_percent)} cpu · {amount(worker.memory_mib)} memory · {many}"


# what is held


def hold_text(hold: Hold, now: datetime, room: int = 300) -> str:
    """`codex held 4m: rate limit, until 10:32`: one line, safe to show, its reason in at most `room` columns."""
    why = cut(line(hold.why, 300), room)
    return f"{_whose(hold)} held {_since(hold, now)}: {why}{until(hold, now)}"


def hold_line(columns: int, now: datetime, holds: Sequence[Hold], *, living: bool = True) -> Line:
    """All `holds` in at most `columns`, each with as much of its reason as there is room for; () for none.

    `living`: an orchestrator runs that goes by them; without one they are only what it left.
    """
    if not holds:
        return ()
    ordered = sorted(holds, key=lambda hold: (hold.agent, hold.since))[:MOST]
    names = f"{len(holds)} holds: {', '.join(dict.fromkeys(map(_whose, ordered)))}"
    short = names if len(holds) > 1 else hold_text(ordered[0], now, REASONS[-1])
    rooms = REASONS if len(holds) == len(ordered) else ()
    forms = (" · ".join(hold_text(hold, now, room) for hold in ordered) for room in rooms)
    said = next((form for form in forms if width(form) < columns), short)
    return ((cut(f" {said}", columns), "attention" if living else "muted"),)


def _whose(hold: Hold) -> str:
    return cut(line(hold.agent, 100), 24) if hold.agent else "all agents"


def _since(hold: Hold, now: datetime) -> str:
    return age((now - hold.since).total_seconds())
