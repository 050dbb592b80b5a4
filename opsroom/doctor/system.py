"""Python, what supervisors need of the kernel, and what is left of the machine."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from opsroom.doctor.findings import Finding, fail, ok
from orchestrator.config import Limits
from state.machine import amount

__all__ = ["machine", "process_findings", "processes", "python"]

SECONDS = 20.0
"""How long a program of ours may take that is over in a moment."""


def python(executable: str, environment: Mapping[str, str]) -> list[Finding]:
    """The interpreter, and whether a worker's verbs start in it wherever they are called."""
    group = "python"
    found = [ok(group, f"Python {'.'.join(map(str, sys.version_info[:3]))}, {executable}")]
    try:  # as bin/opsroom in the state directory does it, which is first on a worker's PATH
        done = subprocess.run(
            [executable, "-I", "-B", "-m", "opsroom", "--version"],
            cwd="/",
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [*found, fail(group, f"workers cannot start 'opsroom': {error}", "install opsroom again")]
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return [
            *found,
            fail(group, f"workers cannot start 'opsroom': {said}", "install it, such as by 'uv tool install .'"),
        ]
    return [*found, ok(group, f"{done.stdout.strip()}, also for workers")]


def processes(executable: str) -> list[Finding]:
    """Whether the kernel does what a supervisor relies on to leave nothing behind."""
    group = "processes"
    probe = Path(__file__).with_name("process_probe.py")
    process = subprocess.Popen(
        [executable, "-I", "-S", "-B", str(probe)],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        said = ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process_findings(group, said)


def process_findings(group: str, said: str) -> list[Finding]:
    """What the lines of `process_probe` mean."""
    tried = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    works = [name for name, why in tried.items() if not why]
    found = [ok(group, f"{', '.join(works)}: an attempt is ended with all that it started")] if works else []
    todo = "supervisors need it: use a kernel from 5.4 on, and a container whose seccomp profile allows it"
    for name in ("subreaper", "parent death signal", "pidfd"):
        if why := tried.get(name, "it was not found out within the time"):
            found.append(fail(group, f"{name} does not work: {why}", todo))
    return found


def machine(folder: Path, limits: Limits, now: datetime) -> list[Finding]:
    """What is left of the machine, with worktrees on the file system of `folder`, and whether that is enough."""
    from orchestrator.running.machine import Sampler, shortage

    group = "machine"
    sample = Sampler(folder, limits).sample(now, {})
    cores = "1 core" if sample.cores == 1 else f"{sample.cores} cores"
    said = (
        f"{amount(sample.memory_free_mib)} of {amount(sample.memory_total_mib)} memory and"
        f" {amount(sample.disk_free_mib)} of {amount(sample.disk_total_mib)} disk are free;"
        f" {cores}, load {sample.load:.1f}"
    )
    if why := shortage(sample, limits):
        return [fail(group, f"nothing would be launched: {why}", "free some, or lower the limit in opsroom.toml")]
    return [ok(group, said)]
