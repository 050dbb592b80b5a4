"""SIGKILL of whoever takes part, alone and two at once; and the ends that a person asks for."""

import contextlib
import os
import signal
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from orchestrator.running import attempts
from tests.e2e.terminals import PyteTerminal
from tests.faults.chaos import left
from tests.stories import DEADLINE, Story, alive, gone

WAITS = (
    "setsid sleep 600 & echo $! >> $OPSROOM_TASK_DIR/own; touch half\n"
    "while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done\n"
    "echo $OPSROOM_ATTEMPT > $OPSROOM_TASK; kill $!"
)
PARTIES = ("orchestrator", "supervisor", "agent", "app")


def go(story: Story, task: str) -> None:
    (story.state.task(task).root / "go").touch()


def own_processes(story: Story, task: str, count: int = 1) -> list[int]:
    """The processes that the attempts of `task` started in sessions of their own, once there are `count`."""
    path = story.state.task(task).root / "own"
    return story.wait(
        lambda: (
            found if path.exists() and len(found := [int(pid) for pid in path.read_text().split()]) >= count else []
        ),
        "the worker's own process",
    )


def open_room(story: Story) -> PyteTerminal:
    """The control room of the story, on a terminal, once it shows a task."""
    argv = [sys.executable, "-m", "opsroom", "tui"]
    room = PyteTerminal(argv, columns=100, rows=30, cwd=story.repository, environment=story.environment())
    room.see("a task")
    return room


def kill_all(pids: list[int]) -> None:
    """Kills them one after the other; one may have died of another's death."""
    processes = [os.pidfd_open(pid) for pid in pids]
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)


@pytest.mark.parametrize("victims", [(one,) for one in PARTIES] + list(combinations(PARTIES, 2)), ids="+".join)
def test_whoever_is_killed_the_task_lands_once_and_nothing_is_left(story: Story, victims: tuple[str, ...]) -> None:
    story.agent(WAITS)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    first = story.processes(task)
    own_processes(story, task)
    room = open_room(story) if "app" in victims else None
    pids = {"orchestrator": running.pid, "supervisor": first.supervisor, "agent": first.child}
    if room:
        pids["app"] = room.pid

    kill_all([pids[victim] for victim in victims])

    if "orchestrator" in victims:
        story.finish(running)
        running = story.up()
    attempt_ends = "supervisor" in victims or "agent" in victims
    if attempt_ends:
        again = story.wait(lambda: story.events("move", task=task, to="retrying"), "the attempt to be tried again")
        assert gone(first.child)
        expected = (
            "the supervisor of attempt 1 is gone" if "supervisor" in victims else "attempt 1 exited with signal 9"
        )
        assert again[0]["why"].startswith(expected)
        assert gone(own_processes(story, task)[0])
    if room:
        room.close()
        room = open_room(story)
        room.close()
    if not attempt_ends:
        assert alive(first.child)
        assert story.task(task).attempts == (1,)
    go(story, task)
    story.wait_for_state(task, "merged")
    assert story.file(task) == ("2" if attempt_ends else "1")
    assert story.subjects() == ["a task", "first"]
    story.wait(lambda: story.events("move", task=task, to="merged"), "it to be told, which comes after it was done")
    assert len(story.events("move", task=task, to="merged")) == 1
    assert left(story, [first, story.processes(task, story.task(task).attempts[-1])]) == []
    running.terminate()
    assert story.finish(running).status == 0


def test_what_a_killed_supervisor_left_is_ended_at_once_and_not_after_the_backoff(story: Story) -> None:
    story.configure(backoff_seconds=600.0, backoff_limit=600.0)
    story.agent("env -i setsid sleep 600 & echo $! >> $OPSROOM_TASK_DIR/own; " + WAITS)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    bare, marked = own_processes(story, task, 2)
    story.end_by_id(story.processes(task).supervisor)
    story.wait_for_state(task, "retrying")
    assert gone(marked)
    assert gone(bare), "one without an environment is known by the output that it writes to"
    assert story.task(task).attempts == (1,)
    running.terminate()
    story.finish(running)


