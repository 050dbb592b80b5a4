"""More than one orchestrator for one directory: one lives, the others say who it is."""

import subprocess
import sys

from state import lease
from tests.stories import Story

AT_ONCE = 5


def test_the_second_says_who_the_first_is_and_changes_nothing(story: Story) -> None:
    story.agent("while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; touch made")
    first = story.up()
    task = story.spawn()
    story.wait_for_state(task, "running")
    said = story.opsroom("up")
    assert (said.status, said.out) == (3, "")
    assert f"another orchestrator runs on {story.state.root}: pid {first.pid} on " in said.err
    assert "'opsroom down' asks it to end" in said.err
    assert lease.read(story.state).pid == first.pid
    (story.state.task(task).root / "go").touch()
    story.wait_for_state(task, "merged")
    assert story.task(task).attempts == (1,)
    first.terminate()
    assert story.finish(first).status == 0


def test_of_five_that_start_at_once_one_lives(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK")
    tasks = [story.spawn() for _ in range(3)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "opsroom", "up"],
            cwd=story.repository,
            env=story.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(AT_ONCE)
    ]
    try:
        story.wait(lambda: sum(one.poll() is None for one in started) == 1, "all but one to end")
        (living,) = (one for one in started if one.poll() is None)
        for one in started:
            if one is not living:
                said = story.finish(one)
                assert said.status == 3
                assert "another orchestrator runs on" in said.err
        for task in tasks:
            story.wait_for_state(task, "merged")
            assert story.task(task).attempts == (1,)
        assert len(story.events("up")) == 1
        assert lease.read(story.state).pid == living.pid
        living.terminate()
        assert story.finish(living).status == 0
    finally:
        for one in started:
            one.kill()
            one.communicate(timeout=60)


def test_who_looks_at_the_lease_all_the_time_keeps_nobody_from_starting(story: Story) -> None:
    looks = "import sys; from pathlib import Path; from state import lease; from state.layout import StateDir\n"
    loop = f"while True: lease.held(StateDir(Path({str(story.state.root)!r})))"
    watching = subprocess.Popen([sys.executable, "-c", looks + loop], env=story.environment())
    try:
        for _ in range(3):
            running = story.up()
            running.terminate()
            assert story.finish(running).status == 0
    finally:
        watching.kill()
        watching.wait(60)
