"""What a file says through its name for the `typing` module: where, in which scopes, in code and in quoted types.

Pure: text in, records out. A quoted type is a string where only a type can stand (`cast("t.IO[t.Any]", f)`); any
other string is text and is not looked into.
"""

import ast
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple, TypeGuard

from opsroom.demo.failures import NotPython, Refusal

__all__ = ["Positions", "Reference", "Survey", "is_from_typing", "survey"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Reference(NamedTuple):
    """One `t.Any`. `start` and `end` are offsets in characters from the beginning of the file."""

    name: str
    line: int
    start: int
    end: int
    quoted: bool
    editable: bool
    """Whether the text from `start` to `end` is this reference and can be replaced; not so inside an f-string."""
    node: ast.Attribute


@dataclass(frozen=True)
class Survey:
    """A parsed file and what its name for `typing` is used for. `alias` is empty if it has none."""

    tree: ast.Module
    positions: "Positions"
    alias: str = ""
    statement: ast.Import | None = None
    references: tuple[Reference, ...] = ()
    bare: tuple[int, ...] = ()
    """Lines that use the alias in any other way, so that its import must stay."""
    shadowed: tuple[int, ...] = ()
    """Lines of the functions in which the alias is something else."""
    bindings: Mapping[str, int] = field(default_factory=dict)
    """Names that the file binds anywhere, and the first line; not those bound to what `typing` calls so too."""
    imported: Mapping[str, str] = field(default_factory=dict)
    """Names that a `from typing import` at the top of the file binds, and what they are called in `typing`."""
    quoted: Mapping[int, ast.expr] = field(default_factory=dict)
    """The expressions of quoted types, by the `id` of their node in `tree`."""


def survey(source: str) -> Survey:
    """What `source` says through its name for `typing`.

    Raises `NotPython`, and `Refusal` where the name is bound to something else as well, in a way that leaves open
    which of the two is meant.
    """
    tree = _parse(source)
    positions = Positions(source)
    imported = _imported(tree)
    bindings: dict[str, int] = {}
    own = {id(statement) for statement in tree.body if is_from_typing(statement)}
    for node in ast.walk(tree):
        for name, line in _binds(node):
            if id(node) not in own or imported[name] != name:
                bindings[name] = min(line, bindings.get(name, line))
    found = [
        (statement, alias.asname or alias.name)
        for statement in tree.body
        if isinstance(statement, ast.Import)
        for alias in statement.names
        if alias.name == "typing"
    ]
    if len(found) > 1:
        raise Refusal(found[1][0].lineno, "typing is imported a second time")
    statement, alias = found[0] if found else (None, "")
    surveyor = _Surveyor(alias, source, positions, imported)
    surveyor.refuse_binding([node for node in tree.body if node is not statement])
    surveyor.visit(tree)
    return Survey(
        tree,
        positions,
        alias,
        statement,
        tuple(sorted(surveyor.references, key=lambda reference: reference.start)),
        tuple(surveyor.bare),
        tuple(surveyor.shadowed),
        bindings,
        imported,
        surveyor.quoted,
    )


class Positions:
    """Turns the positions of `ast`, a line from 1 and a column in bytes of UTF-8, into offsets in characters."""

    def __init__(self, source: str) -> None:
        self.lines = io.StringIO(source, newline="").readlines()
        self._starts = [0, *accumulate(len(line) for line in self.lines)]

    def offset(self, line: int, column: int) -> int:
        """The offset of byte `column` of `line`."""
        text = self.lines[line - 1]
        return self._starts[line - 1] + (column if text.isascii() else len(text.encode()[:column].decode()))

    def line_start(self, line: int) -> int:
        """The offset at which `line` begins; for the line after the last, the length of the file."""
        return self._starts[line - 1]

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        """The offsets at which `node` begins and ends."""
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self.offset(node.lineno, node.col_offset), self.offset(end_line, end_column)


def _binds(node: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that `node` itself binds, with their lines; not those bound inside it."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name, node.lineno
        case ast.arg(arg=name):
            yield name, node.lineno
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name, node.lineno
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            for item in names:
                yield item.asname or item.name.partition(".")[0], node.lineno
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name, node.lineno
        case ast.MatchMapping(rest=str(name)):
            yield name, node.lineno
        case _:
            return


class _Surveyor(ast.NodeVisitor):
    """Follows one alias through the scopes of a file. Inside a function that binds it, it stands for nothing here."""

    def __init__(self, alias: str, text: str, positions: Positions, imported: Mapping[str, str]) -> None:
        self.alias = alias
        self.imported = imported
        self.references: list[Reference] = []
        self.bare: list[int] = []
        self.shadowed: list[int] = []
        self.quoted: dict[int, ast.expr] = {}
        self._text, self._positions, self._base = text, positions, 0
        self._line = 0  # of the string that a quoted type stands in
        self._hidden = self._in_type = False
        self._editable = True

    def refuse_binding(self, body: Iterable[ast.AST]) -> None:
        """Raises `Refusal` if `body`, of a module or a class, binds the alias in its own scope."""
        for name, line in _own_bindings(body):
            if name == self.alias:
                raise Refusal(line, f"{name} is bound again here, and it cannot be told which {name} is meant where")

    # What a reference is

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id == self.alias and isinstance(node.ctx, ast.Load):
            if not self._hidden:
                self._record(node)
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id == self.alias and isinstance(node.ctx, ast.Load) and not self._hidden:
            self.bare.append(self._line or node.lineno)

    def _record(self, node: ast.Attribute) -> None:
        start = end = 0
        text = ""
        if self._editable:
            start, end = self._positions.span(node)
            text = self._text[start:end]
        editable = text == f"{self.alias}.{node.attr}"
        line = self._line or node.lineno
        self.references.append(
            Reference(node.attr, line, self._base + start, self._base + end, self._line > 0, editable, node)
        )

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        before, self._editable = self._editable, False  # before Python 3.12 positions inside an f-string are wrong
        self.generic_visit(node)
        self._editable = before

    # Scopes

    def visit_Global(self, node: ast.Global) -> None:
        if self.alias in node.names:
            raise Refusal(node.lineno, f"{self.alias} is bound again by a function, for the whole file")

    def visit_FunctionDef(self, node: _Function) -> None:
        self._visit_all([*node.decorator_list, *_defaults(node.args)])
        for argument in _arguments(node.args):
            self._visit_type(argument.annotation)
        self._visit_type(node.returns)
        self._enter(node.lineno, node.body, [argument.arg for argument in _arguments(node.args)])

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all(_defaults(node.args))
        self._enter(node.lineno, [node.body], [argument.arg for argument in _arguments(node.args)])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.refuse_binding(node.body)
        self.generic_visit(node)

    def visit_ListComp(self, node: _Comprehension) -> None:
        first = node.generators[0]
        self.visit(first.iter)  # belongs to the scope around
        parts: list[ast.AST] = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        for generator in node.generators:
            parts += [*generator.ifs, *([] if generator is first else [generator.iter])]
        targets = [target for generator in node.generators for target in ast.walk(generator.target)]
        self._enter(node.lineno, parts, [name for target in targets for name, _ in _binds(target)])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _enter(self, line: int, body: Iterable[ast.AST], names: Iterable[str]) -> None:
        body = list(body)
        before = self._hidden
        if self.alias in {*names, *(name for name, _ in _own_bindings(body))}:
            self.shadowed.append(line)
            self._hidden = True
        in_type, self._in_type = self._in_type, False
        self._visit_all(body)
        self._hidden, self._in_type = before, in_type

    # Types, quoted and not

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_type(node.annotation)
        self._visit_all([node.target, *([node.value] if node.value else [])])

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)
        if _last_name(node.value) == "Literal" or self._name_in_typing(node.value) == "Literal":
            before, self._in_type = self._in_type, False
            self.visit(node.slice)
            self._in_type = before
        elif self._name_in_typing(node.value):
            self._visit_type(node.slice)
        else:
            self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:
        before, self._in_type = self._in_type, False
        self.visit(node.func)
        name = self._name_in_typing(node.func) or _last_name(node.func)
        for number, argument in enumerate(node.args):
            is_type = (name == "cast" and number == 0) or (name in ("TypeVar", "NewType") and number > 0)
            self._visit_type(argument) if is_type else self.visit(argument)
        for keyword in node.keywords:
            is_type = name == "TypeVar" and keyword.arg in ("bound", "default")
            self._visit_type(keyword.value) if is_type else self.visit(keyword.value)
        self._in_type = before

    def visit_Constant(self, node: ast.Constant) -> None:
        if not self._in_type or not isinstance(node.value, str):
            return
        try:
            expression = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError):
            return
        self.quoted[id(node)] = expression
        before = self._text, self._positions, self._base, self._line, self._editable
        self._line = self._line or node.lineno
        if self._editable:
            start, end = self._positions.span(node)
            literal = self._text[start:end]
            self._editable = literal in (f'"{node.value}"', f"'{node.value}'")
            self._base += start + 1
        self._text, self._positions = node.value, Positions(node.value)
        self.visit(expression)
        self._text, self._positions, self._base, self._line, self._editable = before

    def _name_in_typing(self, node: ast.expr) -> str:
        """What `node` is called in `typing`; empty if it does not come from there."""
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module == self.alias and not self._hidden:
                return name
            case ast.Name(id=name):
                return self.imported.get(name, "")
            case _:
                return ""

    def _visit_type(self, node: ast.expr | None) -> None:
        if node is not None:
            before, self._in_type = self._in_type, True
            self.visit(node)
            self._in_type = before

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise NotPython(error.lineno or 1, f"not Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, nesting without bound
        raise NotPython(1, f"not Python: {str(error) or 'nested too deeply'}") from None


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_from_typing(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    """Whether `node` is a `from typing import`."""
    return isinstance(node, ast.ImportFrom) and node.module == "typing" and node.level == 0


def _imported(tree: ast.Module) -> dict[str, str]:
    return {
        alias.asname or alias.name: alias.name for node in tree.body if is_from_typing(node) for alias in node.names
    }


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    extra = [argument for argument in (arguments.vararg, arguments.kwarg) if argument is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra]


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(default for default in arguments.kw_defaults if default is not None)]


def _own_bindings(body: Iterable[ast.AST]) -> Iterator[tuple[str, int]]:
    """The names that a scope with this `body` binds itself, without those of the scopes in it."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, _COMPREHENSIONS):  # only `:=` reaches out of one
            waiting += [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]
            continue
        yield from _binds(node)
        if not isinstance(node, _SCOPES):
            waiting += ast.iter_child_nodes(node)
