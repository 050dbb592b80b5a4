"""A finding of `opsroom doctor`, and findings as lines and as JSON."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from state.sanitize import clean_line

__all__ = ["FAIL", "OK", "WARN", "Finding", "as_json", "as_lines", "fail", "ok", "warn"]

OK, WARN, FAIL = "ok", "warn", "fail"
"""`warn` works with less than there could be; `fail` is something that is needed."""
_SIGNS = {OK: "✓", WARN: "!", FAIL: "✗"}
_PLAIN_SIGNS = {OK: "+", WARN: "!", FAIL: "x"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    group: str
    verdict: str
    """`OK`, `WARN` or `FAIL`."""
    text: str
    todo: str = ""
    """What to do about it; never empty where something fails."""


def ok(group: str, text: str) -> Finding:
    """Something that works."""
    return Finding(group, OK, text)


def warn(group: str, text: str, todo: str) -> Finding:
    """Something that works with less than there could be."""
    return Finding(group, WARN, text, todo)


def fail(group: str, text: str, todo: str) -> Finding:
    """Something that is needed and does not work."""
    return Finding(group, FAIL, text, todo)


def as_lines(findings: Iterable[Finding], *, plain: bool = False) -> list[str]:
    """A heading for each group, a line for each finding. `plain` is for a terminal that knows no sign but ASCII's."""
    signs, lines = _PLAIN_SIGNS if plain else _SIGNS, []
    for group, found in groupby(findings, key=lambda finding: finding.group):
        lines.append(group)
        for one in found:
            said = f"{one.text}; {one.todo}" if one.todo else one.text
            lines.append(f"  {signs[one.verdict]} {one.verdict:4}  {clean_line(said, 600)}")
    return lines


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """The findings for a program: `ok` says whether nothing that is needed is missing."""
    listed = list(findings)
    return {"ok": all(one.verdict != FAIL for one in listed), "findings": [asdict(one) for one in listed]}
