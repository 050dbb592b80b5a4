"""`opsroom history`: a real campaign, with its files and after they are gone."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stories import CHECKOUT, Story
from tests.tui.repositories import trailers

METRIC = '[metric]\nname = "ones"\ncommand = ["sh", "-c", "cat [a-z].txt | grep -c one || true"]\n'
CHECK = '[[checks]]\nname = "no bad"\ncommand = ["sh", "-c", "! grep -q bad *.txt"]\n'
WORK = """\
case $OPSROOM_ITEM in
b.txt) echo bad > b.txt ;;
*) sed -i s/one/two/ $OPSROOM_ITEM ;;
esac
opsroom result success --learned "did $OPSROOM_ITEM"
"""


@pytest.fixture
def over(story: Story) -> Story:
    """A campaign of three items that went to its end, the second one reverted; its branch is landed."""
    for item in ("a.txt", "b.txt", "c.txt"):
        (story.repository / item).write_text("one\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "three files")
    story.agent(WORK)
    story.campaign("twos", ["a.txt", "b.txt", "c.txt"], envelope=METRIC + CHECK)
    story.send("campaign-start", campaign="twos")
    story.up_once()
    assert story.opsroom("campaign", "land", "twos").status == 0
    return story


def said(story: Story, *arguments: str, cwd: Path | None = None) -> str:
    found = story.opsroom("history", *arguments, cwd=cwd)
    assert (found.status, found.err) == (0, "")
    return found.out


def told(story: Story, *arguments: str) -> Any:
    return json.loads(said(story, *arguments, "--json"))


def test_campaigns_runs_and_items_are_told_with_their_results(over: Story) -> None:
    table = said(over).splitlines()
    assert re.match(r"twos +20\d\d-\S+ \S+ +complete +3/3: 2 success, 1 failure_reverted +3 → 1 +-$", table[1])
    assert re.match(r"  run 1 +\S+ \S+ +complete after \d+[sm] +3: 2 success, 1 failure_reverted", table[2])
    items = said(over, "twos").partition("\nITEM ")[2].splitlines()
    first, last = over.git("log", "--format=%h", "--abbrev=12", "--reverse", "-2", "main").splitlines()
    assert re.match(rf"1 +success +\S+ \S+ +{first} +[\d.]+ s +a.txt \| learned: did a.txt$", items[1])
    assert re.match(r"2 +failure_reverted .* b.txt \| why: check no bad failed \(exit status 1\) \| learned:", items[2])
    assert last in items[3]


def test_when_its_files_are_gone_git_tells_what_it_knows(over: Story) -> None:
    before = told(over, "twos")["campaigns"][0]
    shutil.rmtree(over.repository / ".opsroom")
    over.git("branch", "--delete", "--force", "campaign/twos")
    (after,) = told(over, "twos")["campaigns"]
    assert (before["from_git"], after["from_git"], after["status"], after["commits"]) == (False, True, None, 2)
    assert [(item["index"], item["item"]) for item in after["queue"]] == [(1, "a.txt"), (3, "c.txt")]
    full = over.git("log", "--format=%H", "--reverse", "-2", "main").splitlines()
    assert [item["commit"] for item in after["queue"]] == full
    assert [item["commit"] for item in before["queue"]] == [full[0], None, full[1]]
    assert [one["subject"] for item in after["queue"] for one in item["commits"]] == ["twos: a.txt", "twos: c.txt"]
    (over.repository / "deep" / "down").mkdir(parents=True)
    assert "twos" in said(over, cwd=over.repository / "deep" / "down")
    assert re.search(r"twos +\S+ \S+ +known from git alone +2 in 2 commits", said(over))


def test_a_limit_takes_the_newest_and_says_so(over: Story) -> None:
    over.campaign("later", ["x"])
    text = over.state.campaign("later").queue
    text.write_text(text.read_text() + "2999-01-01T00:00:00+00:00 | index=1 | file=x | result=skipped | why=no\n")
    table = said(over, "--limit", "1")
    assert table.splitlines()[1].startswith("later")
    assert table.endswith("… 1 older (--limit)\n")
    assert [one["name"] for one in told(over, "--limit", "1")["campaigns"]] == ["later"]
    assert said(over, "twos", "--limit", "1").count(".txt") == 2  # what it is, and what was learned


def test_what_a_worker_wrote_does_nothing_to_the_terminal(story: Story) -> None:
    evil = "\x1b]0;owned\x07\u202e[red]"
    story.git("commit", "--quiet", "--allow-empty", "-m", f"{evil}\n\n{trailers(f'c{evil}', 1, evil)}")
    story.campaign("mine", [f"a{evil}"])
    for arguments in ((), ("mine",), (f"c{evil}",)):
        found = said(story, *arguments)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", found)
        assert "�]0;owned��[red]" in found


def test_without_a_past_it_says_so(story: Story) -> None:
    assert said(story) == "no campaign yet, neither in the files nor in git\n"
    found = story.opsroom("history", "nothing")
    assert found.status == 1
    assert found.err.startswith("opsroom: there is no campaign 'nothing', neither in the files nor in git;")


def test_where_there_is_neither_it_says_so(story: Story, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found = story.opsroom("history", cwd=empty)
    assert (found.status, found.out) == (1, "")
    assert found.err == f"opsroom: no state directory in {empty} or above it, and there is no git repository here\n"


def test_without_git_the_files_are_told_and_it_says_what_is_missing(story: Story) -> None:
    story.campaign("mine", ["a"])
    (story.repository / ".git").rename(story.folder / "aside")
    found = story.opsroom("history")
    assert found.status == 0
    assert "mine" in found.out
    assert found.err == "! there is no git repository here\n"
    assert told(story)["incomplete"] == "there is no git repository here"


def test_where_git_is_not_installed_it_says_so(story: Story, tmp_path: Path) -> None:
    story.campaign("mine", ["a"])
    found = story.opsroom("history", environment={"PATH": str(tmp_path / "nothing")})
    assert (found.status, found.err) == (0, "! git is not installed\n")
    assert "mine" in found.out


def test_it_needs_neither_screen_nor_orchestrator(story: Story) -> None:
    story.campaign("mine", ["a"])
    script = """if True:
        import sys
        from opsroom.cli import run
        status = run(["history"])
        loaded = {name.partition(".")[0] for name in sys.modules}
        print(status, sorted({"textual", "orchestrator", "watchfiles"} & loaded))
    """
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=story.repository,
        env=story.environment() | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []"
