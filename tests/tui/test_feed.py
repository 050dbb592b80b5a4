import time
from collections.abc import Callable
from pathlib import Path

from tests.tui.builder import FleetBuilder
from tui.feed import PORTION, Feed, _portions


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_slow_screen_gets_one_snapshot_with_all_that_changed(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    announced: list[int] = []
    feed = Feed(fleet.state, lambda: announced.append(1))
    feed.start()
    try:
        until(lambda: announced)
        for name in ("a", "b", "c"):
            fleet.task(name, "running")
        until(lambda: feed._offered and feed._offered.summary.running == 3)
        snapshot = feed.take()
        assert len(announced) == 1
        assert snapshot and snapshot.change.tasks == {"a", "b", "c"}
        assert snapshot.summary.running == 3
        fleet.status("b", "done")
        until(lambda: len(announced) == 2)
        snapshot = feed.take()
        assert snapshot and snapshot.change.tasks == {"b"}
    finally:
        feed.stop()


def test_a_portion_never_parts_a_task() -> None:
    paths = {
        f"tasks/t{number}{suffix}" for number in range(PORTION) for suffix in ("", "-x", "/task.toml", "/status.toml")
    }
    portions = list(_portions(frozenset(paths)))
    assert len(portions) > 1
    assert [more for _, more in portions] == [True] * (len(portions) - 1) + [False]
    seen: set[str] = set()
    for portion, _ in portions:
        names = {path.split("/")[1] for path in portion}
        assert not names & seen
        seen |= names
    assert frozenset().union(*(portion for portion, _ in portions)) == paths


def test_a_fault_of_the_reader_is_told_and_ends_nothing_else(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    announced: list[int] = []
    feed = Feed(fleet.state, lambda: announced.append(1))

    def broken(paths: frozenset[str]) -> object:
        raise RuntimeError("a bug")

    feed._reader.apply = broken  # type: ignore[assignment,method-assign]
    feed.start()
    until(lambda: announced)
    snapshot = feed.take()
    assert snapshot and snapshot.broken == "RuntimeError: a bug"
