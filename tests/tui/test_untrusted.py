"""Nothing that a worker wrote reaches the terminal as anything but text."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from state.agent_events import Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Unknown
from state.envelope import Campaign, Check, Metric, Policy, Proposal
from state.machine import Hold, Worker
from state.usage import Usage
from tests.tui.builder import NOW, FleetBuilder, ago
from tests.tui.repositories import Repository, trailers
from tests.tui.room import opened

EVIL = (
    "\x1b]52;c;ZXZpbA==\x07\x1b[31m\x9b31m\x1b]0;t\x1b\\[/bad][red]x[/red][@click=app.quit]q[/]"
    "\u202egnp.exe\u2066\u2028\r\n\t\x7f\x00end"
)
TEXT = EVIL.replace("\x00", "")  # a file with NUL is a fault as a whole: tested on its own
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def hostile(tmp_path: Path) -> FleetBuilder:
    fleet = FleetBuilder(tmp_path)
    fleet.lease(sandbox="none", sandbox_why=TEXT)
    fleet.machine(Worker(task="b", attempt=1))
    fleet.holds(*(Hold(kind=kind, agent=TEXT, why=TEXT, since=NOW) for kind in (TEXT, "budget")))
    fleet.task("b", "running", attempt=1)
    fleet.attempt("b", sandbox=TEXT)
    fleet.campaign(
        "strict", [TEXT.replace("\n", " ")] * 3, status="stop", STOP_REASON="[/bad] \x1b[31m", NOTES="\x9b[red]"
    )
    fleet.text(
        fleet.state.campaign("strict").queue,
        fleet.state.campaign("strict").queue.read_text()
        + "2026 | index=1 | file=\x1b[2J[/x] | result=\x1b[1m | learned=\x9b\n",
    )
    fleet.run("strict", 1, ago(minutes=3), ended=NOW, halted=TEXT, why=TEXT, metric_before=TEXT)
    fleet.task(
        "a",
        "waiting",
        title=TEXT,
        campaign=TEXT,
        item=TEXT,
        agent=TEXT,
        role=TEXT,
        base=TEXT,
        attempt=1,
        by=TEXT,
        why=TEXT,
        waiting_on=TEXT,
        branch=TEXT,
        commit=TEXT,
        usage=Usage(tokens=5, extra={TEXT: TEXT}),
    )
    fleet.task("unknown", TEXT, title="[/bad]", parent=TEXT)
    fleet.task("broken", "running")
    fleet.text(fleet.state.task("broken").status, f"state = {EVIL}")
    for kind in ("note", "stop", "handoff"):
        fleet.say("a", kind, TEXT, ago(minutes=2))
    fleet.say(
        "a", "question", TEXT, ago(minutes=1), options=[TEXT, "[/]"], default=TEXT, deadline=NOW + timedelta(minutes=5)
    )
    sent = fleet.tell("a", "message", TEXT, by=TEXT)
    fleet.file_away("a", sent.name, "refused", TEXT)
    fleet.tell("a", "message", TEXT, by=TEXT)
    fleet.text(fleet.state.task("a").checkpoint, EVIL * 20)
    fleet.text(fleet.state.task("a").spec, TEXT * 20)
    fleet.attempt("a")
    fleet.exit("a", reason=TEXT, error=TEXT, status=None)
    fleet.log("a", *(EVIL.replace("\n", "") for _ in range(5)))
    fleet.log("a", EVIL.replace("\n", ""), stream="stderr")
    fleet.agent(
        "b",
        1,
        *(
            SessionStarted(session=EVIL, model=EVIL, version=EVIL),
            Message(text=EVIL),
            Message(text=EVIL, thinking=True),
        ),
        *(ToolCall(id="1", tool=EVIL, input=EVIL), ToolCall(id="2", tool="bash", input=EVIL)),
        *(ToolResult(id="1", ok=False, output=EVIL), Failed(text=EVIL, failure=EVIL), Failed(text=EVIL, fatal=True)),
        *(Unknown(type=EVIL, raw=EVIL), Finished(ok=False, text=EVIL)),
        **dict.fromkeys(("kind", "session", "resumed", "model", "version", "said", "verdict", "failure", "why"), TEXT),
    )
    fleet.result("a", TEXT, summary=TEXT, learned=TEXT, commits=[TEXT])
    fleet.capture("a", NOW, b"\x1b[31m", of=TEXT, note=TEXT)
    evil_name = "20261121T101502.123456Z-\x1b]0;x\x07[bad].png"
    (fleet.state.task("a").captures / evil_name).write_bytes(b"none")
    (fleet.state.tasks / "[red]\x1b[31m").mkdir()
    (fleet.state.tasks / b"\xff\xfe".decode("utf-8", "surrogateescape")).mkdir()
    return fleet


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_nothing_obeyed_by_a_terminal_reaches_the_screen(hostile: FleetBuilder, size: tuple[int, int]) -> None:
    async with opened(hostile, size=size) as person:
        keys = [row.key for row in person.app.fleet.tasks.rows]
        assert {"task:a", "task:unknown", "task:broken", "campaign:strict"} <= set(keys)
        for key in keys:
            await person.select(key)
            for pane in "123456" if key in ("task:a", "task:b", "campaign:strict") else "1":
                await person.press(pane)
                await person.pilot.pause(0.07)
                check(person.app.screen._compositor.render_strips())
            await person.press("tab", "left_square_bracket")
            await person.settled()
            check(person.app.screen._compositor.render_strips())
            await person.press("escape")
        await person.select("task:b")
        await person.press("4")
        await person.sees("✗ failed", "■ finished: failed")
        check(person.app.screen._compositor.render_strips())
        await person.press("1")
        for entry in person.app.fleet.needs.entries:
            await person.press("n")
            await person.settled()
            check(person.app.screen._compositor.render_strips())
            assert entry
        await person.press("slash")
        await person.type("unknown")
        check(person.app.screen._compositor.render_strips())
        await person.press("escape")
        await person.select("task:a")
        for keys_pressed in (("a",), ("escape", "m"), ("escape", "p"), ("x",), ("y",)):
            await person.press(*keys_pressed)
            await person.settled()
            check(person.app.screen._compositor.render_strips())
        assert person.app.is_running


@pytest.fixture
def hostile_campaign(tmp_path: Path) -> FleetBuilder:
    fleet = FleetBuilder(tmp_path)
    fleet.lease()
    said = TEXT.replace("\n", " ").replace("\r", " ")
    metric = Metric(name=TEXT, command=[TEXT], goal=0.0)
    envelope = Campaign(
        agent=TEXT,
        base=TEXT,
        metric=metric,
        guards=[metric],
        checks=[Check(name=TEXT, command=[TEXT])],
        policy=Policy(allow=[TEXT], deny=[TEXT], forbid=[TEXT]),
        extra={TEXT: TEXT},
    )
    history = [
        f"{said} | index={index} | file={said} | result={result} | commit={said} | why={said} | metric=3"
        f" | learned={said} | checks={said} | by={said}"
        for index, result in ((1, said), (2, "STOP-NEEDS-HUMAN"))
    ]
    sections = f"## Policy\n- {said}\n\n## Do not touch\n- {said}\n\n"
    fleet.campaign(
        "strict",
        [f"{said} | {said}={said}"] * 4,
        history,
        status="stop",
        envelope=envelope,
        sections=sections,
        STOP_REASON=said,
        NOTES=said,
        METRIC_START=5,
        METRIC_CURRENT=said,
        OTHER=said,
    )
    for index, state in ((3, "running"), (4, TEXT)):
        fleet.task(
            f"strict-{index:04}",
            state,
            campaign="strict",
            index=index,
            attempt=1,
            repairs=1,
            since=NOW,
            title=TEXT,
            agent=TEXT,
            why=TEXT,
            waiting_on=TEXT,
        )
    fleet.run(
        "strict",
        1,
        ago(minutes=3),
        ended=NOW,
        halted=TEXT,
        why=TEXT,
        metric_before=TEXT,
        results={TEXT: 2},
        proposals=[Proposal(kind=TEXT, text=TEXT, source=TEXT), Proposal(kind="file", text=TEXT)],
    )
    return fleet


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24)])
async def test_a_campaign_says_nothing_to_a_terminal_either(
    hostile_campaign: FleetBuilder, size: tuple[int, int]
) -> None:
    async with opened(hostile_campaign, size=size) as person:
        await person.select("campaign:strict")
        await person.press("enter")
        await person.until(lambda: person.app.campaign and person.app.campaign.ready)
        assert person.app.campaign is not None
        assert len(person.app.campaign.queue) == 4
        for key in ("g", "s", "escape", "j", "j", "j", "y", "o", "escape", "e", "escape", *"12345", "j"):
            await person.press(key)
            await person.settled()
            check(person.app.screen._compositor.render_strips())
        await person.press("plus")
        name, command = await person.sends_one()
        assert command.verb == "campaign-protect"
        await person.sees("sent")
        check(person.app.screen._compositor.render_strips())
        hostile_campaign.conclude(name, "refused", TEXT)
        await person.sees("refused:")
        check(person.app.screen._compositor.render_strips())
        assert not FORBIDDEN.search(person.app.terminal_title)


@pytest.mark.parametrize("size", [(200, 50), (120, 40), (80, 24)])
async def test_neither_does_the_past(hostile_campaign: FleetBuilder, size: tuple[int, int]) -> None:
    hostile_campaign.result("strict-0003", TEXT, summary=TEXT, learned=TEXT)
    hostile_campaign.run("strict", 2, ago(minutes=2), halted=TEXT, branch=TEXT, results={TEXT: 1, "[/bad]": 2})
    repository = Repository(hostile_campaign.state.repository)
    said = " ".join(TEXT.splitlines())
    for campaign, index in ((said, 1), ("strict", 3), ("strict", 9)):
        message = f"{said}\n\n{TEXT}\n\n{trailers(campaign, index, said)}"
        repository.commit(message, f"{index}\x1b]0;x\x07[bad]\u202e", f"{TEXT}\n" * 9, ago(minutes=index))
    async with opened(hostile_campaign, size=size) as person:
        await person.press("H")
        await person.until(lambda: person.app.history and person.app.history.ready and person.app.history.past.commits)
        history = person.app.history
        assert history is not None
        assert len(history.past.campaigns) == 3  # the one with files, one of its name before it, one of no name
        enter = ("enter", *("enter", "y", "G", "g", "escape", "j") * 2, "y", "escape")
        for key in ("j", "space", "j", "space", "c", "escape", *enter, "g", *enter, "slash", "e", "n", "d", *enter):
            await person.press(key)
            await person.pilot.pause(0.02)
            check(person.app.screen._compositor.render_strips())
            assert all(not FORBIDDEN.search(text) for line in history.about.lines for text, _ in line)
            assert not FORBIDDEN.search(person.app.clipboard)
        assert person.app.is_running


async def test_what_comes_back_from_an_orchestrator_is_cleaned_too(hostile: FleetBuilder) -> None:
    async with opened(hostile) as person:
        await person.select("task:unknown")
        await person.press("p")
        name, _ = await person.sends_one()
        hostile.conclude(name, "refused", TEXT)
        await person.sees("refused:")
        check(person.app.screen._compositor.render_strips())


async def test_the_terminal_title_is_ours(hostile: FleetBuilder) -> None:
    async with opened(hostile) as person:
        assert person.app.title == "Opsroom"


async def test_a_huge_text_is_cut(click: FleetBuilder) -> None:
    name = "typing-imports-003"
    click.text(click.state.task(name).checkpoint, "word " * 150_000)
    click.text(click.state.task(name).spec, "x" * 1_200_000)
    async with opened(click) as person:
        await person.select(f"task:{name}")
        await person.press("2", "tab")
        await person.sees("word word")
        await person.press("G")
        await person.sees("… cut after 65,536 characters")
        await person.press("6")
        await person.sees("larger than 1,048,576 bytes")


def check(strips: object) -> None:
    for strip in strips:  # type: ignore[attr-defined]
        for text, style, control in strip:
            assert not control
            assert not FORBIDDEN.search(text), repr(text)
            assert style is None or not style.link
            assert style is None or not style.meta.get("@click")
            text.encode()
