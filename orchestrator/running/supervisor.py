"""Runs one attempt and writes how it ended; started as `python -I -S supervisor.py DIR FD`.

Standard library only, and what of ours imports nothing else either: it has to run whatever the environment is.

It lives in a session of its own and needs nobody: the orchestrator may die and another may take over.

- DIR/launch.toml says what to run. DIR/prompt.md becomes its standard input.
- DIR/lock is held for as long as this process lives (FD is the open lock, handed over by the starter), so that
  nobody ever has to guess from a pid.
- DIR/run.toml says which processes these are. DIR/stdout.log and DIR/stderr.log take the output, with keys masked.
- DIR/cancel ends the attempt: TERM, a grace, KILL. Its lines: the grace in seconds, then perhaps the reason for the
  exit record (`cancelled` unless it is given) and a sentence why.
- An attempt that gives no sign of life for too long, by its output or by what it writes elsewhere, is ended, too.
- An attempt that prints more than its limit is ended; so is one whose lock is gone, for nobody could find it.
- DIR/exit.toml is written last, whole: the status, why it ended, what it used.

What the worker leaves behind is re-parented to this process (a child subreaper) and ended with it. Of a sandboxed
attempt the child is bubblewrap, which dies by a TERM at once and takes the sandbox with it. So what asks the worker to
end goes to the worker's own process group inside, and bubblewrap says on STATUS_FD which that is.
"""

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import socket
import sys
import time
import tomllib
from collections.abc import Mapping

if __name__ == "__main__":  # isolated: what is ours is found where this is, after the standard library
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from orchestrator.running.output import Output, Waiting, drain
from orchestrator.running.plain import BEGUN, Field, children, free_kib, now, number_after, start_ticks, write_whole
from state.secrets import Masker

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
SWEEPS, SWEEP_SECONDS = 50, 5.0
"""How often, and for how long, what was left behind is signalled at least before it is given up."""
ASKED = 0.5
"""Seconds for which it is asked to end before it is killed."""
WRITE_SECONDS = 7 * 86_400.0
"""For how long the exit record is tried to be written: a disk that is full may have room again."""
STATUS_FD = 3
"""On which bubblewrap says, as JSON, which process is the first inside and how the program ended."""
LAST_SIGNAL = 64
DRAIN = 2.0
"""Seconds for which the end of the output is waited for once nothing runs any more that is ours."""
POLL = 1.0
"""Seconds between two looks at DIR/cancel; a signal is noticed at once."""


