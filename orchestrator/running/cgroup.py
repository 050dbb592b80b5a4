"""What a control group (cgroup v2) leaves of the machine's memory: in a container that may be far less than all."""

from pathlib import Path

__all__ = ["within"]


def within(
    total: int, free: int, own: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")
) -> tuple[int, int]:
    """Of a machine with `total` and `free` bytes of memory, the total and what is free under every limit above us.

    `own` names our group, `mount` is where the groups are. Page cache that can be dropped counts as free.
    """
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return total, free
    name = next((line[3:] for line in lines if line.startswith("0::")), None)
    if name is None:
        return total, free
    folder = mount / name.lstrip("/")
    for group in (folder, *folder.parents):
        limit, used = _number(group / "memory.max"), _number(group / "memory.current")
        if limit is not None and used is not None:
            total = min(total, limit)
            free = min(free, max(0, limit - used + _dropped(group / "memory.stat")))
        if group == mount:
            break
    return total, free


def _number(path: Path) -> int | None:
    """The number in `path`; None where there is none, as in `max`, which is no limit."""
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _dropped(path: Path) -> int:
    """Bytes of cached files that nobody has used for long, which the kernel drops before it runs short."""
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    words = next((line.split() for line in lines if line.startswith("inactive_file ")), [])
    return int(words[1]) if len(words) == 2 and words[1].isdecimal() else 0
