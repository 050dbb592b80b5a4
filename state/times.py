"""Times of the protocol: RFC 3339 in UTC inside files, a sortable stamp in file names."""

import re
from datetime import UTC, datetime

__all__ = ["age", "parse_stamp", "rfc3339", "stamp", "utc_now"]

_STAMP = re.compile(r"(\d{8}T\d{6}\.\d{6})Z")


def utc_now() -> datetime:
    """The time now. Whatever decides takes a time as an argument instead of calling this."""
    return datetime.now(UTC)


def rfc3339(at: datetime) -> str:
    """`at` to the microsecond, in UTC: `2026-11-21T10:15:02.123456Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def stamp(at: datetime) -> str:
    """`at` as it begins a message's file name: `20261121T101502.123456Z`."""
    return rfc3339(at).replace("-", "").replace(":", "")


def parse_stamp(name: str) -> datetime | None:
    """The time that a message's file name begins with, or None if it begins with something else."""
    if not (match := _STAMP.match(name)):
        return None
    try:
        return datetime.strptime(match[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    except ValueError:
        return None


def age(seconds: float) -> str:
    """A duration in at most four columns: `8s`, `12m`, `3h`, `41d`. Negative ones, of a clock set back, read `0s`."""
    seconds = max(0, int(seconds))
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    return f"{min(seconds // 86_400, 999)}d"
