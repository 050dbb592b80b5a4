"""A command is consumed once, and its outcome is found under its name."""

from datetime import UTC, datetime, timedelta

import pytest

from state import commands, files
from state.errors import BadFile, BadName, CannotWrite
from state.layout import StateDir
from state.model import Command

AT = datetime(2026, 11, 21, 10, 15, 2, tzinfo=UTC)


def send(state: StateDir, verb: str = "pause", seconds: int = 0, text: str = "") -> str:
    return commands.send(state, Command(verb=verb, at=AT + timedelta(seconds=seconds), by="me", text=text))


def test_a_command_waits_under_a_name_that_says_when_and_what(state: StateDir) -> None:
    name = send(state, "campaign-start")
    assert (name[:23], name[-20:]) == ("20261121T101502.000000Z", "-campaign-start.toml")
    assert commands.waiting(state) == [name]


def test_commands_wait_in_the_order_they_were_given(state: StateDir) -> None:
    late, early = send(state, seconds=9), send(state, seconds=1)
    assert commands.waiting(state) == [early, late]


def test_a_command_is_claimed_once(state: StateDir) -> None:
    name = send(state)
    assert [commands.claim(state, name), commands.claim(state, name)] == [True, False]
    assert commands.waiting(state) == []


def test_a_claimed_command_is_read_as_it_was_sent(state: StateDir) -> None:
    name = send(state, "message", text="go\non")
    commands.claim(state, name)
    assert commands.read(state, name) == Command(verb="message", at=AT, by="me", text="go\non")


def test_a_claimed_command_is_unfinished_until_it_has_an_outcome(state: StateDir) -> None:
    name = send(state)
    assert commands.unfinished(state) == []
    commands.claim(state, name)
    assert commands.unfinished(state) == [name]
    commands.conclude(state, state.inbox_done, name, commands.accepted("loop"))
    assert commands.unfinished(state) == []


def test_a_claim_that_a_crash_broke_off_is_ended_and_the_command_is_not_lost(state: StateDir) -> None:
    name = send(state)
    (state.inbox_done / name).hardlink_to(state.inbox / name)  # as far as the first claim came
    assert not commands.claim(state, name)
    assert (commands.waiting(state), commands.unfinished(state)) == ([], [name])


@pytest.mark.parametrize("name", ["a.toml", "a.md.toml", "a.toml.toml"])
def test_any_name_that_was_given_by_hand_is_finished_by_its_outcome(state: StateDir, name: str) -> None:
    files.create(state.root, state.inbox / name, b"")
    commands.claim(state, name)
    commands.conclude(state, state.inbox_done, name, commands.refused("loop", "no verb"))
    assert commands.unfinished(state) == []


def test_the_first_outcome_stands(state: StateDir) -> None:
    name = send(state)
    commands.conclude(state, state.inbox_done, name, commands.refused("loop", "no such task"))
    commands.conclude(state, state.inbox_done, name, commands.accepted("loop"))
    outcome = commands.outcome_of(state, state.inbox_done, name)
    assert outcome and (outcome.outcome, outcome.why) == ("refused", "no such task")


def test_there_is_no_outcome_at_first(state: StateDir) -> None:
    assert commands.outcome_of(state, state.inbox_done, send(state)) is None


def test_an_outcome_names_the_task_that_it_made(state: StateDir) -> None:
    name = send(state, "spawn")
    commands.conclude(state, state.inbox_done, name, commands.accepted("loop", task="t1"))
    outcome = commands.outcome_of(state, state.inbox_done, name)
    assert outcome and (outcome.outcome, outcome.task, outcome.by) == ("accepted", "t1", "loop")


def test_an_outcome_that_cannot_be_read_counts_as_refused(state: StateDir) -> None:
    name = send(state)
    commands.outcome_path(state.inbox_done, name).write_text("outcome =")
    outcome = commands.outcome_of(state, state.inbox_done, name)
    assert outcome and outcome.outcome == "refused"
    assert outcome.why.startswith(f"inbox/done/{name.removesuffix('.toml')}.outcome.toml: line 1: not TOML")


def test_a_message_to_a_worker_has_its_outcome_beside_it(state: StateDir) -> None:
    path = commands.outcome_path(state.task("t1").inbox_done, "20261121T101502.000000Z-3f0a-message.md")
    assert path.name == "20261121T101502.000000Z-3f0a-message.outcome.toml"


@pytest.mark.parametrize("data", [b"", b"\xff", b"verb = 1", b"verb = 'pause'\nby = 'me'\n", b"x" * 2_000_000])
def test_a_command_that_says_nothing_is_a_bad_file(state: StateDir, data: bytes) -> None:
    files.create(state.root, state.inbox / "a.toml", data)
    commands.claim(state, "a.toml")
    with pytest.raises(BadFile, match=r"inbox/done/a\.toml: "):
        commands.read(state, "a.toml")


def test_a_command_that_no_reader_would_take_is_not_sent(state: StateDir) -> None:
    with pytest.raises(CannotWrite, match="a command of 1,1"):
        send(state, text="x" * 1_100_000)
    assert commands.waiting(state) == []


def test_a_verb_that_is_no_name_leads_nowhere(state: StateDir) -> None:
    with pytest.raises(BadName):
        send(state, "/../../x")


def test_what_is_no_command_does_not_wait(state: StateDir) -> None:
    (state.inbox / ".half.toml").write_text("")
    (state.inbox / "note.txt").write_text("")
    (state.inbox / "folder.toml").mkdir()
    assert commands.waiting(state) == []
