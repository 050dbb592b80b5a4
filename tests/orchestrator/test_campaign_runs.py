"""Campaigns that a small shell agent runs, item by item, to their end or to a person."""

import functools
import re

import pytest

from orchestrator.campaign.campaign_runs import Begun, CampaignRuns
from orchestrator.config import load
from orchestrator.events import Events
from state.times import utc_now
from state.views import Fleet
from tests.stories import Story

METRIC = '[metric]\nname = "ones"\ncommand = ["sh", "-c", "cat [a-z].txt | grep -c one || true"]\n'
CHECK = '[[checks]]\nname = "no bad"\ncommand = ["sh", "-c", "! grep -q bad *.txt"]\n'
ITEMS = ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"]
SED = 'sed -i s/one/two/ $OPSROOM_ITEM; opsroom result success --learned "did $OPSROOM_ITEM"'


@pytest.fixture
def files_to_change(story: Story) -> None:
    for item in ITEMS:
        (story.repository / item).write_text("one\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "five files")


def run(story: Story, name: str = "twos") -> str:
    story.send("campaign-start", campaign=name)
    return story.up_once()


def headers(story: Story, name: str = "twos") -> dict[str, str]:
    file = story.campaign_view(name).file
    assert file is not None
    return file.headers


def history(story: Story, name: str = "twos") -> list[tuple[int | None, str]]:
    file = story.campaign_view(name).file
    assert file is not None
    return [(line.index, line.result) for line in file.history]


@pytest.mark.usefixtures("files_to_change")
def test_a_campaign_runs_to_complete(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS, envelope=METRIC + CHECK)
    before = story.git("rev-parse", "main")
    run(story)
    said = headers(story)
    assert (said["STATUS"], said["STOP_REASON"], said["NEXT_INDEX"]) == ("complete", "every item has an outcome", "6")
    assert (said["METRIC_START"], said["METRIC_CURRENT"], said["INVOCATIONS_STARTED"]) == ("5", "0", "5")
    assert history(story) == [(index, "success") for index in range(1, 6)]
    assert story.subjects("campaign/twos")[:5] == [f"twos: {item}" for item in reversed(ITEMS)]
    assert story.git("rev-parse", "main") == before
    assert story.git("status", "--porcelain") == ""
    assert (story.repository / "a.txt").read_text() == "one\n"


@pytest.mark.usefixtures("files_to_change")
def test_a_line_of_history_says_what_came_of_the_item(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS[:1], envelope=METRIC + CHECK)
    run(story)
    file = story.campaign_view("twos").file
    assert file is not None
    fields = file.history[0].fields
    commit = story.git("rev-parse", "campaign/twos")
    assert re.fullmatch(r"\d+\.\d", fields.pop("seconds"))
    assert fields == {
        "index": "1",
        "file": "a.txt",
        "result": "success",
        "commit": commit[:12],
        "checks": "no bad",
        "metric": "4",
        "attempt": "1",
        "learned": "did a.txt",
    }
    assert story.git("log", "-1", "--format=%B", commit) == (
        "twos: a.txt\n\nOpsroom-Task: twos-0001\nOpsroom-Campaign: twos\nOpsroom-Item: a.txt"
    )


@pytest.mark.usefixtures("files_to_change")
def test_the_run_is_recorded(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS[:2], envelope=METRIC)
    run(story)
    ((number, record),) = story.campaign_view("twos").runs
    assert (number, record.halted, record.items, record.branch) == (1, "complete", 2, "campaign/twos")
    assert (record.metric_before, record.metric_after) == ("5", "3")
    assert record.ended is not None
    assert record.ended >= record.started


@pytest.mark.usefixtures("files_to_change")
def test_an_item_that_fails_its_check_is_reverted_and_the_campaign_goes_on(story: Story) -> None:
    story.agent('[ "$OPSROOM_INDEX" = 2 ] && echo bad >> $OPSROOM_ITEM; ' + SED)
    story.campaign("twos", ITEMS[:3], envelope=METRIC + CHECK)
    run(story)
    assert history(story) == [(1, "success"), (2, "failure_reverted"), (3, "success")]
    assert headers(story)["STATUS"] == "complete"
    assert [story.file(item, "campaign/twos") for item in ITEMS[:3]] == ["two", "one", "two"]
    assert story.file("b.txt", "opsroom/twos-0002/1") == "two\nbad"


@pytest.mark.usefixtures("files_to_change")
def test_a_stop_halts_the_campaign_at_its_item_until_a_person_sends_it_on(story: Story) -> None:
    story.agent('[ "$OPSROOM_INDEX$OPSROOM_ATTEMPT" = 21 ] && { opsroom stop "Two of b?"; exit 0; }\n' + SED)
    story.campaign("twos", ITEMS[:3], envelope=METRIC)
    run(story)
    said = headers(story)
    assert (said["STATUS"], said["STOP_REASON"], said["NEXT_INDEX"]) == ("stop", "item 2, b.txt: Two of b?", "2")
    assert history(story) == [(1, "success"), (2, "STOP-NEEDS-HUMAN")]
    story.send("retry", task="twos-0002")
    run(story)
    said = headers(story)
    assert (said["STATUS"], said["NEXT_INDEX"]) == ("complete", "4")
    assert history(story) == [(1, "success"), (2, "STOP-NEEDS-HUMAN"), (2, "success"), (3, "success")]
    assert [record.halted for _, record in story.campaign_view("twos").runs] == ["stop", "complete"]


@pytest.mark.usefixtures("files_to_change")
def test_a_paused_campaign_ends_its_run_and_launches_no_further_item(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK_DIR/on; while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; " + SED)
    story.campaign("twos", ITEMS[:2])
    story.send("campaign-start", campaign="twos")
    running = story.up("--once")
    folder = story.state.task("twos-0001").root
    story.wait((folder / "on").exists, "the first item")
    assert story.outcome(story.send("campaign-pause", campaign="twos")).outcome == "accepted"
    (folder / "go").touch()
    story.finish(running)
    said = headers(story)
    assert (said["STATUS"], said["STOP_REASON"], said["NEXT_INDEX"]) == ("paused", "paused by human", "2")
    assert history(story) == [(1, "success")]
    assert [record.halted for _, record in story.campaign_view("twos").runs] == ["paused"]
    assert list(story.states()) == ["twos-0001"]


@pytest.mark.usefixtures("files_to_change")
def test_at_once_bounds_the_items_that_run(story: Story) -> None:
    times = story.folder / "times"
    times.mkdir()
    story.agent(f"date +%s%N > {times}/$OPSROOM_TASK; sleep 0.4; date +%s%N >> {times}/$OPSROOM_TASK; " + SED)
    story.configure(max_workers=8)
    story.campaign("twos", ITEMS, envelope="at_once = 3\n" + METRIC)
    run(story)
    spans = [[int(line) for line in path.read_text().split()] for path in times.iterdir()]
    assert max(sum(start <= moment < end for start, end in spans) for moment, _ in spans) <= 3
    assert headers(story)["METRIC_CURRENT"] == "0"
    assert sorted(history(story)) == [(index, "success") for index in range(1, 6)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "STATUS: paused\nNEXT_INDEX: soon\n\n## Queue\n1. a.txt\n",
            "campaigns/twos/campaign.md: line 2: NEXT_INDEX is not a number: 'soon'",
        ),
        ("STATUS: paused\n", "campaigns/twos/campaign.md has no item in its queue"),
    ],
)
def test_a_faulty_campaign_is_refused(story: Story, text: str, why: str) -> None:
    story.agent(SED)
    story.campaign("twos", [], text=text)
    name = story.send("campaign-start", campaign="twos")
    story.up_once()
    outcome = story.outcome(name)
    assert (outcome.outcome, outcome.why) == ("refused", why)
    assert story.states() == {}
    assert story.state.campaign("twos").queue.read_text() == text


