"""A worker asks, a person answers."""

from datetime import timedelta

import pytest
from textual.widgets import Input

from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.room import opened

ASKS = "typing-imports-003"


async def test_a_question_appears_and_a_digit_answers_it(empty: FleetBuilder) -> None:
    empty.task("0042", "running", since=ago(minutes=1), title="parser", attempt=1)
    async with opened(empty) as person:
        await person.sees("● 0042 parser", "0 need you")
        asked = empty.say(
            "0042", "question", "Port or drop the shim?", options=["port it", "drop it"], default="port it"
        )
        empty.status("0042", "waiting", waiting_on=asked.name)
        await person.sees("1 needs you", "? 0042 parser", "Port or drop the shim?", "1 port it   2 drop it")

        await person.press("a", "2")

        answer = await person.tells_one("0042")
        assert (answer.kind, answer.body, answer.reply_to, answer.by) == ("answer", "drop it", asked.name, "human")
        await person.sees("answer to 0042: “drop it”  sent", "0 need you")
        assert "Port or drop the shim?" not in person.screen
        empty.file_away("0042", answer.name)
        await person.sees("answer to 0042: “drop it”  delivered")
        (word,) = person.journal
        assert (word["kind"], word["task"], word["text"], word["question"]) == ("answer", "0042", "drop it", asked.name)


async def test_an_answer_is_typed_and_may_hold_digits(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("a")
        await person.type("only 2 of them")
        await person.press("enter")
        assert (await person.tells_one(ASKS)).body == "only 2 of them"


async def test_leaving_the_answer_sends_nothing(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("a")
        await person.sees("press 1–2, or type an answer")
        await person.type("half a thou")
        await person.press("escape")
        await person.sees_no_more("half a thou")
        assert person.told(ASKS) == []
        assert person.app.fleet.tasks.has_focus


async def test_an_empty_answer_is_none(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("a", "space", "enter")
        await person.settled()
        assert person.told(ASKS) == []
        assert person.app.fleet.needs.answering


async def test_a_digit_elsewhere_chooses_a_pane_and_answers_nothing(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("n", "2")
        await person.sees("14 of 17 converters are strict.")
        assert person.told(ASKS) == []


async def test_a_refused_answer_says_why_and_the_question_is_told_as_answered(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("a", "1")
        answer = await person.tells_one(ASKS)
        click.file_away(ASKS, answer.name, "refused", "the deadline has passed")
        await person.sees("“defer”  refused: the deadline has passed")
        await person.select(f"task:{ASKS}")
        await person.press("3")
        await person.sees("human: answer", "refused: the deadline has passed")


async def test_an_answer_that_cannot_be_written_opens_the_question_again(click: FleetBuilder) -> None:
    async with opened(click) as person:
        inbox = click.state.task(ASKS).inbox
        inbox.write_text("no folder")
        await person.press("a", "1")
        await person.sees("“defer”  not sent:", "ParamType.convert")


async def test_the_deadline_and_what_happens_then_are_told(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.sees("in 27m: “leave it”")
        await person.wait(minutes=26, seconds=30)
        await person.sees("in 30s: “leave it”")
        await person.wait(minutes=5)
        await person.sees("now: “leave it”")


async def test_n_goes_round_everything_that_needs_a_person(click: FleetBuilder) -> None:
    async with opened(click) as person:
        seen = []
        for _ in range(4):
            await person.press("n")
            await person.settled()
            row = person.app.fleet.row
            seen.append(row.key if row else "")
        assert seen == [f"task:{ASKS}", "task:typing-imports-008", "task:0041", f"task:{ASKS}"]


async def test_the_strip_is_about_the_selected_task_or_else_about_the_oldest(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("n", "n")
        await person.sees("Needs you 2/3", "stopped for you", "r retry   x stop for good")
        await person.press("j")
        await person.sees("Needs you 1/3", "a answer   1 defer   2 allow here")


async def test_n_unfolds_what_hides_the_task(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("left")
        await person.sees_no_more("002 src/click/utils.py")
        await person.press("n")
        await person.sees("? 003 src/click/types.py")


async def test_the_answer_line_goes_on_to_the_next_question(click: FleetBuilder) -> None:
    click.say("typing-imports-004", "question", "Keep the alias?", NOW - timedelta(seconds=5), options=["yes"])
    async with opened(click) as person:
        await person.sees("Needs you 1/4")
        await person.press("a", "down")
        await person.sees("Keep the alias?", "press 1, or type an answer")
        await person.press("1")
        assert (await person.tells_one("typing-imports-004")).body == "yes"


async def test_a_question_answered_elsewhere_closes_the_line(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("a")
        (question,) = person.app.fleet.snapshot.fleet.tasks[ASKS].questions
        click.tell(ASKS, "answer", "by the command line", reply_to=question.name)
        await person.until(lambda: not person.app.fleet.needs.answering)
        assert [message.body for message in person.told(ASKS)] == ["by the command line"]


async def test_who_types_an_answer_as_the_question_goes_types_on_and_is_told(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.select("task:typing-imports-004")
        await person.press("a", "n", "o")
        (question,) = person.app.fleet.snapshot.fleet.tasks[ASKS].questions
        click.tell(ASKS, "answer", "by the command line", reply_to=question.name)
        await person.until(lambda: not person.app.fleet.snapshot.fleet.tasks[ASKS].questions)
        await person.type(" pp")
        await person.sees("no pp", "ParamType.convert")
        await person.press("enter")
        await person.sees("nothing sent: the question is open no more")
        assert [message.body for message in person.told(ASKS)] == ["by the command line"]
        assert person.sent == []
        assert person.app.fleet.tasks.has_focus
        await person.sees("Needs you 1/2")


@pytest.mark.parametrize("typed", ["", "no"], ids=["digit", "text"])
async def test_what_is_on_its_way_as_the_question_goes_answers_no_other(click: FleetBuilder, typed: str) -> None:
    click.say("typing-imports-004", "question", "Keep the alias?", NOW - timedelta(seconds=5), options=["yes"])
    async with opened(click) as person:
        await person.sees("Needs you 1/4")
        await person.press("a", *typed)
        needs = person.app.fleet.needs
        assert needs.entry and needs.entry.name == ASKS
        if typed:
            needs.post_message(Input.Submitted(needs.query_one(Input), typed))
        needs.set_entries(tuple(one for one in needs.entries if one.name != ASKS))  # it was answered elsewhere
        if not typed:
            await person.burst("1")
        await person.settled()
        assert not needs.answering
        assert person.told(ASKS) == person.told("typing-imports-004") == []


async def test_without_a_question_the_key_says_so(empty: FleetBuilder) -> None:
    async with opened(empty) as person:
        await person.press("a")
        await person.sees("no question is open")
        await person.press("n")
        await person.sees("nothing needs you")


async def test_a_stop_shows_its_reason_in_full(click: FleetBuilder) -> None:
    async with opened(click) as person:
        await person.press("n", "n")
        await person.sees("stopped for you", "The policy says nothing about public API.", "r retry")
