"""The state directory is removed, moved away, or made anew while its orchestrator runs."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.running.plain import start_ticks
from state.layout import StateDir
from tests.faults.chaos import left
from tests.stories import Story, alive, gone

WAITS = "touch half; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; touch made"


def remove(folder: Path) -> None:
    """Removes a state directory, as a person does it who does not ask who is at work there."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def make_anew(folder: Path) -> None:
    folder.rename(folder.with_name(".opsroom-removing"))
    StateDir(folder).create()
    remove(folder.with_name(".opsroom-removing"))


@pytest.mark.parametrize("how", [remove, make_anew])
def test_the_orchestrator_and_the_workers_of_a_removed_directory_end(story: Story, how: Callable[[Path], None]) -> None:
    story.agent("trap '' TERM; " + WAITS, grace=0.5)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    run = story.processes(task)
    how(story.state.root)
    said = story.finish(running)
    assert said.status == 3
    assert f"opsroom: {story.state.root}: it was removed, moved away or made anew" in said.err.splitlines()[-1]
    assert gone(run.child)
    assert gone(run.supervisor)
    assert left(story, [run]) == []
    if how is remove:
        assert not story.state.root.exists(), "nobody brought it back"
    else:
        assert story.states() == {}
        assert list(story.state.tasks.iterdir()) == []
        assert not story.state.lease.exists()


def test_nothing_spins_when_the_directory_is_removed(story: Story) -> None:
    """Its supervisor looks once a second and its grace is long: it does not count the seconds at full speed."""
    story.agent("trap '' TERM; " + WAITS, grace=600.0)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    run = story.processes(task)
    remove(story.state.root)
    assert story.finish(running).status == 3
    before, switches = cpu_ticks(run.supervisor), looks(run.supervisor)
    story.wait(lambda: looks(run.supervisor) >= switches + 3, "the supervisor to look around")
    assert cpu_ticks(run.supervisor) - before <= os.sysconf("SC_CLK_TCK") // 10
    assert start_ticks(run.supervisor) == run.supervisor_start
    story.end_by_id(run.child)
    assert gone(run.supervisor)
    assert not story.state.root.exists()


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def looks(pid: int) -> int:
    """How often a process has gone to sleep."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])


def test_a_directory_that_was_moved_away_and_back_is_gone_on_with(story: Story) -> None:
    story.agent(WAITS)
    task = story.spawn()
    first = story.up()
    story.wait_for_state(task, "running")
    run = story.processes(task)
    away = story.state.root.rename(story.folder / "away")
    said = story.finish(first)
    assert (said.status, "is no longer this orchestrator's" in said.err) == (3, True)
    assert alive(run.child), "its supervisor still holds its lock, wherever that is"
    assert not story.state.root.exists()
    away.rename(story.state.root)
    second = story.up("--once")
    (story.state.task(task).root / "go").touch()
    assert story.finish(second).status == 0
    assert story.task(task).state == "merged"
    assert story.task(task).attempts == (1,)


def test_tasks_of_a_directory_that_was_made_anew_do_not_begin_with_the_work_of_the_old_ones(story: Story) -> None:
    story.agent("echo $OPSROOM_ATTEMPT > old; git add old; git commit --quiet --message old; exit 1", max_attempts=2)
    old = story.spawn()
    story.up_once()
    assert story.task(old).state == "failed"
    tips = [story.git("rev-parse", f"opsroom/{old}/{number}") for number in (1, 2)]
    remove(story.state.root)
    story.state.create()
    story.agent("touch new", name="better")
    new = "0001"
    story.send("spawn", title="a new task", spec="Do it.", agent="better")
    story.up_once()
    assert story.task(new).state == "merged"
    assert story.git("show", "--name-only", "--format=", "main") == "new"
    kept = story.git("for-each-ref", "--format=%(objectname)", "refs/heads/opsroom-earlier").splitlines()
    assert sorted(kept) == sorted(tips), "and nothing of the old ones is lost"
