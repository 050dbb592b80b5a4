"""Whether two spellings of a file are the same program, however each of them reaches into `typing`. Pure.

Both are brought into one form first: every name from `typing`, through the module or imported by itself, becomes
`typing.Name`, quoted types are opened, and the imports of `typing` are left out. Then the trees must be equal.
"""

import ast
from itertools import zip_longest

from opsroom.demo.survey import Survey, is_from_typing, survey

__all__ = ["difference"]


def difference(before: str, after: str) -> tuple[int, str] | None:
    """The first line of `after`, from 1, that does something else than `before`, and how it reads; None if none does.

    Raises `NotPython` or `Refusal`.
    """
    old, new = _canonical(survey(before)), _canonical(survey(after))
    if ast.dump(old) == ast.dump(new):
        return None
    line = _first_difference(old, new, 1) or 1
    lines = after.splitlines()
    return line, lines[line - 1].strip() if line <= len(lines) else ""


def _canonical(surveyed: Survey) -> ast.Module:
    tree = surveyed.tree
    kept: list[ast.stmt] = []
    for statement in tree.body:
        if statement is surveyed.statement:
            statement.names = [name for name in surveyed.statement.names if name.name != "typing"]
            if not statement.names:
                continue
        if not is_from_typing(statement):
            kept.append(statement)
    tree.body = kept
    result = _Canonical(surveyed).visit(tree)
    if not isinstance(result, ast.Module):
        raise TypeError(type(result))
    return result


class _Canonical(ast.NodeTransformer):
    """Writes each use of `typing` as `typing.Name` and opens quoted types."""

    def __init__(self, surveyed: Survey) -> None:
        self._references = {id(reference.node) for reference in surveyed.references}
        self._imported = surveyed.imported
        self._quoted = surveyed.quoted

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if id(node) in self._references:
            return _in_typing(node.attr, node)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self._imported:
            return _in_typing(self._imported[node.id], node)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if (expression := self._quoted.get(id(node))) is None:
            return node
        opened = ast.Call(func=ast.Name(id="<quoted>", ctx=ast.Load()), args=[self.visit(expression)], keywords=[])
        for inner in ast.walk(opened):  # lines inside a string are not those of the file
            if isinstance(inner, ast.expr):
                ast.copy_location(inner, node)
        return opened


def _in_typing(name: str, node: ast.expr) -> ast.AST:
    return ast.copy_location(ast.Attribute(ast.Name("typing", ast.Load()), name, ast.Load()), node)


def _first_difference(old: object, new: object, line: int) -> int:
    """The line of the first place where two trees differ, 0 if they are equal; `line` is that of the node around."""
    if isinstance(new, ast.AST):
        line = getattr(new, "lineno", line)
    if isinstance(old, ast.AST) and isinstance(new, ast.AST):
        if type(old) is not type(new):
            return line
        for name in old._fields:
            if found := _first_difference(getattr(old, name, None), getattr(new, name, None), line):
                return found
        return 0
    if isinstance(old, list) and isinstance(new, list):
        for one, other in zip_longest(old, new):
            if found := _first_difference(one, other, line):
                return found
        return 0
    return 0 if old == new and type(old) is type(new) else line
