"""`opsroom campaign new`: a queue becomes a campaign that runs as it is, or nothing at all."""

import tomllib
from pathlib import Path

import pytest

from orchestrator.policy import fault
from state.campaign_file import CampaignFile
from state.envelope import Campaign, unknown_limit
from state.model import decode
from tests.stories import Said, Story

QUEUE = "notes.txt\n\n# the hard one\na b.txt | checks=make x\n"
WRITTEN = (
    b"\xef\xbb\xbf# By hand\r\n\r\nSTATUS: paused\r\nOWNER: me\r\n\r\n"
    b"## Queue\r\n7. notes.txt\r\n\r\n## Mine\r\n\t\xff\r\n"
)
GIVEN = (
    *("--agent", "second", "--base", "main", "--better", "higher", "--goal", "-2.5", "--repairs", "7"),
    *("--no-progress", "3", "--at-once", "2", "--seconds", "60", "--dollars", "1.5", "--message", "{item}: é"),
    *("--allow", "/src/", "--allow", "{item}", "--deny", "*.lock", "--forbid", ": any\\b"),
    *("--metric", "sh -c 'echo \"1\" # \x7f'", "--check", "make 'a b'", "--check", "true"),
)


def new(story: Story, *arguments: str, queue: str = QUEUE, name: str = "twos") -> Said:
    return story.opsroom("campaign", "new", name, "--queue", "-", *arguments, stdin=queue)


def envelope(story: Story, name: str = "twos") -> Campaign:
    return decode(Campaign, story.state.campaign(name).envelope.read_text(), "campaign.toml")


def nothing_was_made(story: Story) -> bool:
    return list(story.state.campaigns.iterdir()) == []


@pytest.fixture
def told(story: Story) -> Story:
    story.agent("true", name="first")
    story.agent("true", name="second")
    return story


def test_a_line_is_an_item(told: Story) -> None:
    said = new(told, "--allow", "*.txt")
    folder = told.state.campaign("twos")
    assert said == Said(0, f"{folder.root}: 2 items; 'opsroom campaign run twos' goes through them\n", "")
    file = CampaignFile(folder.queue.read_bytes())
    assert (file.title, file.status, file.next_index, file.faults) == ("twos", "paused", 1, [])
    assert [(item.index, item.target, item.fields) for item in file.queue] == [
        (1, "notes.txt", {}),
        (2, "a b.txt", {"checks": "make x"}),
    ]
    prompt = folder.prompt.read_text()
    assert all(word in prompt for word in ("{item}", "opsroom stop", "--learned", "checks decide"))


def test_the_envelope_says_what_was_given_and_explains_the_rest(told: Story) -> None:
    assert new(told, *GIVEN).status == 0
    found = envelope(told)
    assert found.metric is not None
    assert (found.agent, found.base, found.at_once, found.message) == ("second", "main", 2, "{item}: é")
    assert (found.repairs, found.no_progress, found.on_timeout) == (7, 3, "revert")
    assert (found.metric.command, found.metric.better, found.metric.goal) == (
        ["sh", "-c", 'echo "1" # \x7f'],
        "higher",
        -2.5,
    )
    assert [(check.name, check.command) for check in found.checks] == [
        ("make 'a b'", ["make", "a b"]),
        ("true", ["true"]),
    ]
    assert (found.policy.allow, found.policy.deny, found.policy.forbid) == (
        ["/src/", "{item}"],
        ["*.lock"],
        [": any\\b"],
    )
    assert (found.budgets.seconds, found.budgets.dollars) == (60.0, 1.5)
    assert (unknown_limit(found), fault(found.policy), found.extra) == ("", "", {})


def test_what_was_not_said_stands_there_to_be_edited(told: Story) -> None:
    new(told)
    text = told.state.campaign("twos").envelope.read_text()
    found = envelope(told)
    assert (found.agent, found.policy.allow, found.metric, found.checks) == ("first", ["{item}"], None, [])
    wanted = text.replace("# base", "base").replace("# goal", "goal")
    wanted = wanted.replace("# [", "[").replace("# name", "name").replace("# command", "command")
    wanted = wanted.replace("# better", "better").replace("# seconds", "seconds")
    again = decode(Campaign, wanted, "campaign.toml")  # each commented line is one that would be understood
    assert again.metric is not None
    assert (again.base, again.metric.goal, again.checks[0].command) == ("main", 0.0, ["make", "test"])
    assert set(tomllib.loads(text)["policy"]) == {"allow", "deny", "forbid", "max_files", "max_lines"}


