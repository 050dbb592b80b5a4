"""A real CLI that goes on with a session of its own."""

from tests.agents.model_script import Step
from tests.agents.real import COSTS, Real, cost


def test_a_resumed_session_knows_what_was_said_and_counts_its_tokens_once(real: Real) -> None:
    real.configure(agent={"continue": "session"})
    real.script(
        Step(say="I do not know the colour.", shell="opsroom ask 'Which colour?' --wait 0"),
        Step(say="I wait for the answer."),
        Step(shell="echo blue > wall.txt && git add wall.txt && git commit -q -m 'paint the wall'"),
        Step(say="Painted."),
        watch=("I do not know the colour.",),
    )
    story = real.story
    task = story.spawn("Paint the wall", spec="Paint the wall.")
    story.up()
    story.wait_for_state(task, "waiting")
    assert story.opsroom("answer", task, "blue").status == 0
    story.wait_for_state(task, "merged")
    assert real.verdicts() == ["success", "success"]
    first, second = real.report_of(task, 1), real.report_of(task, 2)
    assert first.session
    assert (second.resumed, second.session) == (first.session, first.session)
    assert [bool(request.watched) for request in real.asked()] == [False, True, True, True]
    assert [report.usage.tokens for report in (first, second)] == [2 * 1050, 2 * 1050]
    used = real.used(task)
    assert (used.tokens, used.cached_tokens, used.attempts) == (4 * 1050, 4 * COSTS.cached, 2)
    assert (used.unpriced, used.dollars) == (0, cost(real.name, 4))
