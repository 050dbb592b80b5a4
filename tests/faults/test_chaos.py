"""Whoever takes part is killed at random moments, again and again, and still each task ends once and nothing is left.

CHAOS_SEED repeats a run, CHAOS_ROUNDS and CHAOS_TASKS make it larger, as `make chaos` does; CHAOS_SANDBOX chooses what
workers run in.
"""

import os
import random
from pathlib import Path
from typing import Any

import pytest

from orchestrator.running.attempts import was_started
from state.agent_events import Message, decode_line
from state.layout import AttemptDir
from state.model import FINAL, AgentReport, decode
from tests.faults.chaos import PLAIN, STREAM, WORKER, chaos, left
from tests.stories import Story

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "30"))
TASKS = int(os.environ.get("CHAOS_TASKS", "20"))
SANDBOXES = os.environ.get("CHAOS_SANDBOX", "none bubblewrap").split()
STEPS = 8


def lines(path: Path) -> list[int]:
    """The numbers in a worker's output, all of it."""
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def told(attempt: AttemptDir) -> list[int]:
    """The numbers in the events of a worker whose stream is read; looks that none is missing and none twice."""
    found = [decode_line(line) for line in attempt.events.read_bytes().splitlines()]
    events = [event for event in found if event is not None]
    assert [place.seq for _, place in events] == list(range(1, len(events) + 1)), attempt
    if was_started(attempt):
        report = decode(AgentReport, attempt.report.read_text(), "agent.toml")
        assert report.verdict
        assert report.events == len(events)
    return [int(event.text) for event, _ in events if isinstance(event, Message)]


def steps_over_all_attempts(story: Story, task: str) -> list[list[int]]:
    """What each attempt of `task` printed, oldest first."""
    attempts = [story.state.task(task).attempt(number) for number in story.task(task).attempts]
    return [told(attempt) if attempt.report.exists() else lines(attempt.stdout) for attempt in attempts]


def goes_on(before: list[int], printed: list[int]) -> bool:
    """Whether an attempt that printed `printed` went on where `before` ended.

    Who is killed between the line of a step and its checkpoint does that step again, and prints it again.
    """
    last = before[-1] if before else 0
    return not printed or (printed[0] in (last, last + 1) and printed == list(range(printed[0], printed[-1] + 1)))


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_killed_at_random_each_task_ends_once_each_commit_lands_once_and_nothing_is_left(
    story: Story, sandbox: str
) -> None:
    story.sandbox(sandbox)
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CHAOS_SEED={seed} CHAOS_ROUNDS={ROUNDS} CHAOS_TASKS={TASKS}")
    patient: dict[str, Any] = {"max_attempts": 100, "grace": 2.0}
    story.agent(WORKER.format(steps=STEPS, pause=0.1, **PLAIN), "plain", **patient)
    story.agent(WORKER.format(steps=STEPS, pause=0.1, **STREAM), "stream", kind="codex", **patient)
    story.configure(max_workers=5, checks=("git diff --quiet",))
    agents = ("plain", "stream")
    tasks = [story.spawn(f"task {number}", agents[number % 2]) for number in range(1, TASKS + 1)]

    with chaos(story, seed) as parties:
        for _ in range(ROUNDS):
            parties.round(longest=0.7)
        print(f"killed: {parties.killed}")
        parties.finish(seconds=60 + 5 * TASKS)

    assert {task: story.why(task) for task, state in story.states().items() if state != "merged"} == {}
    for task in tasks:
        outcomes = [event["to"] for event in story.events("move", task=task) if event["to"] in FINAL]
        assert outcomes == ["merged"], f"seed {seed}: outcomes of {task}"
        printed: list[int] = []
        for number, more in enumerate(steps_over_all_attempts(story, task), 1):
            assert goes_on(printed, more), f"seed {seed}: attempt {number} of {task} printed {more} after {printed}"
            printed += more
        assert sorted(set(printed)) == list(range(1, STEPS + 1)), f"seed {seed}: lines of {task}"
    steps = sorted(f"{task} step {number}" for task in tasks for number in range(1, STEPS + 1))
    assert sorted(story.subjects()) == sorted(["first", *steps]), f"seed {seed}"
    assert left(story, parties.attempts()) == [], f"seed {seed}"
    assert len(story.git("worktree", "list").splitlines()) == 1, f"seed {seed}"
    assert [path.name for path in story.state.worktrees.iterdir() if path.is_dir()] == [], f"seed {seed}"
    assert [str(path) for path in (story.repository / ".git").rglob("*.lock")] == [], f"seed {seed}"
    assert [*story.state.homes.iterdir(), *story.state.clones.iterdir()] == [], f"seed {seed}"
    assert story.git("branch", "--format=%(refname:short)") == "main", f"seed {seed}"
