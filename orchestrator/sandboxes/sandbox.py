"""bubblewrap: whether it works on this machine, and the command line that runs one program in it.

What the program may see and write is a `Box`; `argv` makes bubblewrap's arguments of it and touches nothing. Which
paths these are is found out in `sandboxes.enclosure`.

The environment is no part of it: bubblewrap is started with exactly the one that the program is to have, so that no
value of a variable ever stands on a command line.
"""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["STATUS_FD", "Box", "Mount", "Probe", "argv", "probe"]

STATUS_FD = 3
"""On which a supervisor hears from bubblewrap."""
PROBE_SECONDS = 20.0
"""How long bubblewrap is tried for: where it is taken for broken workers may run in none, and machines are busy."""
KERNEL = ("acpi", "bus", "fs", "irq", "mtrr", "pressure", "scsi", "sys", "sysrq-trigger")
"""What root may write in /proc by being root, without any capability: `kernel.core_pattern` alone is a way out."""
ISOLATED = (
    *("--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--cap-drop", "ALL"),  # started by root, bubblewrap leaves all of them otherwise
    # Should a worker signal its own process group (`kill 0`), bubblewrap outside must not be in it.
    *("--new-session", "--die-with-parent"),
)


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether bubblewrap works here."""

    works: bool
    why: str = ""
    """Where it does not: one sentence with what to do about it."""
    version: str = ""
    program: str = ""
    """The path of `bwrap`."""


@dataclass(frozen=True, slots=True)
class Mount:
    """What stands at `source` on the machine appears at `target` inside."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Box:
    """What a program inside may see and write. All paths are absolute, and none of them leads over a link."""

    argv: tuple[str, ...]
    cwd: Path
    hidden: tuple[Path, ...]
    """Folders whose content is not there, but for what is named below."""
    scratch: tuple[Path, ...]
    """The same, but they can be written to; what is written there lies in memory and goes with the sandbox."""
    readable: tuple[Path, ...]
    """Files and folders to be there as they are, read-only. What is not hidden is there anyway."""
    writable: tuple[Path, ...]
    replaced: tuple[Mount, ...] = ()
    """Files and folders to be there, read-only, with the content of others."""
    links: tuple[tuple[Path, str], ...] = ()
    """Symbolic links in hidden folders, each with what it says."""
    network: bool = True


def argv(program: str, box: Box, status: int | None = None) -> list[str]:
    """The command line that runs `box.argv` in `box` by `program`, which is `bwrap`.

    `status` is a file descriptor on which it says, as JSON, which process is the first inside and how it ended.
    """
    placed: dict[Path, tuple[str, ...]] = {}
    for path in box.scratch:
        placed[path] = ("--tmpfs", str(path))
    for path in box.hidden:
        placed[path] = ("--tmpfs", str(path))
    for path in box.readable:
        placed[path] = _shown(path)
    for path in box.writable:
        placed[path] = ("--bind", str(path), str(path))
    for mount in box.replaced:
        placed[mount.target] = ("--ro-bind", str(mount.source), str(mount.target))
    shown = {*box.readable, *box.writable}
    for link, text in box.links:
        if link not in placed and shown.isdisjoint(link.parents):
            placed[link] = ("--symlink", text, str(link))
    arguments = [program, *_system(), *ISOLATED, *([] if box.network else ["--unshare-net"])]
    hidden = []
    for path in sorted(placed, key=lambda path: path.parts):  # a folder before what is in it
        above = next((folder for folder in path.parents if folder in placed), Path("/"))
        is_hidden = path in box.hidden and placed[path][0] == "--tmpfs"
        is_shown = placed[path] == _shown(path) and placed.get(above) == _shown(above)
        if (is_hidden and above in hidden) or is_shown:
            continue  # it is so already
        arguments += placed[path]
        if is_hidden:
            hidden.append(path)
    for path in hidden:
        arguments += ["--remount-ro", str(path)]  # to write there must fail, not vanish
    told = [] if status is None else ["--json-status-fd", str(status)]
    return [*arguments, *told, "--chdir", str(box.cwd), "--", *box.argv]


def _shown(path: Path) -> tuple[str, ...]:
    return ("--ro-bind", str(path), str(path))


def _system() -> list[str]:
    """The whole machine, read-only, with devices and processes of its own."""
    covers = [f"/proc/{name}" for name in KERNEL if os.path.exists(f"/proc/{name}")]
    return ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"] + [
        word for path in covers for word in ("--ro-bind", path, path)
    ]


@functools.cache
def probe(network: bool = True) -> Probe:
    """Whether bubblewrap works here, by running it once; without `network` it must be able to take that away, too."""
    program = shutil.which("bwrap")
    if program is None:
        return Probe(False, "bubblewrap is not installed: apt install bubblewrap")
    true = shutil.which("true")
    if true is None:
        return Probe(False, "there is no 'true' on PATH to try bubblewrap with", program=program)
    said = _run([program, "--version"])
    version = said.stdout.split()[-1] if said is not None and said.stdout.split() else ""
    trial = [program, *_system(), "--tmpfs", "/run", *ISOLATED, *([] if network else ["--unshare-net"])]
    done = _run([*trial, "--", true])
    if done is None:
        return Probe(False, f"bubblewrap did not answer within {PROBE_SECONDS:g} s", version, program)
    if done.returncode:
        return Probe(False, _why(done.stderr), version, program)
    return Probe(True, "", version, program)


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str] | None":
    try:
        return subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    except OSError as error:
        return subprocess.CompletedProcess(command, 126, "", f"{command[0]}: {error.strerror or error}")


_NO_NAMESPACE = re.compile(r"namespace|uid map|unprivileged", re.IGNORECASE)
_NO_PROC = re.compile(r"mount proc", re.IGNORECASE)
_NO_LOOPBACK = re.compile(r"loopback|RTM_", re.IGNORECASE)


def _why(said: str, root: Path = Path("/")) -> str:
    """One sentence on what bubblewrap `said`, with what to do; `root` is where the kernel's settings are looked up."""
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
    contained = any((root / name).exists() for name in (".dockerenv", "run/.containerenv"))
    if _NO_PROC.search(last):
        return (
            f"the container keeps /proc from bubblewrap ({last}): start it with --security-opt systempaths=unconfined"
        )
    if _NO_LOOPBACK.search(last):
        return f"bubblewrap cannot take the network away here ({last}): set sandbox.network = true"
    if not _NO_NAMESPACE.search(last):
        return f"bubblewrap does not work here: {last}"
    for setting, forbidding, todo in (
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor forbids user namespaces: give bwrap a profile with 'userns,' in /etc/apparmor.d, or set "
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            "kernel/unprivileged_userns_clone",
            "0",
            "the kernel forbids user namespaces: sysctl kernel.unprivileged_userns_clone=1",
        ),
        (
            "user/max_user_namespaces",
            "0",
            "the kernel allows no user namespace: sysctl user.max_user_namespaces=15000",
        ),
    ):
        if _setting(root / "proc/sys" / setting) == forbidding:
            return todo
    if contained:
        return (
            "the container forbids user namespaces: start it with "
            "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
        )
    return f"user namespaces are forbidden here: {last}"


def _setting(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
