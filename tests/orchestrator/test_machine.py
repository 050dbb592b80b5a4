"""What is left of the machine and what each worker takes of it, by real workers that take something."""

import itertools
import os
import threading
import time
from typing import Any

import msgspec
import psutil
import pytest

from orchestrator.config import Limits
from orchestrator.running import machine as running_machine
from orchestrator.running import processes
from orchestrator.running.machine import Sampler, Sampling, percent, shortage
from state.errors import CannotWrite
from state.machine import Machine, Worker
from state.model import Attempt, decode
from state.times import utc_now
from tests.orchestrator.test_attempts import child_of, start
from tests.stories import Story

EATS_MEMORY = (
    "import os, time; eaten = os.urandom(100 << 20); open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
)
BURNS_A_CORE = "import os; open('burner', 'w').write(str(os.getpid()))\nwhile True: pass"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample is waited for until it is there, however slow the machine is at the moment."""
    monkeypatch.setattr(running_machine, "PATIENCE", 60.0)


def only_worker(sampler: Sampler, run: Attempt) -> Worker:
    (worker,) = sampler.sample(utc_now(), {"0001": (1, run)}).workers
    return worker


def machine(**figures: Any) -> Machine:
    usual: dict[str, Any] = {"memory_total_mib": 8000, "memory_free_mib": 4000}
    usual |= {"disk_total_mib": 90_000, "disk_free_mib": 9000}
    return Machine(at=utc_now(), every=5.0, host="h", cores=2, load=0.5, **(usual | figures))


def test_the_machine_is_as_large_as_the_system_says(story: Story) -> None:
    before = os.statvfs(story.folder)
    sample = Sampler(story.folder, Limits()).sample(now := utc_now(), {})
    found = os.statvfs(story.folder)
    assert (sample.at, sample.host, sample.workers) == (now, os.uname().nodename, [])
    assert sample.cores == len(os.sched_getaffinity(0))
    assert 0 < sample.memory_free_mib <= sample.memory_total_mib <= psutil.virtual_memory().total >> 20
    assert sample.disk_total_mib == found.f_blocks * found.f_frsize >> 20
    assert (sample.min_free_memory_mib, sample.min_free_disk_mib) == (512, 1024)
    least, most = sorted(one.f_bavail * one.f_frsize >> 20 for one in (before, found))
    assert least - 1000 < sample.disk_free_mib < most + 1000


def test_a_worker_takes_what_all_its_processes_take(story: Story) -> None:
    (story.folder / "eat.py").write_text(EATS_MEMORY)
    (story.folder / "burn.py").write_text(BURNS_A_CORE)
    interpreter = psutil.Process().exe()
    start(story, f"{interpreter} eat.py & {interpreter} burn.py & wait")
    child_of(story), child_of(story, "burner")
    run, sampler = story.processes("0001"), Sampler(story.folder, Limits())
    worker = only_worker(sampler, run)
    assert (worker.task, worker.attempt, worker.processes) == ("0001", 1, 3)
    assert 100 <= worker.memory_mib < 180
    used = psutil.Process(child_of(story, "burner")).cpu_times().user

    def burnt_more() -> bool:
        return psutil.Process(child_of(story, "burner")).cpu_times().user > used + 0.5

    story.wait(burnt_more, "half a second of work")
    assert 5 < only_worker(sampler, run).cpu_percent < 130


def test_who_has_to_wait_at_a_look_looks_again(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    (story.folder / "burn.py").write_text(BURNS_A_CORE)
    start(story, f"exec {psutil.Process().exe()} burn.py")
    burner = psutil.Process(child_of(story, "burner"))
    run, sampler = story.processes("0001"), Sampler(story.folder, Limits())
    look, looks = processes.use_below, itertools.count()

    def waits_at_the_first(*given: Any) -> processes.Use:
        use = look(*given)
        if next(looks):
            return use
        time.sleep(2.0)  # on a machine that gives this thread no time, and the worker much
        return use._replace(cpu_seconds=use.cpu_seconds - 100)

    monkeypatch.setattr(processes, "use_below", waits_at_the_first)
    only_worker(sampler, run)
    used = burner.cpu_times().user
    story.wait(lambda: burner.cpu_times().user > used + 0.5, "half a second of work")
    assert only_worker(sampler, run).cpu_percent < 130


def test_processes_that_are_gone_before_anybody_looks_are_counted_by_what_they_used(story: Story) -> None:
    start(story, "while :; do sh -c 'i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done'; done")
    run, sampler = story.processes("0001"), Sampler(story.folder, Limits())
    only_worker(sampler, run)
    shell = psutil.Process(run.child)
    story.wait(lambda: sum(shell.cpu_times()[2:4]) > 0.5, "half a second of work")
    assert only_worker(sampler, run).cpu_percent > 5


def test_what_a_worker_left_to_itself_is_still_its(story: Story) -> None:
    start(story, "(setsid sh -c 'echo $$ > pid; exec sleep 600' &) ; exec sleep 600")
    left = child_of(story)
    run = story.processes("0001")
    story.wait(lambda: psutil.Process(left).ppid() == run.supervisor, "the supervisor to take it on")
    story.wait(lambda: psutil.Process(run.child).name() == "sleep", "the shell to have seen its subshell end")
    assert only_worker(Sampler(story.folder, Limits()), run).processes == 2


@pytest.mark.parametrize("change", [{"supervisor_start": 1}, {"supervisor_start": 0}, {"boot": "another"}])
def test_a_process_of_the_same_number_is_not_taken_for_the_worker(story: Story, change: dict[str, Any]) -> None:
    start(story, "sleep 600")
    run = msgspec.structs.replace(story.processes("0001"), **change)
    assert Sampler(story.folder, Limits()).sample(utc_now(), {"0001": (1, run)}).workers == []


def test_another_attempt_does_not_begin_with_what_the_last_one_used(story: Story) -> None:
    start(story, "sleep 600")
    run, sampler = story.processes("0001"), Sampler(story.folder, Limits())
    only_worker(sampler, run)
    (again,) = sampler.sample(utc_now(), {"0001": (2, run)}).workers
    assert again.attempt == 2
    assert again.cpu_percent >= 0


@pytest.mark.parametrize(
    ("cpu_seconds", "seconds", "found"), [(2.5, 5, 50.0), (10, 5, 200.0), (-3, 5, 0.0), (1, 0, 0.0)]
)
def test_a_share_of_a_core(cpu_seconds: float, seconds: float, found: float) -> None:
    assert percent(cpu_seconds, seconds) == found


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ({}, ""),
        ({"memory_free_mib": 512, "disk_free_mib": 1024}, ""),
        ({"memory_free_mib": 412}, "412 MiB of memory are free, less than orchestrator.min_free_memory_mib = 512"),
        ({"disk_free_mib": 9}, "9 MiB of disk are free for worktrees, less than orchestrator.min_free_disk_mib = 1024"),
    ],
)
def test_too_little_is_said_in_one_sentence(left: dict[str, int], why: str) -> None:
    assert shortage(machine(**left), Limits()) == why


def test_who_sets_no_limit_is_never_short() -> None:
    nothing = machine(memory_free_mib=0, disk_free_mib=0)
    assert shortage(nothing, Limits(min_free_memory_mib=0, min_free_disk_mib=0)) == ""


def test_samples_are_written_at_their_pace(story: Story) -> None:
    sampling = Sampling(story.state, Limits(), busy=0.0, idle=600.0)
    first, later = utc_now(), utc_now()
    sampling.turn(first, {})
    sampling.close()
    written = decode(Machine, story.state.machine.read_text(), "machine.toml")
    assert (written.at, written.every, written) == (first, 600.0, sampling.machine)
    sampling.turn(later, {})
    sampling.close()
    assert sampling.machine == written
    start(story, "sleep 600")
    sampling.turn(later, {"0001": (1, story.processes("0001"))})
    sampling.close()
    written = decode(Machine, story.state.machine.read_text(), "machine.toml")
    assert (written.at, written.every, written.workers[0].task) == (later, 0.0, "0001")


def test_the_first_sample_is_there_when_it_is_asked_for(story: Story) -> None:
    sampling = Sampling(story.state, Limits())
    sampling.turn(utc_now(), {})
    assert sampling.machine is not None


def test_what_is_to_be_launched_calls_for_a_sample_that_is_not_old(story: Story) -> None:
    sampling = Sampling(story.state, Limits(), busy=0.0, idle=600.0)
    sampling.turn(utc_now(), {})
    before = sampling.machine
    sampling.turn(later := utc_now(), {}, wanted=True)
    assert before is not None and sampling.machine is not None
    assert (before.at < later, sampling.machine.at) == (True, later)


def test_a_sample_that_takes_long_is_awaited_but_not_for_ever(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, sample = threading.Event(), Sampler.sample

    def late(*given: Any) -> Machine:
        assert go_on.wait(60)
        return sample(*given)

    monkeypatch.setattr(Sampler, "sample", late)
    monkeypatch.setattr(running_machine, "PATIENCE", 0.01)
    sampling = Sampling(story.state, Limits())
    assert not sampling.awaited
    sampling.turn(utc_now(), {}, wanted=True)
    assert (sampling.machine, sampling.awaited) == (None, True)
    with monkeypatch.context() as hanging:
        hanging.setattr(running_machine, "HANGS", 0.0)
        assert not sampling.awaited
    go_on.set()
    story.wait(lambda: not sampling.awaited, "the sample")
    assert sampling.machine is not None


def test_a_sample_that_cannot_be_written_is_said_until_one_can(story: Story) -> None:
    story.state.machine.mkdir()
    sampling = Sampling(story.state, Limits(), idle=0.0)
    with pytest.raises(CannotWrite, match=r"orchestrator/machine\.toml: is a directory"):
        sampling.turn(utc_now(), {})
    assert sampling.machine is not None
    story.state.machine.rmdir()

    def written() -> bool:
        try:
            sampling.turn(utc_now(), {})
        except CannotWrite:
            return False
        return True

    story.wait(written, "a sample that can be written")
    sampling.close()
    assert story.state.machine.is_file()


def test_worktrees_on_a_disk_that_is_gone_are_said(story: Story) -> None:
    story.state.worktrees.rmdir()
    sampling = Sampling(story.state, Limits(), idle=600.0)
    with pytest.raises(FileNotFoundError, match="worktrees"):
        sampling.turn(utc_now(), {})
