"""The migration itself: `import typing as t` and `t.Any` become `from typing import Any` and `Any`. Pure.

It edits the text at the positions of the syntax tree, so that nothing else of a file changes. It is simple on
purpose: the new import is one line, however long.
"""

import ast
import builtins
import keyword
import typing
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from opsroom.demo.failures import Refusal
from opsroom.demo.survey import Positions, Survey, is_from_typing, survey

__all__ = ["Analysis", "Evidence", "analyse", "free_name", "migrate", "references"]

_WINDOWS_MODULES = frozenset({"_winapi", "msvcrt", "nt", "winreg", "winsound"})
_WINDOWS_CTYPES = frozenset({"WINFUNCTYPE", "WinDLL", "WinError", "oledll", "windll"})


class Evidence(NamedTuple):
    """A line of a file, counted from 1, and what stands there."""

    line: int
    text: str


@dataclass(frozen=True)
class Analysis:
    """What there is to migrate in a file, and what is in the way."""

    alias: str
    """What the file calls `typing`; empty if it does not import it as a module at its top."""
    names: Mapping[str, int]
    """How often each name is reached through the alias, the most frequent first."""
    quoted: int
    """How many of these references stand in quoted types."""
    collisions: Mapping[str, Evidence]
    """Names that the file binds to something else as well, and where."""
    fixed: frozenset[str]
    """Names that must stay behind the alias: this Python's `typing` lacks them, or they stand inside an f-string."""
    bare: tuple[int, ...]
    """Lines that use the alias other than for a name behind it."""
    shadowed: tuple[int, ...]
    """Lines of the functions where the alias is a variable of their own; these are left alone."""
    windows_only: Evidence | None
    """What keeps the file from being imported anywhere but on Windows."""

    @property
    def references(self) -> int:
        """How many references go through the alias."""
        return sum(self.names.values())

    @property
    def questionable(self) -> list[str]:
        """The names that a person must decide on: they collide, and nothing else keeps them behind the alias."""
        return [name for name in self.collisions if name not in self.fixed]


@lru_cache(maxsize=256)  # a worker meets the same text in its worktree and in git
def references(source: str) -> int:
    """How many references `source` makes through a name of its own for `typing`; 0 where these cannot be told.

    Raises `NotPython`.
    """
    try:
        return analyse(source).references
    except Refusal as refusal:
        if type(refusal) is not Refusal:
            raise
        return 0


def analyse(source: str) -> Analysis:
    """What `source` holds for `migrate`. Raises `NotPython`, or `Refusal` where the alias has two meanings."""
    return _analysis(survey(source))


def free_name(source: str, name: str) -> str:
    """A private name for `name` that `source` does not use: `_TypeVar`. Raises `NotPython`."""
    used = {node.id for node in ast.walk(survey(source).tree) if isinstance(node, ast.Name)}
    candidate = f"_{name}"
    while candidate in used:
        candidate = f"_{candidate}"
    return candidate


def migrate(source: str, keep: Collection[str] = frozenset(), alias: Mapping[str, str] | None = None) -> str:
    """`source` with each `t.Name` as `Name`, imported from `typing`; all else stays as it is, to the byte.

    `keep` names those that stay behind the module's alias, `alias` those that are imported under another name.
    The module's own import stays where something needs it. Raises `NotPython`, or `Refusal` where a new name would
    meet another of the same spelling.
    """
    surveyed = survey(source)
    analysis = _analysis(surveyed)
    renamed = {name: name for name in analysis.names} | dict(alias or {})
    taken = [name for name in analysis.names if name not in analysis.fixed and name not in keep]
    if not taken:
        return source
    for name in taken:
        _check_free(name, renamed[name], surveyed, analysis)
    if len({renamed[name] for name in taken}) < len(taken):
        raise Refusal(surveyed.statement.lineno if surveyed.statement else 1, "two names would be imported as one")
    edits = [(item.start, item.end, renamed[item.name]) for item in surveyed.references if item.name in taken]
    stays = bool(analysis.bare) or len(taken) < len(analysis.names)
    edits += _import_edits(surveyed, {renamed[name]: name for name in taken}, stays)
    parts, position = [], 0
    for start, end, text in sorted(edits):
        parts += [source[position:start], text]
        position = end
    return "".join([*parts, source[position:]])


def _analysis(surveyed: Survey) -> Analysis:
    names = Counter(item.name for item in surveyed.references)
    missing = {name for name in names if not hasattr(typing, name)}
    lines = surveyed.positions.lines
    return Analysis(
        alias=surveyed.alias,
        names=dict(sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))),
        quoted=sum(item.quoted for item in surveyed.references),
        collisions={
            name: Evidence(line, lines[line - 1].strip())
            for name, line in sorted(surveyed.bindings.items())
            if name in names
        },
        fixed=frozenset(missing | {item.name for item in surveyed.references if not item.editable}),
        bare=surveyed.bare,
        shadowed=surveyed.shadowed,
        windows_only=next(_windows_only(surveyed.tree, lines), None),
    )


