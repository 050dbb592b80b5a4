import pytest

from tui.plot import number, numbers, plot
from tui.text import Line, plain, width


def drawn(lines: list[Line]) -> list[str]:
    return [plain(line).replace("\u2800", " ").rstrip() for line in lines]


def test_a_falling_metric_ends_low_at_the_right() -> None:
    assert drawn(plot([27, 26, 20, 12, 12, 3], 22, 4, goal=0)) == [
        "    27 ┤⠉⠉⠓⠒⢲",
        "       │    ⠈⠉⠉⡇",
        "       │       ⠉⠉⠉⠉⢹",
        "goal 0 ┤┄┄┄┄┄┄┄┄┄┄┄⠘⠒⠒",
    ]


@pytest.mark.parametrize("columns", [12, 22, 60, 200])
@pytest.mark.parametrize("rows", [2, 4, 12])
@pytest.mark.parametrize("many", [2, 3, 60, 10_000])
def test_it_keeps_to_its_room_and_begins_and_ends_at_the_edges(columns: int, rows: int, many: int) -> None:
    lines = plot([float(many - index) for index in range(many)], columns, rows)
    assert len(lines) == (rows if columns > 12 or many < 1_000 else 0)
    assert all(width(plain(line)) <= columns for line in lines)
    for text in map(plain, lines[:1] + lines[-1:]):
        assert set(text.partition("┤")[2]) != {"\u2800"}  # neither the highest nor the lowest falls off the edge
    if lines:
        assert plain(lines[0]).partition("┤")[2][0] != "\u2800"
        assert plain(lines[-1])[-1] != "\u2800"


def test_the_scale_says_highest_lowest_and_goal() -> None:
    lines = drawn(plot([10, 20, 15], 40, 5, goal=30))
    assert lines[0].startswith("goal 30 ┤┄")
    assert lines[-1].strip().startswith("10 ┤")


def test_a_metric_that_never_changes_is_a_level_line() -> None:
    assert drawn(plot([5, 5, 5], 20, 3)) == ["  │", "5 ┤" + "⠒" * 17, "  │"]


def test_one_value_is_no_line() -> None:
    assert plot([1.0], 40, 5) == []
    assert plot([1.0, 2.0], 9, 5) == []
    assert plot([1.0, 2.0], 40, 1) == []


def test_only_what_a_metric_may_be_counts() -> None:
    assert numbers(["27", "", "19.5", "nan", "inf", "1e400", "9e99", "many", "-3", "1" * 60]) == [27, 19.5, -3]
    assert number("\x1b[31m") is None
