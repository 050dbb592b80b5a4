"""What a person's subcommands do, and with which exit status they end."""

import json

import pytest

from opsroom.commands.acts import send
from state import commands, files, journal, messages
from state.layout import StateDir
from state.lease import Holding
from state.messages import Message
from state.model import encode
from state.times import utc_now
from tests.stories import Said, Story

WAITS = "while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; touch made"
NO_TASK = "opsroom: there is no task '0099'; 'opsroom status' lists them\n"


def sent(story: Story) -> list[tuple[str, str, str]]:
    """Verb, task and text of every command that waits, oldest first."""
    found = []
    for name in commands.waiting(story.state):
        assert commands.claim(story.state, name)
        command = commands.read(story.state, name)
        found.append((command.verb, command.task, command.text))
    return found


def a_task(story: Story) -> str:
    """A task that was made, and waits for an orchestrator."""
    story.agent(WAITS)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    story.kill(running)
    return task


def ask(story: Story, task: str, *options: str, body: str = "Which?") -> Message:
    question = Message(kind="question", at=utc_now(), attempt=1, body=body, options=list(options))
    return messages.post(story.state.root, story.state.task(task).outbox, question)


@pytest.fixture
def without_orchestrator(monkeypatch: pytest.MonkeyPatch, story: Story) -> Story:
    """A story whose lease says that its orchestrator has ended."""
    running = story.up("--idle", "0")
    story.finish(running)
    return story


def test_without_an_orchestrator_a_command_waits_and_that_is_said(without_orchestrator: Story) -> None:
    story = without_orchestrator
    story.agent("touch made")
    said = story.opsroom("spawn", "--title", "One", "--spec", "-", stdin="Do it.")
    assert said == Said(0, "spawn: sent; it waits, for no orchestrator runs ('opsroom up' starts one)\n", "")
    story.up_once()
    assert story.states() == {"0001": "merged"}


def test_with_an_orchestrator_the_outcome_is_said(story: Story) -> None:
    story.agent(WAITS)
    story.up()
    (story.folder / "spec.md").write_text("Do it.\n")
    said = story.opsroom("spawn", "--title", "One", "--spec", str(story.folder / "spec.md"), "--agent", "worker")
    assert said == Said(0, "spawn: accepted 0001\n", "")
    story.wait_for_state("0001", "running")
    assert story.opsroom("pause", "0001", "--why", "lunch") == Said(0, "pause: accepted 0001\n", "")
    assert story.opsroom("pause", "0001").status == 1
    assert story.opsroom("resume", "0001").status == 0
    assert story.opsroom("kill", "0001").status == 0
    assert story.opsroom("retry", "0001").status == 0
    assert story.opsroom("stop", "0001").status == 0


def test_a_refusal_is_one_line_and_exit_status_1(story: Story) -> None:
    story.agent(WAITS)
    story.up()
    said = story.opsroom("spawn", "--title", "One", "--spec", "-", "--agent", "nobody")
    assert said == Said(1, "", "opsroom: spawn: there is no agent 'nobody' in opsroom.toml (agents: worker)\n")


@pytest.mark.parametrize("verb", ["pause", "resume", "stop", "kill", "retry", "log"])
def test_a_task_that_is_not_there_is_exit_status_1(story: Story, verb: str) -> None:
    assert story.opsroom(verb, "0099") == Said(1, "", NO_TASK)
    assert commands.waiting(story.state) == []


@pytest.mark.parametrize("arguments", [("tell", "0099", "x"), ("answer", "0099", "x")])
def test_neither_message_nor_answer_goes_to_a_task_that_is_not_there(story: Story, arguments: tuple[str, ...]) -> None:
    assert story.opsroom(*arguments) == Said(1, "", NO_TASK)


def test_a_name_that_is_none_is_exit_status_2(story: Story) -> None:
    said = story.opsroom("pause", "../escape")
    assert (said.status, said.err.count("\n"), "task id '../escape' is not a name" in said.err) == (2, 1, True)


def test_stop_names_one_task(story: Story) -> None:
    assert story.opsroom("stop", "one", "two").status == 2


