"""Agents of a known kind through the whole orchestrator: what their streams tell decides, is written, and is counted.

The program is a script that prints what codex prints, and does real work in its worktree. Real CLIs: `tests/agents`.
"""

import json
import shlex
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.config import load
from state import event_log
from state.agent_events import decode_line
from state.model import AgentReport, decode
from tests.stories import Story, alive

WORK = "echo done > done.txt; git add done.txt; git commit --quiet --message work"
BEGIN = [{"type": "thread.started", "thread_id": "one"}, {"type": "turn.started"}]


def says(*lines: dict[str, Any] | str) -> str:
    """A command that prints a stream."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return "printf '%s\\n' " + " ".join(shlex.quote(text) for text in texts)


def message(text: str) -> dict[str, Any]:
    return {"type": "item.completed", "item": {"id": "i", "type": "agent_message", "text": text}}


def used(given: int, cached: int, made: int) -> dict[str, Any]:
    tokens = {"input_tokens": given, "cached_input_tokens": cached, "output_tokens": made}
    return {"type": "turn.completed", "usage": tokens}


def failed(text: str) -> dict[str, Any]:
    return {"type": "turn.failed", "error": {"message": text}}


END = used(1000, 200, 50)
WHOLE = says(*BEGIN, message("I work."), END)


def codex(story: Story, script: str, **settings: Any) -> None:
    story.agent(script, kind="codex", **settings)


def report(story: Story, task: str, attempt: int = 1) -> AgentReport:
    return decode(AgentReport, story.state.task(task).attempt(attempt).report.read_text(), "agent.toml")


def events(story: Story, task: str, attempt: int = 1) -> list[tuple[int, str]]:
    """The number and the kind of each event of the stream, as it was written."""
    lines = story.state.task(task).attempt(attempt).events.read_bytes().splitlines()
    decoded = (decode_line(line) for line in lines)
    return [(found[1].seq, type(found[0]).__name__) for found in decoded if found is not None]


def test_a_run_whose_stream_is_whole_is_landed_and_counted(story: Story) -> None:
    codex(story, f"{WORK}; {WHOLE}", model="a-model")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    told = report(story, task)
    assert (told.verdict, told.session, told.model, told.said) == ("success", "one", "a-model", "I work.")
    assert [kind for _, kind in events(story, task)] == ["SessionStarted", "Message", "Used", "Finished"]
    status = story.task(task).status
    assert status is not None
    usage = status.usage
    assert (usage.tokens, usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (1050, 1000, 200, 50)
    assert (usage.dollars, usage.unpriced) == (0, 1050), "nobody has said what it costs"


def test_what_the_table_prices_is_priced(story: Story) -> None:
    codex(story, f"{WORK}; {WHOLE}", model="gpt-9-codex")
    path = story.repository / "opsroom.toml"
    path.write_text(path.read_text() + '\n[prices."gpt-*"]\ninput = 10\ncached = 1\noutput = 100\n')
    task = story.spawn()
    story.up_once()
    status = story.task(task).status
    assert status is not None
    assert status.usage.dollars == pytest.approx((800 * 10 + 200 * 1 + 50 * 100) / 1e6)
    assert status.usage.unpriced == 0


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (says(*BEGIN, message("I work.")), "its stream has no end"),
        (says(*BEGIN, message("I work."), json.dumps(END)[:40]), "its stream is damaged"),
        (says(message("I work."), END), "its stream has no beginning"),
        ("true", "its stream has no end"),
        (says(*BEGIN, END, message("One more thing.")), "its stream has no end"),
        (says(*BEGIN, failed("the model refused")), "the model refused"),
    ],
    ids=["cut", "cut within a line", "no beginning", "nothing at all", "goes on after its end", "failed, exit 0"],
)
def test_an_exit_status_of_0_alone_is_no_success(story: Story, stream: str, why: str) -> None:
    codex(story, f"{WORK}; {stream}", max_attempts=1)
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "failed"
    assert why in story.why(task)
    assert story.subjects() == ["first"]


def test_a_provider_that_fails_holds_the_agent_and_costs_the_task_nothing(story: Story) -> None:
    story.configure(hold_seconds=0.2)
    stream = f"{says(*BEGIN, failed('429 Too Many Requests. Please try again in 1s.'))}; exit 1"
    codex(story, f"[ -e {story.folder}/tried ] || {{ touch {story.folder}/tried; {stream}; }}; {WORK}; {WHOLE}")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    (hold,) = story.events("hold", what="provider")
    assert hold["why"] == "the provider's limit is reached: 429 Too Many Requests. Please try again in 1s."
    assert hold["failure"] == "rate_limit"
    first = report(story, task)
    assert (first.verdict, first.failure) == ("failed", "rate_limit")
    assert first.until is not None
    status = story.task(task).status
    assert status is not None
    assert status.failures == 0
    second = story.events("move", task=task, to="starting")[1]
    assert second["at"] >= (first.until - timedelta(milliseconds=5)).isoformat().replace("+00:00", "Z")


def test_a_trial_frees_its_agent_as_soon_as_the_model_has_said_something(story: Story) -> None:
    story.configure(hold_seconds=0.5)
    here = story.folder
    down = f"{says(*BEGIN, failed('503 Service Unavailable'))}; exit 1"
    going = f"while [ ! -e {here}/go ]; do sleep 0.05; done"
    codex(
        story,
        f"[ -e {here}/up ] || {{ touch {here}/up; {down}; }}\n"
        f"touch {here}/begun-$OPSROOM_TASK; {says(*BEGIN)}\n"
        f"while [ ! -e {here}/there ]; do sleep 0.05; done; {says(message('There.'))}; {going}; {says(END)}",
    )
    process = story.up()
    first = story.spawn()
    story.wait(lambda: story.events("hold"), "the hold")
    second = story.spawn()
    story.wait((here / f"begun-{first}").exists, "the trial")
    assert not (here / f"begun-{second}").exists(), "one is tried alone"
    (here / "there").touch()
    story.wait((here / f"begun-{second}").exists, "the second, while the first still runs")
    (here / "go").touch()
    story.kill(process)


def test_a_failure_that_the_agent_got_over_is_none(story: Story) -> None:
    retry = {"type": "error", "message": "Reconnecting... 1/5 (high demand)"}
    warning = {"type": "item.completed", "item": {"id": "w", "type": "error", "message": "a warning"}}
    codex(story, f"{WORK}; {says(*BEGIN, warning, retry, message('There.'), END)}")
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert report(story, task).retries == 1


def test_an_orchestrator_that_is_killed_meanwhile_leaves_no_gap_and_repeats_nothing(story: Story) -> None:
    going = f"while [ ! -e {story.folder}/go ]; do sleep 0.05; done"
    codex(story, f"{says(*BEGIN, message('before'))}; {going}; {WORK}; {says(message('after'), END)}")
    first = story.up()
    task = story.spawn()
    log = story.state.task(task).attempt(1).events
    story.wait(lambda: log.exists() and len(events(story, task)) == 2, "the first events")
    story.kill(first)
    (story.folder / "go").touch()
    story.wait(lambda: not alive(story.processes(task).child), "the worker's end")
    story.up_once()
    assert story.task(task).state == "merged"
    kinds = ["SessionStarted", "Message", "Message", "Used", "Finished"]
    assert events(story, task) == list(enumerate(kinds, 1))


def test_what_runs_is_counted_while_it_runs_and_ended_when_it_is_too_much(story: Story) -> None:
    first = {
        "id": "m1",
        "role": "assistant",
        "content": [{"type": "text", "text": "I begin."}],
        "usage": {"input_tokens": 5000, "output_tokens": 100},
    }
    lines: list[dict[str, Any]] = [
        {"type": "system", "subtype": "init", "session_id": "s", "model": "m"},
        {"type": "assistant", "message": first},
    ]
    story.agent(f"{says(*lines)}; sleep 600", kind="claude", tokens=4000, grace=0.2)
    task = story.spawn()
    process = story.up()
    move = story.wait(lambda: story.events("move", task=task, to="queued"), "its end by its budget")[0]
    assert "the attempt's budget of 4,000 tokens is used up: 5,100" in move["why"]
    story.kill(process)
    assert report(story, task).failure == "interrupted"
    assert report(story, task).usage.tokens == 5100


def test_a_session_is_resumed_and_only_what_is_new_is_counted(story: Story) -> None:
    script = f"""
