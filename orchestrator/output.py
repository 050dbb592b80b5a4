"""What a worker prints, from its pipes into its logs, with keys masked. Standard library and `state.secrets` only.

A log is written piece by piece as they come. Where it cannot be written, for want of room as a rule, no more is read:
the worker waits at its full pipe as it would for a slow disk, and the same piece is tried again each second.
"""

import os
import select
import time

from state.secrets import Masker

__all__ = ["Output", "Waiting"]

PIECE = 64 * 1024
"""Bytes that are read at once: what a pipe holds."""


class Output:
    """One stream of a worker, which has its end `writing`, and the log; raises `OSError` where that can't be opened."""

    def __init__(self, log: str, masker: Masker) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._log = os.open(log, flags, 0o600)
        self.reading, self.writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.reading, False)
        self.pipe = os.fstat(self.reading).st_ino
        """The number by which /proc names the pipe."""
        self.came = 0
        """Bytes that the worker has printed, as far as they were read."""
        self.ended = False
        """Whether nothing more can come: nobody has the pipe any more."""
        self._stream = masker.stream()
        self._unwritten = b""

    @property
    def stuck(self) -> bool:
        """Whether there is something that could not be written yet."""
        return bool(self._unwritten)

    def take(self) -> None:
        """Reads what has come, if anything has, and writes it as far as it can be."""
        try:
            piece = os.read(self.reading, PIECE)
        except BlockingIOError:
            return
        self.came += len(piece)
        if piece:
            self._unwritten += self._stream.feed(piece)
            self.write()
        else:
            self.finish()

    def write(self) -> None:
        """Tries to write what is unwritten."""
        try:
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._log, self._unwritten) :]
        except OSError:  # no room, a disk that fails or became read-only: the orchestrator says so, and it may pass
            return

    def finish(self) -> None:
        """Takes nothing more, and writes what was held back."""
        if not self.ended:
            self.ended = True
            os.close(self.reading)
            self._unwritten += self._stream.end()
        self.write()


class Waiting:
    """Waits for signals, and takes what is printed meanwhile."""

    def __init__(self, outputs: list[Output], waking: int) -> None:
        self._outputs = outputs
        self._waking = waking

    @property
    def came(self) -> int:
        """Bytes that the worker has printed."""
        return sum(output.came for output in self._outputs)

    @property
    def stuck(self) -> bool:
        """Whether something of it could not be written yet."""
        return any(output.stuck for output in self._outputs)

    def wait(self, seconds: float, most: int = 0) -> bytes:
        """The numbers of the signals that came, once one has; b"" after `seconds`, or after `most` bytes in all."""
        until = time.monotonic() + seconds
        while True:
            if signals := self._look(max(0.0, until - time.monotonic())):
                return signals
            if time.monotonic() >= until or (most and self.came > most):
                return b""

    def drain(self, seconds: float) -> bool:
        """Takes what is left once the worker has ended; whether all that came is written.

        Who has the pipe though nothing of the worker runs any more is waited for until `seconds` are over.
        """
        until = time.monotonic() + seconds
        while True:
            for output in self._outputs:
                output.write()
            if self.stuck:
                return False
            going = [output for output in self._outputs if not output.ended]
            if not going:
                return True
            if (left := until - time.monotonic()) > 0:
                self._look(left)
                continue
            for output in going:
                output.take()
                output.finish()

    def _look(self, seconds: float) -> bytes:
        """The signals that came, after taking once what has come, or after `seconds`."""
        for output in self._outputs:
            if output.stuck:
                output.write()
        waiting = {output.reading: output for output in self._outputs if not output.ended and not output.stuck}
        poll = select.poll()
        for descriptor in (self._waking, *waiting):
            poll.register(descriptor, select.POLLIN)
        signals = b""
        for descriptor, _ in poll.poll(seconds * 1000):
            if descriptor == self._waking:
                signals = os.read(descriptor, 512)
            else:
                waiting[descriptor].take()
        return signals
