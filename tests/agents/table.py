"""Prints what a run of the tests of real agents saw, as a table.

    python -m tests.agents.table REPORT.xml

`REPORT.xml` is what pytest's `--junitxml` wrote. A verdict is right where its test has held.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.agents.install import pinned

__all__ = ["Row", "rows", "table"]


class Row(NamedTuple):
    """One CLI in one scenario."""

    agent: str
    version: str
    scenario: str
    verdicts: str
    """Of its attempts, in order."""
    right: bool
    seconds: float


def rows(report: Path) -> Iterator[Row]:
    """What the tests of real agents in `report` saw; raises OSError and `ElementTree.ParseError`."""
    for case in ElementTree.parse(report).iter("testcase"):
        said = {item.get("name"): item.get("value") or "" for item in case.iter("property")}
        agent = said.get("agent")
        if agent is None:
            continue
        name, _, chosen = case.get("name", "").removeprefix("test_").partition("[")
        words = [word for word in chosen.rstrip("]").split("-") if word != agent]
        scenario = ": ".join([name.replace("_", " "), *words])
        right = not any(case.find(kind) is not None for kind in ("failure", "error"))
        yield Row(agent, pinned(agent)[1], scenario, said["verdicts"], right, float(case.get("time", 0)))


def table(found: list[Row]) -> str:
    """`found` as Markdown, by CLI and scenario."""
    lines = ["| CLI | version | scenario | verdicts on its attempts | | s |", "| --- | --- | --- | --- | --- | --- |"]
    for row in sorted(found):
        right = "right" if row.right else "**wrong**"
        lines.append(f"| {row.agent} | {row.version} | {row.scenario} | {row.verdicts} | {right} | {row.seconds:.1f} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Prints the table; returns an exit status."""
    if len(arguments) != 1:
        print("usage: python -m tests.agents.table REPORT.xml", file=sys.stderr)
        return 2
    try:
        print(table(list(rows(Path(arguments[0])))))
    except (OSError, ElementTree.ParseError) as error:
        print(f"table: {arguments[0]}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
