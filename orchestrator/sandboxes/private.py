"""What no mode keeps from root: files of the system that other users cannot read.

A worker of an orchestrator that root started is root as well, without its capabilities: what root owns would be its to
read, `/etc/shadow` and the keys of servers among it. So these are hidden from it.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["PLACES", "Place", "Private", "look"]

ENTRIES = 20_000
"""Of one folder, how many entries are looked at."""


class Place(NamedTuple):
    """Where is looked."""

    top: Path
    depth: int
    """How many folders deep."""
    files: bool
    """Whether at files, too: only where they keep their names, for what is gone cannot be covered."""


PLACES = (Place(Path("/etc"), 16, True), *(Place(Path(top), 2, False) for top in ("/opt", "/srv", "/var")))
LOGS = Path("/var/log")
"""Most logs are for administrators alone, and each day they have other names."""


class Private(NamedTuple):
    """What other users cannot get at. No link is among it, and nothing in a folder that is."""

    folders: tuple[Path, ...] = ()
    """Those that others cannot enter, and that of the logs."""
    files: tuple[Path, ...] = ()


def look(places: Iterable[Place] = PLACES) -> Private:
    """What of the system is private now."""
    folders, files, left = [LOGS], [], [*places]
    for place in left:
        for entry in _entries(place.top):
            try:
                mode = entry.stat(follow_symlinks=False).st_mode
            except OSError:
                continue
            if stat.S_ISDIR(mode) and not mode & stat.S_IXOTH:
                folders.append(Path(entry.path))
            elif stat.S_ISDIR(mode) and place.depth > 1:
                left.append(Place(Path(entry.path), place.depth - 1, place.files))
            elif stat.S_ISREG(mode) and place.files and not mode & stat.S_IROTH:
                files.append(Path(entry.path))
    return Private(tuple(folders), tuple(files))


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return [entry for _, entry in zip(range(ENTRIES), entries, strict=False)]
    except OSError:
        return []