@pytest.mark.parametrize(
    ("agent", "envelope", "why"),
    [
        ("worker", 'base = "gone"\n', "branch 'gone' does not exist"),
        ("worker", '[metric]\nname = "m"\ncommand = ["echo", "none"]\n', "metric m gave no number: none"),
    ],
)
def test_a_campaign_that_cannot_begin_is_an_error_and_launches_nothing(
    story: Story, agent: str, envelope: str, why: str
) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS, agent=agent, envelope=envelope)
    run(story)
    said = headers(story)
    assert (said["STATUS"], said["STOP_REASON"]) == ("error", why)
    assert story.states() == {}
    assert [record.halted for _, record in story.campaign_view("twos").runs] == ["error"]


@pytest.mark.usefixtures("files_to_change")
def test_a_campaign_that_is_spoiled_while_it_runs_is_an_error(story: Story) -> None:
    queue = story.state.campaign("twos").queue
    spoil = f"sed -i 's/^NO_PROGRESS_COUNT.*/NO_PROGRESS_COUNT: x/' {queue}"
    noticed = f"until grep -q '^STATUS: error' {queue}; do sleep 0.05; done"
    story.agent(f"[ $OPSROOM_INDEX = 2 ] && {{ {spoil}; {noticed}; }}; {SED}")
    story.campaign("twos", ITEMS)
    run(story)
    said = headers(story)
    assert said["STATUS"] == "error"
    assert said["STOP_REASON"].endswith("NO_PROGRESS_COUNT is not a number: 'x'")
    assert sorted(story.states()) == ["twos-0001", "twos-0002"]


