"""A campaign whose files nobody can read: waited out for a while, then halted, and gone on with once mended."""

from pathlib import Path

import pytest

from orchestrator.campaign.unreadable import Unreadable
from tests.stories import Story

SED = "sed -i s/one/two/ $OPSROOM_ITEM"
ITEMS = ["a.txt", "b.txt", "c.txt"]


def test_it_is_over_once_it_has_lasted_and_begins_anew_when_it_was_read() -> None:
    now = 100.0
    unreadable = Unreadable(60.0, lambda: now)
    assert unreadable.over("twos") == ""
    unreadable.found("twos", "line 3")
    now = 159.0
    unreadable.found("twos", "line 4")
    assert unreadable.over("twos") == ""
    now = 160.0
    assert (unreadable.over("twos"), unreadable.over("threes")) == ("line 4", "")
    unreadable.forget("twos")
    unreadable.found("twos", "line 4")
    assert unreadable.over("twos") == ""


@pytest.fixture
def files_to_change(story: Story) -> None:
    for item in ITEMS:
        (story.repository / item).write_text("one\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "three files")


def spoil(path: Path, how: str) -> str:
    """The shell command that spoils `path` so; what was there stays beside it."""
    return f"cp {path} {path}.kept; {how.format(path=path)}"


def mend(path: Path) -> None:
    path.with_name(f"{path.name}.kept").replace(path)


@pytest.mark.usefixtures("files_to_change")
@pytest.mark.parametrize(
    ("file", "how", "why"),
    [
        ("campaign.toml", "echo '= [' >> {path}", "line 5: not TOML"),
        ("campaign.toml", "rm {path}", "missing"),
        ("campaign.toml", "echo 'deny = [\"!\"]' >> {path}", "'!'"),
        ("campaign.md", "rm {path}", "missing"),
        ("campaign.md", 'sed -i "s/^2. b.txt/2. b.txt | checks=don\'t/" {path}', "checks=don't: No closing quotation"),
    ],
    ids=["not-toml", "no-envelope", "policy", "no-queue", "own-checks"],
)
def test_it_halts_after_its_limit_and_goes_on_when_it_is_mended(story: Story, file: str, how: str, why: str) -> None:
    story.configure(unreadable_seconds=0.5)
    path = story.state.campaign("twos").root / file
    story.agent(f"[ $OPSROOM_INDEX = 2 ] && {{ {spoil(path, how)}; }}; {SED}")
    story.campaign("twos", ITEMS)
    story.send("campaign-start", campaign="twos")

    assert story.opsroom("up", "--once").status == 0

    view = story.campaign_view("twos")
    (_, run), *_ = view.runs
    assert run.halted == "error"
    assert run.why.startswith(f"campaigns/twos/{file}")
    assert why in run.why
    assert view.file is None or view.file.status == "error"
    assert len(story.events("halt")) == 1
    assert story.states() == {"twos-0001": "merged", "twos-0002": "verifying"}

    mend(path)
    story.send("campaign-start", campaign="twos")
    story.up_once()

    assert set(story.states().values()) == {"merged"}
    assert [run.halted for _, run in story.campaign_view("twos").runs] == ["error", "complete"]
    assert story.subjects("campaign/twos")[:3] == ["twos: c.txt", "twos: b.txt", "twos: a.txt"]


@pytest.mark.usefixtures("files_to_change")
def test_who_mends_it_within_the_limit_finds_that_nothing_has_halted(story: Story) -> None:
    path = story.state.campaign("twos").root / "campaign.toml"
    story.agent(f"[ $OPSROOM_INDEX = 2 ] && {{ {spoil(path, 'rm {path}')}; }}; {SED}")
    story.campaign("twos", ITEMS)
    story.send("campaign-start", campaign="twos")
    running = story.begin("up", "--once")
    story.wait(lambda: story.events("trouble", what="twos-0002"), "it to be said")
    mend(path)
    story.finish(running)
    assert set(story.states().values()) == {"merged"}
    assert [run.halted for _, run in story.campaign_view("twos").runs] == ["complete"]
