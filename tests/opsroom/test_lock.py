"""`opsroom lock NAME -- CMD`: as a person at a terminal and as a worker uses it, and as either is killed."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsroom.commands.lock import Waiting
from opsroom.commands.show import read_fleet
from state.locks import Who, hold
from state.views import LockView
from tests.stories import DEADLINE, Said, Story, gone

HAS_IT = "echo $$ > pid; echo has it; exec sleep 600"


def build(story: Story) -> LockView:
    return read_fleet(story.state).locks.get("build", LockView("build"))


class Locking:
    """One `opsroom lock` in a story, in the background."""

    def __init__(self, story: Story, *command: str, task: str = "", options: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "opsroom", "lock", "build", *options, "--", *command],
            cwd=story.folder,
            env=story.environment(task) | {"OPSROOM_STATE_DIR": str(story.state.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{line}\n"

    def ends(self) -> Said:
        out, err = self.process.communicate(timeout=DEADLINE)
        return Said(self.process.returncode, out, err)


@contextmanager
def running(story: Story, *command: str, task: str = "", options: tuple[str, ...] = ()) -> Iterator[Locking]:
    locking = Locking(story, *command, task=task, options=options)
    try:
        yield locking
    finally:
        locking.process.kill()
        locking.process.communicate(timeout=DEADLINE)


class Terminal:
    """A terminal of its own, and what `opsroom lock` printed there so far."""

    def __init__(self, child: int, descriptor: int) -> None:
        self._child = child
        self._descriptor = descriptor
        self._read = b""

    @property
    def seen(self) -> str:
        return self._read.decode("utf-8", "replace")

    def until(self, text: str) -> None:
        while text not in self.seen:
            self._read_on()

    def _read_on(self) -> None:
        assert select.select([self._descriptor], [], [], DEADLINE)[0], f"nothing more after {self.seen!r}"
        self._read += os.read(self._descriptor, 1000)

    def types(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def ends(self) -> int:
        """Its exit status, once its last user has left the terminal."""
        with contextlib.suppress(OSError):
            while True:
                self._read_on()
        self._child, child = 0, self._child
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def close(self) -> None:
        os.close(self._descriptor)
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)


@contextmanager
def at_a_terminal(story: Story, *command: str) -> Iterator[Terminal]:
    environment = story.environment() | {"OPSROOM_STATE_DIR": str(story.state.root)}
    child, descriptor = pty.fork()
    if not child:
        os.chdir(story.folder)
        os.execve(sys.executable, [sys.executable, "-m", "opsroom", "lock", "build", "--", *command], environment)
    terminal = Terminal(child, descriptor)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize("status", [0, 1, 3, 77, 255])
def test_the_exit_status_is_the_commands(story: Story, status: int) -> None:
    assert story.opsroom("lock", "build", "--", "sh", "-c", f"exit {status}").status == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV], ids=lambda number: number.name)
def test_a_command_that_a_signal_ends_is_told_as_a_shell_does(story: Story, number: signal.Signals) -> None:
    assert story.opsroom("lock", "build", "--", "sh", "-c", f"kill -{number.value} $$").status == 128 + number


def test_the_command_has_the_callers_input_output_arguments_and_environment(story: Story) -> None:
    said = story.opsroom(
        "lock", "build", "--", "sh", "-c", 'cat; echo "$@" >&2; echo $COLUMNS', "x", "--wait", "a b", stdin="typed\n"
    )
    assert said == Said(0, "typed\n100\n", "--wait a b\n")


def test_the_command_blocks_and_ignores_the_signals_that_the_caller_did(story: Story) -> None:
    command = ["grep", "Sig[BI]", "/proc/self/status"]
    alone = subprocess.run(command, capture_output=True, text=True, check=True)
    assert story.opsroom("lock", "build", "--", *command) == Said(0, alone.stdout, "")


def test_two_builds_run_one_after_the_other(story: Story) -> None:
    mark = "echo begin >> log; sleep 0.2; echo end >> log"
    with running(story, "sh", "-c", mark) as one, running(story, "sh", "-c", mark) as two:
        assert (one.ends().status, two.ends().status) == (0, 0)
    assert (story.folder / "log").read_text().split() == ["begin", "end", "begin", "end"]


def test_a_worker_stands_in_the_queue_under_its_task(story: Story) -> None:
    with hold(story.state, "build", Who("0001")), running(story, "make", "-j", task="0007", options=("--wait", "60")):
        story.wait(lambda: build(story).waiting, "the worker to stand in the queue")
        (ticket,) = build(story).waiting
        assert (ticket.task, ticket.attempt, ticket.what) == ("0007", 1, "make -j")


def test_a_worker_that_waits_gives_its_signs_of_life_by_the_clock_however_long_each_pause_takes(story: Story) -> None:
    worker = story.state.task("0007").worker
    worker.mkdir(parents=True)
    os.utime(worker, (0, 0))
    pause = Waiting(story.state, "build", Who("0007"))

    def given() -> bool:
        pause(0.0)  # which takes longer than that
        return bool(worker.stat().st_mtime)

    story.wait(given, "a sign of life")


def test_who_has_the_lock_is_said_to_who_did_not_get_it(story: Story) -> None:
    with hold(story.state, "build", Who("0001", 1, "make\x1b[31m all")):
        said = story.opsroom("lock", "build", "--wait", "0.1", "--", "touch", "made")
    assert (said.status, said.out) == (3, "")
    assert said.err.startswith("opsroom: lock build not got within 0.1 s: 0001 has had it for ")
    assert said.err.endswith(" (make\ufffd[31m all); do something else first, or wait longer with --wait\n")
    assert not (story.repository / "made").exists()


def test_inside_of_a_command_that_has_the_lock_nobody_waits_for_it(story: Story) -> None:
    inner = f"{sys.executable} -m opsroom lock build --wait 0 -- echo inner"
    assert story.opsroom("lock", "build", "--", "sh", "-c", inner) == Said(0, "inner\n", "")
    both = f"{sys.executable} -m opsroom lock studio -- {inner}"
    assert story.opsroom("lock", "build", "--", "sh", "-c", both) == Said(0, "inner\n", "")


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_reaches_the_command_which_may_end_as_it_likes(story: Story, number: signal.Signals) -> None:
    script = f"trap 'echo told; exit 5' {number.name[3:]}; echo has it; while :; do sleep 0.02; done"
    with running(story, "sh", "-c", script) as locking:
        locking.says("has it")
        locking.process.send_signal(number)
        assert locking.ends() == Said(5, "told\n", "")
    assert not build(story).busy


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_ends_the_waiting_and_nothing_is_left_of_it(story: Story, number: signal.Signals) -> None:
    with hold(story.state, "build", Who("0001")), running(story, "touch", "made") as locking:
        story.wait(lambda: build(story).waiting, "it to stand in the queue")
        locking.process.send_signal(number)
        assert locking.ends() == Said(128 + number, "", "")
        assert os.listdir(story.state.lock("build").tickets) == []
    assert not (story.folder / "made").exists()


def test_a_wrapper_that_is_killed_takes_its_command_along_and_frees_the_lock(story: Story) -> None:
    with running(story, "sh", "-c", HAS_IT) as first:
        first.says("has it")
        with running(story, "echo", "my turn") as second:
            story.wait(lambda: build(story).waiting, "the second to stand in the queue")
            first.process.kill()
            assert second.ends() == Said(0, "my turn\n", "")
        assert gone(int((story.folder / "pid").read_text()))


def test_ctrl_c_at_a_terminal_interrupts_the_command_once(story: Story) -> None:
    script = "import signal, time\ntold = []\nsignal.signal(2, lambda *_: told.append(print('told', flush=True)))\n"
    script += "print('has it', flush=True)\nwhile not told: time.sleep(0.02)\ntime.sleep(0.3)\n"
    with at_a_terminal(story, sys.executable, "-c", script) as terminal:
        terminal.until("has it")
        terminal.types("\x03")
        assert terminal.ends() == 0
        assert terminal.seen.count("told") == 1


def test_somebody_at_a_terminal_is_told_what_is_waited_for(story: Story) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(hold(story.state, "build", Who("0001", 1, "make\x1b[31m")))
        with at_a_terminal(story, "echo", "my turn") as terminal:
            terminal.until("opsroom: waiting for lock build: 0001 has had it for ")
            terminal.until("(make\ufffd[31m)")
            assert "my turn" not in terminal.seen
            stack.close()
            assert terminal.ends() == 0
            assert terminal.seen.count("waiting for") == 1
            assert "my turn" in terminal.seen


# ── wrong use ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build",), "Missing argument '-- CMD...'"),
        (("build", "--"), "Missing argument '-- CMD...'"),
        (("../x", "--", "true"), "lock name '../x' is not a name; use 1 to 100 letters"),
        (("build", "--wait", "-1", "--", "true"), "Invalid value for '--wait'"),
        (("build", "--", "no-such-program", "--debug"), "cannot run no-such-program: no such file or directory"),
        (("build", "--", "./notes.txt"), "cannot run ./notes.txt: permission denied"),
        (("build", "--", "/"), "cannot run /: no such file or directory"),
        (("build", "--", ""), "cannot run : no such file or directory"),
    ],
)
def test_wrong_use_is_said_at_once_even_while_the_lock_is_held(
    story: Story, arguments: tuple[str, ...], said: str
) -> None:
    with hold(story.state, "build", Who("0001")):
        found = story.opsroom("lock", *arguments)
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith(f"opsroom: {said}")
    assert found.err.count("\n") == 1


def test_a_program_that_is_no_program_is_said_in_its_turn(story: Story) -> None:
    script = story.repository / "script"
    script.write_bytes(b"\x7fELF nonsense")
    script.chmod(0o755)
    assert story.opsroom("lock", "build", "--", "./script") == Said(
        2, "", "opsroom: cannot run ./script: exec format error\n"
    )
    assert not build(story).busy


def test_a_lock_whose_files_are_spoilt_is_said(story: Story) -> None:
    story.state.lock("build").lock.mkdir(parents=True)
    said = story.opsroom("lock", "build", "--", "true")
    assert said == Said(
        2, "", "opsroom: locks/build/lock: is a directory; nothing was locked; mend that and try again\n"
    )


def test_without_a_state_directory_there_are_no_locks(story: Story, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    said = story.opsroom("lock", "build", "--", "true", cwd=folder)
    assert said.status == 1
    assert "no state directory" in said.err


def test_whose_parent_ignores_the_ends_of_its_children_still_tells_the_status(story: Story) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "opsroom", "lock", "build", "--", "sh", "-c", "exit 7"],
        cwd=story.repository,
        env=story.environment(),
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 7


# ── what is seen of it ──────────────────────────────────────────────────────────────────────────────────────────


def test_status_tells_who_has_it_and_who_waits(story: Story) -> None:
    with hold(story.state, "build", Who("0043")), running(story, "make", task="0050"):
        story.wait(lambda: build(story).waiting, "the second to stand in the queue")
        said = story.opsroom("status")
        assert said.out.splitlines()[1].startswith("build lock: 0043, ")
        assert said.out.splitlines()[1].endswith("s · waiting: 0050")
    assert "lock" not in story.opsroom("status").out
