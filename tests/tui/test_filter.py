import pytest

from state.model import Status, Task
from state.views import TaskView
from tests.tui.builder import NOW
from tui.filter import parse

VIEW = TaskView(
    "typing-imports-003",
    Task(title="src/click/types.py", created=NOW, agent="codex", campaign="typing-imports", item="types"),
    Status(state="waiting", since=NOW, by="orchestrator"),
)


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("", True),
        ("s:", True),
        ("s:waiting", True),
        ("s:wait c:TYPING a:codex", True),
        ("click/types", True),
        ("003 s:waiting", True),
        ("s:running", False),
        ("c:strict", False),
        ("a:claude types", False),
        ("z:types", False),
        ("nowhere", False),
    ],
)
def test_every_term_must_hold(text: str, accepted: bool) -> None:
    assert parse(text).accepts(VIEW) is accepted


def test_a_filter_that_says_nothing_is_none() -> None:
    assert not parse("  ")
    assert not parse("c:")
    assert parse("x")
