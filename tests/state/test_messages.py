"""A message says what its file says, and gets a name that no other has."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from state import commands, files, messages
from state.errors import BadFile, BadName, CannotWrite
from state.layout import StateDir, TaskDir
from state.messages import Message
from tests.state import strategies

AT = datetime(2026, 11, 21, 10, 15, 2, 123456, tzinfo=UTC)
HEAD = '+++\nkind = "note"\nat = 2026-11-21T10:15:02Z\n+++\n'


@pytest.fixture
def task(state: StateDir) -> TaskDir:
    return state.task("t1")


def note(body: str, seconds: int = 0) -> Message:
    return Message(kind="note", at=AT + timedelta(seconds=seconds), body=body)


def tell(state: StateDir, task: TaskDir, body: str, seconds: int = 0) -> Message:
    message = Message(kind="message", at=AT + timedelta(seconds=seconds), body=body)
    return messages.post(state.root, task.inbox, message)


@given(strategies.messages)
@example(Message(kind="note", at=AT, body="+++\n+++\r\n+++"))
@example(Message(kind="note", at=AT, body="\r\n\u2028\x1b]0;title\x07", by="+++\n+++"))
def test_what_was_written_is_read(message: Message) -> None:
    message.name = "a.md"
    assert messages.parse(messages.render(message).decode(), "tasks/t1/outbox/a.md") == message


@given(st.text())
def test_any_text_is_a_message_or_a_fault(text: str) -> None:
    try:
        messages.parse(text, "a.md")
    except BadFile as error:
        assert error.fault.path == "a.md"


pieces = st.sampled_from(
    ["+++", "\n", "\r\n", 'kind = "note"', "at = 2026-11-21T10:15:02Z", "body = 1", '"""', "\u2028"]
)


@given(st.lists(pieces, max_size=12).map("".join))
def test_what_resembles_a_message_is_one_or_a_fault(text: str) -> None:
    try:
        messages.parse("+++\n" + text, "a.md")
    except BadFile as error:
        assert error.fault.path == "a.md"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "a.md: line 1: a message begins with a line +++"),
        ("hello\n+++\n+++\n", "a.md: line 1: a message begins with a line +++"),
        ('+++\nkind = "note"\n', "a.md: line 3: the head is not ended by a line +++"),
        ('+++\nkind = "note"\n+++\n', "a.md: line 2: Object missing required field `at`"),
        ("+++\n\nkind = 1\nat = 2026-11-21T10:15:02Z\n+++\n", "a.md: line 3: Expected `str`, got `int` - at `$.kind`"),
        (HEAD.replace("kind", "body = 'x'\nkind"), "a.md: line 1: 'body' and 'name' are not keys of a head"),
        (HEAD.replace("kind", "name = 'x'\nkind"), "a.md: line 1: 'body' and 'name' are not keys of a head"),
        ("++++\n+++\n", "a.md: line 1: a message begins with a line +++"),
    ],
)
def test_a_fault_names_file_line_and_reason(text: str, fault: str) -> None:
    with pytest.raises(BadFile) as caught:
        messages.parse(text, "a.md")
    assert str(caught.value) == fault


def test_a_message_with_windows_line_ends_is_read() -> None:
    message = messages.parse(HEAD.replace("\n", "\r\n") + "one\r\ntwo\r\n", "a.md")
    assert (message.kind, message.body) == ("note", "one\r\ntwo\r\n")


def test_a_head_without_a_body_is_a_message() -> None:
    assert messages.parse(HEAD.removesuffix("\n"), "a.md").body == ""


def test_a_body_that_no_text_file_holds_is_made_one_that_is_read(state: StateDir, task: TaskDir) -> None:
    posted = messages.post(state.root, task.outbox, note("a\0b\udcffc"))
    assert messages.read(state.root, task.outbox / posted.name).body == "a\ufffdb?c"


def test_a_message_that_no_reader_would_take_is_not_posted(state: StateDir, task: TaskDir) -> None:
    with pytest.raises(CannotWrite, match="a note of 300,0"):
        messages.post(state.root, task.outbox, note("x" * 300_000))
    assert not task.outbox.exists()


def test_a_kind_that_is_no_name_leads_nowhere(state: StateDir, task: TaskDir) -> None:
    with pytest.raises(BadName):
        messages.post(state.root, task.outbox, Message(kind="/../../x", at=AT))


