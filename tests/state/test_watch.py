"""Every change of a real state directory is seen, whatever becomes of the events about it."""

import mmap
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from state.layout import StateDir
from state.scan import Scan
from state.watch import SHARE, Batch, Watcher, network_file_system
from tests.state.processes import SECONDS, run, start
from tests.state.writing import put

NEVER = 100_000.0
"""Seconds between two full comparisons that no test waits for: what is seen was told by events."""


class Followed:
    """What a watcher in a thread of its own has said so far."""

    def __init__(self, state: StateDir, rescan_seconds: float = 0.5, poll_seconds: float = 0.05) -> None:
        self.state = state
        self.watcher = Watcher(state, rescan_seconds=rescan_seconds, poll_seconds=poll_seconds)
        self.batches: list[Batch] = []
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()
        self.until(lambda: bool(self.batches), "the first batch")

    def _follow(self) -> None:
        for batch in self.watcher.batches():
            with self._came:
                self.batches.append(batch)
                self._came.notify_all()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        with self._came:
            assert self._came.wait_for(condition, SECONDS), f"{what} did not come; so far: {self.batches[-3:]}"

    def until_seen(self, path: str, since: int = 0) -> None:
        self.until(lambda: any(path in batch.paths for batch in self.batches[since:]), path)

    def until_listening(self) -> None:
        """Returns when events arrive: what is written from then on needs no comparison to be seen."""
        (self.state.tasks / "probe").mkdir(parents=True, exist_ok=True)
        for number in range(10_000):
            path = f"tasks/probe/{number}"
            put(self.state.root, path, b"")
            with self._came:
                if self._came.wait_for(lambda path=path: path in self.batches[-1].paths, 1):  # type: ignore[misc]
                    return
        raise AssertionError

    def stop(self) -> None:
        self.watcher.stop()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def follow(state: StateDir) -> Iterator[Callable[..., Followed]]:
    running: list[Followed] = []

    def begin(*arguments: float) -> Followed:
        running.append(Followed(state, *arguments))
        return running[-1]

    yield begin
    for followed in running:
        followed.stop()


def test_the_first_batch_is_all_there_is(state: StateDir, follow: Callable[..., Followed]) -> None:
    put(state.root, "tasks/t1/status.toml", b"x")
    assert {"inbox", "tasks", "tasks/t1", "tasks/t1/status.toml"} <= follow().batches[0].paths


def test_a_file_that_is_replaced_is_told_by_an_event(state: StateDir, follow: Callable[..., Followed]) -> None:
    followed = follow(NEVER)
    followed.until_listening()
    put(state.root, "tasks/probe/status.toml", b"x")
    followed.until_seen("tasks/probe/status.toml")