case "$*" in
*resume*one*) {WORK}; {says(*BEGIN, message("second"), used(1500, 700, 80))} ;;
*) {says(*BEGIN, message("first"), END)}; opsroom ask 'Which one?' --wait 0; exit 0 ;;
esac"""
    codex(story, script, **{"continue": "session"})
    process = story.up()
    task = story.spawn()
    story.wait_for_state(task, "waiting")
    story.wait(story.state.task(task).attempt(1).exit.exists, "it to have left without an answer")
    assert story.opsroom("answer", task, "the second").status == 0
    story.wait_for_state(task, "merged")
    story.kill(process)
    again = report(story, task, 2)
    assert (again.resumed, again.session, again.verdict) == ("one", "one", "success")
    assert again.usage.tokens == 1580 - 1050
    prompt = story.state.task(task).attempt(2).prompt.read_text()
    assert "the second" in prompt
    assert "Do it." not in prompt, "the session knows its spec"
    status = story.task(task).status
    assert status is not None
    assert status.usage.tokens == 1580


def test_a_session_that_cannot_be_resumed_is_begun_afresh_and_held_against_nobody(story: Story) -> None:
    script = f"""
case "$*" in
*resume*) exit 42 ;;
esac
if [ -e {story.folder}/tried ]; then {WORK}; {WHOLE}; else touch {story.folder}/tried; {says(*BEGIN)}; exit 1; fi"""
    codex(story, script, max_attempts=2, **{"continue": "session"})
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    resumed = [report(story, task, number).resumed for number in (1, 2, 3)]
    assert resumed == ["", "one", ""]
    assert "Do it." in story.state.task(task).attempt(3).prompt.read_text()
    moved = [event["why"] for event in story.events("move", task=task, to="queued")]
    assert any("its session could not be resumed, so it begins afresh" in why for why in moved)


def test_a_session_that_hangs_instead_of_resuming_is_ended_soon(story: Story) -> None:
    script = f"""
