"""The terminal that the control room has, also after its process was stopped from outside, and until it is gone."""

import contextlib
import os
import select
import signal
import termios
import threading
from typing import Any

from textual.drivers.linux_driver import LinuxDriver

__all__ = ["TerminalDriver"]


class TerminalDriver(LinuxDriver):
    """Textual's driver, which can be stopped and goes on, and ends with its terminal.

    After a SIGSTOP, for which nobody can prepare, it takes the terminal anew if a shell had it meanwhile. Textual 8.2
    takes every SIGCONT for the end of its own suspension and starts another thread for the same input: from then on two
    of them share out the keys, which arrive in any order.
    """

    _ours: list[Any] | None = None
    """The terminal's attributes while this has it."""
    _again = False
    """Whether it is taken anew at the moment."""
    _watched = False
    """Whether it is noticed when the terminal goes."""

    def start_application_mode(self) -> None:
        """Takes the terminal."""
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's own has no types
        with contextlib.suppress(termios.error):  # it is gone
            self._ours = termios.tcgetattr(self.fileno)
        if not self._watched and os.isatty(self.fileno):
            self._watched = True
            threading.Thread(target=self._end_with_terminal, name="opsroom-terminal", daemon=True).start()

    def _end_with_terminal(self) -> None:
        gone = select.poll()
        gone.register(self.fileno, 0)  # a hangup is told unasked
        gone.poll()
        os._exit(128 + signal.SIGHUP)  # nobody is left to say anything to

    def disable_input(self) -> None:
        """Stops reading. What has been typed ahead is thrown away, unless it goes on at once."""
        if self._again and self._key_thread is not None:
            self.exit_event.set()
            self._key_thread.join()
            self.exit_event.clear()
        else:
            super().disable_input()

    def _sigtstp_application(self, *ignored: Any) -> None:
        # not here: a signal comes in the middle of anything, also of a write that holds the lock which this needs
        self._loop.call_soon_threadsafe(super()._sigtstp_application)

    def _sigcont_application(self, *ignored: Any) -> None:
        if self._key_thread is None or not self._key_thread.is_alive():
            # it suspended itself; or it was started in the background, and waits for the terminal in this very thread
            super()._sigcont_application()
        elif self._ours is not None and self._auto_restart:
            with contextlib.suppress(termios.error):
                if termios.tcgetattr(self.fileno) != self._ours:
                    termios.tcsetattr(self.fileno, termios.TCSANOW, self._ours)  # now: what comes next is a key
                    # the rest not here, as above
                    self._loop.call_soon_threadsafe(self._take_again)

    def _take_again(self) -> None:
        if self._key_thread is None or not self._key_thread.is_alive():
            return  # it is about to end
        before, self.attrs_before = self.attrs_before, None  # a shell's attributes are not set in between
        self._again = self._must_signal_resume = True
        try:
            self.suspend_application_mode()
        finally:
            self._again = False
        self.resume_application_mode()
        self.attrs_before = before
