"""A tree of processes is all that descends from its top, whichever way the system tells of it."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from orchestrator.running.processes import Use, children_by, use_below
from tests.stories import wait

TREE = """
import subprocess, threading
started = []
thread = threading.Thread(target=lambda: (started.append(subprocess.Popen(["sleep", "600"])), started[0].wait()))
thread.start()
shell = subprocess.Popen(["sh", "-c", "sleep 600 & wait"])
print(flush=True)
shell.wait()
"""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    """A process with two children, one of them started by another of its threads, and a grandchild."""
    top = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert top.stdout is not None
        top.stdout.readline()
        wait(lambda: len(psutil.Process(top.pid).children(recursive=True)) == 3, lambda: "three processes")
        yield top
    finally:
        os.killpg(top.pid, 9)
        top.communicate()


@pytest.mark.parametrize("told", [True, False])
def test_all_that_descends_is_counted(tree: subprocess.Popen[bytes], told: bool) -> None:
    use = use_below(tree.pid, children_by(told=told))
    assert use.processes == 3
    resident = sum(child.memory_info().rss for child in psutil.Process(tree.pid).children(recursive=True))
    assert 0 < use.memory <= 2 * resident


def test_the_system_tells_of_children_here_or_else_all_are_looked_at(tree: subprocess.Popen[bytes]) -> None:
    assert use_below(tree.pid, children_by()).processes == 3


def test_a_top_that_is_gone_has_nothing_below_it() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert use_below(gone.pid, children_by()) == Use()


def test_a_child_that_is_another_process_by_now_is_not_counted(tree: subprocess.Popen[bytes]) -> None:
    assert use_below(tree.pid, lambda parent: [os.getpid()] if parent == tree.pid else []).processes == 0


def test_a_family_that_goes_round_in_circles_ends() -> None:
    assert use_below(os.getpid(), lambda parent: [os.getpid()]).processes == 0


def test_together() -> None:
    assert Use(1.5, 100, 1).plus(Use(0.5, 20, 3)) == Use(2.0, 120, 4)
