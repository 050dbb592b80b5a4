"""The package that the demo works on: click's source, copied to `src/click/` of a repository, and its files there."""

import tokenize
from dataclasses import dataclass
from importlib import util
from io import BytesIO
from pathlib import Path

from opsroom.demo.codemod import references
from opsroom.demo.failures import DemoError, NotPython

__all__ = ["FOLDER", "Copied", "copy_source", "decode", "files", "installed", "measure", "read", "write"]

FOLDER = "src/click"
"""Where the package lies in the demo's repository."""


@dataclass(frozen=True)
class Copied:
    """What `copy_source` wrote: the package's version, and the files relative to the target, with slashes."""

    version: str
    files: list[str]


def installed() -> Path:
    """The folder of the installed click, which is not imported. Raises `DemoError`."""
    spec = util.find_spec("click")
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise DemoError("the source of click is not on this disk", todo="install click from a wheel")
    return Path(spec.origin).parent


def copy_source(target: Path) -> Copied:
    """Copies the source and the licence of the installed click to `target`/src/click, and writes nothing else.

    Raises `DemoError`, also where `target`/src/click is there already.
    """
    from importlib import metadata

    source, folder = installed(), target / FOLDER
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise DemoError(f"{folder} is there already", todo="name an empty directory") from None
    except OSError as error:
        raise DemoError(f"cannot write to {target}: {error.strerror}") from None
    copies = {folder / path.relative_to(source): path for path in [*source.rglob("*.py"), source / "py.typed"]}
    distribution = metadata.distribution("click")
    for entry in distribution.files or []:
        if entry.name.upper().startswith(("LICENSE", "LICENCE")) and ".dist-info" in entry.parts[0]:
            copies[folder / entry.name] = Path(str(distribution.locate_file(entry)))
    written = []
    for path, original in sorted(copies.items()):
        if original.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(original.read_bytes())
            written.append(path.relative_to(target).as_posix())
    return Copied(distribution.version, written)


def files(root: Path) -> list[str]:
    """The Python files of the package below `root`, relative to it, in order. Raises `DemoError` if it has none."""
    found = sorted(path.relative_to(root).as_posix() for path in (root / FOLDER).rglob("*.py") if path.is_file())
    if not found:
        raise DemoError(f"no Python files in {root / FOLDER}", todo="run this at the top of the demo's worktree")
    return found


def measure(root: Path) -> int:
    """The campaign's metric: how many references to `typing` through the module are left in the package.

    Raises `DemoError`, and `NotPython` with the file's name.
    """
    total = 0
    for name in files(root):
        try:
            total += references(read(root / name)[0])
        except NotPython as error:
            raise NotPython(error.line, f"{name}: {error.reason}") from None
    return total


def read(path: Path) -> tuple[str, str]:
    """The text of a Python file, its line ends as they are, and its encoding. Raises `DemoError` or `NotPython`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DemoError(f"cannot read {path}: {error.strerror}") from None
    return decode(data)


def decode(data: bytes) -> tuple[str, str]:
    """The text of the bytes of a Python file and its encoding. Raises `NotPython`."""
    try:
        encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        return data.decode(encoding), encoding
    except (SyntaxError, UnicodeDecodeError) as error:
        raise NotPython(1, f"not Python: {error}") from None


def write(path: Path, text: str, encoding: str) -> None:
    """Writes `text` over the file at `path`. Raises `DemoError`."""
    try:
        path.write_bytes(text.encode(encoding))
    except OSError as error:
        raise DemoError(f"cannot write {path}: {error.strerror}") from None
