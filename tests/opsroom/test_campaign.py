"""`opsroom campaign …`: each move says what became of it, and the status says where a campaign stands."""

import json

import pytest

from state import commands
from tests.stories import CHECKOUT, Said, Story

USES = "opsroom usage --tokens 1200 --dollars 0.5"
STOPS = f'[ $OPSROOM_INDEX = 2 ] && {{ {USES}; opsroom stop "B or $(printf "\\033[31m")b?"; exit 0; }}'
WORKS = 'echo x >> notes.txt; opsroom result success --learned "Always say x in notes."'
ENVELOPE = """\
[policy]
allow = ["*"]
[metric]
name = "lines"
command = ["sh", "-c", "wc -l < notes.txt"]
better = "higher"
goal = 9.0
[budgets]
attempts = 10
dollars = 2.0
"""


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (("start", "twos"), {"verb": "campaign-start"}),
        (("pause", "twos"), {"verb": "campaign-pause"}),
        (("defer", "twos", "2", "I", "do it"), {"verb": "campaign-defer", "index": 2, "text": "I do it"}),
        (("skip", "twos", "2"), {"verb": "campaign-skip", "index": 2}),
        (("skip", "twos", "2", "no use"), {"verb": "campaign-skip", "index": 2, "text": "no use"}),
        (("retry", "twos", "2", "now"), {"verb": "campaign-retry", "index": 2, "text": "now"}),
        (("reorder", "twos", "2", "--before", "1"), {"verb": "campaign-reorder", "index": 2, "before": 1}),
        (("reorder", "twos", "2", "--last"), {"verb": "campaign-reorder", "index": 2}),
        (("reword", "twos", "2", "a b"), {"verb": "campaign-reword", "index": 2, "text": "a b"}),
        (("add", "twos", "a b"), {"verb": "campaign-add", "text": "a b"}),
        (("note", "twos", "no any"), {"verb": "campaign-note", "text": "no any"}),
        (("protect", "twos", "*.lock"), {"verb": "campaign-protect", "text": "*.lock"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_move_is_one_command(story: Story, arguments: tuple[str, ...], wanted: dict[str, object]) -> None:
    story.campaign("twos", ["a.txt", "b.txt"])
    said = story.opsroom("campaign", *arguments)
    waits = "sent; it waits, for no orchestrator runs ('opsroom up' starts one)"
    assert said == Said(0, f"{wanted['verb']}: {waits}\n", "")
    (name,) = commands.waiting(story.state)
    assert commands.claim(story.state, name)
    command = commands.read(story.state, name)
    expected = {"campaign": "twos", "index": 0, "before": 0, "text": ""} | wanted
    assert {key: getattr(command, key) for key in expected} == expected
    line = json.loads(story.state.journal.read_text().splitlines()[-1])
    assert wanted.items() <= line.items()


def test_with_an_orchestrator_the_outcome_is_said(story: Story) -> None:
    story.agent("true")
    story.campaign("twos", ["a.txt", "b.txt"])
    story.up()
    assert story.opsroom("campaign", "skip", "twos", "1") == Said(0, "campaign-skip: accepted\n", "")
    assert story.opsroom("campaign", "add", "twos", "c.txt") == Said(0, "campaign-add: accepted item 3\n", "")
    said = story.opsroom("campaign", "skip", "twos", "1")
    assert said == Said(1, "", "opsroom: campaign-skip: item 1 has an outcome already: skipped\n")


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (("skip", "none", "1"), 1, "there is no campaign 'none'; 'opsroom campaign status' lists them"),
        (("run", "none"), 1, "there is no campaign 'none'; 'opsroom campaign status' lists them"),
        (("land", "none"), 1, "there is no campaign 'none'; 'opsroom campaign status' lists them"),
        (("status", "none"), 1, "there is no campaign 'none'; 'opsroom campaign status' lists them"),
        (("start", "../x"), 2, "campaign name '../x' is not a name"),
        (("skip", "twos", "0"), 2, "Invalid value for 'INDEX'"),
        (("defer", "twos", "1"), 2, "Missing argument 'WORDS...'"),
        (("reorder", "twos", "1"), 2, "give --before N or --last"),
        (("reorder", "twos", "1", "--last", "--before", "2"), 2, "give --before N or --last"),
        (("land", "twos"), 1, "there is nothing to land: no branch campaign/twos was begun"),
    ],
)
def test_a_wrong_word_is_one_line_and_sends_nothing(
    story: Story, arguments: tuple[str, ...], status: int, why: str
) -> None:
    story.campaign("twos", ["a.txt", "b.txt"])
    said = story.opsroom("campaign", *arguments)
    assert (said.status, said.out, said.err.count("\n")) == (status, "", 1)
    assert said.err.startswith(f"opsroom: {why}")
    assert commands.waiting(story.state) == []


