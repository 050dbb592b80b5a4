"""Follows what running agents print: events into `attempts/<n>/events.jsonl`, what they add up to into `agent.toml`.

One thread reads in turn what is new of each stream, a piece at a time, so that none keeps another waiting. After a
crash a stream is read again from its beginning, and the events that were written are passed over: the same bytes
give the same events under the same numbers.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from orchestrator import agent_commands, agents
from orchestrator.agents.adapter import Run
from orchestrator.agents.reading import Reading
from orchestrator.agents.verdict import judge
from orchestrator.config import Config, Price
from orchestrator.prices import priced
from orchestrator.running import attempts
from state import event_log, files
from state.agent_events import Event, Place, decode_line, encode_line
from state.errors import BadFile, CannotWrite
from state.layout import StateDir
from state.model import AgentReport, Exit, encode
from state.times import rfc3339, utc_now
from state.usage import Usage
from state.views import TaskView

__all__ = ["Streams"]

PIECE = 1024 * 1024
"""Bytes of one stream that are read at a time."""
PAUSE = 0.5
"""Seconds between two looks at what runs."""
EVERY = 2.0
"""Seconds between two reports on a run that goes on."""
ERRORS = 4096
"""Bytes of the end of standard error that a verdict is told."""
USAGE_FILE = 1024 * 1024


class Streams:
    """The streams of one orchestrator. Every method but `close` is for the loop's own thread."""

    def __init__(self, state: StateDir, config: Config, heard: Callable[[frozenset[str]], None]) -> None:
        self.trouble: CannotWrite | None = None
        """Why what was read can't be written now."""
        self._state = state
        self._config = config
        self._heard = heard
        self._followed: dict[tuple[str, int], _Follower] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def follow(self, view: TaskView) -> None:
        """Follows the newest attempt of a task, which runs, if its stream is to be read."""
        self._take(view)

    def finish(self, view: TaskView) -> None:
        """Reads the stream of the newest attempt, which has ended, to its end, and judges it."""
        follower = self._take(view)
        if follower is not None and not follower.over:
            follower.ended, follower.over = view.exit, True
            self._wake.set()

    def close(self) -> None:
        """Ends the thread; what is not read yet the next orchestrator reads."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _take(self, view: TaskView) -> "_Follower | None":
        if view.report is None or view.report.verdict or not view.attempts:
            return None
        key = (view.id, view.attempts[-1])
        follower = self._followed.get(key)
        if follower is None:
            if view.report.kind not in agents.KINDS:
                return None
            agent = self._config.agents.get(view.task.agent) if view.task else None
            limit = agent.resume_seconds if agent and view.report.resumed else 0.0
            follower = _Follower(self._state, *key, view.report, self._config.prices, limit)
            with self._lock:
                self._followed[key] = follower
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
                self._thread.start()
            self._wake.set()
        return follower

    def _run(self) -> None:
        while not self._closed:
            with self._lock:
                followed = list(self._followed.items())
            more, trouble = False, None
            for key, follower in followed:
                try:
                    more |= follower.advance()
                except CannotWrite as error:
                    trouble = error
                    continue
                except Exception as error:  # noqa: BLE001 - one stream that can't be read must not end all others
                    follower.give_up(f"its stream could not be read: {type(error).__name__}: {error}")
                if follower.news:
                    follower.news = False
                    self._heard(frozenset({self._state.relative(follower.folder.report)}))
                if follower.judged:
                    with self._lock:
                        self._followed.pop(key, None)
            self.trouble = trouble
            if not more:
                self._wake.wait(PAUSE if followed else None)
                self._wake.clear()


class _Follower:
    """One attempt's stream. For the thread of the streams; `ended` and `over` are told it by the loop."""

    def __init__(
        self,
        state: StateDir,
        task: str,
        attempt: int,
        report: AgentReport,
        prices: Mapping[str, Price],
        resume_seconds: float,
    ) -> None:
        self.folder = state.task(task).attempt(attempt)
        self.ended: Exit | None = None
        self.over = False
        """Whether nothing will be printed any more."""
        self.judged = False
        self.news = False
        """Whether a report was written that the loop has not heard of."""
        self._state = state
        self._task = task
        self._attempt = attempt
        self._report = report
        self._prices = prices
        self._resume_seconds = resume_seconds
        self._begun = time.monotonic()
        self._adapter = agents.adapter(report.kind)
        self._reading = Reading(self._adapter.parser())
        self._known = self._last_seq()
        """Events up to this number were written by an earlier orchestrator."""
        self._unwritten = b""
        self._at_end = False
        self._reported = 0.0
        self._before: Usage | None = None

    def advance(self) -> bool:
        """Reads one piece and writes what it tells; whether there is more to read at once. Raises `CannotWrite`."""
        self._write()
        over = self.over  # before the piece is read: what is printed until then is in it
        data = self._piece()
        self._note(self._reading.feed(data) if data else [])
        if len(data) == PIECE:
            self._write()
            return True
        if over:
            if not self.judged:
                self._judge()
            return False
        self._write()
        self._expect_beginning()
        if self._reading.told.events != self._report.events and time.monotonic() - self._reported >= EVERY:
            self._tell(self._told_report(), "none")
        return False

    def _judge(self) -> None:
        if not self._at_end:
            self._at_end = True
            self._note(self._usage_file())
            self._note(self._reading.end())
        self._write()
        verdict = judge(self._reading.told, self.ended, self._errors())
        until = None
        if verdict.wait is not None:
            until = (self.ended.ended if self.ended else utc_now()) + timedelta(seconds=min(verdict.wait, 30 * 86_400))
        report = msgspec.structs.replace(
            self._told_report(),
            verdict="success" if verdict.success else "failed",
            failure=verdict.failure,
            why=verdict.why,
            until=until,
        )
        self._tell(report, "file")
        self.judged = True

    def give_up(self, why: str) -> None:
        """Judges the attempt without its stream: whatever it was, nobody has seen a success."""
        with contextlib.suppress(CannotWrite):
            changes = {"at": utc_now(), "verdict": "failed", "failure": "agent", "why": why}
            self._tell(msgspec.structs.replace(self._report, **changes), "file")
            self.judged = True

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────

    def _piece(self) -> bytes:
        try:
            descriptor = files.open_inside(self._state.root, self.folder.stdout)
        except BadFile:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            return os.pread(file.fileno(), PIECE, self._reading.read)

    def _errors(self) -> str:
        try:
            descriptor = files.open_inside(self._state.root, self.folder.stderr)
        except BadFile:
            return ""
        with os.fdopen(descriptor, "rb"):
            size = os.fstat(descriptor).st_size
            return os.pread(descriptor, ERRORS, max(0, size - ERRORS)).decode("utf-8", "replace")

    def _usage_file(self) -> list[tuple[Event, Place]]:
        """What the agent has written on what it has used, for one whose stream doesn't tell."""
        if self._adapter.usage_file is None:
            return []
        run = Run(worktree=Path(), folder=self._state.task(self._task).worker, attempt=self._attempt)
        try:
            data = files.read(self._state.root, self._adapter.usage_file(run), USAGE_FILE)
        except BadFile:
            return []
        return self._reading.beside("usage_file", data)

    def _last_seq(self) -> int:
        with contextlib.suppress(BadFile):
            for line in reversed(event_log.last_lines(self._state.root, self.folder.events, 1000).lines):
                if (found := decode_line(line)) is not None:
                    return found[1].seq
        return 0

    def _expect_beginning(self) -> None:
        """Ends an attempt whose session was to be resumed, and does not begin."""
        waited = time.monotonic() - self._begun
        if self._resume_seconds and not self._reading.told.started and waited > self._resume_seconds:
            why = f"session {self._report.resumed} was to be resumed, and did not begin in {self._resume_seconds:g} s"
            attempts.end(self._state.root, self.folder, 0.0, "silent", why)
            self._resume_seconds = 0.0

    # ── telling ─────────────────────────────────────────────────────────────────────────────────────────────

    def _note(self, events: list[tuple[Event, Place]]) -> None:
        at = rfc3339(utc_now())
        new = [encode_line(event, place, at) for event, place in events if place.seq > self._known]
        if new:
            self._unwritten += b"".join(new)

    def _write(self) -> None:
        if self._unwritten:
            files.append(self._state.root, self.folder.events, self._unwritten)
            self._unwritten = b""

    def _told_report(self) -> AgentReport:
        told = self._reading.told
        model = told.model or self._report.model
        session = told.session or self._report.session
        usage, counter = told.usage, None
        if told.of_session:
            counter = told.usage
            if self._before is None:
                resumed = self._report.resumed
                before = agent_commands.counter_before(self._state, self._task, self._attempt, session)
                self._before = before if resumed and resumed == session else Usage()
            if counter.tokens >= self._before.tokens:  # else it has begun to count anew
                usage = counter.minus(self._before)
        return msgspec.structs.replace(
            self._report,
            at=datetime.now(UTC),
            session=session,
            model=model,
            version=told.version or self._report.version,
            usage=priced(usage, model, self._prices),
            counter=counter,
            events=told.events,
            unknown=told.unknown,
            read=self._reading.read,
            retries=told.retries,
            worked=told.worked,
            said=" ".join(told.said.split())[:400],
        )

    def _tell(self, report: AgentReport, sync: files.Sync) -> None:
        files.replace(self._state.root, self.folder.report, encode(report), sync=sync)
        self._report, self._reported, self.news = report, time.monotonic(), True
