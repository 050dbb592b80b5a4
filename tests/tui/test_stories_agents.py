"""A person looks at agents whose streams are read: what they say and do, what they cost, why they don't go on."""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from state import files
from state.agent_events import Message, Place, encode_line
from state.model import AgentReport, decode, encode
from state.usage import Usage
from tests.tui.agents import NOT_LET_IN, SAYS, real_agents
from tests.tui.builder import NOW, FleetBuilder
from tests.tui.room import Person, opened


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[FleetBuilder]:
    yield real_agents(tmp_path)


def reading(fleet: FleetBuilder) -> AbstractAsyncContextManager[Person]:
    return opened(fleet, (120, 50))


def says(fleet: FleetBuilder, task: str, seq: int, text: str) -> None:
    line = encode_line(Message(text=text), Place(seq, 0))
    files.append(fleet.state.root, fleet.state.task(task).attempt(1).events, line)


def uses(fleet: FleetBuilder, task: str, usage: Usage) -> None:
    path = fleet.state.task(task).attempt(1).report
    report = decode(AgentReport, path.read_text(), path.name)
    report.usage, report.at = usage, NOW
    fleet.write(path, report)


async def test_the_log_of_an_agent_is_what_it_says_and_does(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.select("task:0001")
        await person.press("4")
        await person.sees(
            "4 Log events",
            "attempt 1 · events · o raw · following",
            "I will make the imports of parser.py explicit.",
            "$ make typecheck",
            "✗ failed, exit status 2",
            "· 41,210 tokens · $0.31 so far",
            "? item.thought",
            "│ 2026-11-21T10:12:00Z  WARN codex_core: a retry",
        )
        assert "thread.started" not in person.screen


async def test_it_is_followed_as_it_grows_and_stays_where_a_person_reads(fleet: FleetBuilder) -> None:
    async with opened(fleet, (120, 24)) as person:
        await person.select("task:0001")
        await person.press("4")
        await person.sees("WARN codex_core")
        says(fleet, "0001", 15, "All is explicit now.")
        await person.sees("All is explicit now.")
        says(fleet, "0001", 15, "This came twice.")
        await person.press("tab", "k", "k")
        await person.sees("attempt 1 · events · o raw · f follows")
        says(fleet, "0001", 16, "And now the tests.")
        log = person.app.fleet.panes.log_pane
        await person.until(lambda: any("And now the tests." in text for one in log.lines for text, _ in one))
        assert "And now the tests." not in person.screen
        await person.press("f")
        await person.sees("And now the tests.")
        assert not any("This came twice." in text for one in log.lines for text, _ in one)


async def test_a_key_shows_the_raw_output_and_another_press_the_events(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.select("task:0001")
        await person.press("4", "tab", "o")
        await person.sees(
            "4 Log raw", "attempt 1 · raw output · o events · following", '{"type":"turn.started"}', "│ 2026-11-21"
        )
        assert "$ make typecheck" not in person.screen
        fleet.log("0001", '{"type":"turn.completed"}')
        await person.sees('{"type":"turn.completed"}')
        await person.press("o")
        await person.sees("attempt 1 · events · o raw · following", "$ make typecheck")
        assert "turn.completed" not in person.screen


async def test_a_log_without_events_says_that_it_has_one_form_only(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:typing-imports-004")
        await person.press("4", "tab", "o")
        await person.sees("this log has one form only", "fixing line 211", "attempt 1 · following")


async def test_the_log_turns_into_events_once_the_stream_is_read(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:typing-imports-004")
        await person.press("4")
        await person.sees("fixing line 211")
        click.agent("typing-imports-004", 1, Message(text="I am an agent."))
        await person.sees("I am an agent.", "attempt 1 · events · o raw · following")
        assert "fixing line 211" not in person.screen


async def test_the_status_says_which_agent_it_is_and_how_it_goes(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.select("task:0001")
        await person.sees(
            "codex 0.169.0 · gpt-5.2-codex · session 01a1fc01-d7cd",
            "none yet  its stream was read 3s ago",
            "it said    Line 211 is fixed; the checks run again.",
            "1 failure that it got over by itself",
            "1 of 14 events is not understood, shown in the log",
            "38,000 in (12,000 cached) · 3,210 out (1,000 reasoning)",
            "41,210 tokens · $0.31 · 4m in 1 attempt",
        )


async def test_the_verdict_says_by_whose_words(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.select("task:0002")
        await person.sees(
            "failed: authentication  from its stream, 2m ago",
            f"it said    {SAYS}  until 10:45",
            "session 7b436034-8299 (resumed)",
            "2,400 tokens · $0.02+? · 31s in 2 attempts",
        )
        await person.select("task:0003")
        await person.sees("success  from its stream, 51m ago", "9,000 tokens · $? · 5m in 1 attempt")


async def test_an_agent_that_nobody_signed_in_is_held_with_the_providers_words(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.sees(f"claude held 2m: {NOT_LET_IN}")
        await person.select("task:0002")
        await person.sees("held       for 2m: the provider did not let it in: Invalid")


async def test_what_a_running_attempt_costs_is_on_the_screen_at_once(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.sees("$0.33+?")
        uses(fleet, "0001", Usage(tokens=60_000, input_tokens=50_000, output_tokens=10_000, dollars=1.5))
        await person.sees("$1.52+?")
        await person.select("task:0001")
        await person.sees("50,000 in · 10,000 out", "60,000 tokens · $1.50 · 4m in 1 attempt")


async def test_the_history_says_what_today_has_cost(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.press("H")
        await person.sees("today $0.33+? · 52k tokens")


async def test_today_begins_anew_at_midnight(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.press("H")
        await person.sees("today $0.33+? · 52k tokens")
        await person.wait(hours=14)
        await person.sees("today $0.31 · 41k tokens")
        await person.press("escape")
        await person.sees("$0.31 today")


async def test_a_campaign_counts_what_runs(tmp_path: Path) -> None:
    fleet = FleetBuilder(tmp_path)
    fleet.lease()
    fleet.campaign("strict", ["a.py", "b.py"])
    fleet.task("strict-0001", "merged", attempt=1, campaign="strict", index=1, usage=Usage(attempts=1, tokens=1_000))
    fleet.task("strict-0002", "running", attempt=1, campaign="strict", index=2)
    fleet.attempt("strict-0002", started=NOW)
    fleet.agent("strict-0002", usage=Usage(tokens=3_150, unpriced=3_150))
    async with opened(fleet) as person:
        await person.select("campaign:strict")
        await person.press("enter")
        await person.sees("tokens      4,150  no limit", "attempts    2  no limit", "dollars     $?  no limit")
        await person.wait(minutes=12)
        await person.sees("time        12m  no limit")


async def test_a_report_that_cannot_be_read_is_a_fault_and_the_log_stays(fleet: FleetBuilder) -> None:
    async with reading(fleet) as person:
        await person.select("task:0001")
        path = fleet.state.task("0001").attempt(1).report
        good = encode(decode(AgentReport, path.read_text(), path.name))
        fleet.text(path, "kind = \n")
        await person.sees("agent.toml: line 1: not TOML")
        await person.press("4")
        await person.sees('{"type":"turn.started"}')
        files.replace(fleet.state.root, path, good)
        await person.sees("$ make typecheck")
