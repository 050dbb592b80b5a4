"""A campaign between two moves of a person: it has stopped in its third run, and says why."""

from pathlib import Path
from typing import Any

from state.envelope import Campaign, Check, Metric, Policy, Proposal
from state.usage import Budget, Usage
from tests.tui.builder import FleetBuilder, ago

NAME = "strict-typing"
FILES = (
    "src/click/globals.py",
    "src/click/utils.py",
    "src/click/types.py",
    "src/click/parser.py",
    "src/click/formatting.py",
    "src/click/termui.py",
    "src/click/exceptions.py",
    "src/click/decorators.py",
    "src/click/testing.py",
    "src/click/core.py",
    "src/click/_compat.py",
    "src/click/_winconsole.py",
    "src/click/shell_completion.py",
    "examples/complex/complex/commands/cmd_status.py",
)
API = "decorators.py re-exports typing.overload as public API; the policy says nothing about public API"
ENVELOPE = Campaign(
    agent="codex",
    base="main",
    metric=Metric(name="files without strict types", command=["./count.sh", "--strict"], goal=0.0, tolerance=0.02),
    guards=[Metric(name="seconds of the test suite", command=["make", "time"], tolerance=0.15)],
    checks=[Check(name="typecheck", command=["make", "typecheck"]), Check(name="tests", command=["make", "test"])],
    policy=Policy(deny=["tests/"], forbid=[r":\s*Any\b", "type: ignore"], max_files=3, max_lines=400),
    repairs=7,
    no_progress=5,
    budgets=Budget(attempts=40, seconds=7200.0, tokens=2_000_000, dollars=20.0),
)
SECTIONS = """\
## Policy
- Use collections.abc, not typing, for what both have.
- A cast needs a comment that says why it holds.

## Do not touch
- docs/
- `src/click/_textwrap.py`

"""


def history() -> list[str]:
    """Six items: three commits, one revert, one that a person left out, one stop."""
    lines = []
    for index, at, fields in (
        (1, "08:20:11", "result=success | commit=3f0ac41 | checks=typecheck,tests | metric=26 | seconds=312"),
        (
            2,
            "08:29:40",
            "result=success | commit=9d11b2e | checks=typecheck,tests | metric=24 | seconds=544"
            " | learned=use collections.abc, not typing",
        ),
        (
            3,
            "08:51:02",
            "result=failure_reverted | metric=24 | seconds=1204 | attempt=8"
            " | why=check `tests` failed after 7 repairs: 2 failed, 581 passed",
        ),
        (4, "09:10:30", "result=success | commit=77e0c1d | checks=typecheck,tests | metric=19 | seconds=90"),
        (5, "09:15:00", "result=human_deferred | why=wait for the parser's rewrite | by=human"),
        (8, "09:55:02", f"result=STOP-NEEDS-HUMAN | seconds=81 | why={API}"),
    ):
        lines.append(f"2026-11-21T{at}+00:00 | index={index} | file={FILES[index - 1]} | {fields}")
    return lines


def strict_typing(root: Path, status: str = "stop", **headers: Any) -> FleetBuilder:
    """The campaign with its tasks. Items 6 and 7 are at work, the seventh in its second repair."""
    fleet = FleetBuilder(root)
    fleet.lease()
    usual = {"STOP_REASON": API if status == "stop" else "", "METRIC_START": 27, "METRIC_CURRENT": 19}
    usual |= {"NEXT_INDEX": 6, "INVOCATIONS_STARTED": 21, "NO_PROGRESS_COUNT": 2}
    usual |= {"NOTES": "Static checks only. The public API stays as it is."}
    fleet.campaign(NAME, list(FILES), history(), status, envelope=ENVELOPE, sections=SECTIONS, **(usual | headers))
    fleet.run(
        NAME,
        1,
        ago(hours=2),
        ended=ago(hours=1, minutes=20),
        halted="no_progress",
        why="5 items in a row without progress, the limit",
        items=3,
        results={"success": 2, "failure_reverted": 1},
        metric_before="27",
        metric_after="24",
        spent=Usage(attempts=12, seconds=2060.0, tokens=901_220, dollars=4.11),
    )
    over = status != "running"
    fleet.run(
        NAME,
        2,
        ago(minutes=70),
        ended=ago(minutes=20) if over else None,
        halted=status if over else "",
        why=API if status == "stop" else "",
        items=3,
        results={"success": 1, "human_deferred": 1, "STOP-NEEDS-HUMAN": 1},
        metric_before="24",
        metric_after="19",
        spent=Usage(attempts=9, seconds=1400.0, tokens=711_800, dollars=3.02),
        proposals=[
            Proposal(kind="rule", text="Use collections.abc, not typing, for what both have.", source="item 2"),
            Proposal(kind="rule", text="Run make typecheck on the whole package, not on one file.", source="item 3"),
            Proposal(kind="file", text="src/click/types.py", source="item 3"),
            Proposal(kind="check", text="tests failed 9 times: run them before the end", source="tests"),
        ]
        if over
        else [],
    )

    def task(index: int, state: str, **fields: Any) -> None:
        title = FILES[index - 1]
        fleet.task(
            f"{NAME}-{index:04}", state, title=title, campaign=NAME, item=title, index=index, agent="codex", **fields
        )

    task(
        1,
        "merged",
        since=ago(minutes=114),
        attempt=1,
        usage=Usage(attempts=1, seconds=312.0, tokens=120_000, dollars=0.61),
    )
    task(
        2,
        "merged",
        since=ago(minutes=105),
        attempt=1,
        usage=Usage(attempts=1, seconds=544.0, tokens=190_400, dollars=0.93),
    )
    task(
        3,
        "failed",
        since=ago(minutes=84),
        attempt=8,
        usage=Usage(attempts=8, seconds=1204.0, tokens=590_820, dollars=2.57),
        why="check `tests` failed",
    )
    task(
        4,
        "merged",
        since=ago(minutes=64),
        attempt=1,
        usage=Usage(attempts=1, seconds=90.0, tokens=41_000, dollars=0.22),
    )
    task(6, "running", since=ago(minutes=2, seconds=12), attempt=1)
    task(
        7,
        "verifying",
        since=ago(seconds=8),
        attempt=3,
        repairs=2,
        usage=Usage(attempts=3, seconds=600.0, tokens=300_000, dollars=1.9),
    )
    task(
        8,
        "stopped",
        since=ago(minutes=20),
        attempt=1,
        usage=Usage(attempts=1, seconds=81.0, tokens=30_800, dollars=0.16),
        why=API,
    )
    return fleet


def long_queue(root: Path, many: int) -> FleetBuilder:
    """A campaign of `many` items, half of them done."""
    fleet = FleetBuilder(root)
    fleet.lease()
    lines = [
        f"2026-11-21T09:00:00+00:00 | index={index} | file=f{index}.py | result=success | metric={many - index}"
        for index in range(1, many // 2 + 1)
    ]
    fleet.campaign("long", [f"f{index}.py" for index in range(1, many + 1)], lines, METRIC_START=many)
    fleet.run("long", 1, ago(hours=1), branch="campaign/long")
    return fleet
