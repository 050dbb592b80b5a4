"""What a person's commands do to tasks, and what they refuse."""

import pytest

from tests.stories import Story, gone

WAITS = "touch half; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; touch made"


def go(story: Story, task: str) -> None:
    (story.state.task(task).root / "go").touch()


def test_pause_ends_the_attempt_and_resume_goes_on_with_its_work(story: Story) -> None:
    story.agent(WAITS)
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "running")
    story.wait((story.state.worktree(task) / "half").exists, "some work")
    child = story.processes(task).child
    assert story.outcome(story.send("pause", task=task, text="lunch")).outcome == "accepted"
    story.finish(running)
    assert (story.task(task).state, story.why(task)) == ("paused", "pause by human: lunch")
    assert gone(child)
    story.send("resume", task=task)
    go(story, task)
    story.up_once()
    assert (story.task(task).state, story.task(task).attempts) == ("merged", (1, 2))
    assert story.git("show", "--name-only", "--format=", "main").split() == ["half", "made"]


def test_resume_while_the_paused_attempt_still_ends_starts_another_after_it(story: Story) -> None:
    story.agent("echo $$ >> $OPSROOM_TASK_DIR/pids; " + WAITS)
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "running")
    story.send("pause", task=task)
    story.send("resume", task=task)
    story.wait(lambda: story.task(task).attempts == (1, 2), "the second attempt")
    assert gone(story.processes(task).child)
    go(story, task)
    story.finish(running)
    assert story.task(task).state == "merged"


def test_stop_cancels_and_keeps_the_work_on_its_branch(story: Story) -> None:
    story.agent(WAITS)
    task = story.spawn()
    running = story.up("--once")
    story.wait((story.state.worktree(task) / "half").exists, "some work")
    story.wait_for_state(task, "running")
    story.send("stop", task=task)
    story.finish(running)
    assert story.task(task).state == "cancelled"
    assert story.file("half", f"opsroom/{task}/1") == ""
    assert not story.state.worktree(task).exists()
    assert story.subjects() == ["first"]


def test_kill_does_not_wait_for_a_worker_that_ignores_it(story: Story) -> None:
    story.agent("trap '' TERM; " + WAITS, grace=600.0)
    task = story.spawn()
    running = story.up("--once")
    story.wait((story.state.worktree(task) / "half").exists, "the worker to ignore signals")
    story.wait_for_state(task, "running")
    story.send("kill", task=task)
    story.finish(running)
    view = story.task(task)
    assert view.exit is not None
    assert (view.state, view.exit.status) == ("cancelled", -9)


def test_kill_hurries_a_stop_that_is_in_its_grace(story: Story) -> None:
    story.agent("trap '' TERM; " + WAITS, grace=600.0)
    task = story.spawn()
    running = story.up("--once")
    story.wait((story.state.worktree(task) / "half").exists, "the worker to ignore signals")
    story.wait_for_state(task, "running")
    story.send("stop", task=task)
    story.wait(story.state.task(task).attempt(1).cancel.exists, "the worker to be asked")
    assert story.outcome(story.send("kill", task=task)).outcome == "accepted"
    story.finish(running)
    view = story.task(task)
    assert view.exit is not None
    assert (view.state, view.exit.status) == ("cancelled", -9)


def test_a_worker_that_ignores_its_end_is_asked_once(story: Story) -> None:
    story.agent("trap '' TERM; " + WAITS, grace=600.0)
    task = story.spawn()
    story.up("--once")
    story.wait((story.state.worktree(task) / "half").exists, "the worker to ignore signals")
    story.wait_for_state(task, "running")
    story.send("stop", task=task)
    cancel = story.state.task(task).attempt(1).cancel
    story.wait(cancel.exists, "the worker to be asked")
    asked = cancel.stat().st_mtime_ns
    for _ in range(3):  # each command is a turn of the loop
        story.outcome(story.send("message", task=task, text="one more turn"))
    assert cancel.stat().st_mtime_ns == asked


def test_retry_of_a_failed_task_begins_where_it_ended(story: Story) -> None:
    story.agent('echo $OPSROOM_ATTEMPT >> tries; [ "$OPSROOM_ATTEMPT" -gt 1 ]', max_attempts=1)
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "failed"
    story.send("retry", task=task)
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.file("tries") == "1\n2"


@pytest.mark.parametrize(
    ("verb", "why"),
    [
        ("pause", "is merged; nothing runs there"),
        ("resume", "is merged; nothing runs there"),
        ("stop", "is merged; nothing runs there"),
        ("kill", "is merged; nothing runs there"),
        ("retry", "is merged; only a failed, stopped or cancelled task is tried again"),
    ],
)
def test_a_merged_task_is_not_moved_any_more(story: Story, verb: str, why: str) -> None:
    story.agent("touch made")
    task = story.spawn()
    story.up_once()
    name = story.send(verb, task=task)
    story.up_once()
    outcome = story.outcome(name)
    assert (outcome.outcome, outcome.why) == ("refused", f"{task} {why}")
    assert story.task(task).state == "merged"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"verb": "pause", "task": "0099"}, "there is no task '0099'"),
        (
            {"verb": "spawn", "title": "t", "agent": "nobody"},
            "there is no agent 'nobody' in opsroom.toml (agents: worker)",
        ),
        ({"verb": "spawn", "title": " "}, "a task needs a title"),
        ({"verb": "spawn", "title": "t", "parent": "0099"}, "there is no task '0099' to be the parent"),
        ({"verb": "campaign-start", "campaign": "none"}, "there is no campaign 'none'"),
        ({"verb": "campaign-pause", "campaign": "none"}, "there is no campaign 'none' that can be read"),
        ({"verb": "dance"}, "this orchestrator does not know the command 'dance'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(story: Story, fields: dict[str, str], why: str) -> None:
    story.agent("touch made")
    name = story.send(**fields)
    story.up_once()
    outcome = story.outcome(name)
    assert (outcome.outcome, outcome.why) == ("refused", why)
    assert story.states() == {}


def test_a_command_that_is_no_toml_is_refused_with_file_and_line(story: Story) -> None:
    name = "20261121T101502.123456Z-3f0a-pause.toml"
    (story.state.inbox / name).write_text('verb = "pause"\nat = \n')
    story.up_once()
    outcome = story.outcome(name)
    assert outcome.outcome == "refused"
    assert outcome.why.startswith(f"inbox/done/{name}: line 2: not TOML")


def test_a_second_command_under_a_used_name_is_not_obeyed(story: Story) -> None:
    story.agent("touch made")
    story.spawn()
    story.up_once()
    used = next(story.state.inbox_done.glob("*-spawn.toml"))
    (story.state.inbox / used.name).write_text(used.read_text())
    story.up_once()
    assert list(story.states()) == ["0001"]
    assert story.events("command", outcome="refused")[0]["why"] == "its name was used by an earlier command"
    assert list(story.state.inbox.glob("*.toml")) == []


def test_an_orchestrator_does_not_end_on_a_word_to_an_earlier_one(story: Story) -> None:
    story.agent("touch made")
    name = story.send("shutdown")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.outcome(name).why == "it was sent before this orchestrator started"