@pytest.mark.usefixtures("files_to_change")
def test_a_file_written_by_hand_keeps_every_byte_that_did_not_have_to_change(story: Story) -> None:
    text = (
        "# Twos by hand\r\n\r\nSTATUS:   paused\r\nOWNER: somebody\r\nMETRIC_GOAL: 0\r\n\r\nProse.\r\n\r\n"
        "## Queue\r\n- a comment\r\n1. a.txt | why=easy\r\n\r\n## Notes\r\n\ttabs and trailing   \r\n\r\n## History\r\n"
    )
    story.agent(SED)
    story.campaign("twos", [])
    story.state.campaign("twos").queue.write_bytes(text.encode())
    run(story)
    after = story.state.campaign("twos").queue.read_bytes().decode()
    kept = [line for line in after.splitlines(keepends=True) if line in text.splitlines(keepends=True)]
    assert kept == [line for line in text.splitlines(keepends=True) if line != "STATUS:   paused\r\n"]
    added = [line for line in after.splitlines(keepends=True) if line not in text.splitlines(keepends=True)]
    assert [re.split(r"[: ]", line)[0] for line in added[:-1]] == [
        "STATUS",
        "STOP_REASON",
        "INVOCATIONS_STARTED",
        "NO_PROGRESS_COUNT",
        "NEXT_INDEX",
    ]
    assert "result=success" in added[-1]


@pytest.mark.usefixtures("files_to_change")
def test_a_crash_between_the_end_of_an_item_and_its_line_gives_exactly_one_line(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS[:1])
    story.send("campaign-start", campaign="twos")
    story.up_once()
    queue = story.state.campaign("twos").queue
    whole = queue.read_text()
    queue.write_text("".join(line for line in whole.splitlines(keepends=True) if "result=" not in line))
    story.up_once()
    story.up_once()
    assert history(story) == [(1, "success")]


@pytest.mark.usefixtures("files_to_change")
def test_what_was_on_the_branch_before_a_crash_is_recorded_before_what_lands_after_it(story: Story) -> None:
    story.agent("until [ -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; " + SED)
    story.campaign("twos", ITEMS[:2], envelope="at_once = 2\n" + METRIC)
    story.send("campaign-start", campaign="twos")
    first, second = story.state.task("twos-0001"), story.state.task("twos-0002")
    process = story.up()
    story.wait_for_state("twos-0001", "running")
    story.wait_for_state("twos-0002", "running")
    (second.root / "go").touch()
    story.wait(lambda: history(story), "the second item to land first")
    story.kill(process)
    (first.root / "go").touch()
    story.wait(first.attempt(1).exit.exists, "the first item to wait for its turn")
    queue = story.state.campaign("twos").queue  # as it would be, had the crash been a moment earlier
    queue.write_text("".join(line for line in queue.read_text().splitlines(True) if "result=" not in line))
    first.status.write_text(first.status.read_text().replace('"running"', '"verifying"'))
    second.status.write_text(second.status.read_text().replace('"merged"', '"merging"'))
    story.up_once()
    assert history(story) == [(2, "success"), (1, "success")]
    assert (headers(story)["METRIC_START"], headers(story)["METRIC_CURRENT"]) == ("5", "3")


