"""The envelope holds: policy, repairs, bounds and halts, on a real repository with real workers."""

import functools

import pytest

from orchestrator.campaign import repairs
from state.envelope import Packet, Run
from tests.stories import Story

ONES = '[metric]\nname = "ones"\ncommand = ["sh", "-c", "cat [abc].txt | grep -c one || true"]\n'
NO_BAD = '[[checks]]\nname = "no bad"\ncommand = ["sh", "-c", "! grep -n bad *.txt"]\n'
ITEMS = ["a.txt", "b.txt", "c.txt"]
SED = "sed -i s/one/two/ $OPSROOM_ITEM"
THIS = '[policy]\nallow = ["{item}"]\n'


@pytest.fixture(autouse=True)
def files_to_change(story: Story) -> None:
    for item in ITEMS:
        (story.repository / item).write_text("one\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "three files")


def rewrite(story: Story, script: str) -> None:
    """Makes the worker do `script` from its next attempt on."""
    (story.folder / "agents" / "worker").write_text(f"#!/bin/sh\n{script}\n")


def run(story: Story) -> None:
    story.send("campaign-start", campaign="twos")
    story.up_once()


def headers(story: Story) -> dict[str, str]:
    file = story.campaign_view("twos").file
    assert file is not None
    return file.headers


def results(story: Story) -> list[tuple[int | None, str, str]]:
    """Index, result and why of each line of history."""
    file = story.campaign_view("twos").file
    assert file is not None
    return [(line.index, line.result, line.fields.get("why", "")) for line in file.history]


def last_run(story: Story) -> Run:
    return story.campaign_view("twos").runs[-1][1]


def packet(story: Story, task: str, attempt: int) -> Packet:
    found = repairs.read(story.state, story.state.task(task).attempt(attempt))
    assert found is not None
    return found


def prompt(story: Story, task: str, attempt: int) -> str:
    return str(story.state.task(task).attempt(attempt).prompt.read_text())


# ── policy ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("more", "envelope", "why"),
    [
        ("touch other.txt", THIS, "policy: other.txt was changed, and what may be is b.txt"),
        ("git rm -q c.txt", THIS, "policy: c.txt was changed, and what may be is b.txt"),
        (
            "touch x.lock",
            '[policy]\nallow = ["*"]\ndeny = ["*.lock"]\n',
            "policy: x.lock is not to be touched (*.lock)",
        ),
        (
            "echo 'y :: any' >> b.txt",
            THIS + "forbid = ['::\\s*any\\b']\n",
            "policy: b.txt, line 2 adds ':: any', which is forbidden (::\\s*any\\b)",
        ),
        (
            "touch x y z",
            '[policy]\nallow = ["*"]\nmax_files = 3\n',
            "policy: 4 files were changed, and at most 3 may be",
        ),
        (
            "seq 50 >> b.txt",
            THIS + "max_lines = 40\n",
            "policy: 52 lines were added or removed, and at most 40 may be",
        ),
    ],
    ids=["another file", "another file removed", "not to be touched", "forbidden line", "too many files", "too long"],
)
def test_a_change_that_violates_the_policy_is_reverted_whole(story: Story, more: str, envelope: str, why: str) -> None:
    story.agent(f'{SED}; [ "$OPSROOM_INDEX" = 2 ] && {{ {more}; }}; exit 0')
    story.campaign("twos", ITEMS, envelope=f"repairs = 3\n{envelope}")
    run(story)
    assert results(story) == [(1, "success", ""), (2, "failure_reverted", why), (3, "success", "")]
    assert [story.file(item, "campaign/twos") for item in ITEMS] == ["two", "one", "two"]
    assert story.git("ls-tree", "--name-only", "campaign/twos").split() == [".gitignore", *ITEMS, "notes.txt"]
    assert story.task("twos-0002").attempts == (1,)  # permission has ended: that is not repaired


