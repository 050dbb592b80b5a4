"""What git is configured to do, by whom, and what of it runs a program that nobody but a worker may have named.

A repository's own configuration can name programs: filters, merge drivers, helpers. A worker that runs without a
sandbox can write there, so of what stands there the orchestrator's git runs only what stood there when an
orchestrator first looked at the repository, before any worker ran; anything else is put back to what the person's own
or the system's configuration says, or to something that does nothing (a filter passes content through unless it is
`required`, a merge driver reports a conflict). What the person or the system configured always runs: git-lfs works.

What stood there first is in a file of the state directory, as digests. Whoever installs a filter later deletes it:
the next orchestrator takes what it finds then. Looking costs a few calls of stat for each call of git, and 3 ms when
one of the files has changed.
"""

import hashlib
import os
import re
import subprocess
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from state import files
from state.errors import BadFile
from state.record import Record, Time, decode, encode
from state.times import utc_now

__all__ = ["Setting", "Trust", "harmless", "listed", "overrides", "trust", "written"]

OWN = frozenset({"local", "worktree"})
"""Scopes of the repository itself."""
SECONDS = 60.0


class Setting(NamedTuple):
    """One line of git's configuration."""

    scope: str
    """`system`, `global`, `local`, `worktree` or `command`."""
    key: str
    value: str | None
    """None where the key stands alone, which means yes."""


class Trust(Record):
    """`orchestrator/git.toml`: what of the repository's configuration names programs and is trusted."""

    since: Time
    """When an orchestrator first looked."""
    trusted: dict[str, list[str]] = {}
    """For each key the SHA-256 of its values."""


HARMLESS: tuple[tuple[str, str], ...] = (
    (r"filter\..+\.(clean|smudge|process)", ""),
    (r"merge\..+\.driver", "false"),
    (r"diff\..+\.textconv", "cat"),
    (r"diff\.(.+\.command|external)", "false"),
    (r"core\.sshcommand", "ssh"),
    (r"core\.(askpass|gitproxy)", ""),
    (r"core\.alternaterefscommand", "true"),
    (r"(core|sequence)\.editor", "true"),
    (r"(core\.pager|interactive\.difffilter)", "cat"),
    (r"pager\..+", "false"),
    (r"core\.attributesfile", ""),
    (r"core\.worktree", ""),
    (r"credential\.(.+\.)?helper", ""),
    (r"gpg\.((.+\.)?program|ssh\.defaultkeycommand)", "false"),
    (r"remote\..+\.(uploadpack|receivepack|vcs|promisor)", ""),
    (r"extensions\.partialclone", ""),
    (r"submodule\..+\.update", "none"),
    (r"trailer\..+\.(command|cmd)", "true"),
    (r"hook\..+\.command", "true"),
    (r"(difftool|mergetool|browser|man|guitool)\..+\.(cmd|path)", "true"),
    (r"lfs\.(.+\.)?standalonetransferagent", ""),
    (r"lfs\.customtransfer\..+\.path", "false"),
    (r"lfs\.extension\..+\.(clean|smudge)", "cat"),
)
"""Keys whose values name programs that git, or git-lfs below it, may run, and what takes their place."""
_NAMES_PROGRAM = [(re.compile(pattern), value) for pattern, value in HARMLESS]
_SAY_WHERE = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")
_INCLUDES = re.compile(r"include(if\..+)?\.path")


def harmless(key: str) -> str | None:
    """What takes the place of a value of `key`, or None for a key that names no program."""
    section, _, rest = key.partition(".")
    subsection, _, name = rest.rpartition(".")
    plain = ".".join(part for part in (section.lower(), subsection, name.lower()) if part)
    return next((value for pattern, value in _NAMES_PROGRAM if pattern.fullmatch(plain)), None)


def listed(folder: Path, environment: Mapping[str, str]) -> list[Setting] | None:
    """All that git in `folder` is configured to do, later ones count; None where it cannot be read."""
    argv = ["git", "config", "--list", "--includes", "--null", "--show-scope"]
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    words = done.stdout.split("\0")
    found = []
    for scope, line in zip(words[::2], words[1::2], strict=False):
        key, separator, value = line.partition("\n")
        found.append(Setting(scope, key, value if separator else None))
    return found


class _Places(NamedTuple):
    """Where the configuration of a repository lies."""

    git: Path
    common: Path
    files: tuple[Path, ...]


def written(found: Iterable[tuple[str, str | None]]) -> str:
    """Keys and values as a configuration file has them."""
    lines = []
    for key, value in found:
        section, _, rest = key.partition(".")
        subsection, _, name = rest.rpartition(".")
        head = f"[{section} {_quoted(subsection)}]" if subsection else f"[{section}]"
        lines.append(f"{head}\n\t{name}\n" if value is None else f"{head}\n\t{name} = {_quoted(value)}\n")
    return "".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


# ── what is trusted ─────────────────────────────────────────────────────────────────────────────────────────────

