"""The workers' verbs: once, twice, and from two processes at the same moment."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from orchestrator import tasks
from orchestrator.events import Events
from state import messages
from state.layout import TaskDir
from state.model import Capture, Result, Task, decode
from state.times import utc_now
from tests.stories import DEADLINE, Said, Story, telling

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


class Worker:
    """The worker of task 0001 of a story, as a process in its worktree sees the world."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.task: TaskDir = story.state.task("0001")
        task = Task(title="t", created=utc_now(), agent="a", base="main")
        tasks.create(story.state, Events(story.state, utc_now), "0001", task, "Do it.")

    def says(self, *arguments: str, stdin: str = "") -> Said:
        """Runs one verb to its end."""
        return self.story.opsroom(*arguments, stdin=stdin, cwd=self.story.folder, environment=self.environment())

    def begins(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts one verb."""
        return subprocess.Popen(
            [sys.executable, "-m", "opsroom", *arguments],
            cwd=self.story.folder,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says_twice_at_once(self, *arguments: str, stdin: str = "") -> list[str]:
        """What two processes print that run the same verb at the same time; both must end well."""
        running = [self.begins(*arguments), self.begins(*arguments)]
        printed = [process.communicate(stdin, timeout=DEADLINE) for process in running]
        assert [(process.returncode, err) for process, (_, err) in zip(running, printed, strict=True)] == [(0, "")] * 2
        return [out for out, _ in printed]

    def environment(self) -> dict[str, str]:
        return self.story.environment("0001", attempt=2)

    def posted(self, kind: str) -> list[messages.Message]:
        """Messages of `kind` in the outbox."""
        found, faults = messages.pending(self.story.state.root, self.task.outbox)
        assert faults == []
        return [message for message in found if message.kind == kind]


@pytest.fixture
def worker(story: Story) -> Worker:
    return Worker(story)


def test_a_note_is_posted_with_its_attempt(worker: Worker) -> None:
    assert worker.says("note", "Mind the gap.") == Said(0, "", "")
    (note,) = worker.posted("note")
    assert (note.body, note.attempt) == ("Mind the gap.", 2)


def test_two_notes_at_once_are_two_notes(worker: Worker) -> None:
    worker.says_twice_at_once("note", "the same")
    assert [note.body for note in worker.posted("note")] == ["the same", "the same"]


def test_a_checkpoint_is_rewritten(worker: Worker) -> None:
    assert worker.says("checkpoint", "-", stdin="first\n") == Said(0, "", "")
    (worker.story.folder / "where").write_text("second\n")
    assert worker.says("checkpoint", "where") == Said(0, "", "")
    assert worker.task.checkpoint.read_text() == "second\n"


def test_two_checkpoints_at_once_leave_one_whole(worker: Worker) -> None:
    text = "whole\n" * 20_000
    worker.says_twice_at_once("checkpoint", "-", stdin=text)
    assert worker.task.checkpoint.read_text() == text


def test_a_handoff_is_posted(worker: Worker) -> None:
    assert worker.says("handoff", "-", stdin="Over to you.") == Said(0, "", "")
    assert [handoff.body for handoff in worker.posted("handoff")] == ["Over to you."]


def test_the_last_result_counts(worker: Worker) -> None:
    worker.says("result", "success", "--learned", "much")
    assert worker.says("result", "failure", "--summary", "broke it") == Said(0, "", "")
    said = decode(Result, worker.task.result.read_text(), "result.toml")
    assert (said.outcome, said.summary, said.learned, said.attempt) == ("failure", "broke it", "", 2)


def test_two_results_at_once_leave_one_whole(worker: Worker) -> None:
    worker.says_twice_at_once("result", "success", "--summary", "x" * 1000)
    assert decode(Result, worker.task.result.read_text(), "result.toml").summary == "x" * 1000


def test_a_result_is_success_or_failure(worker: Worker) -> None:
    said = worker.says("result", "perhaps")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert not worker.task.result.exists()


def test_stop_in_a_worker_is_stop_needs_human(worker: Worker) -> None:
    assert worker.says("stop", "No rule says", "which.") == Said(0, "", "")
    assert [stop.body for stop in worker.posted("stop")] == ["No rule says which."]


def test_a_picture_is_taken_with_what_it_shows(worker: Worker) -> None:
    (worker.story.folder / "shot.png").write_bytes(PNG)
    said = worker.says("capture", "shot.png", "--of", "the lobby", "--note", "the sign")
    name = said.out.strip()
    assert (said.status, (worker.task.captures / name).read_bytes()) == (0, PNG)
    beside = (worker.task.captures / name).with_suffix(".toml")
    told = decode(Capture, beside.read_text(), beside.name)
    assert (told.of, told.note, told.attempt) == ("the lobby", "the sign", 2)


def test_two_pictures_at_once_are_two_pictures(worker: Worker) -> None:
    (worker.story.folder / "shot.png").write_bytes(PNG)
    names = worker.says_twice_at_once("capture", "shot.png")
    assert len({*names}) == 2
    assert len(list(worker.task.captures.glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"GIF89a", "shot.png: not a PNG picture"), (None, "shot.png: no such file or directory"), (b"", "not a PNG")],
)
def test_what_is_no_picture_is_refused_and_leaves_nothing(worker: Worker, content: bytes | None, why: str) -> None:
    if content is not None:
        (worker.story.folder / "shot.png").write_bytes(content)
    said = worker.says("capture", "shot.png")
    assert (said.status, said.err.count("\n"), why in said.err) == (2, 1, True)
    assert list(worker.task.captures.iterdir()) == []


def test_a_text_that_is_too_long_is_refused_and_the_old_one_stays(worker: Worker) -> None:
    worker.says("checkpoint", "-", stdin="here")
    said = worker.says("checkpoint", "-", stdin="x" * 300_000)
    assert said == Said(2, "", "opsroom: -: larger than 262,144 bytes\n")
    assert worker.task.checkpoint.read_text() == "here"


def test_messages_are_printed_once_by_whatever_verb_comes_next(worker: Worker) -> None:
    worker.story.opsroom("tell", "0001", "Mind the gap.")
    assert worker.says("note", "x").out == "message from human: Mind the gap.\n"
    assert worker.says("checkpoint", "-", stdin="y").out == ""


# ── ask ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_an_answer_asking_ends_with_3_and_says_what_to_do(worker: Worker) -> None:
    said = worker.says("ask", "Which?", "--wait", "0")
    assert said == Said(
        3,
        "",
        "opsroom: no answer within 0 s; write a checkpoint and leave; you are started again with the answer\n",
    )
    (question,) = worker.posted("question")
    assert (question.body, question.options, question.blocking, question.attempt) == ("Which?", [], True, 2)


def test_asking_the_same_again_asks_nobody_twice(worker: Worker) -> None:
    for _ in range(3):
        worker.says("ask", "Which?", "--option", "a", "--option", "b", "--wait", "0")
    worker.says("ask", "Which?", "--option", "a", "--option", "c", "--wait", "0")
    assert [question.options for question in worker.posted("question")] == [["a", "b"], ["a", "c"]]


def test_two_that_ask_the_same_at_once_ask_one_question_and_hear_one_answer(worker: Worker) -> None:
    running = [worker.begins("ask", "Which?", "--wait", "80") for _ in range(2)]
    worker.story.wait(lambda: worker.posted("question"), "the question")
    assert worker.story.opsroom("answer", "0001", "this one").status == 0
    assert [process.communicate(timeout=DEADLINE) for process in running] == [("this one\n", "")] * 2
    assert len(worker.posted("question")) == 1


def test_an_answer_that_was_given_is_printed_at_once_to_a_later_attempt(worker: Worker) -> None:
    worker.says("ask", "Which?", "--wait", "0")
    worker.story.opsroom("answer", "0001", "this\none")
    assert worker.says("ask", "Which?", "--wait", "0") == Said(0, "this\none\n", "")
    assert [ack.of.endswith("-answer.md") for ack in worker.posted("ack")] == [True]


def test_an_answer_that_was_refused_is_none(worker: Worker) -> None:
    worker.says("ask", "Which?", "--wait", "0")
    (question,) = worker.posted("question")
    root = worker.story.state.root
    early = messages.reply(root, worker.task, question, "too late", "human")
    outcome = worker.task.inbox_done / early.name.replace(".md", ".outcome.toml")
    outcome.write_text(f'outcome = "refused"\nat = {utc_now().isoformat()}\nby = "orchestrator"\n')
    (worker.task.inbox / early.name).rename(worker.task.inbox_done / early.name)
    assert worker.says("ask", "Which?", "--wait", "0").status == 3
    messages.reply(root, worker.task, question, "the real one", "human")
    assert worker.says("ask", "Which?", "--wait", "0").out == "the real one\n"


def test_a_default_needs_a_deadline_and_both_stand_in_the_question(worker: Worker) -> None:
    said = worker.says("ask", "Which?", "--default", "a")
    assert (said.status, "--default and --deadline go together" in said.err) == (2, True)
    worker.says("ask", "Which?", "--default", "a", "--deadline", "60", "--wait", "0")
    (question,) = worker.posted("question")
    assert question.deadline is not None
    assert (question.default, 0 < (question.deadline - question.at).total_seconds() <= 60) == ("a", True)


# ── who calls ───────────────────────────────────────────────────────────────────────────────────────────────────

VERBS = [
    ("ask", "x"),
    ("checkpoint", "-"),
    ("note", "x"),
    ("handoff", "-"),
    ("result", "success"),
    ("capture", "x.png"),
]


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A repository in which no task is."""
    with telling(tmp_path_factory.mktemp("outside")) as told:
        yield told


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_outside_of_a_task_a_workers_verb_says_so(outside: Story, verb: tuple[str, str]) -> None:
    said = outside.opsroom(*verb)
    assert said == Said(
        1, "", "opsroom: OPSROOM_TASK is not set; workers' verbs are for a running attempt; it is set there\n"
    )


@pytest.mark.parametrize("verb", [*VERBS, ("stop", "x")], ids=lambda verb: verb[0])
def test_in_a_task_that_is_gone_a_workers_verb_says_so(outside: Story, verb: tuple[str, str]) -> None:
    said = outside.opsroom(*verb, environment=outside.environment("0099"))
    assert said == Said(1, "", f"opsroom: there is no task '0099' in {outside.state.root}\n")
    assert not outside.state.task("0099").root.exists()