def test_what_a_person_protected_between_runs_holds_and_is_told(story: Story) -> None:
    story.agent(f"{SED}; echo more >> notes.txt")
    text = "# Twos\n\nSTATUS: paused\nNEXT_INDEX: 1\n\n## Policy\n- Tabs, never blanks.\n\n"
    text += "## Do not touch\n- notes.txt\n\n## Queue\n1. a.txt\n\n## History\n"
    story.campaign("twos", [], text=text)
    run(story)
    assert results(story) == [(1, "failure_reverted", "policy: notes.txt is not to be touched (notes.txt)")]
    told = prompt(story, "twos-0001", 1)
    assert "- Never touch `notes.txt`.\n- Tabs, never blanks." in told


def test_a_policy_that_cannot_be_kept_lets_nothing_land(story: Story) -> None:
    story.agent(f"{SED}; sed -i 's/^forbid.*/forbid = [\"(\"]/' {story.state.campaign('twos').envelope}")
    story.campaign("twos", ITEMS[:1], envelope='[policy]\nallow = ["*"]\nforbid = ["bad"]\n')
    story.send("campaign-start", campaign="twos")
    running = story.up()
    story.wait(lambda: story.events("trouble", what="twos-0001"), "the trouble to be said")
    assert story.task("twos-0001").state == "verifying"
    path = story.state.campaign("twos").envelope
    path.write_text(path.read_text().replace('["("]', '["bad"]'))
    story.wait_for_state("twos-0001", "merged")
    running.terminate()
    story.finish(running)


@pytest.mark.parametrize(
    "spoil", ["echo [ > {0}/campaign.toml", "rm {0}/campaign.md", "mv {0} $OPSROOM_TASK_DIR/moved"]
)
def test_a_campaign_that_cannot_be_read_lets_nothing_land_and_nothing_begin(story: Story, spoil: str) -> None:
    folder = story.state.campaign("twos").root
    first = f"touch other; cp {folder}/campaign.* $OPSROOM_TASK_DIR; {spoil.format(folder)}"
    story.agent(f"{SED}; [ $OPSROOM_INDEX = 2 ] || {{ {first}; }}")
    story.configure(max_workers=1)
    story.campaign("twos", ITEMS[:2], envelope=f"at_once = 2\n{THIS}")
    story.send("campaign-start", campaign="twos")
    running = story.up()
    for task, state in (("twos-0001", "verifying"), ("twos-0002", "queued")):
        (trouble,) = story.wait(functools.partial(story.events, "trouble", what=task), f"the trouble of {task}")
        assert "campaigns/twos/campaign." in trouble["why"]
        assert story.task(task).state == state
    if (moved := story.state.task("twos-0001").root / "moved").exists():
        moved.rename(folder)
    for name in ("campaign.md", "campaign.toml"):
        (story.state.task("twos-0001").root / name).rename(folder / name)
    story.wait_for_state("twos-0001", "failed")
    assert story.why("twos-0001") == "policy: other was changed, and what may be is a.txt"
    story.wait_for_state("twos-0002", "merged")
    assert [event["to"] for event in story.events("move", task="twos-0002")][:2] == ["starting", "running"]
    running.terminate()
    story.finish(running)


def test_checks_in_the_line_of_an_item_run_besides(story: Story) -> None:
    story.agent(SED)
    items = ["a.txt | checks=test -e a.txt; false", "b.txt | checks=grep -q two b.txt"]
    story.campaign("twos", items, envelope=NO_BAD)
    run(story)
    assert results(story) == [(1, "failure_reverted", "check false failed (exit status 1)"), (2, "success", "")]
    assert story.task("twos-0002").status.checks == ["no bad", "grep -q two b.txt"]  # type: ignore[union-attr]  # it has


# ── one item, one commit ────────────────────────────────────────────────────────────────────────────────────────


def test_a_workers_own_commits_become_one_with_the_trailers(story: Story) -> None:
    story.agent(f'{SED}; git commit -qam "first half"; echo more >> $OPSROOM_ITEM; git commit -qam "second half"')
    story.campaign("twos", ITEMS[:1], envelope='message = "{item}: twos"\n')
    run(story)
    assert story.subjects("campaign/twos")[:2] == ["a.txt: twos", "three files"]
    assert story.git("log", "-1", "--format=%B", "campaign/twos").split("\n\n") == [
        "a.txt: twos",
        "- first half\n- second half",
        "Opsroom-Task: twos-0001\nOpsroom-Campaign: twos\nOpsroom-Item: a.txt",
    ]


