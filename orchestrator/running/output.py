"""What a worker or a check prints, from pipes into logs, with keys masked. Standard library and `state.secrets` only.

A log is written piece by piece as they come. Where it cannot be written, for want of room as a rule, no more is read:
the worker waits at its full pipe as it would for a slow disk, and the same piece is tried again each second.
"""

import os
import select
import time
from collections.abc import Sequence

from state.secrets import Masker

__all__ = ["Output", "Waiting", "drain", "take"]

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
        self.trouble = ""
        """Why something could not be written, the last time that it was tried in vain."""

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
        # no room, a disk that fails or became read-only: the orchestrator says so, and it may pass
        except OSError as error:
            self.trouble = error.strerror or str(error)

    def finish(self) -> None:
        """Takes nothing more, and writes what was held back."""
        if not self.ended:
            self.ended = True
            os.close(self.reading)
            self._unwritten += self._stream.end()
        self.write()

    def close(self) -> None:
        """Frees both: what was not written is lost."""
        if not self.ended:
            self.ended = True
            os.close(self.reading)
        os.close(self._log)


class Waiting:
    """Waits for signals, and takes what is printed meanwhile."""

    def __init__(self, outputs: Sequence[Output], waking: int) -> None:
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

    def _look(self, seconds: float) -> bytes:
        """The signals that came, after taking once what has come, or after `seconds`."""
        return os.read(self._waking, 512) if take(self._outputs, seconds, self._waking) else b""


def take(outputs: Sequence[Output], seconds: float, waking: int | None = None) -> bool:
    """Waits until something comes, at most `seconds`, and takes it; whether `waking` can be read."""
    for output in outputs:
        output.write()
    waiting = {output.reading: output for output in outputs if not output.ended and not output.stuck}
    poll = select.poll()
    for descriptor in waiting if waking is None else (waking, *waiting):
        poll.register(descriptor, select.POLLIN)
    found = [descriptor for descriptor, _ in poll.poll(seconds * 1000)]
    for descriptor in found:
        if descriptor != waking:
            waiting[descriptor].take()
    return waking in found


def drain(outputs: Sequence[Output], seconds: float) -> bool:
    """Takes what is left once the worker has ended; whether all that came is written.

    Who has a pipe though nothing of the worker runs any more is waited for until `seconds` are over.
    """
    until = time.monotonic() + seconds
    while True:
        for output in outputs:
            output.write()
        if any(output.stuck for output in outputs):
            return False
        going = [output for output in outputs if not output.ended]
        if not going:
            return True
        if (left := until - time.monotonic()) > 0:
            take(outputs, left)
            continue
        for output in going:
            output.take()
            output.finish()
