import ast
from pathlib import Path

import pytest

from opsroom.demo.codemod import analyse, free_name, migrate, references
from opsroom.demo.equivalence import difference
from opsroom.demo.failures import NotPython, Refusal
from opsroom.demo.package import installed, read

FILES = sorted(installed().rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_of_click_is_the_same_program_afterwards(path: Path) -> None:
    source, _ = read(path)
    analysis = analyse(source)

    migrated = migrate(source, keep=frozenset(analysis.collisions))

    assert difference(source, migrated) is None
    assert references(migrated) == sum(analysis.names[name] for name in analysis.collisions)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_lines_with_a_reference_or_the_import_change(path: Path) -> None:
    source, _ = read(path)
    analysis = analyse(source)

    after = set(migrate(source, keep=frozenset(analysis.collisions)).splitlines())

    gone = [line for line in source.splitlines() if line not in after]
    assert all(f"{analysis.alias}." in line or line == f"import typing as {analysis.alias}" for line in gone)
    assert len(gone) <= analysis.references + 1


def test_the_import_stands_where_a_person_would_put_it() -> None:
    source = (
        "import os\nimport typing as t\nfrom abc import ABC\nfrom weakref import ref\n\nx: t.Any\ny = t.cast(int, x)\n"
    )

    assert migrate(source).splitlines() == [
        "import os",
        "from abc import ABC",
        "from typing import Any, cast",
        "from weakref import ref",
        "",
        "x: Any",
        "y = cast(int, x)",
    ]


def test_an_import_from_the_package_itself_stays_below() -> None:
    source = "from __future__ import annotations\nimport typing as t\nfrom .core import run\n\nx: t.Any = run()\n"

    assert migrate(source).splitlines()[:3] == [
        "from __future__ import annotations",
        "from typing import Any",
        "from .core import run",
    ]


def test_names_join_an_import_that_is_there_already() -> None:
    source = "import typing as t\nfrom typing import Any  # as ever\n\nx: Any\ny: t.IO[Any]\nz: t.Any\n"

    assert migrate(source) == "from typing import IO, Any  # as ever\n\nx: Any\ny: IO[Any]\nz: Any\n"


def test_line_ends_comments_and_letters_beyond_ascii_stay() -> None:
    source = 'import typing as t\r\n\r\nx = "t.Any ä"; y: t.Any = t.cast("t.Any", "€")  # t.Any ü\r\n'

    assert migrate(source) == (
        'from typing import Any, cast\r\n\r\nx = "t.Any ä"; y: Any = cast("Any", "€")  # t.Any ü\r\n'
    )


def test_the_module_may_have_any_name() -> None:
    assert migrate("import typing\nx: typing.Any\n") == "from typing import Any\nx: Any\n"
    assert migrate("import os, typing as ty\n\nx: ty.Any = os\n") == (
        "import os\nfrom typing import Any\n\nx: Any = os\n"
    )


def test_a_comment_beside_the_import_stays_beside_it() -> None:
    assert migrate("import typing as t  # why\n\nx: t.Any\n") == "from typing import Any  # why\n\nx: Any\n"


def test_the_module_is_still_imported_where_something_needs_it() -> None:
    source = "import typing as t\n\nx: t.Any\nhints = vars(t)\n"

    assert migrate(source) == "import typing as t\nfrom typing import Any\n\nx: Any\nhints = vars(t)\n"


def test_a_kept_name_keeps_the_import() -> None:
    source = "import typing as t\n\nx: t.Any\nT = t.TypeVar('T')\n"

    assert migrate(source, keep={"TypeVar"}) == (
        "import typing as t\nfrom typing import Any\n\nx: Any\nT = t.TypeVar('T')\n"
    )


def test_a_name_can_be_imported_under_another() -> None:
    source = "import typing as t\n\nT = t.TypeVar('T')\nclass TypeVar: ...\n"

    assert migrate(source, alias={"TypeVar": free_name(source, "TypeVar")}) == (
        "from typing import TypeVar as _TypeVar\n\nT = _TypeVar('T')\nclass TypeVar: ...\n"
    )


def test_a_name_that_is_taken_is_refused_with_the_line() -> None:
    source = "import typing as t\n\nclass Any: ...\nx: t.Any\n"

    with pytest.raises(Refusal, match=r"line 3: Any is bound to something else here: class Any"):
        migrate(source)
    with pytest.raises(Refusal, match="x has a meaning here"):
        migrate(source, alias={"Any": "x"})
    with pytest.raises(Refusal, match="'not so' cannot be the name of Any"):
        migrate(source, alias={"Any": "not so"})


@pytest.mark.parametrize(
    "line", ["t = 1", "for t in x: ...", "def t(): ...", "class C:\n    t = 1", "def f():\n    global t"]
)
def test_an_alias_that_is_bound_again_for_the_file_is_refused(line: str) -> None:
    source = f"import typing as t\n\nx: t.Any\n{line}\n"

    with pytest.raises(Refusal, match="t is bound again"):
        migrate(source)
    assert references(source) == 0


@pytest.mark.parametrize(
    "scope",
    [
        "def f(t): return t.Any",
        "def f():\n    t = g()\n    return t.Any",
        "def f(*, t):\n    def g(): return t.Any\n    return g",
        "f = lambda t: t.Any",
        "f = [t.Any for t in x]",
        "def f():\n    with g() as t: return t.Any",
        "def f():\n    import tomllib as t\n    return t.Any",
        "def f():\n    try: ...\n    except E as t: return t.Any",
        "def f(x):\n    match x:\n        case [*t]: return t.Any",
        "def f():\n    [t := y for y in x]\n    return t.Any",
    ],
)
def test_where_the_alias_is_a_variable_it_is_left_alone(scope: str) -> None:
    source = f"import typing as t\n\nx: t.Any\n{scope}\n"

    assert migrate(source) == f"from typing import Any\n\nx: Any\n{scope}\n"
    assert len(analyse(source).shadowed) >= 1


def test_the_signature_of_a_function_belongs_to_the_scope_around_it() -> None:
    source = "import typing as t\n\ndef f(t: t.Any = t.cast) -> t.Any: return t\n"

    assert migrate(source) == "from typing import Any, cast\n\ndef f(t: Any = cast) -> Any: return t\n"


def test_quoted_types_are_code_and_other_strings_are_not() -> None:
    source = (
        "import typing as t\n\n"
        "x: 't.Any' = t.cast(\"t.IO[t.Any]\", 't.Any')\n"
        "T = t.TypeVar('T', bound='t.Any')\n"
        "L = t.Literal['t.Any']\n"
        '"""t.Any"""\n'
    )

    assert migrate(source).splitlines()[1:] == [
        "",
        "x: 'Any' = cast(\"IO[Any]\", 't.Any')",
        "T = TypeVar('T', bound='Any')",
        "L = Literal['t.Any']",
        '"""t.Any"""',
    ]
    assert analyse(source).quoted == 4


def test_what_cannot_be_replaced_by_position_stays() -> None:
    source = 'import typing as t\n\nx: t.IO\ny = f"{t.Any} {t.Any!r}"\nz: "t." "Final"\n'

    assert migrate(source) == (
        'import typing as t\nfrom typing import IO\n\nx: IO\ny = f"{t.Any} {t.Any!r}"\nz: "t." "Final"\n'
    )
    assert analyse(source).fixed == {"Any", "Final"}


def test_a_name_that_this_python_lacks_stays_behind_the_module() -> None:
    source = "from __future__ import annotations\nimport typing as t\n\nx: t.FromTheFuture\ny: t.Any\n"

    assert "t.FromTheFuture" in migrate(source)


def test_only_windows_can_import_what_says_so_at_its_top() -> None:
    found = analyse("import sys\nassert sys.platform == 'win32'  # really\n").windows_only

    assert found is not None
    assert found == (2, "assert sys.platform == 'win32'")
    assert analyse("from ctypes import windll\n").windows_only == (1, "from ctypes import windll")
    assert analyse("import os\nif os.name == 'nt':\n    import msvcrt\n").windows_only is None


@pytest.mark.parametrize("source", ["def f(:", "x = 1\0", "(" * 1000])
def test_what_is_not_python_is_said_to_be_none(source: str) -> None:
    with pytest.raises(NotPython, match=r"line 1: not Python"):
        references(source)


def test_a_second_run_finds_nothing_to_do() -> None:
    source = read(installed() / "core.py")[0]
    migrated = migrate(source)

    assert migrate(migrated) == migrated
    assert ast.parse(migrated)
