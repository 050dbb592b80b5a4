"""What must be there inside a sandbox, of folders that it hides, for programs to run: found by following them.

A home directory holds keys and histories, and it holds tools: what is on PATH there, the interpreters that scripts
name, the environments and packages that a link leads into. Each of these is shown by itself, never a home as a whole.
What cannot be found by following (a file that a program opens by a path of its own) is named in `sandbox.readable`.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

__all__ = ["TOOL_ROOTS", "Reach", "ToolRoot", "tool_environment"]

HEAD = 8192
"""Bytes of a script that are looked at."""
ENTRIES = 5000
"""Of a folder on PATH, how many programs are followed."""
LINKS = 40
"""As many links on one path as the kernel follows."""
DISTRIBUTION = tuple(map(Path, ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/games")))
"""Folders on PATH with what the distribution installed, whose links and scripts stay within the system."""
BROAD = (".cache", ".config", ".local", ".local/share", ".local/state", ".var", "snap", "Library")
"""Folders of a home in which many programs keep what is theirs: none of these is ever shown as a whole."""
SECRET = (
    *(".aws", ".azure", ".docker", ".gnupg", ".kube", ".password-store", ".ssh", ".mozilla", ".thunderbird"),
    *(".config/gcloud", ".config/gh", ".config/op", ".local/share/keyrings", ".local/share/kwalletd", ".pki"),
)
"""Folders of a home of which nothing is ever shown because a program lies there."""
PREFIX = (
    *("bin", "sbin", "condabin", "lib", "lib32", "lib64", "libexec", "share", "include", "etc", "conf", "jmods"),
    *(
        "gems",
        "specifications",
        "extensions",
        "plugins",
        "build_info",
        "ssl",
        "pkg",
        "src",
        "misc",
        "release",
        "VERSION",
    ),
)
"""What belongs to an installation, beside the folder of its programs."""
SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
PROJECT = (".git", "pyproject.toml", "setup.py", "setup.cfg")
"""What lies at the top of a project in Python, where much else may lie that is not for everybody, such as `.env`."""
JAVASCRIPT = re.compile(rb"#![^\n]*\b(?:node|bun|deno|tsx)\b")
_MAPPED = re.compile(r": '(/[^'\n]+)'")
"""A package's place in a module that setuptools wrote."""
_ABSOLUTE = re.compile(rb"(?<![\w.~}/-])/[\w@%+,./-]+")


class ToolRoot(NamedTuple):
    """Where a version manager keeps its tools: below a home, unless a variable says otherwise."""

    variable: str
    """Set inside as well, since HOME is another one there; '' where there is none."""
    folder: str
    parts: tuple[str, ...] = ()
    """What of it is shown, as patterns; all where it is empty."""

    def found(self, home: Path, environment: Mapping[str, str]) -> tuple[Path, list[Path]]:
        """The folder, and what of it is there to be shown."""
        given = environment.get(self.variable, "") if self.variable else ""
        folder = Path(os.path.normpath(given if os.path.isabs(given) else home / self.folder))
        parts = [path for part in self.parts for path in folder.glob(part)]
        return folder, parts if self.parts else [folder] if folder.is_dir() else []


TOOL_ROOTS = (
    ToolRoot("RUSTUP_HOME", ".rustup"),
    ToolRoot("", ".cargo", ("bin",)),  # credentials.toml lies beside it
    ToolRoot("PYENV_ROOT", ".pyenv"),
    ToolRoot("NVM_DIR", ".nvm"),
    ToolRoot("FNM_DIR", ".local/share/fnm"),
    ToolRoot("VOLTA_HOME", ".volta"),
    ToolRoot("NODENV_ROOT", ".nodenv"),
    ToolRoot("BUN_INSTALL", ".bun", ("bin", "install/global")),
    ToolRoot("RBENV_ROOT", ".rbenv"),
    ToolRoot("GOENV_ROOT", ".goenv"),
    ToolRoot("", "go", ("bin", "pkg")),
    ToolRoot("", "sdk"),
    ToolRoot("ASDF_DATA_DIR", ".asdf"),
    ToolRoot("MISE_DATA_DIR", ".local/share/mise"),
    ToolRoot("SDKMAN_DIR", ".sdkman", ("bin", "candidates", "src", "etc")),
    ToolRoot("UV_PYTHON_INSTALL_DIR", ".local/share/uv/python"),
    ToolRoot("HOMEBREW_PREFIX", "../linuxbrew/.linuxbrew"),
    ToolRoot("PYTHONUSERBASE", ".local", ("lib/python3*",)),
)


