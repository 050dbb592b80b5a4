"""The streams in `tests/streams/`: what the real CLIs printed, and how their runs ended."""

import csv
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from orchestrator.agents import adapter
from orchestrator.agents.reading import Reading, Told
from orchestrator.agents.verdict import Verdict, judge
from state.agent_events import Event, Place
from state.model import Exit

STREAMS = Path(__file__).parents[2] / "streams"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Recorded(NamedTuple):
    """One run of one CLI."""

    cli: str
    scenario: str
    status: int
    """Its exit status, negative for a signal."""

    def __str__(self) -> str:
        return f"{self.cli}-{self.scenario}"

    @property
    def stream(self) -> bytes:
        return _bytes(STREAMS / self.cli / f"{self.scenario}.jsonl")

    @property
    def lines(self) -> list[bytes]:
        return self.stream.splitlines(keepends=True)

    @property
    def errors(self) -> str:
        path = STREAMS / self.cli / f"{self.scenario}.stderr"
        return path.read_text()[-4096:] if path.exists() else ""

    @property
    def usage_file(self) -> bytes:
        path = STREAMS / self.cli / f"{self.scenario}.usage.json"
        return path.read_bytes() if path.exists() else b""


@cache
def _bytes(path: Path) -> bytes:
    return path.read_bytes()


def _index() -> list[Recorded]:
    with (STREAMS / "index.tsv").open() as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [Recorded(row["cli"], row["scenario"], int(row["exit"])) for row in rows]


ALL = _index()
WHOLE = [run for run in ALL if run.scenario not in ("err500", "kill", "auth", "rate") or str(run) == "gemini-kill"]
"""Those whose stream is one of success. gemini took no notice of being told to end, and finished."""
FAILED = [run for run in ALL if run not in WHOLE]


def recorded(cli: str, scenario: str) -> Recorded:
    return next(run for run in ALL if run.cli == cli and run.scenario == scenario)


def read(cli: str, *pieces: bytes, usage_file: bytes = b"") -> tuple[Told, list[tuple[Event, Place]]]:
    """Everything that a stream tells which comes in `pieces`."""
    reading = Reading(adapter(cli).parser())
    events = [event for piece in pieces for event in reading.feed(piece)] + reading.end()
    if usage_file:
        events += reading.beside("usage_file", usage_file)
    return reading.told, events


def judged(cli: str, *pieces: bytes, status: int | None = 0, errors: str = "", reason: str = "exited") -> Verdict:
    """The verdict on a run that printed `pieces`."""
    return judge(read(cli, *pieces)[0], Exit(reason=reason, started=NOW, ended=NOW, status=status), errors)


def type_of(line: bytes) -> str:
    return str(json.loads(line)["type"])