_TRUSTED: dict[Path, frozenset[tuple[str, str]]] = {}
"""For each repository, by its common git directory, the keys and digests that are trusted."""
_KNOWN: dict[Path, tuple[object, dict[str, str]]] = {}
"""For each folder, what was to be put back when the files were as the first part says."""
_LOOKING = threading.Lock()


def trust(repository: Path, root: Path, record: Path, environment: Mapping[str, str]) -> None:
    """Trusts of the configuration of `repository` what `record` says, a file below `root`.

    Where there is none, what is configured now is trusted, and written down. Raises `BadFile` and `CannotWrite`.
    """
    places = _places(repository)
    if places is None:
        return
    try:
        found = decode(Trust, files.read_text(root, record), files.relative(root, record))
    except BadFile as error:
        if not files.is_missing(error):
            raise
        found = Trust(since=utc_now(), trusted={})
        for key, digest in _naming_programs(listed(repository, environment) or []):
            found.trusted.setdefault(key, []).append(digest)
        files.replace(root, record, encode(found))
    with _LOOKING:
        _TRUSTED[places.common] = frozenset(
            (key, digest) for key, several in found.trusted.items() for digest in several
        )
        _KNOWN.clear()


def _naming_programs(found: Iterable[Setting]) -> list[tuple[str, str]]:
    return [
        (setting.key, _digest(setting.value))
        for setting in found
        if setting.scope in OWN and harmless(setting.key) is not None
    ]


def _digest(value: str | None) -> str:
    return hashlib.sha256((value or "").encode("utf-8", "surrogateescape")).hexdigest()


# ── what is put back ────────────────────────────────────────────────────────────────────────────────────────────


def overrides(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What is to be in the environment of git in `folder`, besides `environment`, by which it runs no program that
    the repository's configuration names and that is not trusted.

    A repository that nobody called `trust` for is trusted as it is at the first look.
    """
    places = _places(folder)
    if places is None:
        return {}
    state = (tuple(_stamp(path) for path in places.files), tuple(map(environment.get, _SAY_WHERE)))
    with _LOOKING:
        known = _KNOWN.get(folder)
        if known is not None and known[0] == state:
            return known[1]
    found = listed(folder, environment)
    if found is None:
        return {}  # and so the call itself fails, and says why
    with _LOOKING:
        trusted = _TRUSTED.get(places.common)
        if trusted is None:
            trusted = _TRUSTED[places.common] = frozenset(_naming_programs(found))
        put_back = _put_back(folder, places, found, trusted)
        if any(setting.scope in OWN and _INCLUDES.fullmatch(setting.key.lower()) for setting in found):
            _KNOWN.pop(folder, None)  # what it includes may change without a sign
        else:
            _KNOWN[folder] = (state, put_back)
    return put_back


def _put_back(
    folder: Path, places: _Places, found: list[Setting], trusted: frozenset[tuple[str, str]]
) -> dict[str, str]:
    named = [setting for setting in found if harmless(setting.key) is not None]
    good = [one for one in named if one.scope not in OWN or (one.key, _digest(one.value)) in trusted]
    doubtful = dict.fromkeys(setting.key for setting in named if setting not in good)
    options: list[tuple[str, str]] = []
    environment: dict[str, str] = {}
    for key in doubtful:
        if key == "core.worktree":  # it is read before any option is
            environment |= {"GIT_DIR": str(places.git), "GIT_WORK_TREE": str(folder)}
            continue
        if key.startswith(("remote.", "extensions.")):  # the first value counts there, not the last: nothing is fetched
            environment |= {"GIT_NO_LAZY_FETCH": "1"}
            options += [(f"protocol.{name}.allow", "never") for name in ("file", "git", "http", "https", "ssh")]
            continue
        theirs = [setting.value or "" for setting in good if setting.key == key]
        if key.endswith(".helper"):
            options += [(key, value) for value in ("", *theirs)]  # the empty one forgets those before
        elif theirs:
            options.append((key, theirs[-1]))
        else:
            options.append((key, _attributes() if key == "core.attributesfile" else harmless(key) or ""))
    for number, (key, value) in enumerate(options):  # not as `-c`: a name in a key may have a '=' in it
        environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return environment | ({"GIT_CONFIG_COUNT": str(len(options))} if options else {})


def _attributes() -> str:
    """The attributes file that git reads where none is configured."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "git", "attributes")


def _places(folder: Path) -> _Places | None:
    git = folder / ".git"
    if not git.is_dir():
        kind, _, path = _line(git).partition(": ")
        if kind != "gitdir":
            return None
        git = Path(folder, path)
    common = Path(git, _line(git / "commondir") or ".")
    home = Path(os.path.expanduser("~"))
    theirs = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "config"
    named = Path(os.environ.get("GIT_CONFIG_GLOBAL") or home / ".gitconfig")
    places = (folder / ".git", git / "commondir", common / "config", git / "config.worktree", named, theirs)
    return _Places(git, common.resolve(), places)


def _line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            return file.readline(8192).rstrip("\n")
    except (OSError, ValueError):
        return ""


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
