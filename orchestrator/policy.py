"""What an item's change may be, kept by code: pure functions from the policy and the change to the first violation.

Patterns are those of a .gitignore file, from the top of the repository; https://git-scm.com/docs/gitignore has them.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pathspec

from state.envelope import Policy

__all__ = ["Line", "Rules", "fault", "of_lines", "of_paths", "rules"]

ITEM = "{item}"
SHOWN = 60
"""Characters of a line that are shown."""
_SPECIAL = re.compile(r"([\\*?\[\]!# ])")


class Line(NamedTuple):
    """One line that a change adds or removes.

    `path` is for a person to read; `number` is the line's own in the file as it becomes, or 0 if it is removed.
    """

    path: str
    number: int
    text: str


class Rules(NamedTuple):
    """A policy made ready for one item."""

    allow: pathspec.GitIgnoreSpec
    allowed: str
    """What `allow` says, for a person."""
    deny: tuple[tuple[str, pathspec.GitIgnoreSpec], ...]
    forbid: tuple[re.Pattern[str], ...]
    max_files: int
    max_lines: int

    @property
    def of_lines(self) -> bool:
        """Whether any of them is about lines."""
        return bool(self.forbid or self.max_lines)


def rules(policy: Policy, item: str, untouchable: Sequence[str] = ()) -> Rules:
    """The rules for `item`; `untouchable` are patterns that a person added while campaigns ran.

    Raises `ValueError` where a pattern cannot be understood.
    """
    own = "/" + _SPECIAL.sub(r"\\\1", item.lstrip("/"))
    allow = [own if pattern == ITEM else pattern for pattern in policy.allow]
    denied = [own if pattern == ITEM else pattern for pattern in (*policy.deny, *untouchable)]
    shown = ", ".join(item if pattern == ITEM else pattern for pattern in policy.allow) or "nothing"
    forbid = []
    for pattern in policy.forbid:
        try:
            forbid.append(re.compile(pattern))
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    return Rules(
        allow=_spec(allow),
        allowed=shown,
        deny=tuple((pattern, _spec([pattern])) for pattern in denied),
        forbid=tuple(forbid),
        max_files=policy.max_files,
        max_lines=policy.max_lines,
    )


def fault(policy: Policy) -> str:
    """Why `policy` cannot be kept, in a few words; '' if it can."""
    try:
        rules(policy, "item")
    except ValueError as error:
        return str(error)
    return ""


def of_paths(known: Rules, paths: Sequence[str]) -> str:
    """Which rule the set of changed paths violates, as a sentence; '' if none."""
    for path in paths:
        for pattern, spec in known.deny:
            if spec.match_file(path):
                return f"policy: {path} is not to be touched ({pattern})"
        if not known.allow.match_file(path):
            return f"policy: {path} was changed, and what may be is {known.allowed}"
    if known.max_files and len(paths) > known.max_files:
        return f"policy: {len(paths):,} files were changed, and at most {known.max_files:,} may be"
    return ""


def of_lines(known: Rules, lines: Iterable[Line]) -> str:
    """What the lines violate, as a sentence: the first that adds what is forbidden, else how many they are; or ''."""
    count = 0
    for line in lines:
        count += 1
        for pattern in known.forbid if line.number else ():
            if found := pattern.search(line.text):
                text = found[0].strip()[:SHOWN] or line.text.strip()[:SHOWN]
                return f"policy: {line.path}, line {line.number} adds {text!r}, which is forbidden ({pattern.pattern})"
    if known.max_lines and count > known.max_lines:
        return f"policy: {count:,} lines were added or removed, and at most {known.max_lines:,} may be"
    return ""


def _spec(patterns: Iterable[str]) -> pathspec.GitIgnoreSpec:
    try:
        return pathspec.GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise ValueError(f"a pattern of the policy cannot be understood: {error}") from None
