"""File events: what inotify allows, what is used of it, and what readers of the state directory need."""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

from opsroom.doctor.findings import Finding, ok, warn
from state.layout import WATCHED, StateDir

__all__ = ["Watches", "findings", "needed", "used"]

LARGE = 10_000
"""Tasks of a large fleet."""
FOLDERS = 9
"""Folders that a task has after an attempt, each of which takes a watch."""


class Watches(NamedTuple):
    """inotify's instances and watches: how many a person may have, or has."""

    instances: int
    watches: int


def findings(
    wanted: int, taken: Watches, folder: Path = Path("/proc/sys/fs/inotify"), network: str = ""
) -> list[Finding]:
    """Whether changes of the state directory are told, or all files have to be looked at over and over again.

    `wanted` is how many folders a reader watches, `taken` what all programs of this person have; `network` the type
    of the file system where it tells nothing.
    """
    group = "file events"
    if network:
        todo = "it works, and costs more: keep the repository on a disk of this machine if you can"
        return [warn(group, f"{network} sends no file events, so files are compared every second", todo)]
    limits = Watches(_limit(folder / "max_user_instances"), _limit(folder / "max_user_watches"))
    free = Watches(limits.instances - taken.instances, limits.watches - taken.watches)
    said = (
        f"inotify: {taken.instances:,} of {limits.instances:,} instances and {taken.watches:,} of {limits.watches:,}"
        f" watches are used; each control room and the orchestrator take one and {wanted:,}"
    )
    large = LARGE * FOLDERS
    if free.instances < 2 or free.watches < 2 * wanted:
        todo = f"sysctl -w fs.inotify.max_user_instances=1024 fs.inotify.max_user_watches={max(524_288, 4 * large)}"
        return [warn(group, f"{said}, so files will be compared every second", todo)]
    if limits.watches < 2 * large:
        todo = f"sysctl -w fs.inotify.max_user_watches={max(524_288, 4 * large)} before a fleet grows that large"
        return [warn(group, f"{said}; {LARGE:,} tasks need {large:,} a reader", todo)]
    return [ok(group, f"{said} ({large:,} with {LARGE:,} tasks)")]


def _limit(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def needed(state: StateDir | None) -> int:
    """How many folders of `state` a reader watches now, or of a new one."""
    return sum(1 for top in WATCHED for _ in os.walk(state.root / top)) if state else len(WATCHED)


def used(owner: int, proc: Path = Path("/proc")) -> Watches:
    """The instances and watches of all processes of the user `owner`, as far as one may look."""
    instances = watches = 0
    for name in filter(str.isdigit, os.listdir(proc)):
        try:
            if os.stat(proc / name).st_uid != owner:
                continue
            descriptors = os.listdir(proc / name / "fd")
        except OSError:
            continue
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                if os.readlink(proc / name / "fd" / descriptor) == "anon_inode:inotify":
                    instances += 1
                    about = (proc / name / "fdinfo" / descriptor).read_bytes()
                    watches += about.count(b"\ninotify ") + about.startswith(b"inotify ")
    return Watches(instances, watches)
