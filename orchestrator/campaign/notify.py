"""Tells a person that a campaign has halted: once, through apprise, by the services that a file of theirs names.

The addresses of services hold secrets, so they stay in that file and are read by a process of its own, which gets
nothing but the file's path on its command line and the words on its standard input.
"""

import contextlib
import queue
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.config import Notify

__all__ = ["Notifier", "main"]

USAGE = 2
"""Exit status: the file cannot be used, or apprise is not installed; the reason is on standard output."""


class Notifier:
    """Sends notifications one after the other, in a thread of its own."""

    def __init__(self, config: Notify) -> None:
        self._config = config
        self._failures: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="notify") if config.config else None

    def send(self, title: str, body: str) -> None:
        """Sends `body` under `title`, unless no service is configured. Returns at once."""
        if self._pool is not None:
            self._pool.submit(self._send, title, body)

    def failures(self) -> list[str]:
        """Why notifications did not get through, those that were not asked for yet."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._failures.get_nowait())
        return found

    def close(self) -> None:
        """Waits for what is being sent, each for at most its limit."""
        if self._pool is not None:
            self._pool.shutdown()

    def _send(self, title: str, body: str) -> None:
        argv = [sys.executable, "-I", "-m", "orchestrator.campaign.notify", str(Path(self._config.config).expanduser())]
        try:
            done = subprocess.run(
                argv,
                input=f"{title}\n{body}",
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self._config.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self._failures.put(f"no service took it within {self._config.seconds:g} s")
        except OSError as error:
            self._failures.put(str(error))
        else:
            if done.returncode:  # what apprise logs may hold an address
                said = done.stdout.strip().rpartition("\n")[2] if done.returncode == USAGE else ""
                self._failures.put(said or f"not every service in {self._config.config} took it")


def main(path: str) -> int:
    """Sends standard input, whose first line is the title, by the services in the file `path`; the exit status."""
    title, _, body = sys.stdin.read().partition("\n")
    try:
        import apprise
    except ImportError:
        return _refuse("apprise is not installed: pip install 'opsroom[notify]'")
    if not Path(path).is_file():
        return _refuse(f"notify.config: there is no file {path}")
    services, found = apprise.Apprise(), apprise.AppriseConfig()
    found.add(path)
    services.add(found)
    if not len(services):
        return _refuse(f"notify.config: {path} names no service that apprise knows")
    return 0 if services.notify(title=title, body=body) else 1


def _refuse(why: str) -> int:
    sys.stdout.write(f"{why}\n")
    return USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
