"""What a terminal says of itself is told, with what to do where that is little."""

import pytest

from opsroom.doctor.findings import OK, WARN
from opsroom.doctor.terminal import Terminal, findings

GOOD = Terminal(True, 120, 40, "utf-8")
PLAIN = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


def texts(environment: dict[str, str]) -> list[str]:
    return [one.text for one in findings(GOOD, PLAIN | environment)]


def test_a_good_terminal_has_nothing_to_mend() -> None:
    assert {one.verdict for one in findings(GOOD, PLAIN)} == {OK}
    assert texts({}) == ["120×40", "UTF-8", "16 million colours (xterm-256color)"]


def test_a_pipe_is_not_looked_at() -> None:
    (only,) = findings(GOOD._replace(is_one=False), {})
    assert only.verdict == OK


@pytest.mark.parametrize("size", [(79, 40), (80, 23), (40, 10)])
def test_a_small_one_is_said(size: tuple[int, int]) -> None:
    found = findings(GOOD._replace(columns=size[0], lines=size[1]), PLAIN)
    assert found[0].verdict == WARN


def test_a_size_that_the_environment_has_wrong_is_said() -> None:
    assert texts({"COLUMNS": "120", "LINES": "40"})[:2] == ["120×40", "UTF-8"]
    found = findings(GOOD, PLAIN | {"COLUMNS": "80"})[1]
    assert (found.verdict, found.text) == (WARN, "COLUMNS=80 is exported, and the terminal has 120")


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1", ""])
def test_characters_that_cannot_be_shown_are_said(encoding: str) -> None:
    found = findings(GOOD._replace(encoding=encoding), PLAIN)[1]
    assert found.verdict == WARN
    assert "LC_ALL" in found.todo


@pytest.mark.parametrize(
    ("environment", "verdict", "said"),
    [
        ({"TERM": "dumb"}, WARN, "TERM is dumb"),
        ({}, WARN, "TERM is not set"),
        ({"TERM": "linux"}, WARN, "16 colours"),
        ({"TERM": "xterm-256color"}, OK, "256 colours"),
        ({"TERM": "xterm-direct"}, OK, "16 million"),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, OK, "16 million"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, OK, "NO_COLOR"),
    ],
)
def test_colours(environment: dict[str, str], verdict: str, said: str) -> None:
    found = findings(GOOD, environment)[2]
    assert (found.verdict, said in found.text) == (verdict, True)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, "in tmux"),
        ({"STY": "1.pts-0"}, "in screen"),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "over SSH"),
        ({"TERM": "xterm-kitty"}, "Kitty's protocol"),
        ({"TERM_PROGRAM": "ghostty"}, "Kitty's protocol"),
        ({"TERM_PROGRAM": "WezTerm"}, "iTerm2's protocol"),
        ({"TERM": "foot"}, "Sixel"),
    ],
)
def test_what_is_in_between(environment: dict[str, str], said: str) -> None:
    assert any(said in text for text in texts(environment))
