"""Somebody sets the clock while attempts run: an hour back, a day forth. Nothing is ended by it, nothing done twice."""

import textwrap
from pathlib import Path

import pytest

from orchestrator.running import attempts
from state.layout import AttemptDir
from state.model import Exit, Launch, decode
from tests.stories import Said, Story, alive

HOUR, DAY = 3600.0, 86_400.0
WAITS = "while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done; echo $OPSROOM_ATTEMPT > $OPSROOM_TASK"


class Clock:
    """The clock of every Python process of a story, which only this test sets; a file has by how much it is wrong.

    No test may set the machine's clock. What is exchanged is the one function by which Opsroom reads it.
    """

    def __init__(self, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = story.folder / "clock"
        folder = story.folder / "site"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(
            textwrap.dedent(f"""\
                import datetime, pathlib, state.times
                right, wrong = state.times.utc_now, pathlib.Path({str(self._file)!r})
                state.times.utc_now = lambda: right() + datetime.timedelta(seconds=float(wrong.read_text()))
                """)
        )
        self.set(0.0)
        path = story.environment()["PYTHONPATH"]
        original = story.environment
        monkeypatch.setattr(
            story, "environment", lambda *given, **named: original(*given, **named) | {"PYTHONPATH": f"{folder}:{path}"}
        )

    def set(self, seconds: float) -> None:
        """Makes it `seconds` wrong."""
        ready = self._file.with_suffix(".new")
        ready.write_text(str(seconds))
        ready.rename(self._file)


@pytest.fixture
def clock(story: Story, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(story, monkeypatch)


def status(story: Story) -> Said:
    return story.opsroom("status")


@pytest.mark.parametrize("step", [-HOUR, DAY], ids=["an hour back", "a day forth"])
def test_an_attempt_runs_on_and_its_orchestrator_is_told_to_end(story: Story, clock: Clock, step: float) -> None:
    story.agent(WAITS, seconds=300.0, silence=300.0)
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "running")
    run = story.processes(task)
    clock.set(step)
    story.wait(lambda: status(story).out.startswith("orchestrator: up "), "a beat by the new clock")
    (line,) = [line for line in status(story).out.splitlines() if line.startswith(f"{task}  running")]
    assert line.split()[2] == ("0s" if step < 0 else "1d"), "an age is never below nothing"
    assert alive(run.child)
    said = story.opsroom("down")
    assert (said.status, said.err) == (0, "")
    assert story.finish(running).status == 0
    assert alive(run.child)

    again = story.up()
    clock.set(0.0)
    (story.state.task(task).root / "go").touch()
    story.wait_for_state(task, "merged")
    assert story.task(task).attempts == (1,)
    assert story.moves(task) == ["starting", "running", "verifying", "merging", "merged"]
    assert story.opsroom("down").status == 0
    assert story.finish(again).status == 0


@pytest.mark.parametrize("while_up", [True, False], ids=["while it runs", "while nothing runs"])
def test_a_backoff_does_not_last_an_hour_because_the_clock_was_set_back(
    story: Story, clock: Clock, while_up: bool
) -> None:
    story.configure(backoff_seconds=3.0, backoff_limit=3.0)
    story.agent('[ "$OPSROOM_ATTEMPT" = 2 ] || exit 1; touch made')
    task = story.spawn()
    running = story.up()
    story.wait(lambda: story.events("move", task=task, to="retrying"), "the backoff")
    if while_up:
        clock.set(-HOUR)
        story.wait(lambda: story.events("clock", why="it was set back by 1h"), "the step to be noticed")
    else:
        story.kill(running)
        clock.set(-HOUR)
        running = story.up()
    story.wait_for_state(task, "merged")
    assert story.task(task).attempts == (1, 2)
    assert bool(story.events("clock")) == while_up
    running.terminate()
    assert story.finish(running).status == 0


def test_an_agent_is_not_held_for_an_hour_because_the_clock_was_set_back(story: Story, clock: Clock) -> None:
    story.configure(hold_seconds=3.0)
    story.agent('[ "$OPSROOM_ATTEMPT" = 2 ] || exit 75; touch made')
    task = story.spawn()
    running = story.up()
    story.wait(lambda: story.events("hold"), "the agent to be held")
    clock.set(-HOUR)
    story.wait_for_state(task, "merged")
    running.terminate()
    assert story.finish(running).status == 0


def test_a_default_counts_at_its_deadline_by_the_clock_that_people_read(story: Story, clock: Clock) -> None:
    story.agent("opsroom ask 'Which?' --default blue --deadline 3000 --wait 300 > colour")
    task = story.spawn()
    running = story.up()
    story.wait_for_state(task, "waiting")
    clock.set(-HOUR)
    story.wait(lambda: story.events("clock"), "the step to be noticed")
    assert story.task(task).state == "waiting"
    clock.set(HOUR)
    story.wait_for_state(task, "merged")
    assert story.file("colour") == "blue"
    assert story.task(task).attempts == (1,)
    running.terminate()
    assert story.finish(running).status == 0


def supervised(story: Story, monkeypatch: pytest.MonkeyPatch, script: str, seconds: float, step: float) -> AttemptDir:
    """An attempt whose supervisor's clock is set by `step` as soon as it has read it once, for when it started."""
    real = attempts.SUPERVISOR
    wrapper = story.folder / "supervisor.py"
    wrapper.write_text(
        textwrap.dedent(f"""\
            import datetime, itertools, runpy, time
            readings, right = itertools.count(), time.time
            class Wrong(datetime.datetime):
                @classmethod
                def now(cls, zone=None):
                    return super().now(zone) + datetime.timedelta(seconds={step} if next(readings) else 0.0)
            datetime.datetime, time.time = Wrong, lambda: right() + {step}
            runpy.run_path({str(real)!r}, run_name="__main__")
            """)
    )
    monkeypatch.setattr(attempts, "SUPERVISOR", wrapper)
    attempt = story.state.task("0001").attempt(1)
    launch = Launch(argv=["sh", "-c", script], cwd="/", environment={}, seconds=seconds, grace=5.0)
    attempts.start(story.state.root, attempt, launch, b"")
    story.processes("0001")
    return attempt


@pytest.mark.parametrize("step", [-HOUR, DAY], ids=["an hour back", "a day forth"])
def test_the_time_limit_of_an_attempt_knows_no_clock(
    story: Story, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    attempt = supervised(story, monkeypatch, "sleep 600", seconds=2.0, step=step)
    story.wait(attempt.exit.exists, "the limit")
    record = decode(Exit, attempt.exit.read_text(), "exit.toml")
    assert record.reason == "timeout"
    assert 2.0 <= record.seconds < 60.0
    told = (record.ended - record.started).total_seconds() - step
    assert abs(told - record.seconds) < 60, "the clock was what it was"


def test_a_day_forth_ends_no_attempt_early(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    go = story.folder / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.05; done"
    attempt = supervised(story, monkeypatch, script, seconds=600.0, step=DAY)
    before = looks(story)
    story.wait(lambda: looks(story) > before + 1, "the supervisor to look around")
    assert attempts.is_alive(attempt)
    go.touch()
    story.wait(attempt.exit.exists, "its end")
    assert decode(Exit, attempt.exit.read_text(), "exit.toml").reason == "exited"


def looks(story: Story) -> int:
    """How often the supervisor has gone to sleep again."""
    text = Path(f"/proc/{story.processes('0001').supervisor}/status").read_text()
    return int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
