"""Three campaigns on the source of real packages, as a person would run them: `init`, `campaign new`, `campaign run`.

    python bench/real_campaigns.py [FOLDER] [NAME …]

FOLDER (a temporary one) is where the repositories lie and stay if it is given. pip downloads each package's source
distribution. Workers are scripts around ruff, in the sandbox where it works.

- `ruff`: each module of boltons gets `ruff check --fix`; ruff's own count is the metric, compiling all of it and the
  tests of the package are the checks.
- `forbid`: the same files; what ruff cannot fix the worker silences by `# noqa`, which the policy forbids: these are
  reverted, and the others land.
- `two-hundred`: 200 modules of docutils and its tests, two at a time, with one repair: a worker leaves a syntax error
  in each tenth at its first attempt.

Prints what came of each, and compares the tree with what its commits say.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

RUFF = [sys.executable, "-m", "ruff"]
COUNT = """\
import json, subprocess, sys
said = subprocess.run([*sys.argv[1:], "--output-format", "json"], capture_output=True, text=True).stdout
print(len(json.loads(said or "[]")))
"""
SELECT = "F401,F841,I,UP,C4,SIM,RET,PIE"
CHECK = f"{sys.executable} -m ruff check --isolated --quiet --select {SELECT}"
FIX = f'{CHECK} --fix --unsafe-fixes "$OPSROOM_ITEM"\n'
WORKERS = {
    "ruff": FIX,
    "forbid": f'{FIX}{CHECK} --add-noqa "$OPSROOM_ITEM"\n',
    "two-hundred": (
        f"{FIX}case $OPSROOM_INDEX$OPSROOM_ATTEMPT in\n"
        '    *01) echo "def broken(:" >> "$OPSROOM_ITEM"; opsroom note "Never end a file without a blank line.";;\n'
        '    *02) sed -i "/^def broken/d" "$OPSROOM_ITEM";;\n'
        "esac\n"
    ),
}


class Real(NamedTuple):
    """One campaign: its package, where its modules are, how many of them, and what it is made with."""

    package: str
    modules: str
    items: int
    options: tuple[str, ...]


TESTS = f"{sys.executable} -m pytest -q -p no:cacheprovider -x tests"
COMPILE = f"{sys.executable} -m compileall -q"
CAMPAIGNS = {
    "ruff": Real("boltons", "boltons", 60, ("--check", f"{COMPILE} boltons", "--check", TESTS)),
    "forbid": Real("boltons", "boltons", 60, ("--check", f"{COMPILE} boltons", "--forbid", "# noqa")),
    "two-hundred": Real("docutils", ".", 200, ("--check", f"{COMPILE} docutils", "--repairs", "1", "--at-once", "2")),
}


def run(*argv: str, cwd: Path, check: bool = True) -> str:
    """What a command prints; it must end well unless `check` is false."""
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def source(package: str, folder: Path) -> Path:
    """A git repository in `folder` with the source distribution of `package`."""
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    run(*pip, "--dest", str(downloads), package, cwd=folder)
    archive = max(downloads.glob(f"{package}-*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    (found,) = (folder / "source").iterdir()
    run("git", "init", "--quiet", "--initial-branch=main", cwd=found)
    run("git", "config", "user.name", "A Person", cwd=found)
    run("git", "config", "user.email", "person@localhost", cwd=found)
    run("git", "add", "--all", "--force", cwd=found)
    run("git", "commit", "--quiet", "--message", archive.name, cwd=found)
    return found


def campaign(name: str, real: Real, folder: Path) -> None:
    """Runs one campaign from nothing and prints what came of it."""
    repository = source(real.package, folder)
    worker, count = folder / "worker", folder / "count.py"
    worker.write_text(f"#!/bin/sh\n{WORKERS[name]}opsroom result success --summary done\n")
    worker.chmod(0o755)
    count.write_text(COUNT)
    opsroom = [sys.executable, "-m", "opsroom"]
    (repository / "opsroom.toml").write_text(
        f'[orchestrator]\nmax_workers = 2\n[agents.ruff]\ncommand = ["{worker}"]\n[sandbox]\nreadable = ["{folder}"]\n'
    )
    run(*opsroom, "init", cwd=repository)
    modules = sorted(path.relative_to(repository) for path in (repository / real.modules).rglob("*.py"))
    modules = [path for path in modules if (repository / path).stat().st_size][: real.items]
    queue = folder / "queue"
    queue.write_text("".join(f"{path}\n" for path in modules))
    metric = " ".join([sys.executable, str(count), *RUFF, "check", "--isolated", "--select", SELECT, real.modules])
    message = "{item}: ruff --fix"
    made = [*opsroom, "campaign", "new", name, "--queue", str(queue), "--metric", metric, "--message", message]
    run(*made, *real.options, cwd=repository)
    begin = time.perf_counter()
    process = subprocess.run(
        [*opsroom, "campaign", "run", name], cwd=repository, capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - begin
    print(f"── {name}: {len(modules)} items of {real.package}, exit status {process.returncode}, {taken:.0f} s")
    print("\n".join(process.stdout.splitlines()[-4:]))
    print(run(*opsroom, "campaign", "status", name, cwd=repository).rstrip())
    reverted = [line for line in process.stdout.splitlines() if "reverted" in line]
    print("\n".join(reverted[:3]))
    whole(repository, name)


def whole(repository: Path, name: str) -> None:
    """Looks that the branch is what its commits made it, and each of them is of one item."""
    commits = run("git", "rev-list", "--reverse", f"main..campaign/{name}", cwd=repository).split()
    for commit in commits:
        paths = run("git", "show", "--format=", "--name-only", commit, cwd=repository).split("\n")
        body = run(
            "git", "log", "-1", "--format=%(trailers:key=Opsroom-Item,valueonly)", commit, cwd=repository
        ).strip()
        if [path for path in paths if path] != [body]:
            sys.exit(f"{commit} changes {paths}, and its item is {body}")
    found = run("git", "fsck", "--strict", "--no-dangling", cwd=repository)
    print(f"{len(commits)} commits, each of its one item; git fsck: {found or 'clean'}")
    print(run(sys.executable, "-m", "opsroom", "campaign", "land", name, cwd=repository, check=False).rstrip())


def main(folder: Path, names: list[str]) -> None:
    for name in names or CAMPAIGNS:
        place = folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        campaign(name, CAMPAIGNS[name], place)


if __name__ == "__main__":
    os.environ.pop("OPSROOM_STATE_DIR", None)
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).resolve(), sys.argv[2:])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary), [])