def test_a_folder_that_is_a_file_ends_the_posting(state: StateDir, task: TaskDir) -> None:
    task.root.mkdir()
    task.outbox.write_bytes(b"")
    with pytest.raises(CannotWrite, match="not a directory"):
        messages.post(state.root, task.outbox, note("x"))


def test_names_sort_by_time(state: StateDir, task: TaskDir) -> None:
    for seconds in (5, 1, 3):
        messages.post(state.root, task.outbox, note(str(seconds), seconds))
    found, _ = messages.pending(state.root, task.outbox)
    assert [message.body for message in found] == ["1", "3", "5"]


def test_a_name_tells_when_it_was_posted(state: StateDir, task: TaskDir) -> None:
    posted = messages.post(state.root, task.outbox, note("x"))
    assert posted.name.startswith("20261121T101502.123456Z-")
    assert messages.posted_at(posted) == AT


def test_a_name_that_tells_nothing_leaves_it_to_the_head() -> None:
    message = Message(kind="note", at=AT, name="hello.md")
    assert messages.posted_at(message) == AT


def test_what_is_no_message_is_a_fault_beside_the_others(state: StateDir, task: TaskDir) -> None:
    messages.post(state.root, task.outbox, note("good"))
    files.create(state.root, task.outbox / "bad.md", b"bad")
    found, faults = messages.pending(state.root, task.outbox)
    assert ([message.body for message in found], [fault.path for fault in faults]) == (
        ["good"],
        ["tasks/t1/outbox/bad.md"],
    )


def test_a_message_is_unread_until_it_is_acknowledged(state: StateDir, task: TaskDir) -> None:
    first, second = tell(state, task, "one"), tell(state, task, "two", 1)
    assert messages.unread(state.root, task) == [first, second]
    messages.acknowledge(state.root, task, first, AT, attempt=1)
    assert messages.unread(state.root, task) == [second]


def test_an_acknowledgement_names_its_message_and_attempt(state: StateDir, task: TaskDir) -> None:
    told = tell(state, task, "one")
    messages.acknowledge(state.root, task, told, AT, attempt=3)
    (ack,), _ = messages.pending(state.root, task.outbox)
    assert (ack.kind, ack.of, ack.attempt) == ("ack", told.name, 3)


def test_a_task_without_an_inbox_has_nothing_unread(state: StateDir, task: TaskDir) -> None:
    assert messages.unread(state.root, task) == []


def test_a_question_has_no_answer_at_first(state: StateDir, task: TaskDir) -> None:
    asked = messages.post(state.root, task.outbox, Message(kind="question", at=AT, body="which?"))
    assert messages.answer_to(state.root, task, asked.name) is None


def test_the_reply_to_a_question_is_its_answer(state: StateDir, task: TaskDir) -> None:
    asked = messages.post(state.root, task.outbox, Message(kind="question", at=AT, body="which?"))
    messages.reply(state.root, task, asked, "this one", "me", AT)
    answer = messages.answer_to(state.root, task, asked.name)
    assert answer and (answer.body, answer.by) == ("this one", "me")


def test_an_answer_that_was_filed_away_is_the_first(state: StateDir, task: TaskDir) -> None:
    asked = messages.post(state.root, task.outbox, Message(kind="question", at=AT, body="which?"))
    first = messages.reply(state.root, task, asked, "first", "me", AT)
    files.take(state.root, task.inbox / first.name, task.inbox_done / first.name)
    messages.reply(state.root, task, asked, "second", "me", AT + timedelta(seconds=1))
    answer = messages.answer_to(state.root, task, asked.name)
    assert answer and answer.body == "first"


def test_an_answer_that_was_refused_is_none(state: StateDir, task: TaskDir) -> None:
    asked = messages.post(state.root, task.outbox, Message(kind="question", at=AT, body="which?"))
    refused = messages.reply(state.root, task, asked, "late", "me", AT)
    commands.conclude(state, task.inbox_done, refused.name, commands.refused("loop", "answered already"))
    assert messages.answer_to(state.root, task, asked.name) is None


@pytest.mark.parametrize(("number", "option"), [(0, None), (1, "yes"), (2, "no"), (3, None), (-1, None)])
def test_a_digit_stands_for_an_option(number: int, option: str | None) -> None:
    assert messages.chosen(Message(kind="question", at=AT, options=["yes", "no"]), number) == option


def test_the_head_holds_what_says_something() -> None:
    message = Message(kind="note", at=AT, body="text", name="a.md")
    assert messages.head(message) == {"kind": "note", "at": AT, "body": "text", "name": "a.md", "blocking": True}
