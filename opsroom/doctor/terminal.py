"""What the terminal can show, as far as it says so: no terminal is asked anything that it would have to answer."""

import os
from collections.abc import Mapping
from typing import NamedTuple, TextIO

from opsroom.doctor.findings import Finding, ok, warn

__all__ = ["Terminal", "findings", "of"]

GROUP = "terminal"
LEAST = (80, 24)
"""Columns and lines for which the control room is made."""


class Terminal(NamedTuple):
    """What is known of the terminal besides its environment."""

    is_one: bool
    """Whether standard output is a terminal at all."""
    columns: int
    lines: int
    encoding: str
    """Of standard output."""


def of(output: TextIO) -> Terminal:
    """What is known of the terminal that `output` goes to, should it be one."""
    columns, lines = os.get_terminal_size(output.fileno()) if output.isatty() else (0, 0)
    return Terminal(output.isatty(), columns, lines, output.encoding or "")


def findings(terminal: Terminal, environment: Mapping[str, str]) -> list[Finding]:
    """Size, characters, colours, and what is in between."""
    if not terminal.is_one:
        return [ok(GROUP, "standard output is no terminal, so what it can show is not looked at")]
    return [*_size(terminal, environment), _characters(terminal), _colours(environment), *_between(environment)]


def _size(terminal: Terminal, environment: Mapping[str, str]) -> list[Finding]:
    said = f"{terminal.columns}×{terminal.lines}"
    small = terminal.columns < LEAST[0] or terminal.lines < LEAST[1]
    todo = f"{LEAST[0]}×{LEAST[1]} shows what matters, 120×40 two columns"
    found = [warn(GROUP, f"{said} is small", todo) if small else ok(GROUP, said)]
    for name, size in (("COLUMNS", terminal.columns), ("LINES", terminal.lines)):
        if environment.get(name, str(size)) != str(size):
            todo = f"'unset {name}', or programs draw for that"
            found.append(warn(GROUP, f"{name}={environment[name]} is exported, and the terminal has {size}", todo))
    return found


def _characters(terminal: Terminal) -> Finding:
    if terminal.encoding.lower().replace("-", "") != "utf8":
        todo = "set a UTF-8 locale, such as LC_ALL=C.UTF-8, or lines and signs will be garbled"
        return warn(GROUP, f"its characters are {terminal.encoding or 'not known'}", todo)
    return ok(GROUP, "UTF-8")


def _colours(environment: Mapping[str, str]) -> Finding:
    term, many = environment.get("TERM", ""), environment.get("COLORTERM", "").lower()
    if environment.get("NO_COLOR"):
        return ok(GROUP, "no colours, as NO_COLOR asks: state is said by signs and words")
    if term in ("", "dumb"):
        return warn(
            GROUP, f"TERM is {term or 'not set'}", "the control room needs a terminal; 'opsroom status' needs none"
        )
    if many in ("truecolor", "24bit") or "direct" in term:
        return ok(GROUP, f"16 million colours ({term})")
    if "256color" in term:
        return ok(GROUP, f"256 colours ({term}); COLORTERM=truecolor says that it has more")
    return warn(GROUP, f"TERM={term} may have 16 colours only", "--theme terminal uses no others")


def _between(environment: Mapping[str, str]) -> list[Finding]:
    """tmux, SSH, and pictures."""
    found = []
    if environment.get("TMUX"):
        found.append(ok(GROUP, "in tmux: 'set -s set-clipboard on' lets y copy through it"))
    elif environment.get("STY"):
        found.append(ok(GROUP, "in screen"))
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        found.append(ok(GROUP, "over SSH: the orchestrator and its workers go on when the connection ends"))
    if protocol := _pictures(environment):
        found.append(ok(GROUP, f"it can show pictures ({protocol}); captures are drawn in half blocks, as everywhere"))
    return found


def _pictures(environment: Mapping[str, str]) -> str:
    """How the terminal would show a picture, where its name tells."""
    program, term = environment.get("TERM_PROGRAM", ""), environment.get("TERM", "")
    if environment.get("KITTY_WINDOW_ID") or "kitty" in term or "ghostty" in (term, program):
        return "Kitty's protocol"
    if program in ("iTerm.app", "WezTerm"):
        return "iTerm2's protocol"
    if term.startswith(("foot", "mlterm")):
        return "Sixel"
    return ""
