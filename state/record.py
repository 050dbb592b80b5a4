"""Records: typed TOML that keeps the keys it does not know.

`decode` gives a record or raises `BadFile` with file and line; `encode` writes every known and unknown key back.
"""

import re
import tomllib
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec

from state.errors import BadFile, Fault

__all__ = ["Count", "Record", "Time", "decode", "decode_table", "decode_text", "encode"]

Time = Annotated[datetime, msgspec.Meta(tz=True)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A TOML file of the protocol. `extra` holds the keys that this version does not know."""

    extra: dict[str, Any] = {}


R = TypeVar("R", bound=Record)
_TOML_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_PATH = re.compile(r"at `\$((?:\.[A-Za-z0-9_]++|\[(?:\d++|\.\.\.)\])++)`")
_PART = re.compile(r"\.\.\.|[A-Za-z0-9_]+")
_HEADER = re.compile(r"[ \t]*+(\[\[?+)[ \t]*+([^\]\n]++)\]")
_ASSIGNED = re.compile(r"""[ \t]*+((?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+'|[ \t]*+\.[ \t]*+)++)[ \t]*+=""")
_KEY = re.compile(r"""[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+'""")
_UNKNOWN = re.compile(r"unknown field `([^`\n]+)`")
DEPTH = 64
"""Tables and arrays within one another that a file may have, so that what was read can be compared and written."""
_DOTTED = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+)""" + f"{{{DEPTH}}}"
)
"""The beginning of a key with too many dots: tomllib takes time quadratic in them."""


def decode(kind: type[R], text: str, path: str) -> R:
    """The `kind` that the TOML `text` of the file `path` holds; raises `BadFile` with file and line."""
    if text.count(".") >= DEPTH and (match := _DOTTED.search(text)):
        line = text.count("\n", 0, match.start()) + 1
        raise BadFile(Fault(path, line, f"not TOML: more than {DEPTH} dots in a key"))
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_LINE.search(str(error))
        reason = _TOML_LINE.sub("", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        raise BadFile(Fault(path, line, f"not TOML: {reason[:200]}")) from None
    except (RecursionError, ValueError, OverflowError) as error:  # nesting and digits without bound
        raise BadFile(Fault(path, None, f"not TOML: {str(error)[:200] or 'nested too deeply'}")) from None
    return decode_table(kind, table, text, path)


def decode_table(kind: type[R], table: dict[str, Any], text: str, path: str) -> R:
    """The `kind` that a parsed `table` holds; `text` is searched for the line of a wrong key."""
    if _too_deep(table):
        raise BadFile(Fault(path, None, f"nested more than {DEPTH} deep"))
    try:
        record = msgspec.convert(_sorted_out(kind, table), kind)
    except msgspec.ValidationError as error:
        raise BadFile(Fault(path, _line_of(str(error), text), str(error)[:300])) from None
    if reason := _no_time(record):
        raise BadFile(Fault(path, _line_of(reason, text), reason))
    return record


def _no_time(record: Record, where: str = "$") -> str:
    """What is wrong with a time in `record`, or in one within it: of some years none other could be worked out."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, datetime) and not 1 < value.year < 9999:
            return f"the year {value.year} is out of range - at `{where}.{name}`"
        for index, inner in enumerate(value if isinstance(value, list) else [value]):
            at = f"{where}.{name}[{index}]" if isinstance(value, list) else f"{where}.{name}"
            if isinstance(inner, Record) and (reason := _no_time(inner, at)):
                return reason
    return ""


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


@cache
def _inner(kind: type[Record]) -> dict[str, type[Record]]:
    """The fields of `kind` that hold records, alone or in a list, each with the kind of these."""
    found = {}
    for name, hint in get_type_hints(kind).items():
        for part in (hint, *get_args(hint)):
            if isinstance(part, type) and issubclass(part, Record):
                found[name] = part
    return found


def _sorted_out(kind: type[Record], table: dict[str, Any]) -> dict[str, Any]:
    """`table` with the keys that `kind` does not know in `extra`, and so in every record within."""
    known = set(kind.__struct_fields__) - {"extra"}
    record = {key: value for key, value in table.items() if key in known}
    for name, inner in _inner(kind).items():
        value = record.get(name)
        if isinstance(value, dict):
            record[name] = _sorted_out(inner, value)
        elif isinstance(value, list):
            record[name] = [_sorted_out(inner, item) if isinstance(item, dict) else item for item in value]
    record["extra"] = {key: value for key, value in table.items() if key not in known}
    return record


def decode_text(kind: type[R], data: bytes, path: str) -> R:
    """As `decode`, from the bytes of a message that must be UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadFile(Fault(path, data.count(b"\n", 0, error.start) + 1, "not UTF-8")) from None
    return decode(kind, text, path)


def encode(record: Record) -> bytes:
    """`record` as TOML: fields that differ from their default, then the unknown keys. Times are written in UTC."""
    import tomli_w

    return tomli_w.dumps(_table(record)).encode("utf-8", "replace")


def _table(record: Record) -> dict[str, Any]:
    fields = {
        name: _plain(value)
        for name in record.__struct_fields__
        if name != "extra" and (value := getattr(record, name)) is not None
        if not _is_default(record, name, value)
    }
    return fields | record.extra


def _is_default(record: Record, name: str, value: Any) -> bool:
    for field in msgspec.structs.fields(record):
        if field.name == name:
            if field.default is not msgspec.NODEFAULT:
                return bool(value == field.default)
            if field.default_factory is not msgspec.NODEFAULT:
                return bool(value == field.default_factory())
    return False


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return _table(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def _line_of(message: str, text: str) -> int | None:
    """The line of the key that msgspec's `message` is about: its own, or that of the table where it should stand.

    Of the entries of a table with names of its own, msgspec does not tell which it means: where several could be, it
    is the first line of the table.
    """
    path: list[str | int] = []
    if match := _PATH.search(message):
        path = [int(part) if part.isdecimal() else part for part in _PART.findall(match[1])]
    if match := _UNKNOWN.search(message):
        path.append(match[1])
    if not path:
        return 1
    found: dict[int, list[int]] = {}
    table: list[str | int] = []
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        here: list[str | int]
        if header := _HEADER.match(line):
            names = tuple(_bare(name) for name in _KEY.findall(header[2]))
            if header[1] == "[[":
                counts[names] = counts.get(names, -1) + 1
            table = here = _with_indexes(names, counts)
        elif key := _ASSIGNED.match(line):
            here = [*table, *(_bare(name) for name in _KEY.findall(key[1]))]
        else:
            continue
        found.setdefault(_agreeing(here, path), []).append(number)
    deepest = max(found, default=0)
    if "..." in path and len(found.get(deepest, ())) > 1:
        deepest = min(depth for depth in found if depth)
    return found[deepest][0] if deepest else None


def _bare(name: str) -> str:
    return name[1:-1] if name[0] in "'\"" else name


def _with_indexes(names: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> list[str | int]:
    """The path of a table: its names, each array of tables with the number of the entry that was begun last."""
    path: list[str | int] = []
    for end in range(1, len(names) + 1):
        path.append(names[end - 1])
        if names[:end] in counts:
            path.append(counts[names[:end]])
    return path


def _agreeing(here: list[str | int], path: list[str | int]) -> int:
    """How many parts of `path` the line at `here` stands for; 0 where it is about something else."""
    for part, wanted in zip(here, path, strict=False):
        if wanted not in (part, "..."):
            return 0
    return min(len(here), len(path))
