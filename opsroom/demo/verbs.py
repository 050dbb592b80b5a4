"""The worker's side of the command line: what it tells Opsroom, it says through `opsroom` like any other agent."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from opsroom.demo.failures import DemoError

__all__ = ["OPSROOM", "Verbs"]

OPSROOM = (sys.executable, "-P", "-m", "opsroom")
"""The command, never one that lies in the worktree."""
SECONDS = 60.0
"""How long a verb may take; `ask` may take this much longer than its wait."""
_NO_ANSWER = 3


class Verbs:
    """Runs the workers' verbs of the command `argv` in the folder `root`. Each raises `DemoError` if it fails."""

    def __init__(self, root: Path, argv: Sequence[str] = OPSROOM) -> None:
        self._root = root
        self._argv = tuple(argv)

    def checkpoint(self, text: str) -> list[str]:
        """Rewrites where the worker is and what is next, in Markdown. Returns the messages that came meanwhile."""
        return self._must(["checkpoint", "-"], text)

    def note(self, text: str) -> list[str]:
        """Leaves a remark for whoever reads along. Returns the messages that came meanwhile."""
        return self._must(["note", text])

    def ask(self, text: str, options: Sequence[str], default: str, deadline: float, wait: float) -> str | None:
        """The answer to a question, or None if there is none after `wait` seconds.

        After `deadline` seconds `default` counts as the answer.
        """
        offered = [part for option in options for part in ("--option", option)]
        limits = ["--default", default, "--deadline", f"{deadline:g}", "--wait", f"{wait:g}"]
        done = self._run(["ask", text, *offered, *limits], "", wait + SECONDS)
        if done.returncode == _NO_ANSWER:
            return None
        return self._output("ask", done).strip()

    def capture(self, picture: Path, of: str, note: str) -> None:
        """Leaves a picture, of what `of` says."""
        self._must(["capture", str(picture), "--of", of, "--note", note])

    def stop(self, reason: str) -> None:
        """Stops for a human: no rule covers this."""
        self._must(["stop", reason])

    def result(self, outcome: str, summary: str, learned: str) -> None:
        """Says how it went: `success` or `failure`, what was done, and what the next one should know."""
        self._must(["result", outcome, "--summary", summary, *(["--learned", learned] if learned else [])])

    def _must(self, arguments: list[str], text: str = "") -> list[str]:
        return self._output(arguments[0], self._run(arguments, text, SECONDS)).splitlines()

    def _run(self, arguments: list[str], text: str, seconds: float) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(
                [*self._argv, *arguments],
                cwd=self._root,
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise DemoError(f"opsroom {arguments[0]} took longer than {seconds:g} s") from None
        except OSError as error:
            raise DemoError(f"cannot run {self._argv[0]}: {error.strerror}") from None

    def _output(self, verb: str, done: "subprocess.CompletedProcess[str]") -> str:
        if done.returncode:
            reason = done.stderr.strip().splitlines() or ["it said nothing"]
            raise DemoError(f"opsroom {verb} left with exit status {done.returncode}: {reason[-1]}")
        return done.stdout