def tool_environment(home: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables by which version managers find their tools below `home` though HOME is another folder."""
    found = {}
    for root in TOOL_ROOTS:
        folder, parts = root.found(home, environment)
        if root.variable and parts:
            found[root.variable] = str(folder)
    return found


@dataclass
class Reach:
    """Collects what of the folders `hidden` must be shown. `home` is the person's; `whole` is never shown whole."""

    hidden: tuple[Path, ...]
    home: Path
    whole: tuple[Path, ...] = ()
    shown: set[Path] = field(default_factory=set)
    links: dict[Path, str] = field(default_factory=dict)
    _followed: set[Path] = field(default_factory=set)
    _homes: tuple[Path, ...] = field(init=False)
    _never: set[Path] = field(init=False)
    _secret: set[Path] = field(init=False)

    def __post_init__(self) -> None:
        self._homes = (self.home, Path(os.path.realpath(self.home)))  # what is asked for later has no link left in it
        secret = {home / name for home in self._homes for name in SECRET}
        broad = {*self.hidden, *self.whole, *self._homes, *(home / name for home in self._homes for name in BROAD)}
        self._secret = secret
        self._never = broad | {above for path in broad | secret for above in path.parents}

    def hides(self, path: Path) -> bool:
        """Whether `path`, in which no link is left, would not be there inside."""
        return any(path == folder or folder in path.parents for folder in self.hidden)

    def show(self, path: Path) -> Path:
        """Has `path` shown, whatever it is, with the links that lead there; its real path. For what a person named."""
        real = self.real(path)
        if self.hides(real):
            self.shown.add(real)
        return real

    def offer(self, path: Path) -> None:
        """Has `path` shown as `show` does, but not if it is a home, holds one, or is a secret place in one."""
        self._add(self.real(path))

    def copy(self) -> "Reach":
        """Another one that has reached the same, so far."""
        return Reach(self.hidden, self.home, self.whole, set(self.shown), dict(self.links), set(self._followed))

    def real(self, path: Path) -> Path:
        """`path` with all links followed, each of which is remembered if it lies where it would be hidden."""
        done, left = Path("/"), list(reversed(path.parts[1:]))
        for _ in range(LINKS + len(left) * LINKS):
            if not left:
                break
            name = left.pop()
            if name == "..":
                done = done.parent
                continue
            here = done / name
            try:
                text = os.readlink(here)
            except OSError:
                done = here
                continue
            if self.hides(here):
                self.links[here] = text
            if text.startswith("/"):
                done = Path("/")
            left += [part for part in reversed(Path(text).parts) if part not in ("/", ".")]
        return done

    # ── what programs need ──────────────────────────────────────────────────────────────────────────────────

    def tools(self, environment: Mapping[str, str]) -> None:
        """Has everything on PATH reached, and the folders of version managers."""
        for root in TOOL_ROOTS:
            for part in root.found(self.home, environment)[1]:
                self._add(self.real(part))
        path = environment.get("PATH", os.defpath)
        for folder in dict.fromkeys(path.split(os.pathsep)):
            if os.path.isabs(folder):
                self._folder(Path(folder), path)

    def _folder(self, folder: Path, path: str) -> None:
        real = self.real(folder)
        if not real.is_dir():
            return
        self._add(real)
        if real in DISTRIBUTION or real.is_relative_to("/nix/store"):
            return
        with os.scandir(real) as entries:
            found = [real / entry.name for _, entry in zip(range(ENTRIES), entries, strict=False)]
        for program in found:
            if os.access(program, os.X_OK) and program.is_file():
                self.program(program, path)

    def program(self, program: Path, path: str) -> None:
        """Has reached what the file `program` needs to run: its installation, and whatever runs it if it is a script.

        `path` is where names of interpreters are looked up, as PATH says it.
        """
        place = self.real(program.parent) / program.name
        for _ in range(LINKS):
            if place in self._followed:
                return
            self._followed.add(place)
            self._environment(place)
            try:
                text = os.readlink(place)
            except OSError:
                break
            if self.hides(place):
                self.links[place] = text
            target = place.parent / text
            place = self.real(target.parent) / target.name
        try:
            with place.open("rb") as file:
                head = file.read(HEAD)
        except OSError:
            return
        if self.hides(place):
            for part in self._installation(place, head):
                self._add(part)
        if head.startswith(b"#!"):
            self._script(head, path)

    def _script(self, head: bytes, path: str) -> None:
        words = os.fsdecode(head[2:].partition(b"\n")[0]).split()
        if not words or not os.path.isabs(words[0]):
            return
        interpreter = Path(words[0])
        self.program(interpreter, path)
        if interpreter.name == "env":
            named = next((word for word in words[1:] if not word.startswith("-") and "=" not in word), "")
            found = shutil.which(named, path=path) if named else None
            if found:
                interpreter = Path(found)
                self.program(interpreter, path)
        if interpreter.name in SHELLS:  # a wrapper that hands over to another program
            for match in _ABSOLUTE.finditer(head):
                self.argument(os.fsdecode(match[0]), path)

    def argument(self, word: str, path: str) -> None:
        """Has reached what `word` of a command names, if that is the path of a program that would be hidden."""
        if not (os.path.isabs(word) and os.access(word, os.X_OK) and os.path.isfile(word)):
            return
        if self.hides(Path(os.path.realpath(word))) or self.hides(Path(os.path.normpath(word))):
            self.program(Path(word), path)

    def _environment(self, place: Path) -> None:
        """Shows the Python environment that `place` is a program of, and what it is made from."""
        folder = place.parent.parent
        try:
            text = (folder / "pyvenv.cfg").read_text("utf-8", "replace")
        except OSError:
            return
        if folder in self._followed:
            return
        self._followed.add(folder)
        self._add(folder)
        for line in text.splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home" and os.path.isabs(value.strip()):
                self.python(Path(value.strip()).parent)
        for site in sorted(folder.glob("lib/python*/site-packages")):
            self._added_paths(site)

    def python(self, prefix: Path) -> None:
        """Has the installation of Python in `prefix` reached."""
        real = self.real(prefix)
        if self.hides(real):
            for part in self._prefix(real):
                self._add(part)

    def _added_paths(self, site: Path) -> None:
        """Shows what is installed in `site` to be edited: the folders that `.pth` files name, and setuptools' way."""
        for file in sorted(site.glob("*.pth")):
            try:
                lines = file.read_text("utf-8", "replace").splitlines()
            except OSError:
                continue
            for line in lines:
                if os.path.isabs(line.strip()) and os.path.isdir(line.strip()):
                    self.source(Path(line.strip()))
        for finder in sorted(site.glob("__editable___*_finder.py")):
            try:
                text = finder.read_text("utf-8", "replace")
            except OSError:
                continue
            for place in _MAPPED.findall(text):  # each a package's folder, or a module without its suffix
                self.offer(Path(place if os.path.isdir(place) else f"{place}.py"))

    def source(self, folder: Path) -> None:
        """Shows `folder`, a place that Python imports from; of the top of a project the packages and modules alone."""
        real = self.real(folder)
        if not self.hides(real):
            return
        if self._may(real) and not any((real / name).exists() for name in PROJECT):
            self._add(real)
            return
        for entry in sorted(real.glob("*")):
            if entry.suffix in (".py", ".so") or (entry / "__init__.py").exists():
                self._add(self.real(entry))

    def _installation(self, file: Path, head: bytes) -> Iterator[Path]:
        """What belongs to the program `file`, as far as one sees it by where it lies and how it begins."""
        yield file
        if "node_modules" in file.parts:
            yield Path(*file.parts[: file.parts.index("node_modules") + 1])
            return
        packaged = bool(JAVASCRIPT.match(head)) or file.suffix in (".js", ".mjs", ".cjs")
        for folder in file.parents:
            if not self._may(folder):
                break
            if folder.name == "vendor" or (packaged and (folder / "package.json").is_file()):
                yield from self._package(folder)
                return
        if file.parent.name in ("bin", "sbin", "libexec"):
            yield from self._prefix(file.parent.parent)
        elif self._own_folder(file.parent):
            yield file.parent

    def _package(self, folder: Path) -> Iterable[Path]:
        """What to show of a package in `folder`: in a checkout (`npm link`) nothing whose name begins with a dot."""
        if not (folder / ".git").exists():
            return (folder,)
        return sorted(self.real(path) for path in folder.glob("*") if not path.name.startswith("."))

    def _prefix(self, prefix: Path) -> Iterable[Path]:
        if not self._may(prefix):
            return ()
        if (prefix / "conda-meta").is_dir() or self._own_folder(prefix):
            return (prefix,)
        return tuple(prefix / part for part in PREFIX if (prefix / part).exists())

    def _own_folder(self, folder: Path) -> bool:
        """Whether `folder` lies in a hidden place of a home (`~/.tool/…`), where programs keep their own."""
        below = next((folder.relative_to(home).parts for home in self._homes if home in folder.parents), ())
        return len(below) > 1 and below[0].startswith(".") and self._may(folder)

    def _add(self, path: Path) -> None:
        if not self.hides(path) or not self.shown.isdisjoint((path, *path.parents)):
            return
        if self._may(path) and os.path.exists(path):
            self.shown.add(path)

    def _may(self, path: Path) -> bool:
        """Whether `path` may be shown as a whole: it is no home, holds none, and is no secret place of one."""
        return path not in self._never and self._secret.isdisjoint((path, *path.parents))
