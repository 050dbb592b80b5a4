import pytest

from opsroom.demo.codemod import analyse, migrate
from opsroom.demo.package import installed, read
from opsroom.demo.question import answer_in, decide, question

SOURCE = read(installed() / "shell_completion.py")[0]
ANALYSIS = analyse(SOURCE)
ASKED = question("src/click/shell_completion.py", SOURCE, ANALYSIS)
TWO = "import typing as t\n\nclass Any: ...\nclass IO: ...\nx: t.Any\ny: t.IO\n"


def test_the_question_says_what_collides_and_where_on_one_line() -> None:
    assert "binds TypeVar itself (line " in ASKED.text
    assert "from typing_extensions import TypeVar" in ASKED.text
    assert "\n" not in ASKED.text
    assert ASKED.options == ["import it as _TypeVar", "leave t.TypeVar as it is"]
    assert ASKED.default == ASKED.options[1]


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (ASKED.options[0], '_ValueT_co = _TypeVar("_ValueT_co", covariant=True)'),
        ("1", '_ValueT_co = _TypeVar("_ValueT_co", covariant=True)'),
        ("please import it as TV", '_ValueT_co = TV("_ValueT_co", covariant=True)'),
        (ASKED.options[1], '_ValueT_co = t.TypeVar("_ValueT_co", covariant=True)'),
        ("2", '_ValueT_co = t.TypeVar("_ValueT_co", covariant=True)'),
        ("whatever you like", '_ValueT_co = t.TypeVar("_ValueT_co", covariant=True)'),
        ("import it as os", '_ValueT_co = t.TypeVar("_ValueT_co", covariant=True)'),
    ],
)
def test_the_answer_decides_what_the_file_says(answer: str, line: str) -> None:
    decision = decide(answer, SOURCE, ANALYSIS)

    assert f"    {line}" in migrate(SOURCE, decision.keep, decision.alias).splitlines()


def test_a_name_that_is_taken_is_said_in_the_decision() -> None:
    assert decide("import it as os", SOURCE, ANALYSIS).words == (
        "left as before, since os has a meaning here, it cannot be the name of TypeVar"
    )


def test_several_names_are_one_question() -> None:
    asked = question("x.py", TWO, analyse(TWO))

    assert asked.options == ["import them as _Any and _IO", "leave t.Any and t.IO as they are"]
    assert decide(asked.options[0], TWO, analyse(TWO)).alias == {"Any": "_Any", "IO": "_IO"}
    assert decide(asked.options[1], TWO, analyse(TWO)).keep == {"Any", "IO"}


def test_the_answer_is_found_in_the_prompt() -> None:
    before = f"# Task\nQ: {ASKED.text}\nA: not here\n\n## Answers\nQ: other\nA: no\n"
    prompt = f"{before}Q: {ASKED.text}\nA: import it as T\n\n## Messages\nA: x\n"

    assert answer_in(prompt, ASKED.text) == "import it as T"


def test_an_answer_to_something_else_is_none() -> None:
    assert answer_in("## Answers\nQ: other\nA: no\n", ASKED.text) is None
    assert answer_in("", ASKED.text) is None
