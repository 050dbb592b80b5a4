"""A person steers: pause, resume, stop, retry, message, campaigns; and is told what became of it."""

import threading

import pytest

from state import commands
from state.layout import StateDir
from state.model import Command
from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.room import PATIENCE, opened
from tui import post
from tui.post import Posted
from tui.sending import Sending

WORKS = "task:typing-imports-004"


async def test_pause_writes_one_command_and_shows_that_it_is_taken(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("p")
        name, command = await person.sends_one()
        assert (command.verb, command.task, command.by, command.at) == ("pause", "typing-imports-004", "human", NOW)
        await person.sees("pause typing-imports-004  sent")
        click.conclude(name)
        await person.sees("pause typing-imports-004  taken")
        (word,) = person.journal
        assert (word["kind"], word["verb"], word["task"], word["name"]) == ("command", "pause", command.task, name)


async def test_a_paused_task_is_resumed_by_the_same_key(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:0042")
        await person.press("p")
        assert (await person.sends_one())[1].verb == "resume"


async def test_a_refusal_is_shown_where_it_was_asked_for(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("p")
        name, _ = await person.sends_one()
        click.conclude(name, "refused", "typing-imports-004 is verifying; it ends by itself")
        await person.sees("refused: typing-imports-004 is verifying; it ends by itself")


async def test_stop_asks_twice_and_says_what_it_keeps(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("x")
        await person.sees("x again within 3 s stops typing-imports-004; worktree, branch and logs stay")
        assert person.sent == []
        await person.press("x")
        assert (await person.sends_one())[1].verb == "stop"


async def test_the_second_press_must_come_soon(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("x")
        await person.wait(seconds=4)
        await person.press("x")
        await person.settled()
        assert person.sent == []


async def test_the_second_press_must_mean_the_same_task(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("x", "j", "x")
        await person.settled()
        assert person.sent == []
        await person.sees("x again within 3 s stops typing-imports-005")


async def test_retry_tries_a_failed_task_again(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:0041")
        await person.press("r")
        assert (await person.sends_one())[1].verb == "retry"


@pytest.mark.parametrize(
    ("row", "key", "why"),
    [
        ("task:typing-imports-001", "p", "typing-imports-001 is merged: there is nothing to pause"),
        ("task:typing-imports-001", "x", "typing-imports-001 is merged: there is nothing to stop"),
        ("task:typing-imports-001", "m", "typing-imports-001 is merged: no worker will read it"),
        ("task:typing-imports-004", "r", "typing-imports-004 is running already"),
        ("campaign:typing-imports", "x", "stop is for a task; on a campaign p pauses or starts it"),
    ],
)
async def test_a_key_that_makes_no_sense_says_why(click: FleetBuilder, row: str, key: str, why: str) -> None:
    async with opened(click) as person:
        await person.select(row)
        await person.press(key)
        await person.sees(why)
        assert person.sent == []


async def test_a_message_goes_into_the_workers_inbox(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("m")
        await person.sees("message to typing-imports-004 ›")
        await person.type("leave Deque alone")
        await person.press("enter")
        message = await person.tells_one("typing-imports-004")
        assert (message.kind, message.body, message.by) == ("message", "leave Deque alone", "human")
        await person.sees("message to typing-imports-004: “leave Deque alone”  sent")
        click.file_away("typing-imports-004", message.name)
        await person.sees("“leave Deque alone”  delivered")
        assert person.sent == []


async def test_a_message_thought_better_of_is_not_sent(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("m")
        await person.type("hm")
        await person.press("escape")
        await person.settled()
        assert person.told("typing-imports-004") == []
        assert person.app.fleet.tasks.has_focus


@pytest.mark.parametrize(("status", "verb"), [("running", "campaign-pause"), ("stop", "campaign-start")])
async def test_on_a_campaign_p_pauses_or_starts_it(empty: FleetBuilder, status: str, verb: str) -> None:
    empty.campaign("strict", ["a.py", "b.py"], status=status)
    async with opened(empty) as person:
        await person.press("p")
        _, command = await person.sends_one()
        assert (command.verb, command.campaign, command.task) == (verb, "strict", "")


async def test_without_an_orchestrator_an_act_waits_and_says_so(click: FleetBuilder) -> None:
    click.lease(beat=ago(minutes=12))
    async with opened(click) as person:
        await person.sees("✗ no orchestrator, last seen 12m ago")
        await person.select(WORKS)
        await person.press("p")
        await person.sees("pause typing-imports-004  sent")
        await person.wait(seconds=11)
        await person.sees("waits: no orchestrator runs")
        name, _ = await person.sends_one()
        click.lease(beat=person.clock())
        click.conclude(name)
        await person.sees("pause typing-imports-004  taken", "● up 2h14m")


async def test_an_outcome_that_is_there_before_its_name_is_known_is_found(click: FleetBuilder) -> None:
    async with opened(click) as person:
        done = click.state.inbox_done

        def write_and_conclude() -> Posted:
            posted = post.command(click.state, Command(verb="pause", at=NOW, by=post.BY, task="0042"))
            click.conclude(posted.name)
            return posted

        person.app.send("pause 0042", done, write_and_conclude)
        await person.sees("pause 0042  taken")


async def test_what_is_sent_first_is_written_first_however_long_that_takes(click: FleetBuilder) -> None:
    async with opened(click) as person:
        done, written, go_on = click.state.inbox_done, list[str](), threading.Event()

        def late() -> Posted:
            go_on.wait(PATIENCE)
            written.append("first")
            return Posted("1.toml")

        def soon() -> Posted:
            written.append("second")
            return Posted("2.toml")

        person.app.send("pause 0042", done, late)
        person.app.send("resume 0042", done, soon)
        await person.settled()
        go_on.set()
        await person.sees("resume 0042  sent")
        assert written == ["first", "second"]


async def test_an_outcome_that_two_have_read_is_told_once(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("p")
        name, _ = await person.sends_one()
        await person.until(lambda: person.app.acts.shown and person.app.acts.shown.fate == "sent")
        act = person.app.acts.shown
        assert act is not None
        click.conclude(name)
        await person.sees("pause typing-imports-004  taken")
        await person.press("y")
        outcome = commands.outcome_of(click.state, act.done, name)
        assert outcome is not None
        person.app.post_message(Sending.Concluded(act.number, outcome))
        await person.settled()
        assert "copied typing-imports-004" in person.screen


async def test_read_only_sends_nothing(click: FleetBuilder) -> None:
    async with opened(click, readonly=True) as person:
        await person.select(WORKS)
        for key in ("p", "x", "x", "r", "m", "a"):
            await person.press(key)
            await person.sees("read-only: nothing is sent from here")
        await person.sees("read-only  ")
        assert person.sent == []
        assert not person.app.fleet.prompt.purpose
        assert not person.app.fleet.needs.answering
        assert not person.state.journal.exists()


async def test_the_palette_kills_after_asking_twice(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        for _ in range(2):
            await person.press("colon")
            await person.sees("Search for commands")
            await person.type("kill")
            await person.sees("End the task's worker at once")
            await person.press("enter", "enter")
            await person.until(lambda: person.app.screen is person.app.fleet)
        assert (await person.sends_one())[1].verb == "kill"


async def test_the_orchestrator_is_started_at_a_persons_word_and_not_before(click: FleetBuilder) -> None:
    click.lease(beat=ago(minutes=12))
    started: list[StateDir] = []
    async with opened(click, start_orchestrator=lambda: started.append(click.state)) as person:
        await person.sees("✗ no orchestrator, last seen 12m ago")
        assert not started
        person.app.start_orchestrator()
        await person.until(lambda: started)
        await person.sees("starting an orchestrator")


async def test_no_second_orchestrator_is_started(click: FleetBuilder) -> None:
    started: list[StateDir] = []
    async with opened(click, start_orchestrator=lambda: started.append(click.state)) as person:
        person.app.start_orchestrator()
        await person.sees("an orchestrator runs already")
        assert not started


async def test_an_orchestrator_that_does_not_start_is_told(empty: FleetBuilder) -> None:
    empty.state.lease.unlink()

    def broken() -> None:
        raise RuntimeError("no opsroom.toml")

    async with opened(empty, start_orchestrator=broken) as person:
        await person.sees("✗ orchestrator never started")
        person.app.start_orchestrator()
        await person.sees("✗ orchestrator never started", "the orchestrator could not be started: no opsroom.toml")


async def test_q_leaves_and_touches_nothing(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("q")
        await person.until(lambda: not person.app.is_running)
    assert person.sent == []
    assert not click.state.journal.exists()


async def test_y_copies_the_id(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("y")
        assert person.app.clipboard == "typing-imports-004"
        await person.sees("copied typing-imports-004")


async def test_the_palette_has_the_keys_acts_too(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select(WORKS)
        await person.press("ctrl+p")
        await person.sees("Search for commands")
        await person.type("pause")
        await person.sees("Pause or resume a task")
        await person.press("enter", "enter")
        assert (await person.sends_one())[1].verb == "pause"


async def test_the_palette_changes_the_theme(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("colon")
        await person.sees("Search for commands")
        await person.type("theme: opsroom-light")
        await person.press("enter", "enter")
        await person.until(lambda: person.app.theme == "opsroom-light")


async def test_ctrl_c_leaves_also_while_typing(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("a", "h", "ctrl+c")
        await person.until(lambda: not person.app.is_running)
    assert person.told("typing-imports-003") == []
