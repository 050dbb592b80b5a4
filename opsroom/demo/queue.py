"""The order in which the demo's campaign takes the files: easy ones first, and what stops it last."""

from pathlib import Path

from opsroom.demo import package
from opsroom.demo.codemod import Analysis, analyse, migrate
from opsroom.demo.columns import long_lines
from opsroom.demo.failures import Refusal

__all__ = ["items"]

ASKING_PLACE = 3
"""Where the file stands whose worker asks, counted from 0: soon, but not before the person has looked around."""


def items(root: Path) -> list[str]:
    """The files below `root` that reach into `typing` through the module: `src/click/globals.py` and so on.

    By the number of their references, but a file with a colliding name comes fourth, one whose migration would
    fail the check of columns in the middle, and those that only Windows can import at the end. Raises `DemoError`.
    """
    groups: dict[str, list[tuple[int, str]]] = {"plain": [], "asks": [], "fails": [], "stops": []}
    for name in package.files(root):
        source = package.read(root / name)[0]
        try:
            analysis = analyse(source)
            if analysis.references:
                groups[_group(source, analysis)].append((analysis.references, name))
        except Refusal:
            continue
    asks, fails = sorted(groups["asks"]), sorted(groups["fails"])
    ordered = sorted([*groups["plain"], *asks[1:], *fails[1:]])
    ordered[ASKING_PLACE:ASKING_PLACE] = asks[:1]
    middle = max(len(ordered) // 2, ASKING_PLACE + 1)
    ordered[middle:middle] = fails[:1]
    return [name for _, name in [*ordered, *sorted(groups["stops"])]]


def _group(source: str, analysis: Analysis) -> str:
    if analysis.windows_only:
        return "stops"
    if analysis.questionable:
        return "asks"
    return "fails" if long_lines(migrate(source)) else "plain"
