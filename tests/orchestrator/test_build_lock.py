"""Checks run under the lock `build`, one after another, with whoever else builds."""

import contextlib
import json
from pathlib import Path

from opsroom.commands.show import read_fleet
from state.locks import Who, hold
from state.views import LockView
from tests.stories import DEADLINE, Story, gone


def marking(log: Path) -> str:
    """A shell script that takes a while and writes down when it begins and when it ends."""
    return f"echo begin >> {log}; sleep 0.2; echo end >> {log}"


def checks(*scripts: str) -> str:
    """The checks of a campaign's envelope."""
    return "".join(
        f'[[checks]]\nname = "check {number}"\ncommand = ["sh", "-c", {json.dumps(script)}]\n'
        for number, script in enumerate(scripts)
    )


def give_up_after(story: Story, seconds: float) -> None:
    """Sets how long checks wait for their turn."""
    path = story.repository / "opsroom.toml"
    path.write_text(path.read_text().replace("[checks]\n", f"[checks]\nlock_seconds = {seconds}\n"))


def build(story: Story) -> LockView:
    return read_fleet(story.state).locks.get("build", LockView("build"))


def waiting(story: Story) -> list[str]:
    return [ticket.label for ticket in build(story).waiting]


def history(story: Story) -> list[str]:
    """Who had the lock, one after another."""
    return [json.loads(line)["task"] for line in story.state.lock("build").history.read_text().splitlines()]


def test_checks_of_two_campaigns_and_the_builds_of_their_workers_never_overlap(story: Story) -> None:
    log = story.folder / "log"
    story.agent(f"opsroom lock build -- sh -c '{marking(log)}' && touch $OPSROOM_TASK")
    for name in ("ones", "twos"):
        story.campaign(name, ["a", "b"], envelope=f"at_once = 2\n{checks(marking(log))}")
        story.send("campaign-start", campaign=name)
    story.up_once()
    assert set(story.states().values()) == {"merged"}
    assert log.read_text().split() == ["begin", "end"] * 8
    assert sorted(history(story)) == sorted(2 * ["ones-0001", "ones-0002", "twos-0001", "twos-0002"])


def test_all_checks_and_the_metric_of_a_change_are_one_turn(story: Story) -> None:
    log = story.folder / "log"
    metric = f'[metric]\nname = "m"\ncommand = ["sh", "-c", "echo metric >> {log}; echo 7"]\n'
    story.agent("touch $OPSROOM_TASK")
    for name in ("ones", "twos"):
        one = f"echo {name} one >> {log}; sleep 0.2"
        story.campaign(name, ["a"], envelope=checks(one, f"echo {name} two >> {log}") + metric)
        story.send("campaign-start", campaign=name)
    story.up_once()
    lines = log.read_text().splitlines()
    for name in ("ones", "twos"):
        begin = lines.index(f"{name} one")
        assert lines[begin + 1 : begin + 3] == [f"{name} two", "metric"]


def test_a_check_that_asks_for_the_lock_itself_has_it_already(story: Story) -> None:
    story.agent("touch made")
    story.configure(checks=("opsroom lock build --wait 0 -- sh -c 'opsroom lock build --wait 0 -- test -e made'",))
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert history(story) == [task]


def test_a_change_without_checks_waits_for_nobody(story: Story) -> None:
    story.agent("touch made")
    task = story.spawn()
    with hold(story.state, "build", Who("0099")):
        story.up_once()
    assert story.task(task).state == "merged"


def test_changes_that_wait_for_their_turn_keep_no_attempt_from_starting(story: Story) -> None:
    story.agent("touch $OPSROOM_TASK")
    story.configure(max_workers=1)
    campaigns = ["ones", "twos", "threes", "fours"]
    for name in campaigns:
        story.campaign(name, ["a"], envelope=checks("true"))
        story.send("campaign-start", campaign=name)
    with hold(story.state, "build", Who("0099")):
        up = story.up("--once")
        story.wait(lambda: len(waiting(story)) == len(campaigns), "all changes to stand in the queue")
        story.wait_for_state(story.spawn(), "merged")
        assert len(waiting(story)) == len(campaigns)
    assert story.finish(up).status == 0
    assert set(story.states().values()) == {"merged"}