def test_who_only_reads_an_output_is_not_taken_for_a_worker(story: Story) -> None:
    story.agent("exit 0")
    attempt = story.state.task("0001").attempt(1)
    attempt.root.mkdir(parents=True)
    attempt.stdout.touch()
    reader = subprocess.Popen(["tail", "-f", str(attempt.stdout)], stdout=subprocess.DEVNULL)
    story.wait(lambda: str(attempt.stdout) in open_files(reader.pid), "the reader to read")
    assert attempts.sweep(story.state.task("0001").root, 1) == 0
    assert alive(reader.pid)
    reader.terminate()
    reader.wait(60)


def of_task(story: Story, task: str) -> list[int]:
    """The processes that have the environment of `task`."""
    mark, found = os.fsencode(f"OPSROOM_TASK_DIR={story.state.task(task).root}"), []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def open_files(pid: int) -> list[str]:
    folder, found = f"/proc/{pid}/fd", []
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):  # it was closed this instant
            found.append(os.readlink(f"{folder}/{name}"))
    return found


def sleepers(pids: list[int]) -> int:
    """How many of them are the `sleep 600` that they were to become."""
    found = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            found += Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x00600\x00"
    return found


def test_down_leaves_workers_running_and_kill_ends_a_whole_tree(story: Story) -> None:
    story.agent("(setsid sh -c 'trap \"\" TERM HUP; exec sleep 600' &); sh -c 'sleep 600; true' & " + WAITS)
    task, other = story.spawn(), story.spawn()
    first = story.up()
    for name in (task, other):
        story.wait_for_state(name, "running")
        own_processes(story, name)
    runs = {name: story.processes(name) for name in (task, other)}
    tree = story.wait(lambda: found if sleepers(found := of_task(story, task)) == 3 else [], "the whole tree")
    assert len(tree) >= 5
    assert story.opsroom("down").status == 0
    assert story.finish(first).status == 0
    assert all(alive(run.child) for run in runs.values())

    second = story.up()
    said = story.opsroom("kill", task)
    assert (said.status, said.err) == (0, "")
    story.wait_for_state(task, "cancelled")
    story.wait(story.state.task(task).attempt(1).exit.exists, "the exit record")
    assert all(gone(pid) for pid in tree)
    assert alive(runs[other].child)
    go(story, other)
    story.wait_for_state(other, "merged")
    assert left(story, list(runs.values())) == []
    second.terminate()
    assert story.finish(second).status == 0


def test_the_metric_of_a_killed_orchestrator_is_ended_and_taken_again(story: Story) -> None:
    story.agent("touch $OPSROOM_ITEM")
    pids = story.folder / "pids"
    metric = story.folder / "metric"
    metric.write_text(f"#!/bin/sh\necho $$ >> {pids}; [ $(wc -l < {pids}) -gt 1 ] || setsid sleep 600; ls | wc -l\n")
    metric.chmod(0o755)
    story.campaign("twos", ["a"], envelope=f'[metric]\nname = "files"\ncommand = ["{metric}"]\n')
    first = story.up()
    story.send("campaign-start", campaign="twos")
    story.wait(lambda: pids.exists() and pids.read_text(), "the metric")
    story.kill(first)
    story.up_once()
    assert gone(int(pids.read_text().split()[0]))
    assert story.task("twos-0001").state == "merged"
    assert left(story, []) == []


def killed_at(story: Story, *lines: str) -> None:
    """Runs an orchestrator that kills itself where `lines`, which are Python and have `kill`, make it do so."""
    program = "\n".join(
        [
            "import os",
            f"def kill(*_, **__): os.kill(os.getpid(), {signal.SIGKILL:d})",
            *lines,
            "from opsroom.__main__ import main",
            "main()",
        ]
    )
    killed = subprocess.run(
        [sys.executable, "-c", program, "up"],
        cwd=story.repository,
        env=story.environment(),
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )
    assert killed.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("line", "again"), [("_take", ["attempt 1 was never started"]), ("os.ftruncate", [])], ids=["before", "after"]
)
def test_who_is_killed_around_the_start_of_a_supervisor_costs_no_attempt(
    story: Story, line: str, again: list[str]
) -> None:
    story.agent("echo $OPSROOM_ATTEMPT > $OPSROOM_TASK", max_attempts=1)
    task = story.spawn()
    killed_at(story, "from orchestrator.running import attempts", f"attempts.{line} = kill")
    story.up_once()
    assert (story.task(task).state, story.task(task).attempts) == ("merged", (1,))
    assert [event["why"] for event in story.events("move", task=task, to="queued")] == again
    assert story.task(task).status.usage.attempts == 1  # type: ignore[union-attr]  # it has one
    assert "The attempt before this one" not in story.state.task(task).attempt(1).prompt.read_text()


