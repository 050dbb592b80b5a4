"""Whatever becomes of the files, a fleet that was changed path by path is the one that a fresh reader would read."""

import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state import flocked
from state.fleet import FleetReader
from state.layout import StateDir
from state.scan import Scan
from state.views import Fleet
from tests.state import writing

TASKS = ["tasks/a", "tasks/b", "tasks/not a name"]
FOLDERS = ["tasks", "inbox", "campaigns", "campaigns/c", "campaigns/c/runs", *TASKS]
FOLDERS += ["locks", "locks/build", "locks/build/tickets", "locks/not a name"]
FOLDERS += [f"{task}/{name}" for task in TASKS for name in ("outbox", "inbox", "inbox/done", "captures", "attempts")]
FOLDERS += [f"tasks/a/attempts/{number}" for number in (1, 2, 10)]
FILES: dict[str, Callable[[], bytes]] = {
    "orchestrator/lease.toml": writing.lease,
    "inbox/1.toml": writing.status,
    "campaigns/c/campaign.toml": writing.campaign,
    "campaigns/c/campaign.md": writing.queue,
    "campaigns/c/runs/1.toml": writing.campaign_run,
    "campaigns/c/runs/2.toml": writing.campaign_run,
    "tasks/a/captures/1.png": writing.status,
    "tasks/a/worker/checkpoint.md": writing.status,
    "locks/build/holder.toml": writing.holder,
    "locks/build/tickets/20261121T101502.123456Z-3f0a3f0a.toml": writing.ticket,
    "locks/build/tickets/20261121T101502.123456Z-3f0a3f0b.toml": writing.ticket,
    "locks/build/history.jsonl": writing.history,
    "locks/build/lock": writing.status,
    "locks/not a name/holder.toml": writing.holder,
}
for _task in TASKS:
    FILES |= {
        f"{_task}/task.toml": writing.task,
        f"{_task}/status.toml": writing.status,
        f"{_task}/worker/result.toml": writing.result,
        f"{_task}/outbox/q.md": lambda: writing.message("question"),
        f"{_task}/outbox/k.md": lambda: writing.message("ack", of="m.md"),
        f"{_task}/inbox/m.md": lambda: writing.message("answer", reply_to="q.md"),
        f"{_task}/inbox/done/m.md": lambda: writing.message("message"),
        f"{_task}/attempts/1/exit.toml": writing.exit,
        f"{_task}/attempts/2/run.toml": writing.run,
        f"{_task}/attempts/2/stdout.log": writing.run,
        f"{_task}/attempts/10/exit.toml": writing.exit,
    }


def clear(path: Path) -> None:
    """Nothing is at `path` after this, and what is above it is a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def make_way(root: Path, path: Path) -> None:
    for folder in reversed(path.relative_to(root).parents[:-1]):
        if not (root / folder).is_dir() or (root / folder).is_symlink():
            clear(root / folder)
            (root / folder).mkdir()
    clear(path)


def change(root: Path, path: str, how: str, other: str, living: ExitStack) -> None:
    """One thing that may happen to a file or a folder, wanted or not. `living` are the writers who go on to live."""
    at = root / path
    if how == "remove":
        if at.parent.is_dir():
            clear(at)
        return
    if how == "move":
        if os.path.lexists(at) and not f"{other}/".startswith(f"{path}/") and not f"{path}/".startswith(f"{other}/"):
            aside = root / "archive" / "moving"
            at.rename(aside)
            make_way(root, root / other)
            aside.rename(root / other)
        return
    make_way(root, at)
    if how == "write":
        at.write_bytes(FILES.get(path, writing.status)())
    elif how in ("hold", "hold spoilt"):
        folder = os.open(at.parent, os.O_RDONLY)
        living.callback(os.close, folder)
        data = FILES.get(path, writing.status)() if how == "hold" else b"?" + writing.padding().encode()
        living.callback(os.close, flocked.publish(folder, at.name, data))
    elif how == "spoil":
        at.write_bytes(b"?" + writing.padding().encode())
    elif how == "folder":
        at.mkdir()
    elif how == "link":
        at.symlink_to(root / other)
    elif how == "fifo":
        os.mkfifo(at)


paths = st.sampled_from([*FILES, *FOLDERS])
hows = st.sampled_from(
    ["write", "write", "write", "hold", "hold", "hold spoilt", "spoil", "remove", "folder", "link", "fifo", "move"]
)
changes = st.lists(st.tuples(paths, hows, paths), max_size=25)


def read_afresh(state: StateDir) -> Fleet:
    reader = FleetReader(state)
    reader.apply(frozenset(Scan(str(state.root)).everything()))
    return reader.fleet


@settings(max_examples=60)
@given(st.lists(changes, min_size=1, max_size=5))
def test_after_any_changes_it_is_the_same_fleet(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[str, str, str]]]
) -> None:
    state = StateDir(tmp_path_factory.mktemp("fleet") / ".opsroom")
    state.create()
    scan, reader = Scan(str(state.root)), FleetReader(state)
    with ExitStack() as living:
        for changed in rounds:
            for path, how, other in changed:
                change(state.root, path, how, other, living)
            reader.apply(frozenset(scan.everything()))
            assert reader.fleet == read_afresh(state)
    reader.apply(frozenset())
    assert reader.fleet == read_afresh(state)
    assert not any(view.busy for view in reader.fleet.locks.values())


@settings(max_examples=30)
@given(changes, changes, st.randoms(use_true_random=False))
def test_in_whatever_pieces_the_paths_come_it_is_the_same_fleet(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[tuple[str, str, str]],
    then: list[tuple[str, str, str]],
    random: Random,
) -> None:
    state = StateDir(tmp_path_factory.mktemp("fleet") / ".opsroom")
    state.create()
    scan, reader = Scan(str(state.root)), FleetReader(state)
    with ExitStack() as living:
        for changed in (first, then):
            for path, how, other in changed:
                change(state.root, path, how, other, living)
            found = sorted(scan.everything())
            random.shuffle(found)
            for path in found:
                reader.apply(frozenset({path}))
        assert reader.fleet == read_afresh(state)
