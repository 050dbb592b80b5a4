"""A task from its spec to the base branch, done by a real CLI that does all that a worker may do."""

import json

from state.agent_events import Failed, Finished, SessionStarted, ToolCall, Unknown
from state.model import Result, decode
from tests.agents.model_script import Step
from tests.agents.real import COSTS, Real, cost

ASK = 'opsroom ask "Which colour shall it be?" --option red --option blue'


def test_a_worker_asks_edits_commits_and_reports(real: Real) -> None:
    steps = (
        Step(say="I ask which colour it is to be.", shell=f"{ASK} --wait 120 > wall.txt"),
        Step(shell="git add wall.txt && git commit -q -m 'paint the wall'"),
        Step(shell="printf 'The wall is painted. Next: say so.' | opsroom checkpoint -"),
        Step(shell="opsroom result success --summary 'painted it' --learned 'one coat is enough'"),
        Step(say="The wall is painted."),
    )
    real.script(*steps, watch=("Paint the wall, whatever the colour.",))
    story = real.story
    task = story.spawn("Paint the wall", spec="Paint the wall, whatever the colour.")
    story.up("--once")
    story.wait(lambda: task in story.states() and story.task(task).questions, "the question")
    assert story.opsroom("answer", task, "--option", "2").status == 0
    story.wait_for_state(task, "merged")

    assert (story.file("wall.txt"), story.subjects()) == ("blue", ["paint the wall", "first"])
    folder = story.state.task(task)
    assert folder.checkpoint.read_text().strip() == "The wall is painted. Next: say so."
    result = decode(Result, folder.result.read_text(), "result.toml")
    assert (result.outcome, result.summary, result.learned) == ("success", "painted it", "one coat is enough")

    report = real.report(task)
    assert (report.verdict, report.kind, report.unknown, report.retries) == ("success", real.name, 0, 0)
    assert report.session
    events = [event for event, _ in real.told(task)]
    assert [type(event) for event in events if isinstance(event, SessionStarted | Finished)] == [
        SessionStarted,
        Finished,
    ]
    assert sum(isinstance(event, ToolCall) for event in events) == 4
    assert not [event for event in events if isinstance(event, Unknown) or (isinstance(event, Failed) and event.fatal)]

    used = real.used(task)
    assert (used.tokens, used.input_tokens, used.output_tokens) == (5 * 1050, 5 * COSTS.input, 5 * COSTS.output)
    assert used.cached_tokens == 5 * COSTS.cached
    assert (used.attempts, used.unpriced, used.dollars) == (1, 0, cost(real.name, 5))
    shown = json.loads(story.opsroom("show", task, "--json").out)
    assert (shown["usage"]["tokens"], shown["report"]["verdict"]) == (5250, "success")
    assert "used: 5,250 tokens" in story.opsroom("status").out
    assert [request.step for request in real.asked()] == [0, 1, 2, 3, 4]
    assert all(request.watched for request in real.asked())