DIES_AT_THE_SECOND_START = (
    "from orchestrator.running import attempts",
    "start = attempts.start",
    "attempts.start = lambda root, to, *more: to.root.name == '2' and kill() or start(root, to, *more)",
)


def test_a_worker_is_told_what_to_repair_though_its_first_start_was_cut_off(story: Story) -> None:
    story.agent("[ $OPSROOM_ATTEMPT = 1 ] && echo bad > made || echo good > made")
    check = '[[checks]]\nname = "no bad"\ncommand = ["sh", "-c", "! grep bad made"]\n'
    story.campaign("twos", ["made"], envelope=f"repairs = 1\n{check}")
    story.send("campaign-start", campaign="twos")
    killed_at(story, *DIES_AT_THE_SECOND_START)
    assert story.state.task("twos-0001").attempt(2).root.is_dir()
    story.up_once()
    assert (story.task("twos-0001").state, story.task("twos-0001").attempts) == ("merged", (1, 2))
    told = story.state.task("twos-0001").attempt(2).prompt.read_text()
    assert "## Repair your change\nIt was not taken: check no bad failed (exit status 1): bad." in told


def test_a_worker_is_told_how_the_attempt_before_ended_though_its_first_start_was_cut_off(story: Story) -> None:
    story.agent("[ $OPSROOM_ATTEMPT = 1 ] && exit 7; touch made")
    task = story.spawn()
    killed_at(story, *DIES_AT_THE_SECOND_START)
    story.up_once()
    assert (story.task(task).state, story.task(task).attempts) == ("merged", (1, 2))
    told = story.state.task(task).attempt(2).prompt.read_text()
    assert told.endswith("\n## The attempt before this one\nattempt 1 exited with status 7\n")


@pytest.mark.parametrize("write", ["_change_run", "_write"])
def test_who_is_killed_at_either_write_of_a_run_that_begins_loses_nothing_of_what_was_measured(
    story: Story, write: str
) -> None:
    story.agent("touch $OPSROOM_ITEM")
    story.campaign("twos", ["a"], envelope='[metric]\nname = "files"\ncommand = ["sh", "-c", "ls | wc -l"]\n')
    queue = story.state.campaign("twos").queue
    queue.write_text(queue.read_text().replace("NO_PROGRESS_COUNT: 0", "NO_PROGRESS_COUNT: 7"))
    story.send("campaign-start", campaign="twos")
    killed_at(story, "from orchestrator.campaign.campaign_runs import CampaignRuns", f"CampaignRuns.{write} = kill")
    story.up_once()
    view = story.campaign_view("twos")
    assert view.file is not None
    assert (view.file.headers["METRIC_START"], view.file.headers["METRIC_CURRENT"]) == ("1", "2")
    assert [(run.halted, run.metric_before, run.metric_after) for _, run in view.runs] == [("complete", "1", "2")]


def test_who_is_killed_at_the_line_of_an_item_has_not_told_of_it(story: Story) -> None:
    story.agent("touch $OPSROOM_ITEM")
    story.campaign("twos", ["a"])
    story.send("campaign-start", campaign="twos")
    killed_at(
        story,
        "from orchestrator.campaign.campaign_runs import CampaignRuns",
        "write = CampaignRuns._write",
        "CampaignRuns._write = lambda runs, name, file, *how, **more:"
        " file.history and kill() or write(runs, name, file, *how, **more)",
    )
    story.up_once()
    assert story.states() == {"twos-0001": "merged"}
    assert [event["result"] for event in story.events("item")] == ["success"]
