"""An orchestrator is killed before one of its changes after the other; the next one comes to the same end each time.

By chance most moments are never met. Here each of them is: CRASH_STEP=1, as `make crashes` has it; 1 in 16 otherwise.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.leftovers import READY
from tests.faults.chaos import left
from tests.stories import Story, telling

STEP = int(os.environ.get("CRASH_STEP", "16"))
SANDBOXES = os.environ.get("CHAOS_SANDBOX", "none bubblewrap").split()
WORKER = """\
sed -i s/one/two/ $OPSROOM_ITEM
[ $OPSROOM_INDEX$OPSROOM_ATTEMPT = 21 ] && echo bad >> $OPSROOM_ITEM
[ $OPSROOM_INDEX$OPSROOM_ATTEMPT = 22 ] && sed -i /bad/d $OPSROOM_ITEM
opsroom result success --learned "did $OPSROOM_ITEM"
"""
ENVELOPE = """\
repairs = 1
[metric]
name = "ones"
command = ["sh", "-c", "cat [a-z].txt | grep -c one || true"]
[[checks]]
name = "no bad"
command = ["sh", "-c", "! grep -q bad *.txt"]
"""
ITEMS = ["a.txt", "b.txt"]
VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z?"), "TIME"),
    (re.compile(r"\b([0-9a-f]{40}|[0-9a-f]{12})\b"), "COMMIT"),
    (re.compile(r"\bseconds=[0-9.]+"), "SECONDS"),
    (re.compile(r"INVOCATIONS_STARTED: \d+"), "INVOCATIONS"),  # counted after the task is made: one may be missing
)


def alike(text: str) -> str:
    """`text` without what differs from run to run."""
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    return text


def lay(story: Story, sandbox: str) -> None:
    """A campaign of two items, of which the second is repaired once."""
    for item in ITEMS:
        (story.repository / item).write_text("one\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "two files")
    story.agent(WORKER)
    story.sandbox(sandbox)
    story.campaign("twos", ITEMS, envelope=ENVELOPE)
    story.send("campaign-start", campaign="twos")


def up_and_die(story: Story, change: int, listed: Path) -> bool:
    """Runs `up --once`, which dies before its change number `change`; whether it did."""
    argv = [sys.executable, "-m", "tests.faults.dying", str(change), str(listed), "up", "--once"]
    done = subprocess.run(
        argv, cwd=story.repository, env=story.environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def outcome(story: Story) -> dict[str, Any]:
    """All that a person finds when it is over, and that is the same however often it was begun."""
    found: dict[str, Any] = {}
    for task in sorted(story.states()):
        view = story.task(task)
        assert view.status is not None
        status = view.status
        found[task] = (view.state, view.attempts, status.usage.attempts, status.repairs, status.failures, status.checks)
        for number in view.attempts:
            found[f"{task}, prompt {number}"] = alike(story.state.task(task).attempt(number).prompt.read_text())
    found["campaign.md"] = alike(story.state.campaign("twos").queue.read_text())
    found["runs"] = [
        (run.halted, run.items, run.results, run.metric_before, run.metric_after, run.spent.attempts, run.baselines)
        for _, run in story.campaign_view("twos").runs
    ]
    found["commits"] = story.git("log", "--format=%s%n%b", "--stat", "campaign/twos")
    found["branches"] = story.git("branch", "--format=%(refname:short)")
    found["worktrees"] = len(story.git("worktree", "list").splitlines())
    # a file that was not whole yet is removed by an orchestrator that starts ten minutes later
    hidden = {path.name for path in story.state.root.rglob(".*") if not READY.fullmatch(path.name)}
    found["hidden"] = sorted(hidden - {".lock"})
    found["of the sandbox"] = [*story.state.clones.glob("[!.]*"), *story.state.homes.glob("[!.]*")]
    found["processes"] = left(story, [])
    return found


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_before_whichever_change_it_is_killed_the_end_is_the_same(tmp_path: Path, sandbox: str) -> None:
    listed = tmp_path / "changes"
    with telling(tmp_path / "undisturbed") as story:
        lay(story, sandbox)
        assert not up_and_die(story, 0, listed)
        expected = outcome(story)
    assert expected["runs"][0][:2] == ("complete", 2)
    changes = listed.read_text().splitlines()
    assert len(changes) > 100
    for number in range(1 + len(sandbox) % STEP, len(changes) + 1, STEP):
        with telling(tmp_path / str(number)) as story:
            lay(story, sandbox)
            died = up_and_die(story, number, listed)
            assert died or number > 0.8 * len(changes), "what is told together, where it takes longer, is one change"
            story.up_once()
            assert outcome(story) == expected, f"killed before change {changes[number - 1]}"
