"""What a running attempt adds to what its task has used, and how a cost is said."""

from datetime import UTC, datetime, timedelta

import pytest

from state.model import AgentReport, Attempt, Exit, Spent, Status, Task
from state.spending import of_newest, of_task, of_tasks, told
from state.usage import Usage, cost_text, dollars_text, tokens_text
from state.views import TaskView

NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
BEFORE = Usage(attempts=1, seconds=60.0, tokens=1_000, dollars=0.5)
STREAM = Usage(tokens=3_150, input_tokens=3_000, cached_tokens=600, output_tokens=150, dollars=0.02)


def view(
    *,
    attempt: int = 2,
    counted: int = 1,
    report: Usage | None = None,
    spent: Spent | None = None,
    attempts: tuple[int, ...] = (1, 2),
    ended: datetime | None = None,
) -> TaskView:
    begun = NOW - timedelta(seconds=30)
    return TaskView(
        "a",
        Task(title="a", created=NOW),
        Status(state="running", since=NOW, by="o", attempt=attempt, counted=counted, usage=BEFORE),
        spent=spent,
        attempts=attempts,
        run=Attempt(supervisor=1, supervisor_start=1, boot="b", host="h", started=begun),
        exit=Exit(reason="exited", started=begun, ended=ended, status=0) if ended else None,
        report=AgentReport(kind="codex", at=NOW, usage=report) if report else None,
    )


def test_a_running_attempt_counts_by_its_stream() -> None:
    found = of_task(view(report=STREAM), NOW)
    assert (found.attempts, found.seconds, found.tokens, found.dollars) == (2, 90.0, 4_150, 0.52)
    assert (found.input_tokens, found.cached_tokens, found.output_tokens) == (3_000, 600, 150)


def test_what_the_worker_says_counts_where_no_stream_is_read() -> None:
    says = Spent(attempt=2, at=NOW, tokens=70, dollars=0.01)
    assert told(view(spent=says)) == Usage(tokens=70, dollars=0.01)
    assert told(view(spent=says, report=STREAM)) == STREAM
    assert told(view(spent=Spent(attempt=1, at=NOW, tokens=70))) == Usage()


def test_the_report_on_an_attempt_that_the_status_does_not_know_yet_waits() -> None:
    assert told(view(attempt=1, counted=1, report=STREAM, attempts=(1, 2))) == Usage()
    assert of_task(view(attempt=1, counted=1, report=STREAM, attempts=(1, 2)), NOW) == BEFORE


def test_what_is_counted_is_counted_once() -> None:
    assert of_newest(view(counted=2, report=STREAM), NOW) is None
    assert of_tasks([view(counted=2, report=STREAM), view(counted=2)], NOW) == BEFORE.plus(BEFORE)


def test_an_attempt_that_has_ended_and_is_not_counted_yet_takes_no_more_time() -> None:
    found = of_newest(view(ended=NOW - timedelta(seconds=10)), NOW)
    assert found and found.seconds == 20.0


@pytest.mark.parametrize(
    ("dollars", "unpriced", "said"),
    [
        (0, 0, ""),
        (1.234, 0, "$1.23"),
        (1204.5, 0, "$1,204.50"),
        (0.004, 0, "<$0.01"),
        (0, 5, "$?"),
        (1.23, 5, "$1.23+?"),
        (0.001, 5, "<$0.01+?"),
    ],
)
def test_a_cost_that_is_not_known_is_never_said_to_be_nothing(dollars: float, unpriced: int, said: str) -> None:
    assert cost_text(Usage(dollars=dollars, unpriced=unpriced)) == said


def test_nothing_is_nothing() -> None:
    assert dollars_text(0) == "$0.00"


def test_tokens_are_told_apart_where_anybody_does() -> None:
    assert tokens_text(STREAM) == "3,000 in (600 cached) · 150 out"
    assert tokens_text(Usage(input_tokens=9, output_tokens=40, reasoning_tokens=12)) == "9 in · 40 out (12 reasoning)"
    assert tokens_text(Usage(tokens=70)) == ""
