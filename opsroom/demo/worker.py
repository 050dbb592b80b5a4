"""A worker of the demo: `python -m opsroom.demo.worker`, its worktree as the current directory, the prompt on stdin.

It does to one file what a coding agent would be asked to do, and tells Opsroom about it with the same commands. Its
change is left in the worktree: checking, committing and reverting is the harness's business.

Exit status 0: done, or it asked, or it stopped for a human. 1: it gave up. 2: wrong use.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from opsroom.demo import package
from opsroom.demo.codemod import Analysis, analyse, migrate, references
from opsroom.demo.failures import DemoError, Refusal
from opsroom.demo.job import Job, job_from
from opsroom.demo.question import Decision, answer_in, decide, question
from opsroom.demo.verbs import Verbs

__all__ = ["Worker", "main"]

STAGES = 3
"""In how many steps, at most, the names of a file are moved; after each the file is whole."""
ANSWER_GRACE = 5.0
"""Seconds, at most, that it waits for an answer beyond the question's deadline, for the default to arrive."""


class Worker:
    """Does one `job`: reads, asks if it must, edits in stages, and says what it did. `run` gives the exit status."""

    def __init__(
        self, job: Job, verbs: Verbs, say: Callable[[str], None], pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._job = job
        self._verbs = verbs
        self._say = say
        self._pause = pause
        self._path = job.root / job.item

    def run(self) -> int:
        """The whole job. Raises `DemoError` where Opsroom or git does not answer."""
        job = self._job
        if job.attempt > 1:
            self._say(f"attempt {job.attempt}: {self._last_position() or 'no checkpoint to go on from'}")
        source, encoding = package.read(self._path)
        try:
            analysis = analyse(source)
        except Refusal as refusal:
            return self._give_up(refusal)
        self._describe(source, analysis)
        if not analysis.references:
            self._verbs.result("success", "nothing was left to do: no reference goes through the module", "")
            return 0
        found = f"{_count(analysis.references, 'reference')} to {_count(len(analysis.names), 'name')}"
        self._checkpoint(
            f"read it; {found}; no edit yet",
            "move the names to `from typing import`, the most frequent first",
        )
        self._step(0.45)
        if analysis.windows_only and sys.platform != "win32":
            return self._stop(analysis)
        decision = Decision(frozenset(), {}, "")
        if analysis.questionable:
            answered = self._ask(source, analysis)
            if answered is None:
                return 0
            decision = answered
        before = self._history()
        try:
            self._edit(source, encoding, analysis, decision)
        except Refusal as refusal:
            return self._give_up(refusal)
        self._finish(analysis, decision, before)
        return 0

    # What it finds

    def _describe(self, source: str, analysis: Analysis) -> None:
        lines = source.count("\n")
        self._say(f"read {self._job.item}: {_count(lines, 'line')}, {_count(analysis.references, 'reference')}")
        if analysis.references:
            self._say(
                f"  {analysis.alias} is typing: " + ", ".join(f"{name} {n}" for name, n in analysis.names.items())
            )
        for line in self._remarks(analysis):
            self._say(f"  {line}")

    def _remarks(self, analysis: Analysis) -> Iterator[str]:
        alias = analysis.alias
        if analysis.quoted:
            where = "stands in a quoted type" if analysis.quoted == 1 else "stand in quoted types"
            yield f"{_count(analysis.quoted, 'reference')} {where}: quoted or not, a type is code"
        for line in analysis.shadowed:
            yield f"in the function at line {line} `{alias}` is a variable of its own, left alone"
        if analysis.bare:
            yield f"line {analysis.bare[0]} uses `{alias}` itself, so its import stays"
        if analysis.fixed:
            yield f"{', '.join(sorted(analysis.fixed))} cannot be imported safely, left behind `{alias}.`"

    def _last_position(self) -> str:
        """The line of the checkpoint that an earlier attempt left, which says where it was."""
        folder = self._job.task_dir
        try:
            text = (folder / "worker" / "checkpoint.md").read_text("utf-8", "replace") if folder else ""
        except OSError:
            return ""
        found = (line for line in text.splitlines() if line.startswith("**Where I am:**"))
        return next(found, "").removeprefix("**Where I am:**").strip()

    # Where it cannot decide alone

    def _stop(self, analysis: Analysis) -> int:
        evidence = analysis.windows_only
        if evidence is None:
            raise ValueError("only a file for Windows stops the worker")
        reason = (
            f"only Windows can import this file (line {evidence.line}: {evidence.text}), "
            "so no check here can tell whether a change to it works."
        )
        self._say(f"stop: {reason}")
        self._checkpoint("stopped before any edit", "a human decides: edit it unverified, or leave it out of the queue")
        self._verbs.stop(reason)
        return 0

    def _ask(self, source: str, analysis: Analysis) -> Decision | None:
        """What is to become of the colliding names; None if nobody said so in time."""
        job = self._job
        asked = question(job.item, source, analysis)
        answer = answer_in(job.prompt, asked.text)
        if answer is None:
            self._say(f"ask: {asked.text}")
            self._checkpoint("waiting for an answer; no edit yet", "do as the answer says")
            deadline = job.answer_seconds
            wait = deadline + min(ANSWER_GRACE, 5 * deadline)
            answer = self._verbs.ask(asked.text, asked.options, asked.default, deadline, wait)
        if answer is None:
            self._say("no answer yet: leaving, and going on when it is there")
            self._checkpoint("asked, no answer yet; no edit yet", "start again with the answer and do as it says")
            return None
        decision = decide(answer, source, analysis)
        self._say(f"answer: {answer}")
        self._say(f"  so {decision.words}")
        return decision

    def _give_up(self, refusal: Refusal) -> int:
        self._say(f"refused: {self._job.item}: {refusal}")
        self._verbs.result("failure", f"left as it was: {refusal}", "")
        return refusal.exit_status

    # What it does

    def _edit(self, source: str, encoding: str, analysis: Analysis, decision: Decision) -> None:
        kept = analysis.fixed | decision.keep
        names = [name for name in analysis.names if name not in kept]
        size = -(-len(names) // STAGES) or 1
        stages = [names[start : start + size] for start in range(0, len(names), size)]
        done = 0
        for number, stage in enumerate(stages, start=1):
            later = {name for following in stages[number:] for name in following}
            text = migrate(source, kept | later, decision.alias)
            package.write(self._path, text, encoding)
            count = sum(analysis.names[name] for name in stage)
            done += count
            self._say(f"edit {number}/{len(stages)}: {', '.join(stage)}: {_count(count, 'reference')} rewritten")
            left = analysis.references - done
            self._checkpoint(
                f"edit {number} of {len(stages)} written; {done} of {analysis.references} references moved",
                "the remaining names" if number < len(stages) else "read it again, count, and leave it to the checks",
                f"- {left} left behind `{analysis.alias}.`"
                if left
                else f"- `import typing as {analysis.alias}` is gone",
            )
            self._step(0.4)
        text = package.read(self._path)[0]
        self._say(f"read it again: {_count(references(text), 'reference')} left in it")

    def _finish(self, analysis: Analysis, decision: Decision, before: list[int]) -> None:
        after = package.measure(self._job.root)
        self._say(f"metric: {before[-1]} to {after}")
        self._leave_chart([*before, after])
        learned = self._learned(analysis, decision)
        if analysis.quoted or decision.words or analysis.shadowed:
            self._remark(learned)
        moved = before[-1] - after
        self._checkpoint(f"done; metric {before[-1]} to {after}", "nothing: the checks decide whether it is committed")
        self._step(0.2)
        summary = f"{_count(moved, 'reference')} rewritten, {after} left in the package"
        self._verbs.result("success", summary, learned)
        self._say(f"done: {summary}")

    def _learned(self, analysis: Analysis, decision: Decision) -> str:
        if decision.words:
            evidence = analysis.collisions[analysis.questionable[0]]
            return f"{evidence.text} in line {evidence.line} takes the name: {decision.words}"
        for remark in self._remarks(analysis):
            return remark
        if "TYPE_CHECKING" in analysis.names:
            return "TYPE_CHECKING guards the imports below, so the new import belongs above them"
        name, count = next(iter(analysis.names.items()))
        return f"{name} alone makes {count} of {analysis.references} references"

    def _history(self) -> list[int]:
        """The metric after each commit so far, at least one value."""
        from opsroom.demo.history import metric_history

        try:
            return metric_history(self._job.root)
        except DemoError as error:
            self._say(f"no history: {error}")
            return [package.measure(self._job.root)]

    def _leave_chart(self, values: list[int]) -> None:
        from opsroom.demo.chart import draw

        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "metric.png"
            picture.write_bytes(draw(values, "references to typing left"))
            try:
                self._verbs.capture(picture, "metric", f"{values[-2]} to {values[-1]} by {self._job.item}")
            except DemoError as error:
                self._say(f"  {error}")

    def _checkpoint(self, position: str, following: str, *more: str) -> None:
        lines = [f"# {self._job.item}", "", f"**Where I am:** {position}", "", f"**Next:** {following}", ""]
        for message in self._verbs.checkpoint("\n".join([*lines, *more, ""])):
            self._say(message)

    def _remark(self, text: str) -> None:
        """Leaves a note. That Opsroom does not take one is no reason to give up, nor is it with a picture."""
        try:
            for message in self._verbs.note(text):
                self._say(message)
        except DemoError as error:
            self._say(f"  {error}")

    def _step(self, seconds: float) -> None:
        self._pause(seconds * self._job.pace)


def main(environment: Mapping[str, str], root: Path, prompt: str) -> int:
    """Does the job of a worker's `environment` in the worktree `root`; the exit status."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    try:
        return Worker(job_from(environment, root, prompt), Verbs(root), say).run()
    except DemoError as error:
        sys.stderr.write(f"worker: {error}\n")
        return error.exit_status


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


if __name__ == "__main__":
    sys.exit(main(os.environ, Path.cwd(), "" if sys.stdin.isatty() else sys.stdin.read()))
