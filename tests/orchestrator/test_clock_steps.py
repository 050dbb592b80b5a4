"""A clock that was set back is noticed, however long the machine makes the one who reads it wait."""

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.clock_steps import ClockSteps

BEGIN = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Machine:
    """Two clocks, one of which can be set, and pauses that the machine makes while the settable one is read."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.wrong = 0.0
        self.pauses: list[float] = []

    def clock(self) -> datetime:
        said = BEGIN + timedelta(seconds=self.seconds + self.wrong)
        self.seconds += self.pauses.pop(0) if self.pauses else 0.0
        return said

    def steady(self) -> float:
        return self.seconds

    def steps(self) -> ClockSteps:
        return ClockSteps(self.clock, self.steady)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def step(steps: ClockSteps) -> float:
    return steps.read()[1].total_seconds()


def test_a_step_back_is_told_once(machine: Machine) -> None:
    steps = machine.steps()
    assert step(steps) == 0
    machine.seconds += 60
    assert step(steps) == 0
    machine.wrong = -3600
    assert [step(steps), step(steps)] == [3600, 0]


@pytest.mark.parametrize("wrong", [3600.0, 0.9, -0.9])
def test_a_step_forth_and_what_is_slewed_is_none(machine: Machine, wrong: float) -> None:
    steps = machine.steps()
    step(steps)
    machine.wrong = wrong
    assert step(steps) == 0


@pytest.mark.parametrize("first", [[], [0.04], [7.0], [7.0, 5.0], [9.0, 9.0, 0.3, 9.0, 9.0]])
@pytest.mark.parametrize("second", [[], [0.04], [7.0], [7.0, 5.0], [9.0, 9.0, 0.3, 9.0, 9.0]])
def test_a_pause_while_the_clocks_are_read_is_no_part_of_a_step(
    machine: Machine, first: list[float], second: list[float]
) -> None:
    steps = machine.steps()
    machine.pauses = list(first)
    assert step(steps) == 0
    machine.wrong, machine.pauses = -3600, list(second)
    assert step(steps) == 3600


def test_a_pause_alone_is_no_step(machine: Machine) -> None:
    steps = machine.steps()
    step(steps)
    machine.pauses = [30.0] * 5
    assert step(steps) == 0
    assert step(steps) == 0


def test_the_time_that_is_told_is_by_the_clock_as_it_is_now(machine: Machine) -> None:
    steps = machine.steps()
    steps.read()
    machine.wrong, machine.pauses = -3600, [7.0]
    now, _ = steps.read()
    assert now == machine.clock()