def _windows_only(tree: ast.Module, lines: list[str]) -> Iterator[Evidence]:
    """The statements at the top level that fail anywhere else; not those behind an `if`."""
    for statement in tree.body:
        match statement:
            case ast.Assert(test=test):
                fails = ast.unparse(test) in ("sys.platform == 'win32'", "os.name == 'nt'")
            case ast.Import(names=names):
                fails = any(item.name in _WINDOWS_MODULES for item in names)
            case ast.ImportFrom(module=module, names=names):
                fails = module in _WINDOWS_MODULES or (
                    module == "ctypes" and any(item.name in _WINDOWS_CTYPES for item in names)
                )
            case _:
                fails = False
        if fails:
            yield Evidence(statement.lineno, lines[statement.lineno - 1].partition("#")[0].strip())


def _check_free(name: str, wanted: str, surveyed: Survey, analysis: Analysis) -> None:
    if wanted == name:
        if (evidence := analysis.collisions.get(name)) is not None:
            raise Refusal(
                evidence.line,
                f"{name} is bound to something else here: {evidence.text}",
                todo=f"keep {analysis.alias}.{name}, or import it under another name",
            )
        return
    if not wanted.isidentifier() or keyword.iskeyword(wanted):
        raise Refusal(1, f"{wanted!r} cannot be the name of {name}")
    used = {node.id for node in ast.walk(surveyed.tree) if isinstance(node, ast.Name)}
    if wanted in surveyed.bindings or wanted in used or hasattr(builtins, wanted):
        raise Refusal(surveyed.bindings.get(wanted, 1), f"{wanted} has a meaning here, it cannot be the name of {name}")


def _import_edits(surveyed: Survey, names: Mapping[str, str], stays: bool) -> Iterator[tuple[int, int, str]]:
    """Edits that bring `names`, each with what it is called in `typing`, and take the module's import away."""
    statement, positions = surveyed.statement, surveyed.positions
    if statement is None:
        return
    start, end = positions.span(statement)
    line_start, next_line = positions.line_start(statement.lineno), positions.line_start(statement.lineno + 1)
    line = positions.lines[statement.lineno - 1]
    alone = line.strip() == line[start - line_start : end - line_start]
    rest = [item for item in statement.names if item.name != "typing"]
    if not stays and not rest and not alone:  # a comment or another statement shares the line
        yield start, end, _from_typing(names)
        return
    if not stays:
        yield (start, end, ast.unparse(ast.Import(names=rest))) if rest else (line_start, next_line, "")
    wanted = {own: name for own, name in names.items() if surveyed.imported.get(own) != name}
    if not wanted:
        return
    block = _block(surveyed.tree, statement)
    for item in block:
        if is_from_typing(item) and _is_one_line(item, positions):
            present = {name.asname or name.name: name.name for name in item.names}
            yield *positions.span(item), _from_typing(present | wanted)
            return
    before = positions.line_start(_line_for_import(block, statement, len(positions.lines)))
    yield before, before, _from_typing(wanted) + (line[len(line.rstrip("\r\n")) :] or "\n")


def _block(tree: ast.Module, statement: ast.Import) -> list[ast.Import | ast.ImportFrom]:
    """The imports that stand in the lines next to `statement` without a gap, with it."""
    block: list[ast.Import | ast.ImportFrom] = []
    for item in tree.body:
        follows = not block or item.lineno == (block[-1].end_lineno or 0) + 1
        if not isinstance(item, ast.Import | ast.ImportFrom) or not follows:
            if statement in block:
                break
            block = []
        if isinstance(item, ast.Import | ast.ImportFrom):
            block.append(item)
    return block


def _is_one_line(item: ast.ImportFrom, positions: Positions) -> bool:
    return item.lineno == item.end_lineno and "(" not in positions.lines[item.lineno - 1] and item.names[0].name != "*"


def _line_for_import(block: list[ast.Import | ast.ImportFrom], statement: ast.Import, lines: int) -> int:
    """Before which line `from typing import` belongs: among the other `from` imports, by the module's name."""
    froms = [item for item in block if isinstance(item, ast.ImportFrom) and item.module != "__future__"]
    for item in froms:
        if item.level or (item.module or "").lower() > "typing":
            return item.lineno
    last = (froms or block)[-1]
    after = (last.end_lineno or last.lineno) + 1
    return after if after <= lines else statement.lineno


def _from_typing(names: Mapping[str, str]) -> str:
    """The import of `names` in the order that isort gives them: constants, classes, functions."""

    def order(pair: tuple[str, str]) -> tuple[int, str]:
        name = pair[1]
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    pairs = sorted(names.items(), key=order)
    return "from typing import " + ", ".join(name if own == name else f"{name} as {own}" for own, name in pairs)
