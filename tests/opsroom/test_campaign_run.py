"""`opsroom campaign run`: a line an item, one for the halt, and an exit status that a script can go by."""

import os
import re
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.stories import DEADLINE, Said, Story

ITEMS = ["a.txt", "b.txt"]
WAITS = "touch $OPSROOM_TASK_DIR/on; while [ ! -e {folder}/go ]; do sleep 0.05; done; echo x > $OPSROOM_ITEM"
ENVELOPE = '[metric]\nname = "lines"\ncommand = ["sh", "-c", "cat *.txt | wc -l"]\nbetter = "higher"\n'


def at_work(story: Story, task: str = "twos-0001") -> None:
    """Waits until the worker of `task` works, and the orchestrator has noticed: till then its task is starting."""
    story.wait((story.state.task(task).root / "on").exists, f"{task} to be at work")
    story.wait_for_state(task, "running")


def status(story: Story) -> str:
    file = story.campaign_view("twos").file
    assert file is not None
    return file.status


def no_orchestrator(story: Story) -> bool:
    return story.opsroom("down").status == 3


def test_a_line_an_item_and_one_at_the_end(story: Story) -> None:
    story.agent("[ $OPSROOM_INDEX = 2 ] && exit 1; echo x > $OPSROOM_ITEM", max_attempts=1)
    story.campaign("twos", ITEMS, envelope=ENVELOPE)
    said = story.opsroom("campaign", "run", "twos")
    first, second, last = said.out.splitlines()
    commit = story.git("rev-parse", "--short=12", "campaign/twos")
    assert re.fullmatch(rf"1/2  a\.txt  success  {commit}  \d+\.\d s", first)
    assert re.fullmatch(
        r"2/2  b\.txt  failure_reverted  \d+\.\d s  attempt 1 exited with status 1; failed once", second
    )
    assert re.fullmatch(
        r"twos: complete: every item has an outcome; 2 items \(1 success, 1 failure_reverted\); metric 3 → 4; "
        r"\d+ s; 'opsroom campaign land twos' brings it to its base",
        last,
    )
    assert (said.status, said.err) == (0, "")
    assert no_orchestrator(story)
    assert (
        story.opsroom("campaign", "land", "twos").out
        == f"main: 1 commit of campaign/twos, fast-forward, now at {commit}\n"
    )


@pytest.mark.parametrize(
    ("script", "envelope", "halt", "wanted"),
    [
        ('opsroom stop "a?"', "", "stop: item 1, a.txt: a?", 4),
        (
            "echo x > $OPSROOM_ITEM",
            "[budgets]\nattempts = 1\n",
            "budget_exhausted: campaign twos's budget of 1 attempts is used up",
            5,
        ),
        ("exit 1", "no_progress = 1\n", "no_progress: ", 1),
        ("true", 'base = "gone"\n', "error: branch 'gone' does not exist", 1),
    ],
    ids=["stop", "budget_exhausted", "no_progress", "error"],
)
def test_the_exit_status_says_why_it_halted(story: Story, script: str, envelope: str, halt: str, wanted: int) -> None:
    story.agent(script, max_attempts=1)
    story.campaign("twos", ITEMS, envelope=envelope)
    said = story.opsroom("campaign", "run", "twos")
    assert said.out.splitlines()[-1].startswith(f"twos: {halt}")
    assert (said.status, said.err) == (wanted, "")


def test_a_second_run_goes_on_from_where_it_is(story: Story) -> None:
    story.agent('[ "$OPSROOM_INDEX" = 1 ] && { opsroom stop "a?"; exit 0; }; echo x > $OPSROOM_ITEM')
    story.campaign("twos", ITEMS)
    said = story.opsroom("campaign", "run", "twos")
    assert said.status == 4
    assert said.out.endswith("; 'opsroom campaign retry twos 1 WORDS' or 'defer', then run it again\n")
    story.opsroom("campaign", "defer", "twos", "1", "mine")
    said = story.opsroom("campaign", "run", "twos")
    assert said.status == 0
    assert [line.split("  ")[:3] for line in said.out.splitlines()[:2]] == [
        ["1/2", "a.txt", "human_deferred"],
        ["2/2", "b.txt", "success"],
    ]


