"""The HOME of a task's worker in its sandbox: a folder of its own, over all the attempts of the task.

It begins empty but for a `.gitconfig` with the person's name and what of the person's git settings is no secret, and a
`.profile` by which login shells find the workers' verbs.
Files and folders of the person's home that are named in the configuration appear in it, read-only.
"""

import contextlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from orchestrator.repository import git_settings, trees
from state.errors import CannotWrite

__all__ = ["identity", "place_for", "prepare"]

TAKEN_OVER = re.compile(
    r"user\.(name|email|useconfigonly)|init\.defaultbranch|core\.(autocrlf|eol|safecrlf|quotepath|precomposeunicode)"
    r"|merge\.(conflictstyle|renames)|diff\.algorithm|pull\.(rebase|ff)|safe\.directory|filter\.lfs\..+"
)
"""Of the person's git configuration, what the worker's begins with."""

PROFILE = 'PATH="$OPSROOM_STATE_DIR/bin:$PATH"\nexport PATH\n'
"""For login shells, in which some agents run every command: `/etc/profile` sets PATH anew."""


def prepare(home: Path, gitconfig: str) -> None:
    """Makes `home`, a `.gitconfig` and a `.profile` in it, unless they are there; raises `CannotWrite`."""
    try:
        with contextlib.suppress(FileExistsError):
            home.mkdir(mode=0o700)
        if home.is_symlink() or not home.is_dir():
            trees.remove(home)
            home.mkdir(mode=0o700)
        for name, text in ((".gitconfig", gitconfig), (".profile", PROFILE)):
            with contextlib.suppress(FileExistsError):
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with open(os.open(home / name, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
                    file.write(text)
    except OSError as error:
        raise CannotWrite(f"{home}: {error.strerror or error}") from error


def identity(author: str, found: Iterable[git_settings.Setting]) -> str:
    """The `.gitconfig` for a worker of the person whom git calls `author` (`A Person <a@b> …`)."""
    name, _, rest = author.partition(" <")
    settings = [("user.name", name), ("user.email", rest.partition(">")[0])] if rest else []
    settings += [
        (setting.key, setting.value or "true")
        for setting in found
        if setting.scope in ("global", "system") and TAKEN_OVER.fullmatch(setting.key.lower())
        if not (rest and setting.key in ("user.name", "user.email"))
    ]
    return git_settings.written(settings)


def place_for(home: Path, below: Path, folder: bool) -> Path:
    """A place in `home` over which something can be mounted: `home` / `below`, an empty file or a folder.

    The worker wrote all there is in `home`: what is a link or of another kind in the way is removed. Raises
    `CannotWrite`.
    """
    try:
        at = home
        for part in below.parts[:-1]:
            at /= part
            _make(at, True)
        _make(at / below.name, folder)
    except OSError as error:
        raise CannotWrite(f"{home / below}: {error.strerror or error}") from error
    return home / below


def _make(path: Path, folder: bool) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        mode = 0
    if (stat.S_ISDIR if folder else stat.S_ISREG)(mode):
        return
    if mode:
        trees.remove(path)
    if folder:
        path.mkdir(mode=0o700)
    else:
        path.touch(mode=0o600)
