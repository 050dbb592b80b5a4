"""The shell that started the orchestrator closes, or the pipe that took its words."""

import os
import signal
import subprocess
import sys

import pytest

from state import lease
from tests.e2e.terminals import PyteTerminal
from tests.stories import Story, alive, put_folder

WAITS = "while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; touch $OPSROOM_TASK"


def go(story: Story, task: str) -> None:
    (story.state.task(task).root / "go").touch()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_is_gone_ends_nothing(story: Story, stream: str) -> None:
    story.agent(WAITS)
    reading, writing = os.pipe()
    running = subprocess.Popen(
        [sys.executable, "-m", "opsroom", "up"],
        cwd=story.repository,
        env=story.environment(),
        stdin=subprocess.DEVNULL,
        stdout=writing if stream == "stdout" else subprocess.DEVNULL,
        stderr=writing if stream == "stderr" else subprocess.DEVNULL,
    )
    os.close(writing)
    story.wait(lambda: story.events("up"), "the orchestrator to start")
    os.close(reading)
    put_folder(story.state.lease)  # it has something to say on standard error, too
    task = story.spawn()
    story.wait_for_state(task, "running")
    story.wait(lambda: story.events("trouble", what="lease"), "the trouble")
    story.state.lease.rmdir()
    go(story, task)
    story.wait_for_state(task, "merged")
    running.terminate()
    assert running.wait(60) == 0


def test_a_terminal_that_is_closed_ends_the_orchestrator_and_no_worker(story: Story) -> None:
    story.agent(WAITS)
    task = story.spawn()
    terminal = PyteTerminal(
        [sys.executable, "-m", "opsroom", "up"],
        columns=80,
        rows=24,
        cwd=story.repository,
        environment=story.environment(),
    )
    story.wait_for_state(task, "running")
    run = story.processes(task)
    terminal.see("starting → running")
    terminal.hang_up()
    assert terminal.ends() == 0
    terminal.close()
    assert lease.read(story.state).why == "signal SIGHUP"
    assert alive(run.child)
    go(story, task)
    story.up_once()
    assert story.task(task).attempts == (1,)
    assert story.task(task).state == "merged"


def test_under_nohup_it_outlives_its_terminal(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK")
    terminal = PyteTerminal(
        ["nohup", sys.executable, "-m", "opsroom", "up"],
        columns=80,
        rows=24,
        cwd=story.repository,
        environment=story.environment(),
    )
    story.wait(lambda: story.events("up"), "the orchestrator to start")
    terminal.hang_up()
    task = story.spawn()
    story.wait_for_state(task, "merged")
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.ends() == 0
    terminal.close()


def test_a_worker_gets_signals_as_a_shell_would_give_them(story: Story) -> None:
    """Python ignores SIGPIPE, and what is ignored is inherited: a worker's `yes | head` must end by itself."""
    story.agent("grep SigIgn /proc/self/status > ignored")
    story.spawn()
    story.up_once()
    ignored = int(story.file("ignored").split()[1], 16)
    assert [n for n in signal.valid_signals() if ignored >> (n - 1) & 1] == []  # 32 and 33 are the C library's own