class Supervisor:
    """One attempt, from its start to its exit record."""

    def __init__(self, lock: int) -> None:
        self.lock = lock
        with open("launch.toml", "rb") as file:
            launch = tomllib.load(file)
        self.argv: list[str] = launch["argv"]
        self.cwd: str = launch["cwd"]
        self.environment: dict[str, str] = launch["environment"]
        self.seconds = float(launch["seconds"])
        self.grace = float(launch["grace"])
        self.silence = float(launch.get("silence", 0))
        self.output = int(launch.get("output", 0))
        self.signs: list[str] = launch.get("signs", [])
        self.seen: list[tuple[int, float]] = []
        self.heard = self.begun = time.monotonic()
        self.why = ""
        self.started = now()
        self.deadline = self.begun + self.seconds
        self.kill_at: float | None = None
        self.reason = ""
        self.status: int | None = None
        self.sandbox: str = launch.get("sandbox", "")
        self.boxed = self.sandbox == "bubblewrap"
        self.kept: list[str] = launch.get("kept", [])
        whole = {**os.environ, **self.environment}
        masker = Masker(whole[name] for name in launch.get("secrets", []) if name in whole)
        self.outputs = [Output(log, masker) for log in ("stdout.log", "stderr.log")]
        self.listening = -1
        self.told = b""
        """What bubblewrap has said."""
        self.asking = False
        """Whether the worker is to be asked to end as soon as it has begun."""
        self.unwritten: dict[str, Field] = {}
        """What is to stand in DIR/run.toml, until it does."""

    def run(self) -> None:
        """Runs the attempt to its end."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # inherited as ignored, statuses would be lost
        self.signals = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, self.signals)
        error = self._start(libc)
        self.waiting = Waiting(self.outputs, self._heed())
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        me = os.getpid()
        self.unwritten = {
            "supervisor": me,
            "supervisor_start": start_ticks(me),
            "boot": boot,
            "host": socket.gethostname(),
            "started": self.started,
            "child": self.pid,
            "sandbox": self.sandbox or None,
            "stdout_pipe": self.outputs[0].pipe,
            "stderr_pipe": self.outputs[1].pipe,
            "folder": os.getcwd(),
        }
        self._name_processes()
        self._reap()
        while self.status is None:
            self._watch()
        leaked = self._sweep()
        drain(self.outputs, DRAIN)
        use = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = os.waitstatus_to_exitcode(self.status)
        if self.boxed and not error:
            status, error = self._inside(status)
        record: dict[str, Field] = {
            "reason": "exec_failed" if error else self.reason or "exited",
            "started": self.started,
            "ended": now(),
            "status": status,
            "error": error or None,
            "why": self.why or None,
            "seconds": round(time.monotonic() - self.begun, 3),
            "max_rss_kib": use.ru_maxrss,
            "user_seconds": use.ru_utime,
            "system_seconds": use.ru_stime,
            "leaked": leaked,
            "disk_free_kib": free_kib(".", self.cwd),
        }
        until, pause = time.monotonic() + WRITE_SECONDS, 1.0
        while not self._lost() and time.monotonic() < until:
            if drain(self.outputs, 0.0):
                with contextlib.suppress(OSError):
                    write_whole("exit.toml", record)
                    return
            time.sleep(pause)
            pause = min(pause * 1.5, 30.0)

    def _name_processes(self) -> None:
        """Writes DIR/run.toml, or leaves it for the next look where there is no room for it."""
        with contextlib.suppress(OSError):
            if self.unwritten:
                write_whole("run.toml", self.unwritten)
                self.unwritten = {}

    def _start(self, libc: ctypes.CDLL) -> str:
        """Forks the worker; returns why it could not be executed, or ''."""
        out, err = (output.writing for output in self.outputs)
        prompt = os.open("prompt.md", os.O_RDONLY | os.O_CLOEXEC)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        self.listening, telling = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        writing, telling = (self._moved(descriptor) for descriptor in (writing, telling))
        environment: Mapping[str, str] = os.environ
        if self.boxed:  # no more than what was chosen
            environment = {name: os.environ[name] for name in self.kept if name in os.environ}
        # some programs believe it rather than the system, and ours is where the orchestrator was started
        environment = {**environment, **self.environment, "PWD": self.cwd}
        me = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != me:
                    os._exit(125)
                for descriptor, standard in ((prompt, 0), (out, 1), (err, 2)):
                    os.dup2(descriptor, standard)
                for number in signal.valid_signals():  # what is ignored stays so across exec: Python does SIGPIPE
                    if signal.getsignal(number) is signal.SIG_IGN:
                        signal.signal(number, signal.SIG_DFL)
                if self.boxed:
                    os.dup2(telling, STATUS_FD)
                signal.pthread_sigmask(signal.SIG_SETMASK, set())
                os.chdir(self.cwd)
                os.execvpe(self.argv[0], self.argv, environment)  # noqa: S606 - no shell is wanted
            except BaseException as error:  # noqa: BLE001 - a forked child reports everything and never returns
                os.write(writing, f"{type(error).__name__}: {error}".encode("utf-8", "replace"))
                os._exit(127)
        for descriptor in (writing, telling, out, err, prompt):
            os.close(descriptor)
        said = b""
        while chunk := os.read(reading, 4096):
            said += chunk
        os.close(reading)
        return said.decode("utf-8", "replace")

    def _heed(self) -> int:
        """Has each of `signals` noticed by a byte with its number; returns the descriptor to read these from."""
        waking, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in self.signals:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.signals)
        return waking

    def _moved(self, descriptor: int) -> int:
        """`descriptor` under a number that is none of those that the worker begins with."""
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, STATUS_FD + 1)
        os.close(descriptor)
        return moved

    def _watch(self) -> None:
        """Waits for something to happen, at most a second, and acts on it."""
        moment = time.monotonic()
        self._name_processes()
        if self.asking:
            self._signal(signal.SIGTERM)
        if not self.reason:
            if moment >= self.deadline:
                self._end("timeout")
            elif os.path.exists("cancel"):
                self._end("cancelled")
            elif self.silence and self._silent(moment):
                self._end("silent")
            elif self.output and self.waiting.came > self.output:
                self._end("output")
            elif self._lost():
                self._end("lost")
        elif self.kill_at is not None and (moment >= self.kill_at or self._pours()):
            self._signal(signal.SIGKILL)
        wake = self.deadline if not self.reason else (self.kill_at or moment) if not self.asking else moment
        most = self.output if not self.reason else 2 * self.output if self.reason == "output" else 0
        noticed = self.waiting.wait(min(POLL, max(0.02, wake - moment)), most)
        if set(noticed) - {signal.SIGCHLD}:
            if not self.reason:
                self._end("cancelled")
            elif self.kill_at is not None:  # asked again, perhaps with less patience
                self.kill_at = min(self.kill_at, time.monotonic() + self._asked_grace())
        if not self._reap() and self.status is None:  # no child and no status: somebody else took it
            self.status, self.reason = 255 << 8, self.reason or "status_lost"

    def _silent(self, moment: float) -> bool:
        """Whether there was no sign of life for too long. Changes count, not times: a clock may be set.

        A worker that has to wait because what it printed cannot be written is not silent.
        """
        seen = [(self.waiting.came, moment if self.waiting.stuck else 0.0)]
        for path in self.signs:
            with contextlib.suppress(OSError):
                found = os.stat(path, follow_symlinks=False)
                seen.append((found.st_mtime_ns, found.st_size))
        if seen != self.seen:
            self.seen, self.heard = seen, moment
        return moment - self.heard >= self.silence

    def _pours(self) -> bool:
        """Whether the worker was ended for what it printed and uses its grace to print as much again."""
        return self.reason == "output" and self.waiting.came > 2 * self.output

    def _lost(self) -> bool:
        """Whether the lock that this process holds is no longer DIR/lock: to whoever looks, nothing runs here."""
        try:
            return not os.path.samestat(os.stat("lock", follow_symlinks=False), os.fstat(self.lock))
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def _end(self, reason: str) -> None:
        self.reason = reason
        grace = self.grace
        if reason == "cancelled":
            grace = self._asked_grace()
            self.reason, self.why = self._asked_why()
        self._signal(signal.SIGTERM if grace > 0 else signal.SIGKILL)
        self.kill_at = time.monotonic() + grace

    def _asked_grace(self) -> float:
        """The grace that DIR/cancel asks for, at most the configured one."""
        with contextlib.suppress(OSError, ValueError), open("cancel", encoding="utf-8") as file:
            return min(self.grace, max(0.0, float(file.readline(32))))
        return self.grace

    def _asked_why(self) -> tuple[str, str]:
        """The reason and the sentence that DIR/cancel gives."""
        with contextlib.suppress(OSError, ValueError), open("cancel", encoding="utf-8") as file:
            _, reason, why = (file.readline(1000).strip() for _ in range(3))
            return reason or "cancelled", why
        return "cancelled", ""

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(OSError):
            if self.boxed and number != signal.SIGKILL:
                first = number_after(b"child-pid", self._hear())
                self.asking = not (first and children(first))  # the first one inside is deaf until it has a child
                if first and not self.asking:
                    os.killpg(first, number)
            else:
                os.killpg(self.pid, number)

    def _hear(self) -> bytes:
        """All that bubblewrap has said."""
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.listening, 4096):
                self.told += chunk
        return self.told

    def _inside(self, status: int) -> tuple[int, str]:
        """How the worker ended where bubblewrap ended with `status`, and why it was not executed, or ''."""
        code = number_after(b"exit-code", self._hear())
        if code is None and 128 < status <= 128 + LAST_SIGNAL:  # the first one inside was killed, and said nothing
            code = status
        if code is None:  # bubblewrap ended by a signal, or could not execute anything inside
            return status, "" if status < 0 or self.reason else self._said_last() or f"bubblewrap exited with {status}"
        return 128 - code if 128 < code <= 128 + LAST_SIGNAL else code, ""

    def _said_last(self) -> str:
        """The last line that bubblewrap itself left in the worker's standard error."""
        with contextlib.suppress(OSError), open("stderr.log", "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode("utf-8", "replace").splitlines()
            return next((line for line in reversed(lines) if line.startswith("bwrap: ")), "")
        return ""

    def _reap(self) -> bool:
        """Takes the statuses of what ended; whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.status = status

    def _sweep(self) -> int:
        """Ends what outlived the worker; returns how many processes that were."""
        seen: set[int] = set()
        turn, begun = 0, time.monotonic()
        # by the clock, too: each of many that end ends a turn at once, and takes nothing of the others' time
        while self._reap() and (turn < SWEEPS or time.monotonic() < begun + SWEEP_SECONDS):
            left = children(os.getpid())
            if not self.boxed:  # else it is the sandbox, which ends as a whole
                seen.update(left)
            asked = turn == 0 or time.monotonic() < begun + ASKED
            number = signal.SIGTERM if asked and not self.boxed else signal.SIGKILL
            # not the worker's process group: once the worker was waited for, its number may come to be anybody's
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            self.waiting.wait(0.1)
            turn += 1
        return len(seen)


if __name__ == "__main__":
    os.set_inheritable(int(sys.argv[2]), False)
    os.chdir(sys.argv[1])
    os.ftruncate(int(sys.argv[2]), BEGUN)  # whoever is killed from here on, the attempt has been tried
    Supervisor(int(sys.argv[2])).run()