def test_a_message_is_sent_and_written_to_the_journal(story: Story) -> None:
    task = a_task(story)
    said = story.opsroom("tell", task, "Mind the gap.")
    (waiting,) = story.task(task).inbox
    assert (said.status, said.out) == (0, f"sent: {waiting.name}\n")
    assert (waiting.body, waiting.by) == ("Mind the gap.", "human")
    line = json.loads(story.state.journal.read_text().splitlines()[-1])
    assert (line["kind"], line["task"], line["text"], line["name"]) == ("message", task, "Mind the gap.", waiting.name)


def test_an_option_is_chosen_by_its_number(story: Story) -> None:
    task = a_task(story)
    question = ask(story, task, "red", "blue")
    assert story.opsroom("answer", task, "--option", "2").status == 0
    (reply,) = story.task(task).inbox
    assert (reply.kind, reply.body, reply.reply_to) == ("answer", "blue", question.name)


def test_an_option_that_is_not_offered_is_refused_with_those_that_are(story: Story) -> None:
    task = a_task(story)
    ask(story, task, "red", "blue")
    said = story.opsroom("answer", task, "--option", "3")
    assert said == Said(1, "", "opsroom: the question offers 2 answers; 1 red; 2 blue\n")
    assert story.task(task).inbox == ()


def test_the_oldest_open_question_is_answered_and_none_twice(story: Story) -> None:
    task = a_task(story)
    assert story.opsroom("answer", task, "x") == Said(1, "", f"opsroom: task {task} has no open question\n")
    first, second = ask(story, task, body="First?"), ask(story, task, body="Second?")
    story.opsroom("answer", task, "one")
    story.opsroom("answer", task, "two")
    assert {reply.reply_to: reply.body for reply in story.task(task).inbox} == {first.name: "one", second.name: "two"}
    said = story.opsroom("answer", task, "three")
    assert said == Said(1, "", f"opsroom: task {task} has no open question, it was answered\n")


def test_an_answer_is_a_text_or_a_number(story: Story) -> None:
    for arguments in ((), ("text", "--option", "1")):
        said = story.opsroom("answer", "0001", *arguments)
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert "give the answer's TEXT or --option N" in said.err


def test_down_without_an_orchestrator_is_exit_status_3(without_orchestrator: Story) -> None:
    assert without_orchestrator.opsroom("down") == Said(3, "", "opsroom: no orchestrator runs here\n")


def obey(state: StateDir, name: str) -> None:
    """What an orchestrator does with a command."""
    assert commands.claim(state, name)
    commands.conclude(state, state.inbox_done, name, commands.accepted("orchestrator"))


def test_what_an_orchestrator_obeyed_that_has_ended_since_is_not_said_to_wait(
    story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = journal.write

    def late(state: StateDir, *arguments: str, **fields: str) -> None:
        write(state, *arguments, **fields)
        obey(state, commands.waiting(state)[0])

    monkeypatch.setattr(journal, "write", late)
    send(str(story.state.root), "shutdown")
    assert capsys.readouterr().out == "shutdown: accepted\n"


def test_down_is_done_when_another_orchestrator_could_begin(story: Story) -> None:
    with Holding(story.state) as held:
        down = story.begin("down", "--wait", "1")
        name = story.wait(lambda: next(iter(commands.waiting(story.state)), ""), "the shutdown")
        obey(story.state, name)
        held.lease.ended = utc_now()  # as at its end, a moment before it lets go of the lock
        files.replace(story.state.root, story.state.lease, encode(held.lease))
        said = story.finish(down)
    assert (said.status, said.out) == (3, "shutdown: accepted\n")
    assert said.err.startswith("opsroom: the orchestrator has not ended within 1 s; ")


def test_every_word_of_a_person_is_in_the_journal(without_orchestrator: Story) -> None:
    story = without_orchestrator
    story.agent("touch made")
    story.opsroom("spawn", "--title", "One", "--spec", "-", stdin="Do it.")
    (line,) = [json.loads(line) for line in story.state.journal.read_text().splitlines()]
    assert (line["kind"], line["verb"], line["title"], line["spec"]) == ("command", "spawn", "One", "Do it.")
    assert sent(story) == [("spawn", "", "")]
