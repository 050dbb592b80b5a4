"""Budgets end work and providers that fail hold it: with real workers, and across restarts of the orchestrator."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from state import locks
from state.machine import Hold, Holds
from state.model import Exit, decode
from state.times import utc_now
from tests.stories import Story, gone


def holds(story: Story) -> list[Hold]:
    path = story.state.holds
    return decode(Holds, path.read_text(), path.name).holds if path.exists() else []


def failure(story: Story, task: str) -> str:
    """Whose failure `task` waits for, as its status says."""
    status = story.task(task).status
    return status.failure if status else ""


def how_it_ended(story: Story, task: str, attempt: int) -> Exit:
    return decode(Exit, story.state.task(task).attempt(attempt).exit.read_text(), "exit.toml")


def limit(story: Story, text: str) -> None:
    """Adds `text` to opsroom.toml."""
    path = story.repository / "opsroom.toml"
    path.write_text(f"{path.read_text()}\n{text}\n")


# ── providers ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_ten_tasks_do_not_fail_one_by_one_for_one_reason(story: Story) -> None:
    story.configure(max_workers=2, hold_seconds=1.0)
    story.agent(
        f'[ -e {story.folder}/there ] || {{ opsroom unavailable "rate limit"; exit 1; }}\ntouch $OPSROOM_TASK',
        max_attempts=1,
    )
    tasks = [story.spawn(f"task {number}") for number in range(10)]
    up = story.up()
    story.wait(lambda: holds(story), "a hold")
    story.wait(lambda: len(story.events("hold")) > 1, "a trial that fails")
    story.wait(lambda: holds(story)[0].failures > 1, "the hold to tell of it")
    (hold,) = holds(story)
    assert (hold.kind, hold.agent, hold.why) == ("provider", "worker", "rate limit")
    second = story.events("hold")[1]["at"]
    launched = [event for event in story.events("move", to="starting") if event["at"] <= second]
    assert len(launched) <= 3  # two at once, and one trial
    (story.folder / "there").touch()
    for task in tasks:
        story.wait_for_state(task, "merged")
    assert not story.events("move", to="failed")
    assert story.task(tasks[0]).status.failures == 0  # type: ignore[union-attr]  # it has one
    assert [event["agent"] for event in story.events("released")] == ["worker"]
    story.wait(lambda: not holds(story), "no hold")
    up.terminate()
    story.finish(up)


def test_a_hold_outlives_the_orchestrator_and_ends_at_its_stated_time(story: Story) -> None:
    story.agent('[ $OPSROOM_ATTEMPT = 2 ] || { opsroom unavailable "come back later" --for 6; exit 0; }; touch made')
    task = story.spawn()
    up = story.up()
    story.wait(lambda: story.events("move", task=task, to="queued"), "it to be put off")
    story.kill(up)
    (before,) = holds(story)
    story.up_once()
    assert story.task(task).state == "merged"
    assert len(story.events("hold")) == 1
    run = story.processes(task, 2)
    assert before.until is not None
    assert run.started >= before.until


def test_an_exit_status_says_it_too_and_another_agent_goes_on(story: Story) -> None:
    story.configure(hold_seconds=600)
    story.agent("exit 75", name="limited")
    story.agent("touch $OPSROOM_TASK", name="other")
    held, first = story.spawn(agent="limited"), story.spawn(agent="limited")
    up = story.up()
    story.wait(lambda: holds(story), "a hold")
    story.wait_for_state(first, "queued")  # were it launched before the hold, it has failed as well
    story.wait(lambda: failure(story, held) == "provider", "whose failure it was")
    other = story.spawn(agent="other")
    story.wait_for_state(other, "merged")
    (hold,) = holds(story)
    assert (hold.why, hold.failure) == ("its provider failed for now (exit status 75)", "")
    assert {story.task(task).state for task in (held, first)} == {"queued"}
    up.terminate()
    story.finish(up)


def test_a_person_lets_it_be_tried_now(story: Story) -> None:
    story.configure(hold_seconds=600)
    story.agent(f"[ -e {story.folder}/paid ] || exit 77; touch made")
    task = story.spawn()
    up = story.up()
    story.wait(lambda: holds(story), "a hold")
    assert [hold.failure for hold in holds(story)] == ["authentication"]
    refused = story.opsroom("release", "nobody")
    assert (refused.status, refused.err) == (
        1,
        "opsroom: release: nothing holds nobody (held by their providers: worker)\n",
    )
    (story.folder / "paid").touch()
    assert story.opsroom("release").out == "release: accepted\n"
    story.wait_for_state(task, "merged")
    up.terminate()
    story.finish(up)


def test_what_an_earlier_orchestrator_held_can_be_unreadable(story: Story) -> None:
    story.agent("touch made")
    story.state.holds.write_bytes(b"\xff\x00 = ][")
    task = story.spawn()
    story.opsroom("up", "--once")
    assert story.task(task).state == "merged"


# ── budgets ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_attempt_that_uses_too_much_is_ended_and_its_task_fails_by_its_budget(story: Story) -> None:
    story.agent("opsroom usage --tokens 700 --dollars 0.30; opsroom usage --dollars 0.45; sleep 600")
    limit(story, "[budgets.task]\ndollars = 0.75")
    task = story.spawn()
    story.up_once()
    view = story.task(task)
    assert view.exit is not None
    assert view.status is not None
    assert (view.exit.reason, view.exit.why) == ("budget", "the task's budget of $0.75 is used up: $0.75")
    assert (view.state, view.status.why, view.status.failure) == ("failed", view.exit.why, "budget")
    assert (view.status.usage.tokens, view.status.usage.dollars, view.status.usage.attempts) == (700, 0.75, 1)
    assert gone(story.processes(task).child)


def test_an_attempt_has_a_budget_of_its_own(story: Story) -> None:
    story.agent("[ $OPSROOM_ATTEMPT = 2 ] && exec touch made; opsroom usage --tokens 100; sleep 600", tokens=100)
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert story.task(task).status.usage.tokens == 100  # type: ignore[union-attr]  # it has one
    (again,) = story.events("move", task=task, to="queued")
    assert again["why"] == "the attempt's budget of 100 tokens is used up: 100"


def test_time_is_counted_over_all_attempts_and_over_restarts(story: Story) -> None:
    # the first one leaves enough for a second, were it started slowly
    story.agent("[ $OPSROOM_ATTEMPT = 1 ] || sleep 1.5; exit 1", max_attempts=50)
    limit(story, "[budgets.task]\nseconds = 4")
    task = story.spawn()
    up = story.up()
    story.wait(lambda: len(story.events("move", task=task, to="starting")) > 1, "a second attempt")
    story.kill(up)
    story.up_once()
    view = story.task(task)
    assert view.status is not None
    assert view.state == "failed"
    assert view.status.why.startswith("the task's budget of 4 s is used up")
    assert view.status.usage.attempts == len(view.attempts) <= 5
    took = [how_it_ended(story, task, number).seconds for number in view.attempts]
    assert view.status.usage.seconds == pytest.approx(sum(took))
    assert sum(took[:-1]) < 3.6 <= sum(took), "the last one was begun while more than a tenth was left"


def test_a_number_of_attempts_is_a_budget_too(story: Story) -> None:
    story.agent("exit 1", max_attempts=50)
    limit(story, "[budgets.task]\nattempts = 3")
    task = story.spawn()
    story.up_once()
    assert (story.task(task).attempts, story.why(task)) == ((1, 2, 3), "the task's budget of 3 attempts is used up")


def test_the_fleet_stops_launching_and_says_it_once(story: Story) -> None:
    story.configure(max_workers=1)
    story.agent("opsroom usage --dollars 0.6; touch $OPSROOM_TASK")
    limit(story, "[budgets.fleet]\ndollars = 1")
    tasks = [story.spawn() for _ in range(4)]
    up = story.up()
    story.wait(lambda: holds(story), "a hold")
    story.wait_for_state(tasks[0], "merged")
    story.wait_for_state(tasks[1], "merged", "queued")  # ended by the budget it told of, or just before
    (hold,) = holds(story)
    assert (hold.kind, hold.why) == ("budget", "the fleet's budget of $1.00 is used up: $1.20")
    assert [story.task(task).state for task in tasks[2:]] == ["queued", "queued"]
    up.terminate()
    story.finish(up)
    story.up("--idle", "0.2").wait(timeout=60)
    assert len(story.events("hold")) == 1
    assert [story.task(task).state for task in tasks[2:]] == ["queued", "queued"]
    text = (story.repository / "opsroom.toml").read_text()
    (story.repository / "opsroom.toml").write_text(text.replace("dollars = 1", "dollars = 9"))
    story.up_once()
    assert {story.task(task).state for task in tasks} == {"merged"}


def test_a_campaign_halts_when_its_budget_is_used_up_and_goes_on_when_it_is_raised(story: Story) -> None:
    story.agent("opsroom usage --tokens 60; touch $OPSROOM_TASK")
    story.campaign("c", ["a", "b", "c"], envelope="[budgets]\ntokens = 100\n")
    story.send("campaign-start", campaign="c")
    story.up_once()
    file = story.campaign_view("c").file
    assert file is not None
    assert (file.status, file.headers["STOP_REASON"]) == (
        "budget_exhausted",
        "campaign c's budget of 100 tokens is used up: 120",
    )
    envelope = story.state.campaign("c").envelope
    envelope.write_text(envelope.read_text().replace("100", "1000"))
    story.send("campaign-start", campaign="c")
    story.up_once()
    file = story.campaign_view("c").file
    assert file is not None
    assert file.status == "complete"


def test_a_key_that_limits_nothing_is_refused(story: Story) -> None:
    story.agent("true")
    story.campaign("c", ["a"], envelope="[budgets]\ndollar = 5\n")
    name = story.send("campaign-start", campaign="c")
    up = story.up()
    assert story.outcome(name).why == "campaigns/c/campaign.toml: unknown key 'budgets.dollar': it would limit nothing"
    up.terminate()
    story.finish(up)
    limit(story, "[budgets.fleet]\ndollar = 5")
    said = story.opsroom("up", "--once")
    line = (story.repository / "opsroom.toml").read_text().splitlines().index("dollar = 5") + 1
    assert (said.status, f"opsroom.toml: line {line}:" in said.err) == (2, True)


# ── silence ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_that_gives_no_sign_of_life_is_ended(story: Story) -> None:
    story.agent("echo begun; sleep 600", silence=1.0, max_attempts=1)
    task = story.spawn()
    story.up_once()
    view = story.task(task)
    assert view.exit is not None
    assert view.exit.reason == "silent"
    assert story.why(task).startswith("attempt 1 gave no sign of life for too long and was ended after ")


@pytest.mark.parametrize("sign", ["echo .", "echo . >&2", "opsroom note .", "echo . | opsroom checkpoint -"])
def test_each_of_these_is_a_sign_of_life(story: Story, sign: str) -> None:
    going = "until=$(($(date +%s) + 10)); while [ $(date +%s) -lt $until ]"
    story.agent(f"{going}; do sleep 0.1; {sign}; done; touch made", silence=8.0, max_attempts=1)
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged", story.why(task)


def test_a_worker_that_waits_for_a_lock_is_not_silent(story: Story) -> None:
    story.agent("opsroom lock build -- touch made", silence=8.0, max_attempts=1)
    with locks.hold(story.state, "build", locks.Who("somebody")):
        task = story.spawn()
        up = story.up()
        begun = story.processes(task).started
        story.wait(lambda: utc_now() - begun > timedelta(seconds=10), "more than its silence to go by")
    story.wait_for_state(task, "merged")
    up.terminate()
    story.finish(up)


def test_the_verb_for_usage_adds_up_and_takes_no_nonsense(story: Story, tmp_path: Path) -> None:
    story.agent("true")
    task = story.spawn()
    story.up_once()
    mine = story.environment(task, 1)
    assert story.opsroom("usage", "--tokens", "5", "--dollars", "0.5", environment=mine).out == "5 tokens, $0.5000\n"
    assert story.opsroom("usage", "--tokens", "5", environment=mine).out == "10 tokens, $0.5000\n"
    for wrong in (("--tokens", "-1"), ("--dollars", "nan"), ("--dollars", "many")):
        assert story.opsroom("usage", *wrong, environment=mine).status == 2, wrong
    assert story.opsroom("usage", "--tokens", "1", environment=story.environment(task, 2)).out == "1 tokens, $0.0000\n"
    story.state.task(task).spent.write_text(json.dumps({"not": "toml"}))
    assert story.opsroom("usage", "--tokens", "2", environment=mine).out == "2 tokens, $0.0000\n"
