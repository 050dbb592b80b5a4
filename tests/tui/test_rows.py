from pathlib import Path

import pytest

from state.fleet import FleetReader
from state.model import Status, Task
from state.views import Fleet, TaskView
from tests.tui.builder import NOW, typing_imports
from tui.filter import Filter, parse
from tui.rows import build, moved


def view(name: str, state: str = "queued", **fields: object) -> TaskView:
    identity: dict[str, object] = {"title": name, "created": NOW} | fields
    return TaskView(name, Task(**identity), Status(state=state, since=NOW, by="o"))  # type: ignore[arg-type]


def fleet(*views: TaskView) -> Fleet:
    return Fleet(tasks={one.id: one for one in views})


def shape(found: Fleet, folded: frozenset[str] = frozenset(), chosen: Filter = Filter()) -> list[str]:  # noqa: B008
    return ["  " * row.depth + row.key.partition(":")[2] for row in build(found, folded, chosen)]


def test_campaigns_come_first_then_loose_tasks_and_what_needs_a_person_before_what_is_over() -> None:
    found = fleet(
        view("loose"),
        view("a2", "running", campaign="alpha", index=2),
        view("a1", "merged", campaign="alpha", index=1),
        view("a3", "stopped", campaign="alpha", index=3),
        view("a4", campaign="alpha", index=4),
    )
    assert shape(found) == ["alpha", "  a3", "  a2", "  a4", "  a1", "loose"]


def test_what_a_planner_planned_stands_below_it() -> None:
    found = fleet(view("root", "running"), view("part", parent="root"), view("deeper", parent="part"))
    assert shape(found) == ["root", "  part", "    deeper"]
    assert shape(found, frozenset({"task:part"})) == ["root", "  part"]


@pytest.mark.parametrize("parent", ["nobody", "a", "b"])
def test_a_parent_that_is_none_hides_nothing(parent: str) -> None:
    found = fleet(view("a", parent=parent), view("b", parent="a"))
    assert sorted(one.strip() for one in shape(found)) == ["a", "b"]


def test_a_filter_keeps_what_the_found_stand_below_and_unfolds() -> None:
    found = fleet(view("root", campaign="alpha"), view("part", parent="root", agent="codex"), view("other"))
    assert shape(found, frozenset({"task:root", "campaign:alpha"}), parse("a:codex")) == ["alpha", "  root", "    part"]


def test_a_change_of_age_or_usage_moves_nothing_and_one_of_state_does() -> None:
    before = view("a", "running")
    assert not moved(before, TaskView("a", before.task, Status(state="running", since=NOW, by="x", attempt=2)))
    assert moved(before, view("a", "merged"))
    assert moved(before, view("a", "running", campaign="other"))
    assert moved(None, before)
    assert moved(before, None)


def test_a_campaign_counts_by_its_queue(tmp_path: Path) -> None:
    built = typing_imports(tmp_path)
    reader = FleetReader(built.state)
    root = built.state.root
    reader.apply(frozenset(path.relative_to(root).as_posix() for path in root.rglob("*")))
    first = build(reader.fleet, frozenset(), Filter())[0]
    assert (first.key, first.done, first.total) == ("campaign:typing-imports", 2, 10)