def test_a_turn_that_does_not_come_is_no_failure_and_is_waited_for_again(story: Story) -> None:
    story.agent("touch made")
    story.configure(checks=("test -e made",))
    give_up_after(story, 0.3)
    task = story.spawn()
    with hold(story.state, "build", Who("0099", what="make all")):
        up = story.up("--once")
        said = story.wait(lambda: story.waiting_on(task), "the turn to have been given up")
        assert said.startswith("lock build not got within 0.3 s: 0099 has had it for ")
        assert said.endswith(" (make all)")
        assert story.task(task).state == "verifying"
    assert story.finish(up).status == 0
    assert story.moves(task)[-3:] == ["verifying", "merging", "merged"]
    assert story.task(task).status.failures == 0  # type: ignore[union-attr]  # it has one


def test_an_end_does_not_wait_for_the_turn(story: Story) -> None:
    story.agent("touch made")
    story.configure(checks=("test -e made",))
    task = story.spawn()
    with hold(story.state, "build", Who("0099")), story.patient() as up:
        story.wait(lambda: waiting(story) == [task], "the change to stand in the queue")
        up.terminate()
        assert up.wait(DEADLINE) == 0
        assert waiting(story) == []
        assert story.task(task).state == "verifying"
    story.up_once()
    assert story.task(task).state == "merged"


def test_an_orchestrator_that_is_killed_frees_the_lock(story: Story) -> None:
    story.agent("touch made")
    pid = story.folder / "pid"
    story.configure(checks=(f"sh -c 'test -e {pid} || {{ echo $$ > {pid}; exec sleep 600; }}'",))
    task = story.spawn()
    up = story.up()
    story.wait(lambda: pid.exists() and pid.read_text().strip(), "the check to run")
    holder = build(story).holder
    assert holder and (holder.task, holder.attempt, holder.what) == (task, 1, "its checks")
    story.kill(up)
    assert not build(story).busy
    with hold(story.state, "build", Who("0099"), wait=0):
        pass
    story.up_once()
    assert story.task(task).state == "merged"
    assert gone(int(pid.read_text()))


def test_checks_that_a_killed_orchestrator_left_run_beside_no_others(story: Story) -> None:
    pid = story.folder / "pid"
    gone_or_first = f"[ -e {pid} ] || {{ echo $$ > {pid}; exec sleep 600; }}; "
    gone_or_first += f"! grep -q . /proc/$(cat {pid})/cmdline"  # of one that was killed it is empty, until it is gone
    story.agent("touch made")
    for name in ("ones", "twos"):
        story.campaign(name, ["a"], envelope=checks(gone_or_first))
        story.send("campaign-start", campaign=name)
    up = story.up()
    story.wait(lambda: pid.exists() and pid.read_text().strip() and waiting(story), "a check, and one that waits")
    story.kill(up)
    story.up_once()
    assert story.states() == {"ones-0001": "merged", "twos-0001": "merged"}


def test_the_first_metric_of_a_campaign_is_measured_in_its_turn(story: Story) -> None:
    story.agent("touch made")
    story.campaign("ones", ["a"], envelope='[metric]\nname = "m"\ncommand = ["sh", "-c", "ls | wc -l"]\n')
    story.send("campaign-start", campaign="ones")
    with contextlib.ExitStack() as stack:
        stack.enter_context(hold(story.state, "build", Who("0099")))
        up = story.up("--once")
        story.wait(lambda: waiting(story) == ["metric of ones"], "the metric to stand in the queue")
        assert story.states() == {}
        stack.close()
        assert story.finish(up).status == 0
    assert story.states() == {"ones-0001": "merged"}


def test_a_campaign_whose_metric_does_not_get_its_turn_goes_on_waiting(story: Story) -> None:
    story.agent("touch made")
    give_up_after(story, 0.3)
    story.campaign("ones", ["a"], envelope='[metric]\nname = "m"\ncommand = ["echo", "7"]\n')
    story.send("campaign-start", campaign="ones")
    with hold(story.state, "build", Who("0099")):
        up = story.up("--once")
        story.wait(lambda: story.events("trouble"), "a word that the turn did not come")
    assert "lock build not got" in story.finish(up).err
    assert story.states() == {"ones-0001": "merged"}
