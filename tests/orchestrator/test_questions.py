"""Questions, answers and messages between a person and a worker, over attempts."""

from state import commands, messages
from state.messages import Message
from state.times import utc_now
from tests.stories import Story

ASK = """answer=$(opsroom ask "Which colour?" --option red --option blue --wait {wait}) || exit 0
echo "$answer" > colour
"""


def test_a_question_parks_the_task_and_its_answer_starts_it_again(story: Story) -> None:
    story.agent(ASK.format(wait=0))
    task = story.spawn()
    story.up_once()
    view = story.task(task)
    assert (view.state, view.needs_human) == ("waiting", True)
    assert view.status is not None
    assert view.status.waiting_on == view.questions[0].name
    assert story.opsroom("answer", task, "--option", "2").status == 0
    story.up_once()
    assert story.moves(task)[-5:] == ["starting", "running", "verifying", "merging", "merged"]
    assert story.file("colour") == "blue"
    assert [message.body for message in story.task(task).outbox] == ["Which colour?"]


def test_the_next_prompt_has_the_answer(story: Story) -> None:
    story.agent("cat > prompt; " + ASK.format(wait=0))
    task = story.spawn()
    story.up_once()
    story.opsroom("answer", task, "a very dark\nblue")
    story.up_once()
    assert "## Answers\nQ: Which colour?\nA: a very dark blue" in story.file("prompt")


def test_an_answer_reaches_a_worker_that_still_waits(story: Story) -> None:
    seen_to_run = """until grep -q '^state = "running"' "$OPSROOM_TASK_DIR/status.toml"; do sleep 0.02; done"""
    story.agent(ASK.format(wait=60) + seen_to_run)
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "waiting")
    story.opsroom("answer", task, "red")
    story.finish(running)
    assert story.moves(task) == ["starting", "running", "waiting", "running", "verifying", "merging", "merged"]
    assert story.file("colour") == "red"
    assert story.task(task).attempts == (1,)


def test_the_default_counts_once_the_deadline_has_passed(story: Story) -> None:
    story.agent('opsroom ask "Go on?" --default yes --deadline 0.2 --wait 0 > said || exit 0')
    task = story.spawn()
    story.up_once()
    view = story.task(task)
    assert view.state == "merged"
    assert story.file("said") == "yes"
    assert [(message.by, message.body) for message in view.filed] == [("default", "yes")]


def test_a_task_that_only_a_person_can_send_on_is_not_started_again(story: Story) -> None:
    story.agent(ASK.format(wait=0))
    task = story.spawn()
    story.up_once()
    before = story.moves(task)
    story.up_once()
    assert (story.moves(task), story.task(task).attempts) == (before, (1,))


def test_a_second_answer_is_refused_and_the_first_one_counts(story: Story) -> None:
    story.agent(ASK.format(wait=60) + "while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done")
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "waiting")
    question = story.task(task).questions[0]
    folder = story.state.task(task)
    first = messages.reply(story.state.root, folder, question, "red", "human")
    second = messages.reply(story.state.root, folder, question, "blue", "somebody else")
    refusal = story.wait(
        lambda: commands.outcome_of(story.state, folder.inbox_done, second.name), "the second answer's outcome"
    )
    (folder.root / "go").touch()
    story.finish(running)
    assert (refusal.outcome, refusal.why) == ("refused", "the question was answered before")
    assert story.file("colour") == "red"
    accepted = commands.outcome_of(story.state, folder.inbox_done, first.name)
    assert accepted is not None
    assert accepted.outcome == "accepted"


def test_a_refused_second_answer_is_none_while_the_first_one_is_still_unread(story: Story) -> None:
    reads_late = "opsroom ask 'Which colour?' --wait 0; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.02; done\n"
    story.agent(f"{reads_late}opsroom ask 'Which colour?' --wait 10 > colour")
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "waiting")
    question, folder = story.task(task).questions[0], story.state.task(task)
    messages.reply(story.state.root, folder, question, "red", "human")
    second = messages.reply(story.state.root, folder, question, "blue", "somebody else")
    story.wait(lambda: commands.outcome_of(story.state, folder.inbox_done, second.name), "the second one's outcome")
    for _ in range(2):  # turns of the orchestrator, in which it looks at what is unread
        story.outcome(story.send("message", task=task, text="are you there?"))
    (folder.root / "go").touch()
    story.finish(running)
    assert story.file("colour") == "red"