def test_a_state_directory_named_from_here_is_told_by_events(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(state.root.parent)
    followed = Followed(StateDir(Path(state.root.name)), NEVER)
    try:
        followed.until_listening()
        put(state.root, "tasks/probe/status.toml", b"x")
        followed.until_seen("tasks/probe/status.toml")
    finally:
        followed.stop()


def test_folders_made_and_written_at_once_are_all_seen(state: StateDir, follow: Callable[..., Followed]) -> None:
    followed = follow()
    for number in range(50):
        put(state.root, f"tasks/t{number}/attempts/1/run.toml", b"x")
    for number in range(50):
        followed.until_seen(f"tasks/t{number}/attempts/1/run.toml")


def test_what_goes_is_seen(state: StateDir, follow: Callable[..., Followed]) -> None:
    put(state.root, "tasks/t1/status.toml", b"x")
    followed = follow()
    (state.tasks / "t1").rename(state.root / "archive" / "t1")
    followed.until_seen("tasks/t1/status.toml", since=1)


def test_a_state_directory_removed_and_made_again_is_followed_again(
    state: StateDir, follow: Callable[..., Followed]
) -> None:
    followed = follow(NEVER)
    followed.until_listening()
    shutil.rmtree(state.root)
    followed.until(lambda: followed.batches[-1].polling == "no state directory", "that it is gone")
    state.create()
    put(state.root, "tasks/t1/status.toml", b"x")
    followed.until_seen("tasks/t1/status.toml")
    followed.until(lambda: followed.batches[-1].polling == "", "that events arrive again")
    followed.until_listening()


def test_a_folder_removed_and_made_again_is_followed_again(state: StateDir, follow: Callable[..., Followed]) -> None:
    followed = follow(NEVER)
    followed.until_listening()
    shutil.rmtree(state.tasks)
    put(state.root, "tasks/t1/status.toml", b"x")
    followed.until_seen("tasks/t1/status.toml")
    followed.until_listening()


def test_a_folder_that_was_missing_is_followed_once_it_is_made(
    state: StateDir, follow: Callable[..., Followed]
) -> None:
    shutil.rmtree(state.tasks)
    followed = follow(NEVER)
    put(state.root, "tasks/t1/status.toml", b"x")
    followed.until_seen("tasks/t1/status.toml")
    followed.until_listening()


def test_a_name_that_is_no_text_is_seen_and_stops_nothing(state: StateDir, follow: Callable[..., Followed]) -> None:
    followed = follow()
    followed.until_listening()
    os.mkdir(os.fsencode(state.tasks) + b"/\xff")
    followed.until_seen("tasks/\udcff")
    put(state.root, "tasks/t1/status.toml", b"x")
    followed.until_seen("tasks/t1/status.toml")


def test_a_linked_folder_is_not_followed(state: StateDir, follow: Callable[..., Followed], tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (state.tasks / "t1").symlink_to(tmp_path / "outside")
    followed = follow()
    followed.until_listening()
    (tmp_path / "outside" / "a").write_bytes(b"x")
    put(state.root, "tasks/probe/after", b"x")
    followed.until_seen("tasks/probe/after")
    assert not any("tasks/t1/a" in batch.paths for batch in followed.batches)


def test_a_full_comparison_finds_what_no_event_told(state: StateDir, follow: Callable[..., Followed]) -> None:
    put(state.root, "tasks/t1/stdout.log", b"one\n")
    followed = follow(NEVER)
    followed.until_listening()
    before = len(followed.batches)
    with (state.root / "tasks/t1/stdout.log").open("r+b") as file, mmap.mmap(file.fileno(), 4) as mapped:
        mapped[:3] = b"two"  # what is written through memory makes no event
        mapped.flush()
    followed.watcher.rescan()
    followed.until_seen("tasks/t1/stdout.log", since=before)


OVERFLOW = """
import sys
from pathlib import Path
from state.layout import StateDir
from state.watch import Watcher
watcher = Watcher(StateDir(Path(sys.argv[1])), rescan_seconds=100_000)
listening, waiting, late = False, {f"tasks/many/{number}" for number in range(20_000)}, False
for batch in watcher.batches():
    waiting -= batch.paths
    if not listening and any(path.startswith("tasks/probe/") for path in batch.paths):
        listening = True
        print("listening", flush=True)
        input()  # stopped here, and the kernel's queue of events runs over
        watcher.rescan()
    if not waiting and not late:
        late = True
        print("all", flush=True)
        input()
        watcher.rescan()  # finds that events were lost
    for path in sorted(batch.paths):
        if path.startswith("tasks/late/deep/after"):
            print(path, flush=True)
"""


def test_nothing_is_lost_when_the_queue_of_events_runs_over(state: StateDir) -> None:
    (state.tasks / "many").mkdir()
    watching = start(OVERFLOW, state.root)
    assert watching.stdin and watching.stdout
    listening = threading.Event()

    def probe() -> None:
        number = 0
        while not listening.wait(0.05):
            number += 1
            put(state.root, f"tasks/probe/{number}", b"")

    probing = threading.Thread(target=probe)
    probing.start()
    assert watching.stdout.readline() == "listening\n"
    listening.set()
    probing.join()
    os.kill(watching.pid, signal.SIGSTOP)
    for number in range(20_000):
        (state.tasks / "many" / str(number)).write_bytes(b"x")
    put(state.root, "tasks/late/deep/file", b"x")
    os.kill(watching.pid, signal.SIGCONT)
    watching.stdin.write("\n")
    watching.stdin.flush()
    assert watching.stdout.readline() == "all\n"
    watching.stdin.write("\n")
    watching.stdin.flush()
    for number in range(3):  # the first may be found by the comparison that was asked for, the others by events
        put(state.root, f"tasks/late/deep/after{number}", b"x")
        assert watching.stdout.readline() == f"tasks/late/deep/after{number}\n"
    watching.kill()
    watching.communicate()


NO_EVENTS = """
import ctypes, os, resource, sys
from pathlib import Path
import watchfiles
from state.layout import StateDir
from state.watch import Watcher

def limit_files(free):
    lowest = os.dup(0)
    os.close(lowest)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 8 if free else hard, hard))

def limit_watches(few):
    Path("/proc/sys/user/max_inotify_watches").write_text("3" if few else "100000")

limit = limit_files
if sys.argv[2] == "watches" and ctypes.CDLL(None).unshare(0x10000000) == 0:  # CLONE_NEWUSER: a limit of its own
    try:
        limit_watches(False)
        limit = limit_watches
    except OSError:
        pass  # this kernel lets nobody but root lower it: the limit on open files does
state = StateDir(Path(sys.argv[1]))
batches = Watcher(state, poll_seconds=0.01).batches()
next(batches)
limit(True)
print(next(batches).polling)
(state.tasks / "a").write_bytes(b"x")
print(sorted(next(batches).paths))
limit(False)
while next(batches).polling:
    pass
print("events")
"""


@pytest.mark.parametrize(
    ("limited", "reason"), [("files", "open files"), ("watches", "watch limit reached|open files")]
)
def test_where_no_events_can_be_had_everything_is_compared_and_it_is_said(
    state: StateDir, limited: str, reason: str
) -> None:
    said, *then = run(NO_EVENTS, state.root, limited).splitlines()
    assert re.search(reason, said)
    assert then == ["['tasks/a']", "events"]


def test_a_comparison_that_had_to_wait_makes_nobody_blind(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    waits, everything = iter((1.0,)), Scan.everything

    def waits_once(scan: Scan) -> set[str]:
        time.sleep(next(waits, 0.0))
        return everything(scan)

    monkeypatch.setattr(Watcher, "_network", lambda _: "no events here")
    batches = Watcher(state, poll_seconds=0.01).batches()
    next(batches)
    monkeypatch.setattr(Scan, "everything", waits_once)
    assert next(batches).polling
    put(state.root, "tasks/a", b"x")
    begin = time.monotonic()
    assert "tasks/a" in next(batches).paths
    assert time.monotonic() - begin < 0.5 * SHARE, "as long as if the second had been one of work"


INTERRUPT = """
import sys
from pathlib import Path
from state.layout import StateDir
from state.watch import Watcher
try:
    for batch in Watcher(StateDir(Path(sys.argv[1]))).batches():
        print("watching", flush=True)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_reaches_whoever_follows_in_the_main_thread(state: StateDir) -> None:
    watching = start(INTERRUPT, state.root)
    assert watching.stdout
    assert watching.stdout.readline() == "watching\n"
    put(state.root, "tasks/a", b"x")
    assert watching.stdout.readline() == "watching\n"
    watching.send_signal(signal.SIGINT)
    assert watching.communicate(timeout=SECONDS)[0].endswith("interrupted\n")


MOUNTS = r"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw - proc proc rw
40 21 0:50 / /home/nfs rw,relatime shared:9 - nfs4 server:/export rw
41 40 8:2 / /home/nfs/local rw - xfs /dev/sdb rw
42 21 0:51 / /mnt/two\040words rw - fuse.sshfs host:/ rw
43 21 0:52 / /mnt/back\134slash rw - cifs //server/share rw
44 21 0:53 / /mnt/zwölf rw - 9p drive rw
45 21 0:54 / /over rw - nfs server:/ rw
46 45 0:55 / /over rw - tmpfs tmpfs rw

nonsense - nfs
47 21 - nfs
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", ""),
        ("/home/me/.opsroom", ""),
        ("/home/nfs", "nfs4"),
        ("/home/nfs/me/.opsroom", "nfs4"),
        ("/home/nfsx/.opsroom", ""),
        ("/home/nfs/local/.opsroom", ""),
        ("/mnt/two words/.opsroom", "fuse.sshfs"),
        ("/mnt/back\\slash/.opsroom", "cifs"),
        ("/mnt/zwölf/.opsroom", "9p"),
        ("/over/.opsroom", ""),
    ],
)
def test_a_file_system_that_sends_no_events_is_known(path: str, kind: str) -> None:
    assert network_file_system(MOUNTS, path) == kind


@pytest.mark.parametrize("text", ["", "\n", " - ", "a b c d e", "\0", "1 2 3 4 5 - "])
def test_mounts_that_say_nothing_are_no_network(text: str) -> None:
    assert network_file_system(text, "/home") == ""


@pytest.mark.parametrize("there", [True, False], ids=["events", "polling"])
def test_with_a_pulse_there_is_a_batch_now_and_then_though_nothing_changes(state: StateDir, there: bool) -> None:
    if not there:
        shutil.rmtree(state.root)
    watcher = Watcher(state, poll_seconds=0.01, pulse_seconds=0.02)
    batches = watcher.batches()
    polling = next(batch.polling for batch in batches if there or batch.polling)
    assert [next(batches) for _ in range(3)] == [Batch(frozenset(), polling)] * 3
    if there:
        put(state.root, "tasks/t1/status.toml", b"x")
        assert any("tasks/t1/status.toml" in next(batches).paths for _ in range(1000))
    watcher.stop()
    assert not any(batch.paths for batch in batches)
