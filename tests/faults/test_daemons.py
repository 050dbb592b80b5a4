"""Workers that fork and leave daemons behind: none is left, and how many there were is told."""

import sys

import pytest

from orchestrator.running import attempts
from state.model import Exit, Launch, decode
from tests.faults.chaos import left
from tests.stories import Story, alive, gone

DAEMON = """\
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN)
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
with open(sys.argv[1], "a") as pids:
    pids.write(f"{os.getpid()}\\n")
if "bare" in sys.argv:
    os.closerange(0, 256)
    os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"], {})
if "many" in sys.argv:
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            with open(sys.argv[1], "a") as pids:
                pids.write(f"{os.getpid()}\\n")
            break
time.sleep(600)
"""


def daemon(story: Story, *how: str) -> str:
    """A command line that leaves a daemon behind; the pids of all of it come to stand in the file `pids`."""
    program = story.folder / "daemon.py"
    program.write_text(DAEMON)
    return f"{sys.executable} {program} {story.folder}/pids {' '.join(how)}"


def begun(story: Story, count: int) -> str:
    """A command line that waits for `count` of its pids."""
    return f"until [ $(cat {story.folder}/pids 2>/dev/null | wc -l) -ge {count} ]; do sleep 0.02; done"


def pids(story: Story, count: int) -> list[int]:
    """The pids of the daemons, once there are `count`."""
    path = story.folder / "pids"

    def read() -> list[int]:
        found = [int(line) for line in path.read_text().split()] if path.exists() else []
        return found if len(found) >= count else []

    return story.wait(read, f"{count} daemons")


@pytest.mark.parametrize(("how", "count"), [((), 1), (("bare",), 1), (("many",), 21)], ids=["marked", "bare", "many"])
def test_no_daemon_outlives_its_attempt(story: Story, how: tuple[str, ...], count: int) -> None:
    story.agent(f"{daemon(story, *how)}; touch made; {begun(story, count)}")
    task = story.spawn()
    story.up_once()
    record = decode(Exit, story.state.task(task).attempt(1).exit.read_text(), "exit.toml")
    assert (record.reason, record.status) == ("exited", 0)
    assert count <= record.leaked <= count + 2
    assert all(gone(pid) for pid in pids(story, count))
    assert left(story, [story.processes(task)]) == []
    assert story.task(task).state == "merged"


@pytest.mark.parametrize("how", [(), ("bare",)], ids=["marked", "bare"])
def test_no_daemon_outlives_an_attempt_that_is_ended(story: Story, how: tuple[str, ...]) -> None:
    story.agent(f"{daemon(story, *how)}; trap '' TERM; while :; do sleep 0.05; done", grace=0.5)
    task = story.spawn()
    running = story.up()
    (pid,) = pids(story, 1)
    story.wait_for_state(task, "running")
    assert story.opsroom("stop", task).status == 0
    story.wait(story.state.task(task).attempt(1).exit.exists, "the end of the attempt")
    assert gone(pid)
    running.terminate()
    assert story.finish(running).status == 0


def test_a_worker_that_forks_without_end_is_ended(story: Story) -> None:
    """Each child lives for a moment only and leaves another: whoever looks for them comes too late for many."""
    script = story.folder / "forks"
    script.write_text(f"#!/bin/sh\necho $$ >> {story.folder}/pids\nsleep 0.05\nsetsid $0 &\n")
    script.chmod(0o755)
    attempt = story.state.task("0001").attempt(1)
    environment = {"OPSROOM_TASK_DIR": str(story.state.task("0001").root), "OPSROOM_ATTEMPT": "1"}
    launch = Launch(argv=[str(script)], cwd="/", environment=environment, seconds=600.0, grace=5.0)
    attempts.start(story.state.root, attempt, launch, b"")
    story.wait(attempt.exit.exists, "the exit record")
    run = story.processes("0001")
    assert gone(run.supervisor)
    assert not [pid for pid in pids(story, 1) if alive(pid)]
    assert decode(Exit, attempt.exit.read_text(), "exit.toml").leaked >= 1


def test_who_has_something_to_write_at_its_end_has_its_time_however_many_others_end_in_it(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    slower = story.folder / "supervisor.py"
    slower.write_text(
        "import runpy, time\nright = time.monotonic\n"
        "time.monotonic = lambda: right() / 20\n"  # so that half a second of its is ten
        f"runpy.run_path({str(attempts.SUPERVISOR)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(attempts, "SUPERVISOR", slower)
    leaves = "trap 'sleep 0.$1; echo $1 >> ended; exit' TERM; echo >> ready; while :; do sleep 0.02; done"
    (story.folder / "leaves").write_text(leaves)
    script = "for tenths in 1 2 3 4 5 6 7 8; do setsid sh leaves $tenths & done\n"
    script += "until [ -e ready ] && [ $(wc -l < ready) = 8 ]; do sleep 0.02; done"
    attempt = story.state.task("0001").attempt(1)
    launch = Launch(argv=["sh", "-c", script], cwd=str(story.folder), environment={}, seconds=600.0, grace=5.0)
    attempts.start(story.state.root, attempt, launch, b"")
    story.wait(attempt.exit.exists, "the exit record")
    assert sorted((story.folder / "ended").read_text().split()) == list("12345678")
    assert decode(Exit, attempt.exit.read_text(), "exit.toml").leaked >= 8


def test_a_daemon_of_a_check_ends_with_its_check(story: Story) -> None:
    story.agent("touch made")
    story.configure(checks=(f"sh -c '{daemon(story)}; {begun(story, 1)}'",))
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    (pid,) = pids(story, 1)
    assert gone(pid)
