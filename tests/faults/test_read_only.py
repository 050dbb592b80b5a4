"""A state directory that nobody can write to: said by everyone who tries, and work goes on when it can be written."""

from opsroom.commands.show import read_fleet
from tests.faults.small_disk import Disk, on_a_small_disk
from tests.faults.test_full_disk import Orchestrator
from tests.stories import Story, gone

WORKER = "while [ ! -e {folder}/go ]; do sleep 0.05; done; echo four >> notes.txt; touch {folder}/worked"


@on_a_small_disk
def test_nothing_starts_on_a_read_only_directory_and_it_can_be_read(story: Story, disk: Disk) -> None:
    story.agent(WORKER.format(folder=story.folder))
    disk.make_read_only()
    for arguments in (("up", "--once"), ("spawn", "--title", "a task", "--spec", str(story.repository / "notes.txt"))):
        said = story.opsroom(*arguments)
        assert (said.status, said.out) == (2, ""), arguments
        assert "read-only file system; the old content stays" in said.err
        assert said.err.count("\n") == 1
    shown = story.opsroom("status")
    assert shown.status == 0
    assert f"! {story.state.root}: the file system is read-only" in shown.out
    disk.make_writable()
    assert "read-only" not in story.opsroom("status").out


@on_a_small_disk
def test_a_directory_that_becomes_read_only_while_an_attempt_runs(story: Story, disk: Disk) -> None:
    story.configure(min_free_disk_mib=0)
    story.agent(WORKER.format(folder=story.folder))
    running = Orchestrator(story)
    task = story.spawn()
    story.wait_for_state(task, "running")
    run = story.processes(task)
    before = story.state.task(task).status.read_bytes()
    disk.make_read_only()
    running.says("read-only file system")
    (story.folder / "go").touch()
    assert gone(run.supervisor)
    assert story.state.task(task).status.read_bytes() == before
    assert [*read_fleet(story.state).faults, *story.task(task).faults] == []
    disk.make_writable()
    story.wait_for_state(task, "merged")
    assert story.task(task).attempts == (1,)
    assert story.moves(task).count("merged") == 1
    assert running.end() == 0
