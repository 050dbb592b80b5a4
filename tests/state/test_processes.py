"""What several processes do at the same moment happens once, and whole."""

import json
from collections import Counter

from state import commands, files, messages
from state.event_log import Place, events, tail
from state.layout import StateDir
from state.model import Command
from state.times import utc_now
from tests.state.processes import run_at_once

BEGIN = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from state import commands, event_log, files, messages
from state.layout import StateDir
state = StateDir(Path(sys.argv[1]))
number = sys.argv[-1]
at = datetime(2026, 11, 21, tzinfo=UTC)
print("ready", flush=True)
input()
"""
CLAIM = """
for name in commands.waiting(state):
    if commands.claim(state, name):
        print(name)
"""
CREATE = """
for turn in range(100):
    try:
        files.create(state.root, state.tasks / str(turn), number.encode())
        print(turn)
    except FileExistsError:
        pass
"""
POST = """
for turn in range(60):
    print(messages.post(state.root, state.task("t1").outbox, messages.Message(kind="note", at=at, body=number)).name)
"""
APPEND = """
for turn in range(150):
    event_log.append(state.root, state.events, at, "note", by=number, turn=turn, text=number * (turn * 60))
"""
REPLACE_AND_READ = """
files.replace(state.root, state.lease, number.encode() * 20_000)
for turn in range(80):
    files.replace(state.root, state.lease, number.encode() * 20_000)
    data = files.read(state.root, state.lease)
    print(len(set(data)), len(data))
"""
CONCLUDE = """
for turn in range(40):
    commands.conclude(state, state.inbox_done, f"{turn}.toml", commands.accepted(number))
    print(turn, commands.outcome_of(state, state.inbox_done, f"{turn}.toml").by)
"""


def lines(printed: list[str]) -> list[str]:
    return [line for text in printed for line in text.splitlines()]


def test_each_command_is_claimed_by_one_of_eight(state: StateDir) -> None:
    sent = {commands.send(state, Command(verb="pause", at=utc_now(), by="me")) for _ in range(50)}
    claimed = lines(run_at_once(BEGIN + CLAIM, 8, state.root))
    assert sorted(claimed) == sorted(sent)
    assert (commands.waiting(state), commands.unfinished(state)) == ([], sorted(sent))


def test_each_name_is_taken_by_one(state: StateDir) -> None:
    taken = Counter(lines(run_at_once(BEGIN + CREATE, 4, state.root)))
    assert taken == {str(turn): 1 for turn in range(100)}


def test_messages_posted_in_one_microsecond_have_names_of_their_own(state: StateDir) -> None:
    names = lines(run_at_once(BEGIN + POST, 4, state.root))
    found, faults = messages.pending(state.root, state.task("t1").outbox)
    assert (sorted(names), faults) == ([message.name for message in found], [])
    assert Counter(message.body for message in found) == {str(number): 60 for number in range(4)}


def test_lines_appended_at_once_are_whole_and_all_there(state: StateDir) -> None:
    files.append(state.root, state.events, json.dumps({"kind": "first"}).encode() + b"\n")
    run_at_once(BEGIN + APPEND, 4, state.root)
    found, place = [], Place()
    while batch := tail(state.root, state.events, place):
        found += list(events(batch.lines, "events.jsonl"))
        place = batch.place
        if not batch.more:
            break
    seen = Counter((event["by"], event["turn"]) for event in found[1:] if isinstance(event, dict))
    assert seen == {(str(number), turn): 1 for number in range(4) for turn in range(150)}
    assert len(found) == 1 + 4 * 150


def test_no_reader_sees_half_of_what_others_replace(state: StateDir) -> None:
    assert set(lines(run_at_once(BEGIN + REPLACE_AND_READ, 3, state.root))) == {"1 20000"}


def test_all_see_the_same_first_outcome(state: StateDir) -> None:
    seen = set(lines(run_at_once(BEGIN + CONCLUDE, 4, state.root)))
    assert len(seen) == 40
