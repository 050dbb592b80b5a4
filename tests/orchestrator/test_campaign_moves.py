"""What a person does with a campaign between its items: each move once, and the next run goes by it."""

from pathlib import Path
from typing import Any

import pytest

from state import commands
from state.campaign_file import CampaignFile
from tests.stories import Story

ITEMS = ["a.txt", "b.txt", "c.txt", "d.txt"]
SED = "sed -i s/one/two/ $OPSROOM_ITEM"
STOPS_AT_B = f'[ "$OPSROOM_INDEX$OPSROOM_ATTEMPT" = 21 ] && {{ echo half >> b.txt; opsroom stop "b?"; exit 0; }}\n{SED}'


@pytest.fixture
def twos(story: Story) -> Story:
    """Four files to change, and a campaign that would."""
    for item in ITEMS:
        (story.repository / item).write_text("one\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "four files")
    story.agent(SED)
    story.campaign("twos", ITEMS)
    return story


def ask(story: Story, *asked: tuple[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Sends the commands, lets an orchestrator obey them all, and gives what became of each: outcome and why."""
    names = [story.send(f"campaign-{verb}", **({"campaign": "twos"} | fields)) for verb, fields in asked]
    story.up_once()
    return [(outcome.outcome, outcome.why) for outcome in map(story.outcome, names)]


def obey(story: Story, *asked: tuple[str, dict[str, Any]]) -> None:
    assert [outcome for outcome, _ in ask(story, *asked)] == ["accepted"] * len(asked)


def again_without_an_outcome(story: Story) -> str:
    return told_again(story)[0]


def told_again(story: Story) -> tuple[str, str]:
    """Has the newest command obeyed once more, as after a crash just before its outcome was written."""
    name = max(path.name for path in story.state.inbox_done.glob("*.toml") if ".outcome" not in path.name)
    commands.outcome_path(story.state.inbox_done, name).unlink()
    story.up_once()
    outcome = story.outcome(name)
    return outcome.outcome, outcome.why


def file_of(story: Story) -> CampaignFile:
    file = story.campaign_view("twos").file
    assert file is not None
    return file


def history(story: Story) -> list[tuple[int | None, str]]:
    return [(line.index, line.result) for line in file_of(story).history]


def queue_of(story: Story) -> Path:
    path: Path = story.state.campaign("twos").queue
    return path


# ── the queue and its rules ─────────────────────────────────────────────────────────────────────────────────


def test_the_next_run_goes_by_the_order_the_words_and_the_outcomes_of_a_person(twos: Story) -> None:
    (twos.repository / "e f.txt").write_text("one\n")
    twos.git("add", "--all")
    twos.git("commit", "--quiet", "--message", "one more")
    twos.agent(f"{SED.replace('$OPSROOM_ITEM', chr(34) + '$OPSROOM_ITEM' + chr(34))}", name="quoting")
    twos.state.campaign("twos").envelope.write_text('agent = "quoting"\n')
    obey(
        twos,
        ("reorder", {"index": 4, "before": 1}),
        ("reword", {"index": 2, "text": "e f.txt"}),
        ("skip", {"index": 3}),
        ("add", {"text": "b.txt"}),
        ("reorder", {"index": 1}),
        ("start", {}),
    )
    assert twos.subjects("campaign/twos")[:4] == [f"twos: {item}" for item in ("a.txt", "b.txt", "e f.txt", "d.txt")]
    assert history(twos) == [(3, "skipped"), (4, "success"), (2, "success"), (5, "success"), (1, "success")]
    assert file_of(twos).status == "complete"


def test_a_campaign_that_is_started_again_while_an_item_is_finished_goes_on_with_its_run(twos: Story) -> None:
    twos.agent(f"while [ ! -e {twos.folder}/go ]; do sleep 0.05; done; {SED}", name="waits")
    twos.state.campaign("twos").envelope.write_text('agent = "waits"\n')
    twos.send("campaign-start", campaign="twos")
    running = twos.up("--once")
    twos.wait_for_state("twos-0001", "running")
    assert twos.outcome(twos.send("campaign-pause", campaign="twos")).outcome == "accepted"
    assert twos.outcome(twos.send("campaign-start", campaign="twos")).outcome == "accepted"
    (twos.folder / "go").touch()
    twos.finish(running)
    assert [(number, run.halted, run.items) for number, run in twos.campaign_view("twos").runs] == [(1, "complete", 4)]


def test_an_item_at_which_the_campaign_stopped_is_reworded_and_another_takes_its_place(twos: Story) -> None:
    twos.agent(f"[ $OPSROOM_INDEX = 2 ] && opsroom stop 'which b?' && exit 0; {SED}", name="asks")
    twos.state.campaign("twos").envelope.write_text('agent = "asks"\n')
    obey(twos, ("start", {}))
    assert file_of(twos).status == "stop"
    obey(twos, ("reword", {"index": 2, "text": "notes.txt"}), ("start", {}))
    assert history(twos) == [
        (1, "success"),
        (2, "STOP-NEEDS-HUMAN"),
        (2, "skipped"),
        (5, "success"),
        (3, "success"),
        (4, "success"),
    ]
    assert [item.index for item in file_of(twos).queue] == [1, 2, 5, 3, 4]
    assert file_of(twos).history[2].fields["why"] == "reworded as item 5"
    assert twos.task("twos-0002").state == "cancelled"
    assert twos.subjects("campaign/twos")[2] == "twos: notes.txt"


def test_an_outcome_by_a_person_says_who_and_why(twos: Story) -> None:
    obey(twos, ("defer", {"index": 1, "text": "needs the | new\nparser"}), ("skip", {"index": 2}))
    assert [line.fields for line in file_of(twos).history] == [
        {
            "index": "1",
            "file": "a.txt",
            "result": "human_deferred",
            "why": "needs the / new parser",
            "by": "human",
        },
        {"index": "2", "file": "b.txt", "result": "skipped", "why": "skip by human", "by": "human"},
    ]
    assert file_of(twos).next_index == 3
    assert [event["result"] for event in twos.events("item")] == ["human_deferred", "skipped"]


def test_a_note_and_a_protected_pattern_are_lines_of_their_sections_once(twos: Story) -> None:
    before = queue_of(twos).read_bytes()
    obey(
        twos,
        ("note", {"text": "no `any`"}),
        ("protect", {"text": "/gen/"}),
        ("note", {"text": "no `any`"}),
    )
    rules = b"## Policy\n- no `any`\n\n## Do not touch\n- /gen/\n\n## Queue\n"
    assert queue_of(twos).read_bytes() == before.replace(b"## Queue\n", rules)


def test_an_item_that_is_added_to_a_complete_campaign_is_its_next(twos: Story) -> None:
    obey(twos, *(("skip", {"index": index}) for index in range(1, 5)), ("add", {"text": "a.txt"}), ("start", {}))
    assert (history(twos)[-1], file_of(twos).next_index) == ((5, "success"), 6)


# ── items that were begun ───────────────────────────────────────────────────────────────────────────────────


def test_an_item_at_which_it_stopped_is_deferred_and_the_rest_goes_on(twos: Story) -> None:
    twos.agent(STOPS_AT_B, name="asks")
    twos.state.campaign("twos").envelope.write_text('agent = "asks"\n')
    obey(twos, ("start", {}))
    assert file_of(twos).status == "stop"
    obey(twos, ("defer", {"index": 2, "text": "I'll do b"}), ("start", {}))
    assert history(twos) == [
        (1, "success"),
        (2, "STOP-NEEDS-HUMAN"),
        (2, "human_deferred"),
        (3, "success"),
        (4, "success"),
    ]
    assert (twos.task("twos-0002").state, twos.why("twos-0002")) == ("cancelled", "defer by human: I'll do b")
    assert twos.file("b.txt", "opsroom/twos-0002/1") == "one\nhalf"
    assert file_of(twos).status == "complete"


def test_an_item_at_which_it_stopped_is_given_back_with_words(twos: Story) -> None:
    twos.agent(f"cat > prompt; {STOPS_AT_B}", name="asks")
    twos.state.campaign("twos").envelope.write_text('agent = "asks"\n[policy]\nallow = ["*"]\n')
    obey(twos, ("start", {}))
    obey(twos, ("retry", {"index": 2, "text": "Two of b is fine."}))
    assert history(twos)[1:] == [(2, "STOP-NEEDS-HUMAN"), (2, "success")]
    assert "\n- human: Two of b is fine." in twos.file("prompt", "campaign/twos")
    assert [event["to"] for event in twos.events("move", task="twos-0002", why="retry by human")] == ["queued"]


def test_what_failed_and_what_was_skipped_is_given_back(twos: Story) -> None:
    twos.agent(f"[ $OPSROOM_INDEX$OPSROOM_ATTEMPT = 11 ] && exit 1; {SED}", name="fails", max_attempts=1)
    twos.state.campaign("twos").envelope.write_text('agent = "fails"\n')
    obey(twos, ("skip", {"index": 4}), ("start", {}))
    assert history(twos) == [(4, "skipped"), (1, "failure_reverted"), (2, "success"), (3, "success")]
    obey(twos, ("retry", {"index": 1}), ("retry", {"index": 4, "text": "now"}))
    assert sorted(history(twos)[4:]) == [(1, "success"), (4, "success")]
    assert twos.state.task("twos-0004").inbox_done.is_dir()
    assert [message.body for message in twos.task("twos-0004").filed] == ["now"]
    assert len(twos.events("move", task="twos-0001", why="retry by human")) == 1


def test_while_its_worker_runs_an_item_is_neither_deferred_nor_given_back_and_others_move(twos: Story) -> None:
    twos.agent(f"while [ ! -e {twos.folder}/go ]; do sleep 0.05; done; {SED}", name="waits")
    twos.state.campaign("twos").envelope.write_text('agent = "waits"\n')
    twos.send("campaign-start", campaign="twos")
    running = twos.up("--once")
    twos.wait_for_state("twos-0001", "running")
    asked: list[tuple[str, dict[str, Any]]] = [
        ("defer", {"index": 1, "text": "x"}),
        ("skip", {"index": 1}),
        ("retry", {"index": 1}),
        ("reword", {"index": 1, "text": "x"}),
        ("skip", {"index": 2}),
        ("reorder", {"index": 4, "before": 3}),
        ("note", {"text": "slowly"}),
    ]
    names = [twos.send(f"campaign-{verb}", campaign="twos", **fields) for verb, fields in asked]
    outcomes = [twos.outcome(name) for name in names]
    (twos.folder / "go").touch()
    twos.finish(running)
    at_work = "item 1 is running; 'opsroom stop twos-0001' ends its worker"
    assert [outcome.why for outcome in outcomes] == [
        at_work,
        at_work,
        "item 1 is running; only what failed, stopped or was left is tried again",
        at_work,
        "",
        "",
        "",
    ]
    assert history(twos) == [(2, "skipped"), (1, "success"), (4, "success"), (3, "success")]


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_done_with_an_item_is_refused_and_changes_nothing(twos: Story) -> None:
    obey(twos, ("skip", {"index": 2}))
    before = queue_of(twos).read_bytes()
    refused: dict[str, tuple[str, dict[str, Any]]] = {
        "there is no campaign 'none'": ("skip", {"campaign": "none", "index": 1}),
        "the queue has no item 9": ("defer", {"index": 9, "text": "x"}),
        "the queue has no item 0": ("retry", {}),
        "item 2 has an outcome already: skipped": ("skip", {"index": 2}),
        "item 1 was not tried yet; it has its turn as the queue says": ("retry", {"index": 1}),
        "campaign twos has no branch yet; start it first, then retry item 2": ("retry", {"index": 2}),
        "item 2 has an outcome: skipped": ("reorder", {"index": 2}),
        "the queue has no item 8": ("reorder", {"index": 1, "before": 8}),
        "item 1 cannot stand before itself": ("reorder", {"index": 1, "before": 1}),
        "an item is one line, without control characters": ("reword", {"index": 1, "text": "a\nb"}),
        "the text of an item holds no ' | '": ("reword", {"index": 1, "text": "a | checks=none"}),
        "an item needs a text": ("add", {"text": " "}),
        "a rule needs a text": ("note", {}),
        "a pattern needs a text": ("protect", {}),
        "'# gen' would be a comment; write a '\\' before the '#'": ("protect", {"text": "# gen"}),
        "campaign twos is not running: stop": ("pause", {}),
    }
    queue_of(twos).write_bytes(before := before.replace(b"STATUS: paused", b"STATUS: stop"))
    assert ask(twos, *refused.values()) == [("refused", why) for why in refused]
    assert queue_of(twos).read_bytes() == before
    assert twos.states() == {}


def test_what_has_succeeded_stays_so(twos: Story) -> None:
    obey(twos, *(("skip", {"index": index}) for index in (2, 3, 4)), ("start", {}))
    assert ask(twos, ("defer", {"index": 1, "text": "x"}), ("retry", {"index": 1}), ("reorder", {"index": 1})) == [
        ("refused", "item 1 has an outcome already: success"),
        ("refused", "item 1 is merged; only what failed, stopped or was left is tried again"),
        ("refused", "item 1 has an outcome: success"),
    ]


def test_a_file_that_a_run_cannot_go_by_is_not_edited(twos: Story) -> None:
    text = queue_of(twos).read_text().replace("NEXT_INDEX: 1", "NEXT_INDEX: one")
    queue_of(twos).write_text(text)
    why = "campaigns/twos/campaign.md: line 5: NEXT_INDEX is not a number: 'one'"
    asked = (("add", {"text": "x"}), ("note", {"text": "x"}), ("skip", {"index": 1}), ("retry", {"index": 1}))
    assert ask(twos, *asked) == [("refused", why)] * 4
    assert queue_of(twos).read_text() == text


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        ('agent = "nobody"\n', "there is no agent 'nobody' in opsroom.toml"),
        (
            'agent = "worker"\n[policy]\nalow = ["x"]\n',
            "campaigns/twos/campaign.toml: unknown key 'policy.alow': it would limit nothing",
        ),
        (
            'agent = "worker"\n[policy]\nforbid = ["a", "(b"]\n',
            "campaigns/twos/campaign.toml: policy: '(b' is no regular expression: "
            "missing ), unterminated subpattern at position 0",
        ),
    ],
)
def test_an_envelope_that_would_limit_less_than_it_says_is_refused(twos: Story, envelope: str, why: str) -> None:
    twos.state.campaign("twos").envelope.write_text(envelope)
    assert ask(twos, ("start", {})) == [("refused", why)]
    assert twos.campaign_view("twos").runs == ()


# ── crashes ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("add", {"text": "e.txt"}),
        ("defer", {"index": 2, "text": "later"}),
        ("skip", {"index": 2}),
        ("reorder", {"index": 4, "before": 2}),
        ("reword", {"index": 2, "text": "e.txt"}),
        ("note", {"text": "slowly"}),
        ("protect", {"text": "gen/"}),
    ],
)
def test_an_edit_without_an_outcome_is_not_made_twice(twos: Story, verb: str, fields: dict[str, Any]) -> None:
    before = queue_of(twos).read_bytes()
    obey(twos, (verb, fields))
    once = queue_of(twos).read_bytes()
    assert again_without_an_outcome(twos) == "accepted"
    assert queue_of(twos).read_bytes() == once != before


def test_an_item_that_is_new_is_told_by_its_number(twos: Story) -> None:
    twos.agent(STOPS_AT_B, name="asks")
    twos.state.campaign("twos").envelope.write_text('agent = "asks"\n')
    assert ask(twos, ("add", {"text": "e.txt"}), ("reword", {"index": 5, "text": "f.txt"})) == [
        ("accepted", "item 5"),
        ("accepted", ""),
    ]
    assert ask(twos, ("add", {"text": "a.txt"})) == [("accepted", "item 6")] == [told_again(twos)]
    obey(twos, ("start", {}))
    assert ask(twos, ("reword", {"index": 2, "text": "b2.txt"})) == [("accepted", "item 7 in its place")]
    assert told_again(twos) == ("accepted", "item 7 in its place")
    assert [item.index for item in file_of(twos).queue][:4] == [1, 2, 7, 3]


def test_a_crash_between_the_line_and_the_task_gives_one_line_and_ends_the_task(twos: Story) -> None:
    twos.agent(STOPS_AT_B, name="asks")
    twos.state.campaign("twos").envelope.write_text('agent = "asks"\n')
    obey(twos, ("start", {}))
    status = twos.state.task("twos-0002").status
    stopped = status.read_bytes()
    obey(twos, ("defer", {"index": 2, "text": "later"}))
    status.write_bytes(stopped)
    assert again_without_an_outcome(twos) == "accepted"
    assert history(twos) == [(1, "success"), (2, "STOP-NEEDS-HUMAN"), (2, "human_deferred")]
    assert twos.task("twos-0002").state == "cancelled"
    assert again_without_an_outcome(twos) == "accepted"
    assert len(history(twos)) == 3


def test_a_retry_without_an_outcome_is_not_made_twice(twos: Story) -> None:
    twos.agent("exit 1", name="fails", max_attempts=1)
    twos.state.campaign("twos").envelope.write_text('agent = "fails"\n')
    obey(twos, *(("skip", {"index": index}) for index in (2, 3, 4)), ("start", {}))
    obey(twos, ("retry", {"index": 1, "text": "again"}))
    assert again_without_an_outcome(twos) == "accepted"
    assert twos.task("twos-0001").attempts == (1, 2)
    assert len(twos.task("twos-0001").filed) == 1
    obey(twos, ("retry", {"index": 2, "text": "you too"}))
    assert again_without_an_outcome(twos) == "accepted"
    assert twos.task("twos-0002").attempts == (1,)
    assert len(twos.task("twos-0002").filed) == 1
    assert [line.index for line in file_of(twos).history] == [2, 3, 4, 1, 1, 2]
