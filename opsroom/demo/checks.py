"""The checks of the demo's campaign: `python -m opsroom.demo.checks NAME [FILE]...` at the top of a worktree.

Exit status 0: it passes, or `metric` printed its number. 1: it fails, and the lines say where. 2: wrong use.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from opsroom.demo import history, package
from opsroom.demo.codemod import analyse
from opsroom.demo.columns import LIMIT, long_lines
from opsroom.demo.equivalence import difference
from opsroom.demo.failures import DemoError, NotPython, Refusal

__all__ = ["CHECKS", "columns", "compiles", "equivalent", "imports", "main"]

SHOWN = 8
"""Lines of a failure that are printed; the rest is counted."""
IMPORT_SECONDS = 60.0

_IMPORT = """
import importlib, pathlib, sys, traceback
top = pathlib.Path("src").resolve()
try:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    import click
    from click.testing import CliRunner
    if top not in pathlib.Path(click.__file__).resolve().parents:
        sys.exit(f"src/click:1: python imported click from {click.__file__} instead")

    @click.command()
    @click.option("--times", type=click.IntRange(1, 3), default=1)
    @click.argument("name")
    def hello(times, name):
        for _ in range(times):
            click.echo(f"hello {name}")

    runs = (["you", "--times", "2"], 0, "hello you\\nhello you\\n"), (["you", "--times", "9"], 2, "not in the range")
    for arguments, status, text in runs:
        result = CliRunner().invoke(hello, arguments)
        if result.exit_code != status or text not in result.output:
            raise result.exception or AssertionError(f"{arguments} printed {result.output!r}")
except Exception as error:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(top) in frame.filename]
    where = pathlib.Path(frames[-1].filename).relative_to(top.parent).as_posix() if frames else "src/click"
    line = frames[-1].lineno if frames else 1
    if isinstance(error, SyntaxError) and error.filename and str(top) in error.filename:
        where, line = pathlib.Path(error.filename).relative_to(top.parent).as_posix(), error.lineno
    sys.exit(f"{where}:{line}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
"""


def compiles(root: Path, names: Sequence[str]) -> list[str]:
    """What keeps the files `names` below `root` from being compiled; nothing is written."""
    faults = []
    for name in names:
        try:
            compile((root / name).read_bytes(), name, "exec", dont_inherit=True)
        except SyntaxError as error:
            faults.append(f"{name}:{error.lineno or 1}: {error.msg}")
        except (OSError, ValueError) as error:
            faults.append(f"{name}:1: {error}")
    return faults


def imports(root: Path, names: Sequence[str]) -> list[str]:
    """What goes wrong when the modules `names` below `root` are imported for real and a small command is run.

    A module that only Windows can import is left out.
    """
    modules = []
    for name in names:
        try:
            if analyse(package.read(root / name)[0]).windows_only and sys.platform != "win32":
                continue
        except NotPython as error:
            return [f"{name}:{error.line}: {error.reason}"]
        except Refusal:
            pass  # strange, but Python may import it
        modules.append(name.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-P", "-c", _IMPORT, *modules]
    try:
        done = subprocess.run(
            argv, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=IMPORT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return [f"{package.FOLDER}:1: still importing after {IMPORT_SECONDS:.0f} s"]
    if done.returncode:
        return done.stderr.strip().splitlines()[-1:] or [f"{package.FOLDER}:1: Python left with {done.returncode}"]
    return []


def columns(root: Path, names: Sequence[str]) -> list[str]:
    """The lines of the files `names` below `root` that are too long."""
    return [
        f"{name}:{line}: {count} columns, at most {LIMIT}"
        for name in names
        for line, count in long_lines(package.read(root / name)[0])
    ]


def equivalent(root: Path, names: Sequence[str]) -> list[str]:
    """Where the files `names` below `root` are another program than when git first saw them."""
    before = history.originals(root)
    faults = []
    for name in names:
        if name not in before:
            faults.append(f"{name}:1: git has no earlier version to compare with")
            continue
        try:
            found = difference(package.decode(before[name])[0], package.read(root / name)[0])
        except Refusal as error:
            faults.append(f"{name}:{error.line}: {error.reason}")
            continue
        if found is not None:
            faults.append(f"{name}:{found[0]}: not the program it was: {found[1]}")
    return faults


CHECKS: dict[str, Callable[[Path, Sequence[str]], list[str]]] = {
    "columns": columns,
    "compile": compiles,
    "equivalent": equivalent,
    "imports": imports,
}


def main(arguments: Sequence[str], root: Path) -> int:
    """Runs the check that `arguments` names, over the files that follow or the whole package; the exit status."""
    name, *given = arguments or [""]
    if name not in (*CHECKS, "metric"):
        sys.stderr.write(f"checks: no check {name!r}; there are {', '.join(sorted(CHECKS))} and metric\n")
        return 2
    try:
        present = package.files(root)
        if name == "metric":
            sys.stdout.write(f"{package.measure(root)}\n")
            return 0
        if missing := [item for item in given if item not in present]:
            raise DemoError(f"{missing[0]} is no Python file of {package.FOLDER}", todo="name it relative to the top")
        faults = CHECKS[name](root, given or present)
    except DemoError as error:
        sys.stderr.write(f"checks: {error}\n")
        return error.exit_status
    for line in faults[:SHOWN]:
        sys.stdout.write(f"{line}\n")
    if len(faults) > SHOWN:
        sys.stdout.write(f"and {len(faults) - SHOWN} more\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path.cwd()))