def test_commits_that_have_the_trailers_stay_the_workers(story: Story) -> None:
    trailers = "Opsroom-Task: $OPSROOM_TASK\nOpsroom-Campaign: $OPSROOM_CAMPAIGN\nOpsroom-Item: $OPSROOM_ITEM"
    story.agent(f'{SED}; git commit -qam "mine\n\n{trailers}"')
    story.campaign("twos", ITEMS[:2])
    run(story)
    assert story.subjects("campaign/twos")[:3] == ["mine", "mine", "three files"]


# ── repairs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_that_fails_its_check_is_repaired_on_its_own_change(story: Story) -> None:
    story.agent(
        f"""{SED}
        case $OPSROOM_ATTEMPT in
            1) echo bad >> $OPSROOM_ITEM;;
            2) echo worse but bad >> $OPSROOM_ITEM; opsroom result success --summary "made it worse";;
            3) sed -i /bad/d $OPSROOM_ITEM;;
        esac"""
    )
    story.campaign("twos", ITEMS[:1], envelope=f"repairs = 2\n{ONES}{NO_BAD}")
    run(story)
    assert results(story) == [(1, "success", "")]
    file = story.campaign_view("twos").file
    assert file is not None
    assert (file.history[0].fields["repairs"], file.history[0].fields["attempt"]) == ("2", "3")
    assert story.subjects("campaign/twos")[:2] == ["twos: a.txt", "three files"]
    second = packet(story, "twos-0001", 2)
    assert (second.kind, second.check, second.status, second.said) == ("check", "no bad", 1, "made it worse")
    assert second.lines == ["a.txt:2:bad", "a.txt:3:worse but bad"]
    assert [(tried.attempt, tried.failed) for tried in second.earlier] == [
        (1, "check no bad failed (exit status 1): a.txt:2:bad")
    ]
    third = prompt(story, "twos-0001", 3)
    assert "## Repair your change\nIt was not taken: check no bad failed (exit status 1): a.txt:2:bad." in third
    assert "    a.txt:3:worse but bad\n" in third
    assert "- attempt 1: check no bad failed" in third


def test_after_the_last_repair_the_change_is_rolled_back_whole(story: Story) -> None:
    story.agent(f'{SED}; [ "$OPSROOM_INDEX" = 1 ] && echo bad >> $OPSROOM_ITEM; exit 0')
    story.campaign("twos", ITEMS[:2], envelope=f"repairs = 2\n{NO_BAD}")
    run(story)
    assert [line[:2] for line in results(story)] == [(1, "failure_reverted"), (2, "success")]
    assert story.task("twos-0001").attempts == (1, 2, 3)
    assert story.file("a.txt", "campaign/twos") == "one"
    assert story.subjects("campaign/twos")[:2] == ["twos: b.txt", "three files"]


def test_a_repair_is_told_what_changed_elsewhere(story: Story) -> None:
    go = story.folder / "go"
    story.agent(
        f"""{SED}
        case $OPSROOM_INDEX$OPSROOM_ATTEMPT in
            11) echo bad >> a.txt; touch {go}-2; until [ -e {go} ]; do sleep 0.02; done;;
            12) sed -i /bad/d a.txt;;
            21) until [ -e {go}-2 ]; do sleep 0.02; done;;  # until the first has begun without it
        esac"""
    )
    story.campaign("twos", ITEMS[:2], envelope=f"at_once = 2\nrepairs = 1\n{NO_BAD}")
    story.send("campaign-start", campaign="twos")
    running = story.up()
    story.wait_for_state("twos-0002", "merged")
    go.touch()
    story.wait_for_state("twos-0001", "merged")
    running.terminate()
    story.finish(running)
    (told,) = packet(story, "twos-0001", 1).elsewhere
    assert told.endswith("twos: b.txt: b.txt")
    assert "in case the cause is there:\n- " in prompt(story, "twos-0001", 2)


