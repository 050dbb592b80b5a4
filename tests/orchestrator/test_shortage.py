"""A machine that is short of something launches nothing, and says so once; what workers take is written down."""

import threading
import time
from typing import Any

import pytest

from opsroom.commands.show import read_fleet
from orchestrator.config import load
from orchestrator.gate import Gate
from orchestrator.holds import LINGER
from orchestrator.loop import Orchestrator
from orchestrator.running import machine
from state import files
from state.errors import BadFile
from state.machine import MACHINE, Machine
from state.model import decode
from state.views import Fleet
from tests.faults.test_clock import Clock
from tests.stories import Story


def sample(story: Story) -> Machine | None:
    try:
        return decode(Machine, files.read_text(story.state.root, story.state.machine), "machine.toml")
    except BadFile:
        return None


def test_what_a_running_worker_takes_is_written_down(story: Story) -> None:
    story.agent("sleep 600 & sleep 600 & wait")
    task = story.spawn()
    story.up("--quiet")

    def whole() -> Machine | None:
        found = sample(story)
        workers = [(one.task, one.attempt, one.processes) for one in found.workers] if found else []
        return found if workers == [(task, 1, 3)] else None

    found = story.wait(whole, "a sample with the worker's three processes")
    assert found.every == 5.0
    assert found.workers[0].memory_mib >= 1


def test_nothing_is_launched_into_a_shortage_and_all_goes_on_after_it(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(story, monkeypatch)
    story.agent("echo done > made")
    story.configure(min_free_memory_mib=10**9)
    task = story.spawn()
    process = story.up("--quiet")
    story.wait(lambda: story.events("hold"), "the hold to be told")
    story.wait_for_state(task, "queued")
    (hold,) = story.wait(lambda: read_fleet(story.state).holds, "the hold to be written")
    assert (hold.kind, hold.agent) == (MACHINE, "")
    assert "less than orchestrator.min_free_memory_mib = 1000000000" in hold.why
    assert story.opsroom("down").status == 0
    story.finish(process)
    assert story.moves(task) == []
    assert len(story.events("hold")) == 1

    story.configure(min_free_memory_mib=0)
    story.up("--quiet")
    story.wait(lambda: any(hold.until for hold in read_fleet(story.state).holds), "the end of the hold to be known")
    assert story.moves(task) == []
    clock.set(LINGER.total_seconds())
    story.wait_for_state(task, "merged")
    assert story.file("made") == "done"


def test_nothing_is_launched_before_it_is_known_whether_there_is_a_shortage(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.agent("touch made")
    story.configure(min_free_memory_mib=10**9)
    task = story.spawn()
    sample = machine.Sampler.sample

    def late(*given: Any) -> Machine:
        story.wait(lambda: "0001" in story.states(), "the task")
        time.sleep(20 * machine.PATIENCE)  # on a machine that gives this thread no time
        return sample(*given)

    monkeypatch.setattr(machine.Sampler, "sample", late)
    monkeypatch.setattr(machine, "PATIENCE", 0.02)
    orchestrator = Orchestrator(story.state, load(story.repository))
    running = threading.Thread(target=orchestrator.run)
    running.start()
    story.wait(lambda: story.events("hold"), "the hold to be told")
    orchestrator.stop()
    running.join(60)
    assert story.moves(task) == []


def test_a_sample_that_comes_in_the_middle_of_a_turn_is_looked_at_before_anything_is_launched(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.agent("touch made")
    story.configure(min_free_memory_mib=10**9)
    task = story.spawn()
    look, sample, comes = Gate.look, machine.Sampler.sample, threading.Event()

    def late(*given: Any) -> Machine:
        assert comes.wait(60)
        return sample(*given)

    def looks_just_before(gate: Gate, fleet: Fleet, *given: Any) -> None:
        look(gate, fleet, *given)
        if task in fleet.tasks:
            comes.set()
            story.wait(lambda: "machine" not in [one.name for one in threading.enumerate()], "the sample")

    monkeypatch.setattr(machine.Sampler, "sample", late)
    monkeypatch.setattr(machine, "PATIENCE", 0.02)
    monkeypatch.setattr(Gate, "look", looks_just_before)
    orchestrator = Orchestrator(story.state, load(story.repository))
    running = threading.Thread(target=orchestrator.run)
    running.start()
    story.wait(lambda: story.events("hold"), "the hold to be told")
    orchestrator.stop()
    running.join(60)
    assert story.moves(task) == []