@pytest.mark.usefixtures("files_to_change")
def test_a_crash_between_the_two_writes_of_a_halt_ends_the_run_all_the_same(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS[:1])
    run(story)
    record = story.state.campaign("twos").run(1)
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(line for line in lines if not line.startswith(("ended", "halted", "why"))))
    story.up_once()
    assert [run.halted for _, run in story.campaign_view("twos").runs] == ["complete"]


@pytest.mark.usefixtures("files_to_change")
def test_a_start_without_an_outcome_makes_no_second_run(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS[:1])
    name = story.send("campaign-start", campaign="twos")
    story.up_once()
    story.outcome(name)
    next(story.state.inbox_done.glob("*.outcome.toml")).unlink()
    story.up_once()
    assert story.outcome(name).outcome == "accepted"
    assert len(story.campaign_view("twos").runs) == 1


@pytest.mark.usefixtures("files_to_change")
def test_a_pause_without_an_outcome_is_accepted_again(story: Story) -> None:
    story.agent("sleep 600")
    story.campaign("twos", ITEMS[:1])
    story.send("campaign-start", campaign="twos")
    running = story.up()
    story.wait_for_state("twos-0001", "running")
    name = story.send("campaign-pause", campaign="twos")
    story.outcome(name)
    story.kill(running)
    next(story.state.inbox_done.glob("*-campaign-pause.outcome.toml")).unlink()
    story.up()
    assert story.outcome(name).outcome == "accepted"
    assert headers(story)["STATUS"] == "paused"


@pytest.mark.usefixtures("files_to_change")
def test_the_prompt_of_a_campaign_is_a_template(story: Story) -> None:
    story.agent("cat > prompt; " + SED)
    story.campaign("twos", ITEMS[:1], envelope='message = "{index}: {item} {other}"\n')
    story.state.campaign("twos").prompt.write_text("Turn {item} of {campaign} into {braces}.\n")
    run(story)
    assert "\nTurn a.txt of twos into {braces}.\n" in story.file("prompt", "campaign/twos")
    assert story.subjects("campaign/twos")[0] == "1: a.txt {other}"


def made(story: Story, task: str) -> bool:
    return task in story.states()


@pytest.mark.usefixtures("files_to_change")
def test_killed_in_the_middle_a_campaign_has_one_line_for_each_item(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS, envelope="at_once = 2\n" + METRIC)
    story.send("campaign-start", campaign="twos")
    for item in range(1, 5):
        process = story.up()
        story.wait(functools.partial(made, story, f"twos-{item:04d}"), "an item")
        story.kill(process)
    story.up_once()
    assert {task: story.why(task) for task, state in story.states().items() if state != "merged"} == {}
    assert sorted(history(story)) == [(index, "success") for index in range(1, 6)]
    assert sorted(story.subjects("campaign/twos")[:5]) == [f"twos: {item}" for item in ITEMS]
    assert (headers(story)["STATUS"], headers(story)["METRIC_START"], headers(story)["METRIC_CURRENT"]) == (
        "complete",
        "5",
        "0",
    )


def test_a_campaign_that_is_back_before_it_is_read_again_begins_its_run_later(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS)
    before = story.state.campaign("twos").queue.read_bytes()
    runs = CampaignRuns(story.state, load(story.repository), Events(story.state, utc_now))
    assert runs.finish("twos", Begun(1, "campaign/twos"), Fleet(), utc_now()) == frozenset()
    assert story.state.campaign("twos").queue.read_bytes() == before
