"""The orchestrator is killed at any moment, and the next one goes on from the files."""

import random
import subprocess
import time

import pytest

from orchestrator import tasks
from orchestrator.events import Events
from state import commands
from state.messages import Message, post
from state.model import Command, Outcome, Task
from state.times import utc_now
from tests.stories import DEADLINE, Story, alive, gone

WAITS = "touch half; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; echo $OPSROOM_ATTEMPT > $OPSROOM_TASK"


def go(story: Story, task: str) -> None:
    (story.state.task(task).root / "go").touch()


def test_workers_go_on_without_an_orchestrator_and_the_next_one_adopts_them(story: Story) -> None:
    story.agent(WAITS)
    ends, goes_on = story.spawn(), story.spawn()
    first = story.up()
    for task in (ends, goes_on):
        story.wait_for_state(task, "running")
    pid = story.processes(goes_on).child
    story.kill(first)
    go(story, ends)
    story.wait(story.state.task(ends).attempt(1).exit.exists, "the first worker's exit record")
    second = story.up("--once")
    story.wait_for_state(ends, "merged")
    assert alive(pid)
    go(story, goes_on)
    story.finish(second)
    assert story.states() == {ends: "merged", goes_on: "merged"}
    assert (story.file(ends), story.file(goes_on)) == ("1", "1")
    assert story.moves(goes_on) == ["starting", "running", "verifying", "merging", "merged"]


def test_shutdown_leaves_the_workers_running(story: Story) -> None:
    story.agent(WAITS)
    task = story.spawn()
    first = story.up()
    story.wait_for_state(task, "running")
    pid = story.processes(task).child
    assert story.opsroom("down").status == 0
    assert story.finish(first).status == 0
    assert alive(pid)
    assert story.task(task).state == "running"
    go(story, task)
    story.up_once()
    assert story.file(task) == "1"


def test_of_two_orchestrators_the_second_names_the_first_and_exits_with_3(story: Story) -> None:
    first = story.up()
    said = story.opsroom("up", "--once")
    assert said.status == 3
    assert f"pid {first.pid} on " in said.err
    assert said.err.count("\n") == 1


def test_an_orchestrator_that_was_to_end_when_idle_ends(story: Story) -> None:
    story.agent("touch made")
    task = story.spawn()
    said = story.finish(story.up("--idle", "0.2"))
    assert (said.status, story.task(task).state) == (0, "merged")