# ── bounds ──────────────────────────────────────────────────────────────────────────────────────────────────────


def size(tolerance: str, table: str = "[[guards]]") -> str:
    return f'{table}\nname = "size"\ncommand = ["sh", "-c", "cat *.txt | wc -c"]\ntolerance = {tolerance}\n'


def test_a_guard_lets_a_metric_get_worse_by_its_tolerance_and_no_further(story: Story) -> None:
    story.agent(f'{SED}; head -c "$(cut -d. -f1 sizes/$OPSROOM_ITEM)" /dev/zero | tr "\\0" x >> $OPSROOM_ITEM')
    (story.repository / "sizes").mkdir()
    for item, count in zip(ITEMS, ("5", "20", "0"), strict=True):
        (story.repository / "sizes" / item).write_text(count)
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "sizes")
    story.campaign("twos", ITEMS, envelope=size("0.25"))  # of 26 bytes
    run(story)
    why = "metric size got worse: 26 → 51, at most 32.5 (25.0% of 26)"
    assert results(story) == [(1, "success", ""), (2, "failure_reverted", why), (3, "success", "")]
    assert last_run(story).baselines == {"size": "26"}


def test_the_baseline_is_that_of_the_first_run(story: Story) -> None:
    story.agent(f"{SED}; echo >> $OPSROOM_ITEM; [ $OPSROOM_INDEX = 1 ] || opsroom stop 'not yet'")
    story.campaign("twos", ITEMS[:2], envelope=size("0.05", "[metric]"))
    run(story)
    assert headers(story)["METRIC_CURRENT"] == "27"
    rewrite(story, f"{SED}; echo >> $OPSROOM_ITEM")
    story.send("retry", task="twos-0002")
    run(story)
    assert (last_run(story).metric_before, last_run(story).baselines) == ("27", {"size": "26"})
    assert results(story)[-1][1:] == ("failure_reverted", "metric size got worse: 26 → 29, at most 27.3 (5.0% of 26)")


# ── halts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def halted(story: Story) -> tuple[str, str]:
    said = headers(story)
    assert (said["STATUS"], said["STOP_REASON"]) == (last_run(story).halted, last_run(story).why)
    return said["STATUS"], said["STOP_REASON"]


def test_items_without_progress_halt_the_campaign_and_a_start_goes_on(story: Story) -> None:
    story.agent("echo more >> $OPSROOM_ITEM")
    story.campaign("twos", ITEMS, envelope=f"no_progress = 2\n{ONES}")
    run(story)
    assert halted(story) == ("no_progress", "2 items in a row brought no progress")
    assert [line[:2] for line in results(story)] == [(1, "success"), (2, "success")]
    rewrite(story, SED)
    run(story)
    assert halted(story) == ("complete", "every item has an outcome")


def test_a_metric_at_its_goal_completes_the_campaign(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS, envelope=f"{ONES}goal = 1\n")
    run(story)
    assert halted(story) == ("complete", "metric ones is 1, and 1 was its goal")
    assert len(results(story)) == 2


def test_a_metric_that_should_grow_is_progress_when_it_does(story: Story) -> None:
    story.agent(SED)
    metric = ONES.replace("-c one ", "-c two ").replace("ones", "twos")
    story.campaign("twos", ITEMS, envelope=f'no_progress = 1\n{metric}better = "higher"\n')
    run(story)
    assert halted(story)[0] == "complete"


def test_a_worker_out_of_time_halts_the_campaign_where_its_policy_says_so(story: Story) -> None:
    story.agent("sleep 600", max_attempts=1, seconds=0.3, grace=0.2)
    story.campaign("twos", ITEMS, envelope='on_timeout = "halt"\n')
    run(story)
    status, why = halted(story)
    assert status == "error"
    assert why.startswith("item 1, a.txt: attempt 1 ran out of time after ")
    assert len(results(story)) == 1


