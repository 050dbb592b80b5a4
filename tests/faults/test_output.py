"""Workers that print what nobody wants to read: a gigabyte, a line without end, binary, escape sequences."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.running import attempts
from state.model import Exit, Launch, decode
from tests.stories import Story, gone

GIGABYTE = 1_000_000_000
MEMORY_MIB = 250
"""What the orchestrator and `opsroom log` may take: some fifty of it is Python, and a line is cut after ten."""


def peak_mib(pid: int) -> int:
    """The most memory that `pid` ever had; 0 if it has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int((status.partition("VmHWM:")[2].split() or ["0"])[0]) // 1024


def read_log(story: Story, *arguments: str) -> tuple[int, bytes]:
    """What `opsroom log 0001` ends with, and the last of what it prints; it may take no more than `MEMORY_MIB`."""
    argv = [sys.executable, "-m", "opsroom", "log", "0001", *arguments]
    with subprocess.Popen(argv, cwd=story.repository, env=story.environment(), stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        printed, last, peak = 0, b"", 0
        while chunk := os.read(reader.stdout.fileno(), 1 << 20):
            printed, last, peak = printed + len(chunk), (last + chunk)[-100:], max(peak, peak_mib(reader.pid))
    assert reader.returncode == 0
    assert 0 < peak < MEMORY_MIB
    return printed, last


@pytest.mark.parametrize(
    ("printing", "printed"),
    [
        (f"yes 'a line of a worker' | head -c {GIGABYTE}", GIGABYTE),
        (f"head -c {GIGABYTE} /dev/zero | tr '\\0' x", None),
    ],
    ids=["lines", "a line without end"],
)
def test_a_gigabyte_keeps_nobody_from_anything(story: Story, printing: str, printed: int | None) -> None:
    story.patience = 600.0  # a gigabyte takes as long as the machine has other things to do
    story.agent(f"{printing}; echo; echo the last; touch $OPSROOM_TASK")
    story.agent("touch $OPSROOM_TASK", name="other")
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    other = story.spawn(agent="other")
    story.wait_for_state(other, "merged")
    story.wait_for_state(task, "merged")
    assert peak_mib(running.pid) < MEMORY_MIB
    assert story.opsroom("status").status == 0
    size, last = read_log(story)
    assert last.endswith(b"\nthe last\n")
    assert printed is None or size >= printed
    assert story.opsroom("log", task, "--lines", "1").out == "the last\n"
    story.state.task(task).attempt(1).stdout.unlink()  # the next test needs the room
    running.terminate()
    assert story.finish(running).status == 0


def test_an_attempt_that_prints_more_than_it_may_is_ended_and_tried_again(story: Story) -> None:
    story.agent('[ "$OPSROOM_ATTEMPT" = 2 ] && exec touch made; yes a flood', max_output_mib=1)
    task = story.spawn()
    story.up_once()
    attempt = story.state.task(task).attempt(1)
    assert decode(Exit, attempt.exit.read_text(), "exit.toml").reason == "output"
    assert story.events("move", task=task, to="retrying")[0]["why"].startswith("attempt 1 printed more than it may")
    assert gone(story.processes(task).child)
    assert story.task(task).state == "merged"
    attempt.stdout.unlink()


def test_a_flood_that_goes_on_in_its_grace_is_cut_short(story: Story) -> None:
    attempt = story.state.task("0001").attempt(1)
    flood = "trap '' TERM; while :; do head -c 1000000 /dev/zero; sleep 0.01; done"
    launch = Launch(argv=["sh", "-c", flood], cwd="/", environment={}, seconds=600.0, grace=600.0, output=1_000_000)
    attempts.start(story.state.root, attempt, launch, b"")
    story.wait(attempt.exit.exists, "the end of the flood")
    record = decode(Exit, attempt.exit.read_text(), "exit.toml")
    assert (record.reason, record.status) == ("output", -9)
    assert record.seconds < 60
    attempt.stdout.unlink()


def test_what_a_check_prints_is_shown_by_its_end(story: Story) -> None:
    story.agent("touch made")
    story.configure(checks=("sh -c 'head -c 300000000 /dev/zero; echo; echo it is wrong; exit 1'",))
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "failed")
    assert "it is wrong" in story.why(task)
    assert peak_mib(running.pid) < MEMORY_MIB
    running.terminate()
    assert story.finish(running).status == 0


def test_binary_and_escape_sequences_reach_no_terminal(story: Story) -> None:
    story.agent(
        "printf '\\033]52;c;cm0gLXJm\\007\\033[2J\\302\\233 31m\\377\\376 back\\010\\r\\n';"
        " head -c 100000 /dev/urandom; printf '\\342\\200\\256 txt.exe\\n'; printf '\\033]0;title\\007' >&2; touch made"
    )
    task = story.spawn("a title\x1b[31m")
    story.up_once()
    assert story.task(task).state == "merged"
    for arguments in (("log", task), ("log", task, "--errors"), ("log", task, "-n", "5"), ("status",)):
        said = story.opsroom(*arguments)
        assert said.status == 0
        assert not [c for c in said.out if c not in "\n" and (c < " " or "\x7f" <= c < "\xa0" or c == "\u202e")]
