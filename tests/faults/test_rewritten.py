"""The base branch is rewritten while a task runs: amended, reset, exchanged, deleted for a while or for good."""

from collections.abc import Callable

import pytest

from opsroom.commands.show import read_fleet
from tests.stories import Story

WORKER = (
    "touch $OPSROOM_TASK_DIR/begun; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done\n"
    "echo mine > mine; git add mine; git commit --quiet --message mine; echo more > more"
)


def commit(story: Story, name: str, text: str = "theirs\n") -> str:
    (story.repository / name).write_text(text)
    story.git("add", name)
    story.git("commit", "--quiet", "--message", f"change {name}")
    return story.git("rev-parse", "main")


def begin(story: Story) -> str:
    """A task whose worker began at a commit that is about to be taken out of its base."""
    commit(story, "secret")
    story.agent(WORKER)
    task = story.spawn("a task")
    return task


def amend(story: Story) -> None:
    (story.repository / "secret").unlink()
    (story.repository / "public").write_text("fit to print\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--amend", "--message", "change public")


def reset(story: Story) -> None:
    story.git("reset", "--quiet", "--hard", "HEAD~1")


def move_by_force(story: Story) -> None:
    story.git("switch", "--quiet", "--create", "other", "HEAD~1")
    commit(story, "other")
    story.git("branch", "--force", "main", "other")
    story.git("switch", "--quiet", "main")


def delete_and_make_again(story: Story) -> None:
    story.git("switch", "--quiet", "--create", "other", "HEAD~1")
    commit(story, "other")
    story.git("branch", "--delete", "--force", "main")
    story.git("branch", "main", "other")
    story.git("switch", "--quiet", "main")


def begin_from_nothing(story: Story) -> None:
    story.git("switch", "--quiet", "--orphan", "other")
    (story.repository / ".gitignore").write_text("opsroom.toml\n")
    story.git("add", ".gitignore")
    commit(story, "other")
    story.git("branch", "--force", "main", "other")
    story.git("switch", "--quiet", "main")


REWRITES: dict[Callable[[Story], None], list[str]] = {
    amend: ["change public", "first"],
    reset: ["first"],
    move_by_force: ["change other", "first"],
    delete_and_make_again: ["change other", "first"],
    begin_from_nothing: ["change other"],
}


@pytest.mark.parametrize("rewrite", list(REWRITES), ids=lambda rewrite: rewrite.__name__.replace("_", " "))
def test_what_was_taken_out_does_not_come_back_and_the_work_lands_once(
    story: Story, rewrite: Callable[[Story], None]
) -> None:
    task = begin(story)
    running = story.up("--once")
    story.wait((story.state.task(task).root / "begun").exists, "the worker")
    story.wait_for_state(task, "running")
    rewrite(story)
    (story.state.task(task).root / "go").touch()
    assert story.finish(running).status == 0
    assert story.task(task).state == "merged", story.why(task)
    assert story.subjects() == ["a task", "mine", *REWRITES[rewrite]]
    assert "secret" not in story.git("ls-tree", "--name-only", "main").split()
    assert (story.file("mine"), story.file("more")) == ("mine", "more")
    assert story.git("status", "--porcelain") == "", "the checkout came along"
    assert "opsroom/" not in story.git("branch", "--format=%(refname:short)")


def test_a_second_attempt_takes_along_what_the_first_has_done(story: Story) -> None:
    commit(story, "secret")
    story.agent(
        'if [ "$OPSROOM_ATTEMPT" = 1 ]; then echo mine > mine; git add mine; git commit -qm mine; exit 1; fi\n'
        "touch $OPSROOM_TASK_DIR/begun; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; echo more > more"
    )
    task = story.spawn("a task")
    running = story.up("--once")
    story.wait((story.state.task(task).root / "begun").exists, "the second attempt")
    amend(story)
    (story.state.task(task).root / "go").touch()
    assert story.finish(running).status == 0
    assert story.subjects() == ["a task", "mine", "change public", "first"]


def test_a_base_that_is_rewritten_while_its_change_is_checked_is_followed(story: Story) -> None:
    task = begin(story)
    wait = f"touch {story.folder}/checking; while [ ! -e {story.folder}/go ]; do sleep 0.05; done"
    story.configure(checks=(f"sh -c '{wait}'",))
    running = story.up("--once")
    story.wait((story.state.task(task).root / "begun").exists, "the worker")
    (story.state.task(task).root / "go").touch()
    story.wait((story.folder / "checking").exists, "the check")
    amend(story)
    (story.folder / "go").touch()
    assert story.finish(running).status == 0
    assert story.subjects() == ["a task", "mine", "change public", "first"]
    assert "secret" not in story.git("ls-tree", "--name-only", "main").split()


def waiting(story: Story) -> dict[str, str]:
    """The state of each task that waits for the branch, by one look at all."""
    views = read_fleet(story.state).tasks.values()
    return {one.id: one.state for one in views if one.status and "'release' does not exist" in one.status.waiting_on}


def test_a_base_that_is_gone_is_waited_for_and_nothing_is_lost(story: Story) -> None:
    story.git("branch", "release")
    story.configure(base="release")
    story.agent(WORKER)
    task = story.spawn("a task")
    running = story.up()
    story.wait((story.state.task(task).root / "begun").exists, "the worker")
    tip = story.git("rev-parse", "release")
    story.git("branch", "--delete", "--force", "release")
    (story.state.task(task).root / "go").touch()
    story.wait(lambda: "branch 'release' does not exist" in story.waiting_on(task), "the task to wait")
    late = story.spawn("another task")
    both = story.wait(lambda: found if len(found := waiting(story)) == 2 else {}, "the other one to wait, too")
    assert both == {task: "merging", late: "queued"}
    story.git("branch", "release", tip)
    story.wait_for_state(task, "merged")
    (story.state.task(late).root / "go").touch()
    story.wait_for_state(late, "done", "merged", "failed")
    assert story.subjects("release")[-3:] == ["a task", "mine", "first"]
    running.terminate()
    assert story.finish(running).status == 0


def test_a_task_whose_base_is_gone_for_good_is_ended_by_a_person_and_keeps_its_work(story: Story) -> None:
    story.git("branch", "release")
    story.configure(base="release")
    story.agent(WORKER)
    task = story.spawn("a task")
    running = story.up()
    story.wait((story.state.task(task).root / "begun").exists, "the worker")
    story.git("branch", "--delete", "--force", "release")
    (story.state.task(task).root / "go").touch()
    story.wait(lambda: "branch 'release' does not exist" in story.waiting_on(task), "the task to wait")

    def stopped() -> bool:
        return story.opsroom("stop", task).status == 0  # not in the moment in which it is tried again

    story.wait(stopped, "the task to be stopped")
    assert story.task(task).state == "cancelled"
    story.wait(lambda: not story.state.worktree(task).exists(), "the worktree to be put away")
    assert story.file("mine", f"opsroom/{task}/1") == "mine"
    assert story.file("more", f"opsroom/{task}/1") == "more"
    running.terminate()
    assert story.finish(running).status == 0
