"""From `opsroom spawn` to a commit on the base branch, told through `opsroom up --once`."""

from state.model import Result, decode
from tests.stories import Story


def test_a_task_lands_as_one_commit_with_its_title_and_trailer(story: Story) -> None:
    story.agent("cat > spec-as-read.txt; echo four >> notes.txt")
    task = story.spawn("Count to four", spec="Count on.")
    story.up_once()
    view = story.task(task)
    assert view.state == "merged"
    assert view.status is not None
    assert view.status.commit == story.git("rev-parse", "main")
    assert story.git("log", "-1", "--format=%B", "main") == f"Count to four\n\nOpsroom-Task: {task}"
    assert story.file("notes.txt") == "one\ntwo\nthree\nfour"
    assert story.file("spec-as-read.txt").startswith("Count on.\n\n## How to work")
    assert story.git("log", "--format=%an", "-1", "main") == "A Person"


def test_every_move_is_an_event_in_order(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    task = story.spawn()
    story.up_once()
    assert story.moves(task) == ["starting", "running", "verifying", "merging", "merged"]
    assert [event["from"] for event in story.events("move", task=task)] == [
        "queued",
        "starting",
        "running",
        "verifying",
        "merging",
    ]


def test_commits_of_the_worker_land_as_they_are(story: Story) -> None:
    story.agent("echo a > a; git add a; git commit -qm 'add a'; echo b > b; git add b; git commit -qm 'add b'")
    story.spawn()
    story.up_once()
    assert story.subjects() == ["add b", "add a", "first"]


def test_the_checkout_of_the_base_is_brought_along(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    story.spawn()
    story.up_once()
    assert (story.repository / "notes.txt").read_text() == "one\ntwo\nthree\nfour\n"
    assert story.git("status", "--porcelain") == ""


def test_nothing_is_left_of_a_merged_task_in_git(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    task = story.spawn()
    story.up_once()
    assert not story.state.worktree(task).exists()
    assert story.git("branch", "--format=%(refname:short)") == "main"
    assert len(story.git("worktree", "list").splitlines()) == 1


def test_branches_of_earlier_attempts_go_too_where_their_commits_landed_rebased(story: Story) -> None:
    story.agent(
        'if [ "$OPSROOM_ATTEMPT" = 1 ]; then echo a > a; git add a; git commit -qm "add a"; exit 1; fi\n'
        "echo b > b; touch $OPSROOM_TASK_DIR/ready; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done"
    )
    task = story.spawn()
    running = story.up("--once")
    story.wait((story.state.task(task).root / "ready").exists, "the second attempt")
    story.git("commit", "--quiet", "--allow-empty", "--message", "meanwhile")
    (story.state.task(task).root / "go").touch()
    story.finish(running)
    assert story.subjects() == ["a task", "add a", "meanwhile", "first"]
    assert story.git("branch", "--format=%(refname:short)") == "main"


def test_two_changes_of_different_files_both_land(story: Story) -> None:
    story.agent("echo $OPSROOM_TASK > $OPSROOM_TASK.txt")
    for number in range(4):
        story.spawn(f"task {number}")
    story.up_once()
    assert set(story.states().values()) == {"merged"}
    assert sorted(story.subjects()) == ["first", "task 0", "task 1", "task 2", "task 3"]


def test_a_workers_git_leaves_the_housekeeping_of_the_repository_to_others(story: Story) -> None:
    story.agent("for key in gc.auto maintenance.auto; do git config --get $key; done > found")
    story.spawn()
    story.up_once()
    assert story.file("found") == "0\nfalse"


def test_a_worker_finds_its_task_in_its_environment(story: Story) -> None:
    story.agent('env | grep ^OPSROOM_ | sort > environment; pwd > here; cat "$OPSROOM_PROMPT" | head -1 >> here')
    task = story.spawn(spec="Line one.")
    story.up_once()
    root = story.state.root
    folder = story.state.task(task)
    assert story.file("environment").splitlines() == [
        "OPSROOM_ATTEMPT=1",
        f"OPSROOM_PROMPT={folder.attempt(1).prompt}",
        f"OPSROOM_STATE_DIR={root}",
        f"OPSROOM_TASK={task}",
        f"OPSROOM_TASK_DIR={folder.root}",
    ]
    assert story.file("here").splitlines() == [str(story.state.worktree(task)), "Line one."]


def test_a_check_that_fails_keeps_the_change_off_the_base_and_on_its_branch(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    story.configure(checks=("true", "sh -c 'echo four is too many; exit 3'", "touch never"))
    task = story.spawn("Count to four")
    story.up_once()
    assert story.task(task).state == "failed"
    assert "failed (exit status 3): four is too many" in story.why(task)
    assert story.subjects() == ["first"]
    assert story.file("notes.txt", f"opsroom/{task}/1").endswith("four")
    assert not story.state.worktree(task).exists()


def test_what_a_check_leaves_behind_does_not_land(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    story.configure(checks=("sh -c 'echo report > report.txt; echo spoiled > notes.txt'",))
    story.spawn()
    story.up_once()
    assert story.git("show", "--name-only", "--format=", "main") == "notes.txt"
    assert story.file("notes.txt") == "one\ntwo\nthree\nfour"


def test_exit_0_without_change_or_result_is_a_failure(story: Story) -> None:
    story.agent("true")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "failed"
    assert "changed nothing" in story.why(task)


def test_exit_0_without_change_but_with_success_is_done(story: Story) -> None:
    story.agent("opsroom result success --summary 'was right already' --learned 'look first'")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "done"
    path = story.state.task(task).result
    said = decode(Result, path.read_text(), path.name)
    assert (said.outcome, said.summary, said.learned, said.attempt) == ("success", "was right already", "look first", 1)


def test_a_worker_that_only_took_over_the_base_has_changed_nothing(story: Story) -> None:
    story.agent("while ! git merge -q --ff-only main 2>/dev/null || [ $(git rev-list --count HEAD) = 1 ]; do :; done")
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "running")
    story.git("commit", "--quiet", "--allow-empty", "--message", "meanwhile")
    story.finish(running)
    assert story.task(task).state == "failed"
    assert "changed nothing" in story.why(task)


def test_the_word_failure_is_a_failure_whatever_the_exit_status(story: Story) -> None:
    story.agent("echo four >> notes.txt; opsroom result failure --summary 'three is enough'; exit 0")
    task = story.spawn()
    story.up_once()
    assert (story.task(task).state, story.why(task)) == ("failed", "three is enough")
    assert story.subjects() == ["first"]


def test_a_conflict_names_the_files_and_loses_nothing(story: Story) -> None:
    both = f"touch {story.folder}/$OPSROOM_TASK; until [ -e {story.folder}/0001 ] && [ -e {story.folder}/0002 ]"
    story.agent(f'sed -i "s/two/$OPSROOM_TASK/" notes.txt; echo kept > $OPSROOM_TASK; {both}; do sleep 0.02; done')
    story.spawn("first to come")
    story.spawn("second to come")
    story.up_once()
    states = story.states()
    assert sorted(states.values()) == ["failed", "merged"]
    loser = next(task for task, state in states.items() if state == "failed")
    assert story.why(loser) == "conflict with main in notes.txt"
    assert story.file(loser, f"opsroom/{loser}/1") == "kept"


def test_no_more_than_max_workers_run_at_once(story: Story) -> None:
    times = story.folder / "times"
    times.mkdir()
    with_another = f"until [ $(ls {times} | wc -l) -ge 2 ]; do sleep 0.02; done"
    story.agent(
        f"date +%s%N > {times}/$OPSROOM_TASK; sleep 0.3; {with_another}\n"
        f"date +%s%N >> {times}/$OPSROOM_TASK; touch $OPSROOM_TASK"
    )
    story.configure(max_workers=2)
    for _ in range(6):
        story.spawn()
    story.up_once()
    spans = [[int(line) for line in path.read_text().split()] for path in times.iterdir()]
    assert len(spans) == 6
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) == 2


def test_the_prompt_of_an_attempt_is_its_standard_input(story: Story) -> None:
    story.agent("cat > stdin; touch done")
    task = story.spawn(spec="Ünïcödé.\n")
    story.up_once()
    assert story.file("stdin") == story.state.task(task).attempt(1).prompt.read_text().rstrip("\n")


def test_the_base_is_the_branch_that_is_checked_out_where_none_is_named(story: Story) -> None:
    story.agent("touch made")
    story.configure(base="")
    story.spawn()
    story.up_once()
    assert story.subjects() == ["a task", "first"]


def test_without_any_branch_a_task_is_refused(story: Story) -> None:
    story.agent("touch made")
    story.configure(base="")
    story.git("switch", "--quiet", "--detach")
    story.spawn()
    said = story.up_once()
    assert "refused: there is no branch to land on" in said


def test_a_base_with_a_dirty_checkout_waits_until_it_is_clean(story: Story) -> None:
    story.agent("echo four >> notes.txt")
    (story.repository / "notes.txt").write_text("a person is writing here\n")
    task = story.spawn()
    running = story.up("--once")
    assert "uncommitted changes" in story.wait(lambda: story.waiting_on(task), "the landing to be held up")
    story.git("checkout", "--quiet", "--", "notes.txt")
    story.finish(running)
    assert story.task(task).state == "merged"
    assert (story.repository / "notes.txt").read_text().endswith("four\n")