case "$*" in
*resume*) sleep 600 ;;
esac
if [ -e {story.folder}/tried ]; then {WORK}; {WHOLE}; else touch {story.folder}/tried; {says(*BEGIN)}; exit 1; fi"""
    codex(story, script, resume_seconds=0.5, grace=0.2, **{"continue": "session"})
    task = story.spawn()
    story.up_once()
    assert story.task(task).state == "merged"
    assert "did not begin in 0.5 s" in story.state.task(task).attempt(2).exit.read_text()


def test_the_agents_own_events_stand_among_the_orchestrators(story: Story) -> None:
    story.configure(checks=("true",))
    codex(story, f"{WORK}; {WHOLE}")
    task = story.spawn()
    story.up_once()
    lines = story.state.task(task).attempt(1).events.read_bytes().splitlines()
    kinds = [event["kind"] for event in event_log.events(lines, "events.jsonl") if isinstance(event, dict)]
    assert kinds == ["launched", "session_started", "message", "usage", "finished", "check"]


def test_a_kind_brings_its_own_program(story: Story) -> None:
    (story.repository / "opsroom.toml").write_text('[agents.a]\nkind = "codex"\nargs = ["-c", "x=1"]\n')
    agent = load(story.repository).agents["a"]
    assert agent.command == ["codex"]
