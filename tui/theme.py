"""Themes: TOML files in the package `themes` and in the user's configuration directory.

A theme has `name`, `dark`, optionally `ansi`, and two tables: `[colors]` with the colours of a Textual theme, and
`[variables]` with Textual's CSS variables and the few of `VARIABLES`.
"""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from textual.color import Color, ColorParseError
from textual.theme import Theme

from state.errors import Fault
from state.sanitize import clean_line

__all__ = ["FALLBACK", "VARIABLES", "Loaded", "default_name", "load", "parse", "user_folder"]

FALLBACK = "terminal"
"""The theme for a terminal whose background is not known."""
VARIABLES = {
    "page": "$surface",
    "bar": "$background",
    "quiet-text": "$text-muted",
    "quiet-style": "none",
    "head-style": "bold",
    "key-text": "$foreground",
    "key-style": "bold",
    "attention": "$text-warning",
    "trouble": "$text-error",
    "frame": "$border-blurred",
    "frame-focus": "$border",
    "cursor": "$primary",
    "cursor-text": "$foreground",
    "cursor-style": "none",
    "cursor-blurred": "$panel",
    "cursor-blurred-style": "none",
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "surface-active": "ansi_default",
    "foreground-disabled": "ansi_default",
}
"""Our own CSS variables, and what they are in a theme that does not set them; then those of Textual that it needs
and works out for no theme of the terminal's own colours."""
_COLORS = (
    "primary",
    "secondary",
    "warning",
    "error",
    "success",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "boost",
)
_STYLE = re.compile(r"(none|((bold|dim|italic|underline|reverse)( |$))+)")
_Problem = tuple[str, Any, str]
_LINE = re.compile(r"\(at line (\d+), column \d+\)$")


class Loaded(NamedTuple):
    """The themes that could be read, by name, and what is wrong with the files of the others."""

    themes: dict[str, Theme]
    faults: list[Fault]


def user_folder(environment: Mapping[str, str]) -> Path:
    """Where a person keeps themes: `$XDG_CONFIG_HOME/opsroom/themes`."""
    base = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    return Path(base) / "opsroom" / "themes"


def load(environment: Mapping[str, str]) -> Loaded:
    """Every theme, the user's over those of the same name that are shipped."""
    themes: dict[str, Theme] = {}
    faults: list[Fault] = []
    shipped = [(path.name, path) for path in resources.files("themes").iterdir() if path.name.endswith(".toml")]
    folder = user_folder(environment)
    try:
        own = [(str(path), path) for path in folder.iterdir() if path.name.endswith(".toml")]
    except OSError:  # most people have none
        own = []
    for name, path in (*sorted(shipped, key=lambda one: one[0]), *sorted(own, key=lambda one: one[0])):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(name, None, clean_line(str(error), 200)))
            continue
        found = parse(text, name)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            themes[found.name] = found
    return Loaded(themes, faults)


def default_name(environment: Mapping[str, str]) -> str:
    """The theme that suits the terminal's background, as far as `COLORFGBG` tells it."""
    if "NO_COLOR" in environment:
        return FALLBACK
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal():
        return FALLBACK
    return "opsroom-light" if int(background) in (7, 15) else "opsroom-dark"


def parse(text: str, path: str) -> Theme | Fault:
    """The theme that a TOML file holds, or what is wrong with it, with its line."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _LINE.search(str(error))
        return Fault(path, int(match[1]) if match else None, f"not TOML: {_LINE.sub('', str(error)).strip()[:200]}")
    except (RecursionError, ValueError) as error:
        return Fault(path, None, f"not TOML: {str(error)[:200]}")
    for key, value, problem in _problems(table):
        return Fault(path, _line_of(text, key), f"{key} = {str(value)[:40]!r}: {problem}")
    colors, variables = table.get("colors", {}), table.get("variables", {})
    return Theme(
        name=table["name"],
        dark=table.get("dark", True),
        ansi=table.get("ansi", False),
        variables=variables,
        **colors,
    )


def _problems(table: dict[str, Any]) -> Iterator[_Problem]:
    name = table.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", name):
        yield "name", name, "a name of 1 to 40 letters, digits, '-' or '_' is needed"
    for key, value in table.items():
        if key in ("dark", "ansi") and not isinstance(value, bool):
            yield key, value, "true or false is needed"
        elif key in ("colors", "variables") and not isinstance(value, dict):
            yield key, value, f"a table [{key}] is needed"
        elif key not in ("name", "dark", "ansi", "colors", "variables"):
            yield key, value, "unknown; name, dark, ansi, [colors] and [variables] are known"
    colors, variables = table.get("colors", {}), table.get("variables", {})
    yield from _color_problems(colors if isinstance(colors, dict) else {})
    yield from _variable_problems(variables if isinstance(variables, dict) else {})


def _color_problems(colors: dict[str, Any]) -> Iterator[_Problem]:
    if "primary" not in colors:
        yield "primary", None, "[colors] needs at least this one"
    for key, value in colors.items():
        if key not in _COLORS:
            yield key, value, f"no colour of a theme; those are {', '.join(_COLORS)}"
        elif problem := _not_a_color(value):
            yield key, value, problem


def _variable_problems(variables: dict[str, Any]) -> Iterator[_Problem]:
    for key, value in variables.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]*", key):
            yield key, value, "not the name of a variable"
        elif key.endswith("-style"):
            if not isinstance(value, str) or not _STYLE.fullmatch(value):
                yield key, value, "'none', or some of bold, dim, italic, underline, reverse, is needed"
        elif problem := _not_a_color(value):
            yield key, value, problem


def _not_a_color(value: object) -> str:
    if not isinstance(value, str):
        return "a colour in quotes is needed"
    color, _, alpha = value.partition(" ")
    if alpha and not re.fullmatch(r"\d{1,3}%", alpha):
        return "not a colour"
    try:
        if color != "auto":
            Color.parse(color)
    except ColorParseError:
        return "not a colour"
    return ""


def _line_of(text: str, key: str) -> int | None:
    found = re.search(rf"^[ \t]*\[?[ \t]*\"?{re.escape(key)}\"?[ \t]*[\]=]", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else None