def test_an_answer_to_no_question_is_refused(story: Story) -> None:
    story.agent("touch made; while [ ! -e $OPSROOM_TASK_DIR/inbox/done/*.outcome.toml ]; do sleep 0.05; done")
    task = story.spawn()
    running = story.up("--once")
    story.wait_for_state(task, "running")
    answer = Message(kind="answer", at=utc_now(), by="human", reply_to="20261121T101502.123456Z-3f0a-question.md")
    sent = messages.post(story.state.root, story.state.task(task).inbox, answer)
    story.finish(running)
    outcome = commands.outcome_of(story.state, story.state.task(task).inbox_done, sent.name)
    assert outcome is not None
    assert (outcome.outcome, outcome.why) == ("refused", "there is no such question")


def test_a_message_is_delivered_by_the_next_checkpoint_and_filed_as_accepted(story: Story) -> None:
    story.agent(
        "touch $OPSROOM_TASK_DIR/ready\n"
        "until echo here | opsroom checkpoint - | grep . > heard; do sleep 0.05; done\n"
        "echo here | opsroom checkpoint - > nothing; mv nothing nothing-new"
    )
    task = story.spawn()
    running = story.up("--once")
    story.wait((story.state.task(task).root / "ready").exists, "the worker to be ready")
    story.opsroom("tell", task, "Mind the gap.")
    story.finish(running)
    assert story.file("heard") == "message from human: Mind the gap."
    assert story.file("nothing-new") == ""
    view = story.task(task)
    assert (view.inbox, [message.body for message in view.filed]) == ((), ["Mind the gap."])
    outcome = commands.outcome_of(story.state, story.state.task(task).inbox_done, view.filed[0].name)
    assert outcome is not None
    assert outcome.outcome == "accepted"


def test_a_message_to_a_task_that_waits_stands_in_the_next_prompt(story: Story) -> None:
    story.agent("cat > prompt; " + ASK.format(wait=0))
    task = story.spawn()
    story.up_once()
    story.opsroom("tell", task, "Mind the gap.")
    story.opsroom("answer", task, "red")
    story.up_once()
    assert "## Messages\n- human: Mind the gap." in story.file("prompt")
    assert story.task(task).inbox == ()


def test_a_message_to_a_task_that_has_landed_is_refused(story: Story) -> None:
    story.agent("touch made")
    task = story.spawn()
    story.up_once()
    story.opsroom("tell", task, "Mind the gap.")
    story.up_once()
    view = story.task(task)
    assert view.inbox == ()
    outcome = commands.outcome_of(story.state, story.state.task(task).inbox_done, view.filed[0].name)
    assert outcome is not None
    assert (outcome.outcome, outcome.why) == ("refused", "the task has ended")


def test_stop_needs_human_holds_the_task_with_the_workers_own_words(story: Story) -> None:
    story.agent(
        '[ "$OPSROOM_ATTEMPT" = 2 ] || { echo half > half; opsroom stop "No rule says which."; exit 0; }; touch made'
    )
    task = story.spawn()
    story.up_once()
    view = story.task(task)
    assert (view.state, story.why(task), view.stop_reason) == ("stopped", "No rule says which.", "No rule says which.")
    assert story.subjects() == ["first"]
    story.send("retry", task=task)
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.file("half") == "half"


def test_an_answer_that_came_when_the_worker_had_left_starts_it_again(story: Story) -> None:
    story.agent(
        'opsroom ask "Which colour?" --wait 0 > colour && exit 0\n'
        "touch $OPSROOM_TASK_DIR/asked; while [ ! -e $OPSROOM_TASK_DIR/leave ]; do sleep 0.05; done"
    )
    task = story.spawn()
    running = story.up("--once")
    folder = story.state.task(task)
    story.wait((folder.root / "asked").exists, "the question")
    messages.reply(story.state.root, folder, story.task(task).questions[0], "red", "human")
    story.wait(lambda: story.events("move", task=task, to="running") and story.task(task).inbox, "the answer")
    (folder.root / "leave").touch()
    story.finish(running)
    assert (story.task(task).state, story.task(task).attempts) == ("merged", (1, 2))
    assert story.file("colour") == "red"