def test_a_refusal_is_one_line_and_exit_status_1(story: Story) -> None:
    story.agent("true")
    story.campaign("twos", ITEMS, agent="nobody")
    said = story.opsroom("campaign", "run", "twos")
    assert said == Said(1, "", "opsroom: campaign-start: there is no agent 'nobody' in opsroom.toml\n")
    assert no_orchestrator(story)


def test_what_is_wrong_with_the_configuration_is_said_before_anything_starts(story: Story) -> None:
    story.campaign("twos", ITEMS)
    (story.repository / "opsroom.toml").write_text("nonsense\n")
    said = story.opsroom("campaign", "run", "twos")
    assert (said.status, said.out, "opsroom.toml: line 1" in said.err) == (2, "", True)
    assert list(story.state.inbox.glob("*.toml")) == []


def test_it_goes_by_an_orchestrator_that_runs_and_leaves_that_alone(story: Story) -> None:
    story.agent("echo x > $OPSROOM_ITEM")
    story.campaign("twos", ITEMS)
    up = story.up()
    said = story.opsroom("campaign", "run", "twos")
    assert (said.status, len(said.out.splitlines())) == (0, 3)
    assert up.poll() is None
    assert len(story.events("up")) == 1


def test_it_joins_a_run_that_is_on(story: Story) -> None:
    story.agent(WAITS.format(folder=story.folder))
    story.campaign("twos", ITEMS)
    story.up()
    story.outcome(story.send("campaign-start", campaign="twos"))
    at_work(story)
    run = story.begin("campaign", "run", "twos")
    assert run.stderr is not None
    assert run.stderr.readline() == "run 1 of twos is on, and is followed\n"
    (story.folder / "go").touch()
    said = story.finish(run)
    assert said.status == 0
    assert said.out.splitlines()[-1].startswith("twos: complete")
    assert len(story.campaign_view("twos").runs) == 1


def test_when_the_orchestrator_goes_the_exit_status_is_3_and_the_next_run_goes_on(story: Story) -> None:
    story.agent(WAITS.format(folder=story.folder))
    story.campaign("twos", ITEMS)
    run = story.begin("campaign", "run", "twos")
    at_work(story)
    assert story.opsroom("down").status == 0
    said = story.finish(run)
    assert said == Said(
        3,
        "",
        "opsroom: the orchestrator has ended: shutdown was asked for; "
        "'opsroom campaign run twos' goes on with the campaign\n",
    )
    (story.folder / "go").touch()
    said = story.opsroom("campaign", "run", "twos")
    assert (said.status, len(said.out.splitlines())) == (0, 3)
    assert len(story.campaign_view("twos").runs) == 1
    assert story.task("twos-0001").attempts == (1,)


def interrupt(process: subprocess.Popen[str]) -> None:
    """As Ctrl-C at a terminal: the whole foreground process group gets it."""
    os.killpg(process.pid, signal.SIGINT)


def terminate(process: subprocess.Popen[str]) -> None:
    process.terminate()


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("end", [interrupt, terminate], ids=["ctrl-c", "term"])
def test_once_pauses_and_what_runs_is_finished(story: Story, end: Callable[[subprocess.Popen[str]], None]) -> None:
    story.agent(WAITS.format(folder=story.folder))
    story.campaign("twos", ITEMS, envelope='[[checks]]\nname = "slow"\ncommand = ["sleep", "0.5"]\n')
    run = story.begin("campaign", "run", "twos")
    at_work(story)
    end(run)
    story.wait(lambda: status(story) == "paused", "the pause")
    assert run.poll() is None
    (story.folder / "go").touch()
    said = story.finish(run)
    first, last = said.out.splitlines()
    assert first.startswith("1/2  a.txt  success  ")
    assert last.startswith("twos: paused: paused by human; 1 item (1 success); ")
    assert (said.status, said.err) == (1, "pausing: what runs is finished; once more leaves at once\n")
    assert story.states() == {"twos-0001": "merged"}
    assert no_orchestrator(story)


