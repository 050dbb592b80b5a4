"""What can't be written now is said, and done later; it ends nothing."""

from tests.stories import Story, put_folder


def test_an_event_log_that_cannot_be_written_ends_nothing(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK")
    running = story.up()
    aside = story.folder / "events.jsonl"
    aside.hardlink_to(story.state.events)
    link = story.folder / "link"
    link.symlink_to("nowhere")
    link.rename(story.state.events)  # at once: there is never a moment in which another log could be begun
    task = story.spawn()
    story.wait_for_state(task, "merged")
    aside.rename(story.state.events)
    story.wait(lambda: story.events("move", task=task, to="merged"), "the events that were held")
    running.terminate()
    said = story.finish(running)
    assert said.status == 0
    why = "too many levels of symbolic links; events are held until it can be written"
    assert said.err == f"opsroom: orchestrator/events.jsonl: {why}\n"
    assert story.moves(task) == ["starting", "running", "verifying", "merging", "merged"]


def test_a_lease_that_cannot_be_written_ends_nothing(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK")
    running = story.up()
    put_folder(story.state.lease)
    story.wait(lambda: story.events("trouble", what="lease"), "the trouble with the lease")
    story.state.lease.rmdir()
    task = story.spawn()
    story.wait_for_state(task, "merged")
    running.terminate()
    assert story.finish(running).status == 0


def test_a_status_that_cannot_be_written_is_written_later(story: Story) -> None:
    story.agent("while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; touch $OPSROOM_TASK")
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    folder = story.state.task(task)
    kept = folder.status.read_text()
    folder.status.unlink()
    folder.status.mkdir()
    (folder.root / "go").touch()
    story.wait(folder.attempt(1).exit.exists, "the worker's end")
    story.heeded()
    folder.status.rmdir()
    folder.status.write_text(kept)
    story.wait_for_state(task, "merged")
    running.terminate()
    assert story.finish(running).status == 0


def test_an_attempt_that_cannot_be_prepared_now_is_started_later(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK")
    running = story.up()
    story.heeded()  # after its look for leftovers, which makes the lock
    lock = story.state.worktrees / ".lock"
    put_folder(lock)
    task = story.spawn()
    assert "is a directory" in story.wait(lambda: story.waiting_on(task).lower(), "the trouble with the worktree")
    lock.rmdir()
    story.wait_for_state(task, "merged")
    assert story.moves(task)[:3] == ["starting", "queued", "starting"]
    running.terminate()
    assert story.finish(running).status == 0