def test_a_campaign_does_not_start_onto_a_checkout_with_changes(story: Story) -> None:
    story.agent(SED)
    story.campaign("twos", ITEMS[:1])
    story.git("checkout", "--quiet", "-b", "campaign/twos")
    (story.repository / "notes.txt").write_text("mine\n")
    run(story)
    assert halted(story)[0] == "error"
    assert "is checked out in" in halted(story)[1]
    assert (story.repository / "notes.txt").read_text() == "mine\n"


# ── several at once ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_conflict_gives_the_item_back_once_and_then_to_a_person(story: Story) -> None:
    go = story.folder / "go"
    story.agent(
        f"""echo "$OPSROOM_INDEX $OPSROOM_ATTEMPT" > shared.txt
        until [ -e {go}-$OPSROOM_INDEX-$OPSROOM_ATTEMPT ]; do sleep 0.02; done"""
    )
    story.campaign("twos", ["one", "two", "three"], envelope="at_once = 3\n")
    story.send("campaign-start", campaign="twos")
    running = story.up("--once")
    for item in (1, 2, 3):
        story.wait_for_state(f"twos-000{item}", "running")
    (story.folder / "go-1-1").touch()
    story.wait_for_state("twos-0001", "merged")
    (story.folder / "go-2-1").touch()
    story.wait(lambda: story.task("twos-0002").attempts == (1, 2), "the second to begin again")
    (story.folder / "go-2-2").touch()
    story.wait_for_state("twos-0002", "merged")
    assert "## Begin again\nYour change was not taken: conflict with campaign/twos in shared.txt" in prompt(
        story, "twos-0002", 2
    )
    (story.folder / "go-3-1").touch()
    story.wait(lambda: story.task("twos-0003").attempts == (1, 2), "the third to begin again")
    others = [story.repository / ".git" / "worktrees" / f"twos-000{item}" for item in (1, 2)]
    story.wait(lambda: not any(path.exists() for path in others), "git to have put away the others' worktrees")
    story.send("message", task="twos-0003", text="wait")
    story.git("update-ref", "refs/heads/campaign/twos", _commit_on(story, "campaign/twos", "shared.txt", "another"))
    (story.folder / "go-3-2").touch()
    story.finish(running)
    why = "conflict with campaign/twos in shared.txt, though it had begun again"
    assert results(story)[-1] == (3, "STOP-NEEDS-HUMAN", why)
    assert halted(story) == ("stop", f"item 3, three: {why}")
    assert story.file("shared.txt", "opsroom/twos-0002/1") == "2 1"
    assert story.file("shared.txt", "opsroom/twos-0003/2") == "3 2"


def _commit_on(story: Story, branch: str, path: str, text: str) -> str:
    """A commit on top of `branch` in which `path` has `text`."""
    worktree = story.folder / "by hand"
    story.git("worktree", "add", "--quiet", "--detach", str(worktree), branch)
    (worktree / path).write_text(f"{text}\n")
    story.git("commit", "--quiet", "--all", "--message", "by hand", cwd=worktree)
    commit = story.git("rev-parse", "HEAD", cwd=worktree)
    story.git("worktree", "remove", str(worktree))
    return commit


# ── the record of a run ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_records_results_cost_and_what_it_proposes(story: Story) -> None:
    story.agent(
        f"""{SED}; opsroom usage --tokens 1000 --dollars 0.25
        opsroom note "Always sort the imports first."
        opsroom result success --learned "Never touch the header; it is generated. It went well." """
    )
    story.campaign("twos", ITEMS[:2])
    run(story)
    record = last_run(story)
    assert (record.results, record.spent.attempts, record.spent.tokens) == ({"success": 2}, 2, 2000)
    assert record.spent.dollars == 0.5
    assert [(proposal.kind, proposal.text, proposal.source) for proposal in record.proposals] == [
        ("rule", "Never touch the header; it is generated.", "a.txt, b.txt"),
        ("rule", "Always sort the imports first.", "a.txt, b.txt"),
    ]
    told = prompt(story, "twos-0002", 1)
    assert "## The last items\n- a.txt: success\n" in told
    assert "## What others have learned here\n- Never touch the header; it is generated. It went well.\n" in told