@pytest.mark.usefixtures("interruptible")
def test_twice_leaves_at_once_and_the_worker_goes_on(story: Story) -> None:
    story.agent(WAITS.format(folder=story.folder))
    story.campaign("twos", ITEMS)
    run = story.begin("campaign", "run", "twos")
    at_work(story)
    run.send_signal(signal.SIGINT)
    story.wait(lambda: status(story) == "paused", "the pause")
    run.send_signal(signal.SIGINT)
    said = story.finish(run)
    assert (said.status, said.out) == (1, "")
    assert story.task("twos-0001").state == "running"
    (story.folder / "go").touch()
    assert story.opsroom("campaign", "run", "twos").status == 0
    assert story.task("twos-0001").attempts == (1,)


def test_a_pause_from_elsewhere_ends_it_too(story: Story) -> None:
    story.agent(WAITS.format(folder=story.folder))
    story.campaign("twos", ITEMS)
    run = story.begin("campaign", "run", "twos")
    at_work(story)
    assert story.opsroom("campaign", "pause", "twos").out == "campaign-pause: accepted\n"
    (story.folder / "go").touch()
    said = story.finish(run)
    assert (said.status, said.err, len(said.out.splitlines())) == (1, "", 2)


def test_nobody_need_read_what_it_says(story: Story) -> None:
    story.agent(WAITS.format(folder=story.folder))
    story.campaign("twos", ITEMS)
    run = story.begin("campaign", "run", "twos")
    at_work(story)
    assert run.stdout is not None
    run.stdout.close()
    (story.folder / "go").touch()
    assert run.wait(DEADLINE) == 0
    assert status(story) == "complete"


def test_nothing_that_a_worker_wrote_reaches_the_terminal_as_it_is(story: Story) -> None:
    story.agent("""opsroom stop "$(printf 'a\\033]0;x\\007b')" """)
    story.campaign("twos", ["a\u202etxt.exe"])
    said = story.opsroom("campaign", "run", "twos")
    assert said.status == 4
    assert set("\x1b\x07\u202e") & set(said.out + said.err) == set()


def test_a_question_is_told_once_with_how_to_answer_it(story: Story) -> None:
    story.agent('[ "$(opsroom ask "A or B?" --wait 60)" = B ] && echo x > $OPSROOM_ITEM')
    story.campaign("twos", ITEMS[:1])
    run = story.begin("campaign", "run", "twos")
    assert run.stderr is not None
    assert run.stderr.readline() == "item 1, a.txt, asks: A or B?; 'opsroom answer twos-0001 TEXT'\n"
    assert story.opsroom("answer", "twos-0001", "B").status == 0
    said = story.finish(run)
    assert (said.status, said.err) == (0, "")


def test_of_two_campaigns_the_second_goes_on_when_the_first_takes_its_orchestrator_along(story: Story) -> None:
    story.agent(WAITS.format(folder=story.folder))
    story.agent(f"touch {story.folder}/first; while [ ! -e {story.folder}/end ]; do sleep 0.05; done", name="short")
    story.campaign("twos", ITEMS)
    story.campaign("short", ITEMS[:1], agent="short")
    first = story.begin("campaign", "run", "short")
    story.wait((story.folder / "first").exists, "the first campaign")
    second = story.begin("campaign", "run", "twos")
    at_work(story)
    (story.folder / "end").touch()
    assert story.finish(first).status == 0
    (story.folder / "go").touch()
    said = story.finish(second)
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[-1].startswith("twos: complete")
    assert len(story.events("up")) == 2
