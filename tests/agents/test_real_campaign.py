"""A campaign of five items that a real CLI does, two at a time."""

from tests.agents.model_script import Script, Step
from tests.agents.real import COSTS, Real, cost

ITEMS = [f"walls/{number}.txt" for number in range(1, 6)]
PAINT = 'echo blue >> "$OPSROOM_ITEM" && git commit -q -a -m "paint $OPSROOM_ITEM"'


def test_five_items_are_done_each_by_an_agent_of_its_own(real: Real) -> None:
    story = real.story
    (story.repository / "walls").mkdir()
    for item in ITEMS:
        (story.repository / item).write_text("bare\n")
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "walls")
    steps = (
        Step(say="I paint it.", shell=PAINT),
        Step(shell="opsroom result success --summary painted --learned 'one coat is enough'"),
        Step(say="Painted."),
    )
    real.model.play("agent", Script(steps=steps, usage=COSTS, per=r"worktrees/paint-(\d+)"))
    story.campaign("paint", ITEMS, envelope="at_once = 2\n")
    story.send("campaign-start", campaign="paint")
    story.up("--once")
    story.wait(lambda: story.campaign_view("paint").done == 5, "five items to be done")

    file = story.campaign_view("paint").file
    assert file is not None
    assert [(line.index, line.result) for line in sorted(file.history, key=lambda line: line.index or 0)] == [
        (number, "success") for number in range(1, 6)
    ]
    assert [story.file(item, "campaign/paint") for item in ITEMS] == ["bare\nblue"] * 5
    assert real.verdicts() == ["success"] * 5
    used = [real.used(task) for task in story.states()]
    assert [usage.tokens for usage in used] == [3 * 1050] * 5
    assert [usage.dollars for usage in used] == [cost(real.name, 3)] * 5
    assert len(real.asked()) == 15
