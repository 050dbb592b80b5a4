import pytest

from opsroom.demo.equivalence import difference

BEFORE = "import typing as t\n\nx: t.Any = t.cast('t.IO[str]', 1)\n"


@pytest.mark.parametrize(
    "after",
    [
        "from typing import Any, IO, cast\nx: Any = cast('IO[str]', 1)\n",
        "import typing\nx: typing.Any = typing.cast('typing.IO[str]', 1)\n",
        "import typing as t\nfrom typing import IO as _IO, cast\nx: t.Any = cast('_IO[str]', 1)  # as before\n",
    ],
)
def test_another_spelling_is_the_same_program(after: str) -> None:
    assert difference(BEFORE, after) is None


@pytest.mark.parametrize(
    "after",
    [
        "from typing import Any, cast\n\nx: Any = cast('IO[str]', 1)\n",  # IO is not imported
        "from typing import IO, Any, cast\n\nx: Any = cast('t.IO[str]', 1)\n",  # t is gone
        "from typing import IO, Any, cast\n\nx: Any = cast('IO[str]', 2)\n",
        "from typing import IO, Final as Any, cast\n\nx: Any = cast('IO[str]', 1)\n",
        "from typing import IO, Any, cast\n\nx: Any = cast('IO[str]', 1); y = 2\n",
    ],
)
def test_another_program_is_found_with_its_line(after: str) -> None:
    found = difference(BEFORE, after)

    assert found is not None
    assert found[0] == 3
    assert found[1] == after.splitlines()[2]


def test_a_name_taken_by_another_module_is_no_spelling_of_it() -> None:
    before = "import typing as t\nfrom other import Any\nx: Any\ny: t.Any\n"
    after = "from typing import Any\nfrom other import Any\nx: Any\ny: Any\n"

    assert difference(before, after) == (3, "x: Any")
