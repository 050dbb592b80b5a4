"""Whole campaigns: 60 items unattended, killed at random moments, with an exact history and an exact tree after it."""

import random
import time
from collections import Counter

from state.campaign_file import HistoryLine
from tests.stories import Story

CHECK = '[[checks]]\nname = "no bad"\ncommand = ["sh", "-c", "! grep -q bad items/*"]\n'
ITEM = '[policy]\nallow = ["{item}"]\n'
WORKER = """\
sed -i "s/one/two of $OPSROOM_INDEX/" "$OPSROOM_ITEM"
case $OPSROOM_INDEX in
    *7) touch other;;
    *3) echo bad >> "$OPSROOM_ITEM";;
    *5) [ $OPSROOM_ATTEMPT = 1 ] && echo bad >> "$OPSROOM_ITEM" || sed -i /bad/d "$OPSROOM_ITEM";;
    *9) git commit -qam "by the worker"; echo more >> "$OPSROOM_ITEM";;
esac
exit 0"""


def lay(story: Story, count: int) -> list[str]:
    """Commits `count` files and makes the campaign that goes through them; their paths."""
    items = [f"items/file {number:03d}.txt" for number in range(1, count + 1)]
    (story.repository / "items").mkdir()
    for item in items:
        (story.repository / item).write_text("one\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "files")
    return items


def becomes(index: int) -> tuple[str, str]:
    """The result of item `index`, and the content of its file on the campaign's branch."""
    if index % 10 in (7, 3):
        return "failure_reverted", "one\n"
    return "success", f"two of {index}\n" + ("more\n" if index % 10 == 9 else "")


def history(story: Story) -> list[HistoryLine]:
    file = story.campaign_view("twos").file
    assert file is not None
    return file.history


def to_the_end(story: Story) -> None:
    """Runs an orchestrator until nothing is left to do: of so many items a machine that others use has for minutes."""
    process = story.begin("up", "--once", "--quiet")
    _, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (0, "")


def looks_as_it_should(story: Story, items: list[str]) -> None:
    """The history has each item once, in order of work where it was one at a time; the branch has what it says."""
    lines = history(story)
    assert sorted((line.index or 0, line.result) for line in lines) == [
        (index, becomes(index)[0]) for index in range(1, len(items) + 1)
    ]
    landed = [line for line in lines if line.result == "success"]
    commits = story.git("log", "--format=%h", "--abbrev=12", "--reverse", "main..campaign/twos").split()
    assert commits == [line.fields["commit"] for line in landed]
    assert story.subjects("campaign/twos")[: len(landed)] == [
        f"twos: {line.fields['file']}" for line in reversed(landed)
    ]
    story.git("worktree", "add", "--quiet", "--detach", str(story.folder / "after"), "campaign/twos")
    found = {path.name: path.read_bytes() for path in (story.folder / "after" / "items").iterdir()}
    assert found == {item.removeprefix("items/"): becomes(index)[1].encode() for index, item in enumerate(items, 1)}
    assert not (story.folder / "after" / "other").exists()
    assert story.git("status", "--porcelain") == ""


def test_sixty_items_go_to_the_end_unattended(story: Story) -> None:
    items = lay(story, 60)
    story.agent(WORKER)
    story.configure(max_workers=3)
    story.campaign("twos", items, envelope=f"at_once = 3\nrepairs = 1\n{CHECK}{ITEM}")
    story.send("campaign-start", campaign="twos")
    to_the_end(story)
    looks_as_it_should(story, items)
    ((_, run),) = story.campaign_view("twos").runs
    assert (run.halted, run.items) == ("complete", 60)
    assert run.results == {"success": 48, "failure_reverted": 12}
    assert run.spent.attempts == 60 + 6 + 6  # each *5 is repaired once, each *3 in vain
    kinds = Counter(proposal.kind for proposal in run.proposals)
    assert kinds["check"] == 2


def test_killed_at_random_moments_no_line_and_no_commit_is_lost_or_doubled(story: Story) -> None:
    """Twelve orchestrators are killed in the middle of a campaign; the thirteenth goes to its end."""
    chance = random.Random(20261121)
    items = lay(story, 20)
    story.agent(WORKER)
    story.configure(max_workers=2)
    story.campaign("twos", items, envelope=f"at_once = 2\nrepairs = 1\n{CHECK}{ITEM}")
    story.send("campaign-start", campaign="twos")
    for _ in range(12):
        process = story.up()
        time.sleep(chance.uniform(0.1, 0.6))  # the moment of the crash, not a wait for anything
        story.kill(process)
    to_the_end(story)
    looks_as_it_should(story, items)
    assert [run.halted for _, run in story.campaign_view("twos").runs] == ["complete"]
    branches = story.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    assert {name.partition("/")[0] for name in branches} <= {"main", "campaign", "opsroom"}
