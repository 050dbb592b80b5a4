"""What a worker prints while the disk is full waits for room, and so does the worker; nothing of it is lost."""

import fcntl
import os
import struct
import termios
from datetime import timedelta

from state.layout import AttemptDir
from state.model import Exit, decode
from state.times import utc_now
from tests.faults.small_disk import Disk, on_a_small_disk
from tests.orchestrator.test_masking import start
from tests.stories import Story, alive, gone

GATE = "until [ -e go ]; do sleep 0.05; done; "


def ended(story: Story, attempt: AttemptDir) -> Exit:
    story.wait(attempt.exit.exists, "the exit record")
    return decode(Exit, attempt.exit.read_text(), "exit.toml")


def in_the_pipe(pid: int) -> int:
    """Bytes that `pid` has printed and nobody has read."""
    descriptor = os.open(f"/proc/{pid}/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))[0])
    finally:
        os.close(descriptor)


@on_a_small_disk
def test_a_worker_that_prints_waits_until_there_is_room(story: Story, disk: Disk) -> None:
    sign = story.folder / "sign"
    gate = f"until [ -e go ]; do touch {sign}; sleep 0.05; done; "  # until then it is not silent
    attempt = start(story, gate + "seq 1 200000", silence=8.0, signs=[str(sign)])
    worker = story.processes("0001").child
    with disk.full():
        (story.folder / "go").touch()
        story.wait(lambda: in_the_pipe(worker) >= 65_000, "the pipe to be full")
        full = utc_now()
        story.wait(lambda: utc_now() - full > timedelta(seconds=10), "more than its silence to go by")
        assert alive(worker), "it waits for us, and is not silent"
        assert not attempt.exit.exists()
    record = ended(story, attempt)
    assert (record.reason, record.status) == ("exited", 0)
    assert attempt.stdout.read_bytes().split() == [str(number).encode() for number in range(1, 200_001)]


@on_a_small_disk
def test_the_last_words_of_a_worker_wait_for_room(story: Story, disk: Disk) -> None:
    attempt = start(story, GATE + "seq 1 5000; echo oh no >&2; exit 3")
    run = story.processes("0001")
    with disk.full():
        (story.folder / "go").touch()
        assert gone(run.child)
        assert alive(run.supervisor), "it has yet to write what the worker said"
    record = ended(story, attempt)
    assert (record.reason, record.status) == ("exited", 3)
    assert attempt.stdout.read_bytes().split() == [str(number).encode() for number in range(1, 5001)]
    assert attempt.stderr.read_bytes() == b"oh no\n"


@on_a_small_disk
def test_a_check_that_finds_no_room_for_what_it_prints_is_made_again(story: Story, disk: Disk) -> None:
    story.configure(
        checks=(f"sh -c 'touch {story.folder}/on; until [ -e {story.folder}/go ]; do sleep 0.05; done; seq 1 20000'",),
        min_free_disk_mib=0,
    )
    story.agent("touch made")
    task = story.spawn()
    up = story.up()
    story.wait((story.folder / "on").exists, "the check")
    with disk.full():
        (story.folder / "go").touch()
        story.wait(lambda: "no space left" in story.waiting_on(task) or not_told(story), "it to be said")
    story.wait_for_state(task, "merged")
    assert "failed" not in story.moves(task)
    up.terminate()
    story.finish(up)


def not_told(story: Story) -> bool:
    """Whether it was said that the disk is full; the status could not say it."""
    return f"! {story.state.root}: the disk is full" in story.opsroom("status").out
