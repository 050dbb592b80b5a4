"""Workers that crash, hang, or can't be started, and what the person then finds."""

import pytest

from tests.stories import Story, gone


def test_a_crash_is_tried_again_until_it_works(story: Story) -> None:
    story.agent('[ "$OPSROOM_ATTEMPT" = 3 ] || exit 7; touch made')
    task = story.spawn()
    story.up_once()
    assert story.moves(task)[:6] == ["starting", "running", "retrying", "starting", "running", "retrying"]
    assert story.events("move", task=task, to="retrying")[0]["why"] == "attempt 1 exited with status 7"
    assert story.task(task).state == "merged"


def test_backoff_doubles_and_is_kept_to(story: Story) -> None:
    story.agent("date +%s%N >> $OPSROOM_TASK_DIR/times; exit 1")
    story.configure(backoff_seconds=0.2, backoff_limit=10.0)
    task = story.spawn()
    story.up_once()
    times = [int(line) / 1e9 for line in (story.state.task(task).root / "times").read_text().split()]
    assert times[1] - times[0] >= 0.2
    assert times[2] - times[1] >= 0.4


def test_max_attempts_is_the_end(story: Story) -> None:
    story.agent("exit 1", max_attempts=2)
    task = story.spawn()
    story.up_once()
    assert story.task(task).attempts == (1, 2)
    assert story.task(task).state == "failed"
    assert story.why(task) == "attempt 2 exited with status 1; failed 2 times in a row"


def test_the_second_attempt_finds_the_checkpoint_and_the_reason_and_the_work(story: Story) -> None:
    story.agent(
        'if [ "$OPSROOM_ATTEMPT" = 1 ]; then echo half > half; echo "half is done" | opsroom checkpoint -; exit 9; fi\n'
        "cat > prompt; [ -f half ] && echo whole >> half"
    )
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert "## Your last checkpoint\nhalf is done" in story.file("prompt")
    assert "## The attempt before this one\nattempt 1 exited with status 9" in story.file("prompt")
    assert story.file("half") == "half\nwhole"


def test_a_worker_that_is_killed_is_tried_again(story: Story) -> None:
    story.agent('[ "$OPSROOM_ATTEMPT" = 2 ] || kill -KILL $$; touch made')
    task = story.spawn()
    story.up_once()
    assert story.events("move", task=task, to="retrying")[0]["why"] == (
        "attempt 1 exited with signal 9: killed from outside, for memory perhaps"
    )
    assert story.task(task).state == "merged"


def test_time_runs_out(story: Story) -> None:
    story.agent("sleep 600", seconds=1.0, max_attempts=1, grace=0.2)
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "failed"
    ended = story.task(task).exit
    assert ended is not None
    assert ended.seconds >= 1.0
    assert story.why(task) == f"attempt 1 ran out of time after {ended.seconds:.0f} s; failed once"
    assert gone(story.processes(task).child)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("/no/such/program", "there is no program /no/such/program"),
        ("no-such-program", "there is no program 'no-such-program' on PATH"),
        ("./notes.txt", "notes.txt cannot be executed"),
    ],
)
def test_an_agent_that_is_not_there_fails_before_anything_is_started(story: Story, program: str, why: str) -> None:
    story.agent("true", command=[program])
    task = story.spawn()
    story.up_once()
    assert (story.task(task).state, story.task(task).attempts) == ("failed", ())
    assert story.why(task).startswith("cannot start the agent: ")
    assert why in story.why(task)


def test_an_agent_that_cannot_be_started_fails_at_once(story: Story) -> None:
    story.agent("true")
    (story.folder / "agents" / "worker").write_text("#!/no/such/interpreter\n")
    task = story.spawn()
    story.up_once()
    assert story.task(task).attempts == (1,)
    assert "cannot start the agent: FileNotFoundError" in story.why(task)


def test_an_agent_that_is_not_configured_any_more_fails_the_task(story: Story) -> None:
    story.agent("touch made")
    task = story.spawn()
    story.finish(story.up("--idle", "0"))
    path = story.state.task("0002")
    path.root.mkdir()
    text = story.state.task(task).task.read_text().replace('agent = "worker"', 'agent = "gone"')
    path.task.write_text(text)
    path.spec.write_text("x")
    path.status.write_text('state = "queued"\nsince = 2026-11-21T10:00:00Z\nby = "orchestrator"\n')
    story.up_once()
    assert story.task("0002").state == "failed"
    assert story.why("0002") == "there is no agent 'gone' in opsroom.toml"


def test_a_supervisor_that_is_killed_takes_its_worker_along_and_the_attempt_is_tried_again(story: Story) -> None:
    story.agent('[ "$OPSROOM_ATTEMPT" = 2 ] && exec touch made; setsid sleep 600 & echo $! > pid; wait')
    task = story.spawn()
    running = story.up("--once")
    processes = story.processes(task)
    pid = story.state.worktree(task) / "pid"
    story.wait(lambda: pid.exists() and pid.read_text().strip(), "the worker's own child")
    child = int(pid.read_text())
    story.end_by_id(processes.supervisor)
    story.finish(running)
    assert story.task(task).state == "merged"
    assert story.events("move", task=task, to="retrying")[0]["why"].startswith("the supervisor of attempt 1 is gone")
    assert gone(processes.child)
    assert gone(child)


def test_a_status_that_cannot_be_read_is_a_fault_and_the_others_go_on(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK")
    broken, good = story.spawn(), story.spawn()
    story.up_once()
    story.state.task(broken).status.write_text("state = \x00\n")
    other = story.spawn()
    story.up_once()
    view = story.task(broken)
    assert (view.status, len(view.faults)) == (None, 1)
    assert (story.task(good).state, story.task(other).state) == ("merged", "merged")


def test_a_worker_that_died_in_a_commit_leaves_no_lock_behind(story: Story) -> None:
    story.agent(
        'if [ "$OPSROOM_ATTEMPT" = 1 ]; then touch "$(git rev-parse --git-path index.lock)"; exit 1; fi\n'
        "echo a > a; git add a; git commit -qm a"
    )
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"


def test_a_rebase_that_a_worker_left_unfinished_is_set_aside_for_the_next_attempt(story: Story) -> None:
    story.agent(
        'if [ "$OPSROOM_ATTEMPT" = 1 ]; then\n'
        "  echo mine > notes.txt; git commit -qam mine; git switch -qc other HEAD~1\n"
        "  echo theirs > notes.txt; git commit -qam theirs; git switch -q -; git rebase -q other; exit 1\n"
        "fi\n"
        "echo more > more"
    )
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert (story.file("notes.txt"), story.file("more")) == ("mine", "more")
    assert "<<<<<<<" in story.file("notes.txt", f"opsroom/{task}/1-unfinished")


def test_a_change_left_in_the_middle_of_a_rebase_fails_and_is_kept(story: Story) -> None:
    story.agent(
        "echo mine > notes.txt; git commit -qam mine; git switch -qc other HEAD~1\n"
        "echo theirs > notes.txt; git commit -qam theirs; git switch -q -; git rebase -q other; exit 0"
    )
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "failed"
    assert "in the middle of a rebase" in story.why(task)
    assert not story.state.worktree(task).exists()
    assert story.file("notes.txt", f"opsroom/{task}/1") == "mine"
    assert "<<<<<<<" in story.file("notes.txt", f"opsroom/{task}/1-unfinished")