def test_items_that_are_no_paths_are_pointed_out_where_only_the_item_may_change(told: Story) -> None:
    said = new(told)
    assert said.err.startswith("opsroom: 1 of 2 items are no paths, and an item may change its own path only; say ")
    assert said.status == 0


def test_a_campaign_md_is_taken_byte_for_byte(told: Story) -> None:
    source = told.folder / "queue.md"
    source.write_bytes(WRITTEN)
    assert told.opsroom("campaign", "new", "by-hand", "--queue", str(source)).status == 0
    assert told.state.campaign("by-hand").queue.read_bytes() == WRITTEN


@pytest.mark.parametrize(
    ("queue", "why"),
    [
        ("", "standard input: no item in it; write a line for each"),
        ("# none\n\n", "standard input: no item in it; write a line for each"),
        ("a\nb\x1b[0m\n", "standard input: line 2: an item is one line, without control characters"),
        ("a\n | checks=x\n\nb\na\n", "standard input: line 5: the item of line 1 a second time: 'a'"),
        ("a\n" + "b" * 4001, "standard input: line 2: an item has at most 4,000 characters"),
        ("## Queue\n1. a\n1. b\n", "standard input: line 3: item 1 stands here a second time"),
        ("## Queue\na.txt\n", "standard input: no item in its queue: a line such as '1. src/a.py'"),
    ],
)
def test_a_queue_that_cannot_be_one_makes_nothing(told: Story, queue: str, why: str) -> None:
    assert new(told, queue=queue) == Said(2, "", f"opsroom: {why}\n")
    assert nothing_was_made(told)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--agent", "third"), "there is no agent 'third' in opsroom.toml (agents: first, second)"),
        (("--check", "make 'x"), '--check "make \'x": no closing quotation'),
        (("--metric", " "), "--metric: an empty command"),
        (("--goal", "1"), "--goal is of a metric: give --metric CMD"),
        (("--forbid", "(a"), "'(a' is no regular expression: missing ), unterminated subpattern at position 0"),
        (("--better", "more"), "Invalid value for '--better'"),
        (("--at-once", "0"), "Invalid value for '--at-once'"),
        (("--goal", "nan"), "Invalid value for '--goal'"),
    ],
)
def test_an_envelope_that_cannot_be_one_makes_nothing(told: Story, arguments: tuple[str, ...], why: str) -> None:
    said = new(told, *arguments)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith(f"opsroom: {why}")
    assert nothing_was_made(told)


def test_bytes_that_are_no_text_are_refused_with_their_line(told: Story) -> None:
    source = told.folder / "queue"
    source.write_bytes(b"a\nb\xff\n")
    said = told.opsroom("campaign", "new", "twos", "--queue", str(source))
    assert said == Said(2, "", f"opsroom: {source}: line 2: not UTF-8\n")
    gone = told.opsroom("campaign", "new", "twos", "--queue", str(source) + "x")
    assert gone == Said(2, "", f"opsroom: {source}x: no such file or directory\n")


def test_nothing_is_overwritten_and_a_name_is_a_name(told: Story) -> None:
    new(told)
    before = {path: path.read_bytes() for path in Path(told.state.campaigns).rglob("*") if path.is_file()}
    said = new(told, queue="other\n")
    assert (said.status, said.err.startswith("opsroom: there is a campaign 'twos'; edit what is in ")) == (1, True)
    assert new(told, name="../out").status == 2
    assert before == {path: path.read_bytes() for path in Path(told.state.campaigns).rglob("*") if path.is_file()}
    assert [path.name for path in told.state.campaigns.iterdir()] == ["twos"]


def test_without_an_agent_there_is_nobody_to_run_it(story: Story) -> None:
    said = new(story)
    assert (said.status, "no agent is configured; name one in " in said.err) == (2, True)
