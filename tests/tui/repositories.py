"""Real repositories with commits of campaigns, at set times by a set person, so that their ids are always the same."""

import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

from tests.tui.builder import FleetBuilder, ago
from tests.tui.campaigns import FILES, NAME, strict_typing

LONG_AGO = ago(days=9)
LEARNED = "typing.cast is imported lazily in globals.py"


class Repository:
    """A git repository in `folder`, empty at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, at: datetime = LONG_AGO, text: str = "") -> str:
        """What git prints, run by A Person at `at`."""
        when = at.isoformat()
        names = {f"GIT_{role}_{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")}
        said = {"NAME": "A Person", "EMAIL": "person@localhost", "DATE": when}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environment |= {name: said[name.rpartition("_")[2]] for name in names}
        environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=environment,
            input=text.encode("utf-8", "surrogateescape"),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()

    def commit(self, message: str, path: str = "notes.txt", text: str = "", at: datetime = LONG_AGO) -> str:
        """Commits `text` as the file `path`; returns the commit's id."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((text or f"{message}\n").encode("utf-8", "surrogateescape"))
        self.git("add", "--", path)
        self.git("commit", "--quiet", "--file=-", at=at, text=message)
        return self.git("rev-parse", "HEAD")

    def land(self, campaign: str, index: int, item: str, at: datetime, **fields: str) -> str:
        """Commits an item of a campaign, as the orchestrator does."""
        subject = fields.pop("subject", f"{campaign}: {item}")
        return self.commit(f"{subject}\n\n{trailers(campaign, index, item)}", item, at=at, **fields)

    def many(self, campaign: str, count: int, start: datetime) -> None:
        """Commits `count` items of a campaign, one a minute from `start`, on a branch of its own."""
        ref = f"refs/heads/campaign/{campaign}"
        lines = []
        for number in range(1, count + 1):
            message = f"{campaign}: f{number}.py\n\n{trailers(campaign, number, f'f{number}.py')}\n"
            stamp = int((start + timedelta(minutes=number)).timestamp())
            lines += [f"commit {ref}", f"committer A Person <person@localhost> {stamp} +0000"]
            lines += [f"data {len(message)}", message, "M 644 inline f.py", "data 2", "x", ""]
        self.git("fast-import", "--quiet", text="\n".join(lines))


def trailers(campaign: str, index: int, item: str) -> str:
    """The last lines of an item's commit."""
    return f"Opsroom-Task: {campaign}-{index:04}\nOpsroom-Campaign: {campaign}\nOpsroom-Item: {item}"


BEFORE = """\
import typing as t


def push_context(ctx: t.Any) -> None:
    _local.__dict__.setdefault("stack", []).append(ctx)
"""
AFTER = """\
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core import Context


def push_context(ctx: "Context") -> None:
    _local.__dict__.setdefault("stack", []).append(ctx)
"""


def with_a_past(root: Path) -> FleetBuilder:
    """The campaign that has stopped, its first commit in git; and one of last week of which git alone knows."""
    fleet = strict_typing(root)
    repository = Repository(fleet.state.repository)
    repository.commit("first", FILES[0], BEFORE, ago(days=8))
    for index, name in enumerate(("core", "types", "utils", "testing"), 1):
        repository.land(
            "drop-python-3.8",
            index,
            f"src/click/{name}.py",
            ago(days=7, minutes=-9 * index),
            subject=f"{name}.py: builtin generics instead of typing's",
        )
    commit = repository.land(NAME, 1, FILES[0], ago(minutes=115), text=AFTER, subject="Strict types in globals.py")
    queue = fleet.state.campaign(NAME).queue
    fleet.text(queue, queue.read_text().replace("3f0ac41", f"{commit[:12]}"))
    fleet.result(f"{NAME}-0001", "success", summary="Context is imported for checking only.", learned=LEARNED)
    return fleet
