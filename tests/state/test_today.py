"""What counts as used today."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from state import files
from state.fleet import FleetReader
from state.layout import StateDir
from state.model import AgentReport, Attempt, Exit, Record, Spent, Status, Task, encode
from state.scan import Scan
from state.today import Today
from state.usage import Usage

NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
ALL = Usage(attempts=3, seconds=90.0, tokens=900, dollars=0.9, unpriced=30)


class Fleet:
    """A state directory, and what its files say of today."""

    def __init__(self, root: Path) -> None:
        self.state = StateDir(root / ".opsroom")
        self.state.create()
        self.reader, self.today = FleetReader(self.state), Today(self.state)

    def write(self, path: Path, record: Record) -> None:
        files.replace(self.state.root, path, encode(record))

    def task(self, name: str, created: datetime, *, attempt: int = 1, counted: int = 1, state: str = "merged") -> None:
        status = Status(state=state, since=NOW, by="o", attempt=attempt, counted=counted, usage=ALL)
        self.write(self.state.task(name).task, Task(title=name, created=created))
        self.write(self.state.task(name).status, status)

    def attempt(
        self, name: str, number: int, started: datetime, *, ended: datetime | None = None, tokens: int = 0
    ) -> None:
        folder = self.state.task(name).attempt(number)
        self.write(folder.run, Attempt(supervisor=1, supervisor_start=1, boot="b", host="h", started=started))
        if ended:
            self.write(folder.exit, Exit(reason="exited", started=started, ended=ended, status=0))
        if tokens:
            used = Usage(tokens=tokens, dollars=tokens / 1000)
            self.write(folder.report, AgentReport(kind="codex", at=NOW, usage=used))

    def used(self, now: datetime = NOW) -> Usage:
        change = self.reader.apply(frozenset(Scan(str(self.state.root)).everything()))
        return self.today.take(self.reader.fleet.tasks, change.tasks, now)


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield Fleet(tmp_path)
    monkeypatch.undo()
    time.tzset()


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def test_a_task_that_was_made_today_counts_whole(fleet: Fleet) -> None:
    fleet.task("a", hours_ago(3))
    assert fleet.used() == Usage(attempts=3, tokens=900, dollars=0.9, unpriced=30)


def test_an_older_task_counts_by_its_attempts_of_today(fleet: Fleet) -> None:
    fleet.task("a", YESTERDAY, attempt=3, counted=3)
    fleet.attempt("a", 1, YESTERDAY, ended=YESTERDAY, tokens=100)
    fleet.attempt("a", 2, hours_ago(11), ended=hours_ago(9), tokens=200)  # over midnight
    fleet.attempt("a", 3, hours_ago(8), ended=hours_ago(7), tokens=400)
    assert fleet.used() == Usage(attempts=2, tokens=600, dollars=0.6)


def test_what_ended_yesterday_does_not_count(fleet: Fleet) -> None:
    fleet.task("a", YESTERDAY)
    fleet.attempt("a", 1, YESTERDAY, ended=YESTERDAY, tokens=100)
    assert fleet.used() == Usage()


def test_what_runs_counts_whole_and_grows(fleet: Fleet) -> None:
    fleet.task("a", YESTERDAY, counted=0, state="running")
    fleet.attempt("a", 1, hours_ago(12), tokens=100)
    assert fleet.used() == Usage(attempts=1, tokens=100, dollars=0.1)
    fleet.attempt("a", 1, hours_ago(12), tokens=2_500)
    assert fleet.used() == Usage(attempts=1, tokens=2_500, dollars=2.5)


def test_a_worker_that_nobody_reads_counts_by_its_own_word(fleet: Fleet) -> None:
    fleet.task("a", YESTERDAY, counted=0, state="running")
    fleet.attempt("a", 1, hours_ago(1))
    fleet.write(fleet.state.task("a").spent, Spent(attempt=1, at=NOW, tokens=70, dollars=0.5))
    assert fleet.used() == Usage(attempts=1, tokens=70, dollars=0.5)


def test_at_midnight_it_begins_anew_with_what_runs(fleet: Fleet) -> None:
    fleet.task("a", hours_ago(3))
    fleet.attempt("a", 1, hours_ago(3), ended=hours_ago(2))
    fleet.task("b", hours_ago(3), counted=0, state="running")
    fleet.attempt("b", 1, hours_ago(3), tokens=70)
    assert fleet.used().tokens == 900 + 900 + 70
    tomorrow = NOW + timedelta(hours=14)
    assert fleet.today.turned(tomorrow)
    assert fleet.used(tomorrow) == Usage(attempts=1, tokens=70, dollars=0.07)
    assert not fleet.today.turned(tomorrow)


def test_a_task_that_is_gone_counts_no_more(fleet: Fleet) -> None:
    fleet.task("a", hours_ago(3))
    assert fleet.used().tokens == 900
    assert fleet.today.take({}, ["a"], NOW) == Usage()
