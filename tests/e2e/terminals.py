"""Two real terminals to run the program in: a pseudo-terminal behind pyte, and tmux.

Both are driven as a person does it: `press` keys, `see` what stands on the screen within a deadline.
"""

import contextlib
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte
from pyte.screens import Char

DEADLINE = 60.0
"""Seconds for anything that a test waits for: generous, since it is only used up by a failure."""

KEYS = {"enter": "\r", "escape": "\x1b", "tab": "\t", "backspace": "\x7f"}
OTHER_SCREEN = 1049
"""The private mode in which a program has a screen of its own."""
UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<=>][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$[a-z]|\x1bP.*?\x1b\\", re.DOTALL)
UNFINISHED = re.compile(rb"\x1b(\[[0-9;?<=>$]*|P[^\x1b]*\x1b?)?\Z")
"""The beginning of a sequence whose rest has not been read yet."""
ANSWERS = (
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),  # synchronised output: supported
    (re.compile(rb"\x1b\[\?2048\$p"), b"\x1b[?2048;0$y"),  # in-band resize: not
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;c"),
    (re.compile(rb"\x1b\[16t"), b"\x1b[6;20;10t"),
)


class NotSeen(AssertionError):
    """What should have come did not; the message holds the screen as it is."""


class Terminal(ABC):
    """A program in a terminal of a known size."""

    @abstractmethod
    def screen(self) -> list[str]:
        """The rows as they stand, without trailing blanks."""

    @abstractmethod
    def title(self) -> str:
        """The title that the program gave it."""

    @abstractmethod
    def press(self, *keys: str) -> None:
        """Types `keys`: names of KEYS, or text."""

    @abstractmethod
    def exit_status(self) -> int | None:
        """The program's exit status, or None while it runs."""

    @abstractmethod
    def close(self) -> None:
        """Ends the program if it still runs."""

    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.screen())

    def see(self, wanted: str, seconds: float = DEADLINE) -> str:
        """Waits until the regular expression `wanted` matches the screen; gives what matched."""
        found: list[str] = []

        def look() -> bool:
            match = re.search(wanted, self.text())
            if match:
                found.append(match[0])
            return match is not None

        self.wait(look, f"/{wanted}/ on the screen", seconds)
        return found[0]

    def see_gone(self, unwanted: str, seconds: float = DEADLINE) -> None:
        """Waits until the regular expression `unwanted` no longer matches the screen."""
        self.wait(lambda: not re.search(unwanted, self.text()), f"/{unwanted}/ gone from the screen", seconds)

    def ends(self, seconds: float = DEADLINE) -> int:
        """Waits for the program to end; gives its exit status."""
        self.wait(lambda: self.exit_status() is not None, "the program's end", seconds)
        status = self.exit_status()
        assert status is not None
        return status

    def wait(self, until: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
        """Waits until `until` says True."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() >= end:
                raise NotSeen(f"not within {seconds:g} s: {what}. The screen:\n{self.text()}")
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


class Screen(pyte.Screen):
    """A screen that counts how often it rang, and has another one for programs that ask for it, as terminals do.

    Without the other one, what such a program had drawn would stand there still while an editor has the terminal.
    """

    bells = 0
    _aside: dict[int, dict[int, Char]] | None = None
    """The lines of the first screen, while the other one is shown."""

    def bell(self, *ignored: object) -> None:
        self.bells += 1

    def set_mode(self, *modes: int, **kwargs: bool) -> None:
        super().set_mode(*modes, **kwargs)
        if kwargs.get("private") and OTHER_SCREEN in modes and self._aside is None:
            self.save_cursor()
            self._aside = {row: dict(line) for row, line in self.buffer.items()}
            self.erase_in_display(2)

    def reset_mode(self, *modes: int, **kwargs: bool) -> None:
        super().reset_mode(*modes, **kwargs)
        if kwargs.get("private") and OTHER_SCREEN in modes and self._aside is not None:
            self.erase_in_display(2)
            for row, line in self._aside.items():
                self.buffer[row].update(line)
            self.restore_cursor()
            self._aside = None


class PyteTerminal(Terminal):
    """A pseudo-terminal whose output is drawn by pyte."""

    def __init__(
        self, argv: Sequence[str], *, columns: int, rows: int, cwd: Path, environment: Mapping[str, str]
    ) -> None:
        self._screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._status: int | None = None
        self._gone = threading.Event()
        self._idle = threading.Event()
        """Set whenever there was nothing to read for a while."""
        self.bytes_written = 0
        pid, descriptor = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as in a terminal, also where the tests run under `nohup`
            # before the program begins: it asks for the size but once
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, columns * 10, rows * 20))
            os.chdir(cwd)
            os.execvpe(argv[0], list(argv), dict(environment) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"})
        self.pid, self._descriptor = pid, descriptor
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        rest = b""
        while not self._gone.is_set():
            try:
                ready, _, _ = select.select([self._descriptor], [], [], 0.2)
                if not ready:
                    self._idle.set()
                    continue
                data = os.read(self._descriptor, 65536)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            self.bytes_written += len(data)
            data = rest + data
            unfinished = UNFINISHED.search(data)
            rest = unfinished[0] if unfinished else b""
            data = data[: len(data) - len(rest)]
            for query, answer in ANSWERS:
                for _ in query.findall(data):
                    os.write(self._descriptor, answer)
            with self._lock:
                self._stream.feed(UNKNOWN_TO_PYTE.sub(b"", data))

    def screen(self) -> list[str]:
        with self._lock:
            return [line.rstrip() for line in self._screen.display]

    def title(self) -> str:
        with self._lock:
            return str(self._screen.title)

    @property
    def bells(self) -> int:
        """How often it rang."""
        return self._screen.bells

    def press(self, *keys: str) -> None:
        for key in keys:
            os.write(self._descriptor, KEYS.get(key, key).encode())
            time.sleep(0.05)  # keys of one person, not one paste

    def exit_status(self) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._read_to_the_end()  # what it said last is on the screen before it is known to have ended
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def _read_to_the_end(self) -> None:
        for _ in range(2):  # the first time it may be of a look from before
            self._idle.clear()
            while self._reader.is_alive() and not self._idle.wait(0.05):
                pass

    def hang_up(self) -> None:
        """Goes away, as a closed window or a lost connection does."""
        self._gone.set()
        self._reader.join(timeout=5)
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def close(self) -> None:
        if self.exit_status() is None:
            os.kill(self.pid, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        self._reader.join(timeout=5)


class TmuxTerminal(Terminal):
    """A window of a tmux server of its own, which ends with it."""

    def __init__(
        self, argv: Sequence[str], *, columns: int, rows: int, cwd: Path, environment: Mapping[str, str]
    ) -> None:
        self._socket = f"opsroom-test-{os.getpid()}-{time.monotonic_ns()}"
        self._environment = dict(environment)
        command = f'cd {shlex.quote(str(cwd))} && {shlex.join(argv)}; echo "exit status $?"; exec sleep 3600'
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-s", "main", "-x", str(columns), "-y", str(rows)),
            *("sh", "-c", command),
        )

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
        return done.stdout

    def screen(self) -> list[str]:
        return [line.rstrip() for line in self._tmux("capture-pane", "-p", "-t", "main").split("\n")]

    def title(self) -> str:
        return self._tmux("display-message", "-p", "-t", "main", "#{pane_title}").rstrip("\n")

    def press(self, *keys: str) -> None:
        names = {"enter": "Enter", "escape": "Escape", "tab": "Tab", "backspace": "BSpace"}
        for key in keys:
            if key in names:
                self._tmux("send-keys", "-t", "main", names[key])
            else:
                self._tmux("send-keys", "-t", "main", "-l", key)

    def exit_status(self) -> int | None:
        match = re.search(r"^exit status (\d+)$", self.text(), re.MULTILINE)
        return int(match[1]) if match else None

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")