def test_a_landing_that_was_cut_off_after_the_branch_moved_is_not_done_twice(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    story.configure(checks=("true",))
    task = story.spawn()
    story.up_once()
    tip = story.git("rev-parse", "main")
    status = story.state.task(task).status
    text = status.read_text().replace('state = "merged"', 'state = "merging"').replace(f'commit = "{tip}"\n', "")
    status.write_text(text.replace('checks = [\n    "true",\n]\n', ""))
    story.up_once()
    view = story.task(task)
    assert view.status is not None
    assert (view.state, view.status.commit, view.status.checks) == ("merged", tip, ["true"])
    assert story.git("rev-parse", "main") == tip


def test_checks_that_a_killed_orchestrator_left_running_are_ended_and_run_again(story: Story) -> None:
    story.agent("touch made")
    pids = story.folder / "pids"
    check = story.folder / "check"
    check.write_text(f"#!/bin/sh\ntouch litter; echo $$ >> {pids}; [ $(wc -l < {pids}) -gt 1 ] || sleep 600\n")
    check.chmod(0o755)
    story.configure(checks=(str(check),))
    task = story.spawn()
    first = story.up()
    story.wait(lambda: pids.exists() and pids.read_text(), "the check to run")
    story.kill(first)
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.git("show", "--name-only", "--format=", "main") == "made"
    left, _ = map(int, pids.read_text().split())
    assert gone(left)


def test_a_landing_is_not_waited_for_for_ever_at_the_end(story: Story) -> None:
    story.agent("touch made")
    story.configure(checks=(f"sh -c '[ -e {story.folder}/second ] || {{ touch {story.folder}/second; sleep 600; }}'",))
    task = story.spawn()
    first = story.up()
    story.wait((story.folder / "second").exists, "the check to run")
    first.terminate()
    story.wait(lambda: story.events("ending", waits_for=[task]), "the orchestrator to say that it waits")
    first.terminate()
    said = story.finish(first)
    assert said.status == 0
    assert f"ending: waits for {task}: signal SIGTERM" in said.out
    assert story.task(task).state == "verifying"
    story.up_once()
    assert story.task(task).state == "merged"


def test_a_landing_that_ends_soon_is_waited_for_at_the_end(story: Story) -> None:
    story.agent("touch made")
    story.configure(
        checks=(f"sh -c 'touch {story.folder}/checking; while [ ! -e {story.folder}/go ]; do sleep 0.05; done'",)
    )
    task = story.spawn()
    with story.patient() as first:
        story.wait((story.folder / "checking").exists, "the check to run")
        first.terminate()
        story.wait(lambda: story.events("ending"), "the orchestrator to end")
        (story.folder / "go").touch()
        assert first.wait(DEADLINE) == 0
    assert story.task(task).state == "merged"


def test_a_worktree_that_was_half_made_is_made_again(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    worktree = story.state.worktree("0001")
    story.git("worktree", "add", "--quiet", "-B", "opsroom/0001/1", str(worktree), "main")
    (worktree / "notes.txt").unlink()
    (story.repository / ".git" / "worktrees" / "0001" / "locked").write_text("initializing")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.file("notes.txt").endswith("four")


def test_an_attempt_that_was_cut_off_before_its_start_is_started_and_counted_once(story: Story) -> None:
    story.agent("sleep 0.2; touch made")
    events = Events(story.state, utc_now)
    task = Task(title="a task", created=utc_now(), agent="worker", base="main")
    assert tasks.create(story.state, events, "0001", task, "Do it.")
    tasks.move(story.state, events, "0001", story.task("0001").status, utc_now(), "starting", attempt=1)
    events.close()
    attempt = story.state.task("0001").attempt(1)
    attempt.root.mkdir(parents=True)
    attempt.prompt.write_text("half of what it was to be tol")
    story.up_once()
    view = story.task("0001")
    assert (view.state, view.attempts) == ("merged", (1,))
    assert view.status is not None
    assert view.exit is not None
    assert (view.status.usage.attempts, view.status.usage.seconds) == (1, view.exit.seconds)


def test_a_task_whose_making_was_cut_off_leaves_nothing(story: Story) -> None:
    folder = story.state.tasks / ".new-0001-abcd"
    folder.mkdir()
    (folder / "task.toml").write_text("title = 'half'\n")
    story.up_once()
    assert not folder.exists()
    assert story.states() == {}


def crash_before_the_outcome(story: Story, running: subprocess.Popen[str], name: str) -> Outcome:
    """Kills the orchestrator as if it had obeyed `name` and not come to write the outcome; gives the next one's."""
    first = story.outcome(name)
    if running.poll() is None:
        story.kill(running)
    commands.outcome_path(story.state.inbox_done, name).unlink()
    story.up()
    again = story.outcome(name)
    assert (again.outcome, again.task) == (first.outcome, first.task) or name.endswith("-shutdown.toml")
    return again


@pytest.mark.parametrize(
    ("verb", "before"),
    [("pause", "running"), ("stop", "running"), ("kill", "running"), ("resume", "paused"), ("retry", "failed")],
)
def test_a_move_without_an_outcome_is_not_made_twice(story: Story, verb: str, before: str) -> None:
    story.agent(
        '[ "$OPSROOM_ATTEMPT" = 1 ] || exit 1; ' + ("exit 1" if before == "failed" else "sleep 600"), max_attempts=1
    )
    task = story.spawn()
    running = story.up()
    if before == "paused":
        story.send("pause", task=task)
    story.wait_for_state(task, before)
    crash_before_the_outcome(story, running, story.send(verb, task=task))
    caused = [event["to"] for event in story.events("move", task=task) if event["why"] == f"{verb} by human"]
    assert caused == [{"pause": "paused", "resume": "queued", "retry": "queued"}.get(verb, "cancelled")]


def test_a_spawn_without_an_outcome_makes_no_second_task(story: Story) -> None:
    story.agent("touch made")
    running = story.up()
    again = crash_before_the_outcome(story, running, story.send("spawn", title="once", agent="worker"))
    story.wait_for_state("0001", "merged")
    assert again.task == "0001"
    assert list(story.states()) == ["0001"]


def test_a_message_without_an_outcome_is_posted_once(story: Story) -> None:
    story.agent("sleep 600")
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    crash_before_the_outcome(story, running, story.send("message", task=task, text="hello"))
    assert [message.body for message in story.task(task).inbox] == ["hello"]


def test_a_shutdown_without_an_outcome_does_not_end_the_next_orchestrator(story: Story) -> None:
    story.agent("touch made")
    running = story.up()
    name = story.send("shutdown")
    story.finish(running)
    assert crash_before_the_outcome(story, running, name).why == "it was sent before this orchestrator started"
    story.wait_for_state(story.spawn(), "merged")


def test_unfinished_commands_are_obeyed_in_order_before_new_ones(story: Story) -> None:
    story.agent("sleep 600")
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    story.kill(running)
    early = commands.send(story.state, Command(verb="pause", at=utc_now(), by="human", task=task))
    assert commands.claim(story.state, early)
    late = story.send("resume", task=task)
    story.up()
    assert (story.outcome(early).outcome, story.outcome(late).outcome) == ("accepted", "accepted")
    assert story.moves(task)[2:4] == ["paused", "queued"]


def test_a_question_asked_while_no_orchestrator_ran_parks_the_task(story: Story) -> None:
    story.agent(WAITS)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    story.kill(running)
    question = Message(kind="question", at=utc_now(), attempt=1, body="Which?")
    post(story.state.root, story.state.task(task).outbox, question)
    go(story, task)
    story.wait(story.state.task(task).attempt(1).exit.exists, "the worker's end")
    story.up_once()
    assert story.task(task).state == "waiting"


def test_killed_at_random_moments_each_task_lands_exactly_once(story: Story) -> None:
    """Ten orchestrators are killed while they work on six tasks; the eleventh may finish."""
    chance = random.Random(20261121)
    story.agent('echo $OPSROOM_ATTEMPT >> $OPSROOM_TASK_DIR/starts; echo "$OPSROOM_TASK" > "file-$OPSROOM_TASK"')
    story.configure(max_workers=2, checks=("test -s notes.txt",))
    tasks = [story.spawn(f"task {number}") for number in range(1, 7)]
    for _ in range(10):
        process = story.up()
        time.sleep(chance.uniform(0.0, 0.35))  # the moment of the crash, not a wait for anything
        story.kill(process)
    story.up_once()
    assert {task: story.why(task) for task, state in story.states().items() if state != "merged"} == {}
    assert sorted(story.subjects()) == ["first", *(f"task {number}" for number in range(1, 7))]
    for task in tasks:
        starts = (story.state.task(task).root / "starts").read_text().split()
        assert len(starts) == len(set(starts))
        assert [event["to"] for event in story.events("move", task=task, to="merged")] == ["merged"]
        assert story.file(f"file-{task}") == task
    assert story.git("branch", "--format=%(refname:short)") == "main"
    assert len(story.git("worktree", "list").splitlines()) == 1