def test_the_status_says_where_it_stands_what_it_cost_and_what_the_run_proposes(story: Story) -> None:
    story.agent(f"{STOPS}\n{WORKS}")
    story.campaign("twos", ["a.txt", "b.txt", "c.txt"], envelope=ENVELOPE)
    story.send("campaign-start", campaign="twos")
    story.up_once()
    lines = story.opsroom("campaign", "status", "twos").out.splitlines()
    assert lines[:3] == [
        "twos: stop: item 2, b.txt: B or \ufffd[31mb?",
        "  items: 1 of 3 done: 1 success, 1 STOP-NEEDS-HUMAN",
        "  next: 2. b.txt (stopped: B or \ufffd[31mb?)",
    ]
    assert lines[3].startswith("  budget: attempts 2 of 10, seconds ")
    assert lines[3].endswith(", tokens 1,200, dollars $0.50 of $2.00")
    assert lines[4] == "  metric lines: 3 → 4 (goal 9)"
    assert lines[5].startswith("  run 1: ")
    assert "stop after " in lines[5]
    assert "2 items" in lines[5]
    assert lines[6] == "  proposed by run 1 ('opsroom campaign note twos TEXT' makes one policy):"
    assert any(line.startswith("    rule: Always say x in notes.") for line in lines[7:])
    assert story.opsroom("campaign", "status").out.splitlines() == lines


def test_a_program_reads_the_status_as_json(story: Story) -> None:
    story.agent(f"{STOPS}\n{WORKS}")
    story.campaign("twos", ["a.txt", "b.txt", "c.txt"], envelope=ENVELOPE)
    story.send("campaign-start", campaign="twos")
    story.send("campaign-note", campaign="twos", text="no any")
    story.up_once()
    found = json.loads(story.opsroom("campaign", "status", "twos", "--json").out)
    assert (found["status"], found["why"]) == ("stop", "item 2, b.txt: B or \x1b[31mb?")
    assert (found["done"], found["items"], found["stopped"]) == (1, 3, [2])
    assert found["next"] == {"index": 2, "target": "b.txt"}
    assert found["results"] == {"success": 1, "STOP-NEEDS-HUMAN": 1}
    assert found["policy"] == ["no any"]
    assert found["budget"]["dollars"] == {"spent": 0.5, "limit": 2.0}
    assert found["budget"]["tokens"] == {"spent": 1200, "limit": None}
    assert found["metric"] == {"name": "lines", "start": "3", "now": "4", "goal": 9.0, "better": "higher"}
    (run,) = found["runs"]
    assert (run["run"], run["halted"], run["items"], run["spent"]["dollars"]) == (1, "stop", 2, 0.5)
    assert list(json.loads(story.opsroom("campaign", "status", "--json").out)) == ["twos"]


def test_a_price_that_nobody_knows_is_told_as_such(story: Story) -> None:
    stream = CHECKOUT / "tests" / "streams" / "codex" / "success.jsonl"
    story.agent(f"cat >/dev/null; cat {stream}; echo x >> notes.txt", name="codex", kind="codex")
    story.campaign("ones", ["a.txt"], agent="codex")
    said = story.opsroom("campaign", "run", "ones")
    assert (said.status, said.err) == (0, "")
    assert "; $?; " in said.out
    out = story.opsroom("campaign", "status", "ones").out
    assert ", tokens 3,150, dollars $?\n" in out
    assert " s, 3,150 tokens, $?\n" in out
    found = json.loads(story.opsroom("campaign", "status", "ones", "--json").out)
    assert (found["budget"]["dollars"], found["spent"]["unpriced"]) == ({"spent": None, "limit": None}, 3_150)
    assert (found["runs"][0]["spent"]["dollars"], found["runs"][0]["spent"]["cached_tokens"]) == (None, 600)
    assert story.opsroom("history", "ones").out.splitlines()[1].endswith("$?")
    assert "| unpriced=3150 |" in story.state.campaign("ones").queue.read_text()


def test_a_campaign_that_cannot_be_read_says_so(story: Story) -> None:
    story.campaign("twos", [], text="STATUS: paused\nNEXT_INDEX: x\n")
    story.state.campaign("bad").root.mkdir()
    out = story.opsroom("campaign", "status").out
    assert "! campaigns/twos/campaign.md: line 2: NEXT_INDEX is not a number: 'x'" in out
    assert "bad: cannot be read\n! campaigns/bad/campaign.md: missing" in out
    assert json.loads(story.opsroom("campaign", "status", "bad", "--json").out)["status"] is None


def test_without_a_campaign_the_status_says_how_to_make_one(story: Story) -> None:
    said = story.opsroom("campaign", "status")
    assert said == Said(0, "there is no campaign ('opsroom campaign new' makes one)\n", "")
