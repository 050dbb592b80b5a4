"""`opsroom campaign run`: a campaign in the foreground, for a terminal, cron and scripts.

What is said is read from campaign.md and the run's record, so it is the same whether the orchestrator runs in this
process or in another one, and whatever became of the lines that an earlier `run` has printed.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from datetime import datetime
from types import FrameType
from typing import Final

import click

from opsroom.finding import state_dir
from state import commands, files, journal, lease, messages
from state.campaign_file import BLOCKING, HistoryLine
from state.envelope import Run
from state.errors import BadFile, OpsroomError, Refused, Unavailable
from state.fleet import FleetReader
from state.layout import StateDir
from state.machine import Holds
from state.model import CHECKING, FINAL, LIVE, Command, Status, decode
from state.sanitize import clean_line
from state.times import utc_now
from state.usage import cost_text
from state.views import CampaignView

__all__ = ["STATUSES", "run"]

STATUSES: Final = {"complete": 0, "stop": 4, "budget_exhausted": 5}
"""Exit statuses of halts; every other one, `paused` among them, ends with 1."""
LOOK = 0.1
"""Seconds between two looks at the files."""
START = 60.0
"""Seconds within which an orchestrator takes the command to start."""
NEAR = 64
"""Items, of those that are still to be done, that are looked at for what they wait for."""
LEAVE = 30.0
"""Seconds that the orchestrator of this process gets to end; its workers go on in any case."""
HALTED = "the campaign has halted"
"""Why an orchestrator ends that was there for one campaign; another one that went by it takes over."""
RECORD = 10.0
"""Seconds within which an orchestrator writes down what has ended."""


@click.command(short_help="Run it in the foreground until it halts.")
@click.argument("name")
@click.pass_obj
def run(explicit: str | None, name: str) -> int:
    """Run campaign NAME until it halts, with a line for each item and one for the halt.

    Starts an orchestrator for as long as this takes, unless one runs; joins a run that is on. Ctrl-C pauses the
    campaign and waits for what runs, a second one leaves at once: workers go on, and the next start finds them.

    Exits with 0 complete, 1 no progress, an error, paused or refused, 3 the orchestrator is gone, 4 stopped for a
    human, 5 budget exhausted.
    """
    from opsroom.commands.campaign import check_there

    state = state_dir(explicit)
    check_there(state, name)
    return Foreground(state, name).run()


class Own(threading.Thread):
    """An orchestrator in this process, for as long as the campaign runs."""

    def __init__(self, state: StateDir) -> None:
        from orchestrator.config import load
        from orchestrator.loop import Orchestrator

        super().__init__(name="orchestrator", daemon=True)
        self._orchestrator = Orchestrator(state, load(state.repository))
        self.error: BaseException | None = None
        """Why it has ended, where that was not its will."""

    def run(self) -> None:
        """The thread's own work."""
        try:
            self._orchestrator.run()
        except BaseException as error:  # noqa: BLE001 - it is raised where the thread is waited for
            self.error = error

    @property
    def why(self) -> str:
        """Why it has ended, as it says itself."""
        return self._orchestrator.why

    def end(self, *, at_once: bool) -> None:
        """Has it end, and waits for that a while."""
        self._orchestrator.stop(HALTED)
        if at_once:
            self._orchestrator.stop()
        self.join(LEAVE)


class Asked:
    """How often a signal has asked for the end."""

    def __init__(self) -> None:
        self.times = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # else `nohup` was asked for, or a shell's `&`
                signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.times += 1


class Foreground:
    """One campaign, followed from its start to its halt."""

    def __init__(self, state: StateDir, name: str) -> None:
        self._state = state
        self._name = name
        self._folder = state.campaign(name)
        self._reader = FleetReader(state)
        self._seen: tuple[object, ...] = ()
        self._own: Own | None = None
        self._told = 0
        """How many lines of the history were there before, or have been said."""
        self._silent = False
        self._waits: set[str] = set()
        """What is waited for, as far as it was told."""

    def run(self) -> int:
        """Goes through all of it; the exit status."""
        asked = Asked()
        if not self._orchestrator_runs():
            self._start_own()
        at_once = False
        try:
            self._told = len(view.file.history) if (view := self._view()).file else 0
            number = self._begin()
            record = self._follow(number, asked)
            at_once = record is None
            return 1 if record is None else STATUSES.get(record.halted, 1)
        finally:
            if self._own is not None:
                self._own.end(at_once=at_once or asked.times > 1)

    # ── the run ─────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> int:
        """The number of the run that is on, or is started now."""
        view = self._view()
        if view.file and view.file.status == "running" and view.runs and view.runs[-1][1].ended is None:
            number = view.runs[-1][0]
            self._tell(f"run {number} of {self._name} is on, and is followed")
            return number
        name = self._send("campaign-start")
        until = time.monotonic() + START
        while (outcome := commands.outcome_of(self._state, self._state.inbox_done, name)) is None:
            self._check_orchestrator()
            if time.monotonic() >= until:
                raise Unavailable(f"campaign-start: not taken within {START:g} s", todo="'opsroom status' says more")
            time.sleep(LOOK)
        if outcome.outcome != "accepted":
            raise Refused(f"campaign-start: {outcome.why}")
        runs = self._view().runs
        # one that was paused, and in which something is still finished, is gone on with
        return next((number for number, record in runs if record.cause == name), runs[-1][0])

    def _follow(self, number: int, asked: Asked) -> Run | None:
        """Says each item as it gets its line, until the run has halted; None where a person wants to leave at once."""
        paused, looked = False, 0.0
        while True:
            view = self._view()
            self._say_items(view)
            record = dict(view.runs).get(number)
            if record is None:
                raise Unavailable(f"{self._state.relative(self._folder.run(number))} is gone")
            if record.ended is not None:
                break
            if asked.times > 1:
                return None
            if asked.times and not paused:
                paused = True
                self._send("campaign-pause")
                self._tell("pausing: what runs is finished; once more leaves at once")
            if time.monotonic() - looked >= 1.0:
                self._check_orchestrator()
                self._tell_waits(view)
                looked = time.monotonic()
            time.sleep(LOOK)
        if record.halted == "paused" and not self._finish_what_runs(asked):
            return None
        self._say(self._last_line(record))
        return record

    def _finish_what_runs(self, asked: Asked) -> bool:
        """Waits until no item of the campaign is worked at, and each has its line; whether nobody wanted to leave."""
        from opsroom.commands.show import read_fleet

        until: float | None = None
        while asked.times <= 1:
            fleet = read_fleet(self._state)
            tasks = [task for task in fleet.tasks.values() if task.campaign == self._name]
            if not any(task.state in LIVE | CHECKING for task in tasks):
                until = until or time.monotonic() + RECORD
                file = fleet.campaigns[self._name].file if self._name in fleet.campaigns else None
                lines = {line.index: line for line in file.history} if file else {}
                ended = [task for task in tasks if task.status and task.state in FINAL | {"stopped"}]
                if time.monotonic() >= until or all(
                    task.task and _says(lines.get(task.task.index), task.status.attempt if task.status else 0)
                    for task in ended
                ):
                    self._say_items(self._view())
                    return True
            self._check_orchestrator()
            self._say_items(self._view())
            time.sleep(5 * LOOK)
        return False

    def _orchestrator_runs(self) -> bool:
        from opsroom.commands.acts import orchestrator_runs

        return lease.held(self._state) or orchestrator_runs(self._state)

    def _check_orchestrator(self) -> None:
        """Raises where no orchestrator goes on with the campaign any more."""
        if self._own is not None and not self._own.is_alive():
            error = self._own.error
            if isinstance(error, Unavailable) and self._orchestrator_runs():  # another one was faster
                self._own = None
                return
            if isinstance(error, Exception):
                raise error
            raise self._left(self._own.why)
        if self._own is None and not self._orchestrator_runs():
            why = self._lease_why()
            if why != HALTED:
                raise self._left(why)
            self._start_own()

    def _lease_why(self) -> str:
        try:
            return lease.read(self._state).why
        except BadFile:
            return ""

    def _start_own(self) -> None:
        self._own = Own(self._state)
        self._own.start()

    def _left(self, why: str) -> OpsroomError:
        said = f"the orchestrator has ended{': ' if why else ''}{why}"
        return Unavailable(said, todo=f"'opsroom campaign run {self._name}' goes on with the campaign")

    def _send(self, verb: str) -> str:
        name = commands.send(self._state, Command(verb=verb, at=utc_now(), by="human", campaign=self._name))
        journal.write(self._state, "command", "human", verb=verb, name=name, campaign=self._name)
        return name

    # ── what is said ────────────────────────────────────────────────────────────────────────────────────────

    def _view(self) -> CampaignView:
        """The campaign as its files say now."""
        runs = files.names(self._state.root, self._folder.runs, ".toml")
        paths = [self._folder.envelope, self._folder.queue, *(self._folder.runs / name for name in runs)]
        seen = tuple(map(_stamp, paths))
        if seen != self._seen:
            self._seen = seen
            top = self._state.relative(self._folder.root)
            self._reader.apply(frozenset({top, *map(self._state.relative, paths)}))
        return self._reader.fleet.campaigns.get(self._name, CampaignView(self._name))

    def _say_items(self, view: CampaignView) -> None:
        if view.file is None or len(view.file.history) <= self._told:
            return
        for line in view.file.history[self._told :]:
            self._say(_item_line(line, len(view.file.queue)))
        self._told = len(view.file.history)

    def _last_line(self, record: Run) -> str:
        file = self._view().file
        # what was finished after a pause stands in the history, and not in the run's record
        lines = [line for line in file.history if _since(line.at, record.started)] if file else []
        results = ", ".join(f"{count} {result}" for result, count in Counter(line.result for line in lines).items())
        items = f"{len(lines)} item{'' if len(lines) == 1 else 's'}{f' ({results})' if results else ''}"
        said = [f"{self._name}: {record.halted}{': ' if record.why else ''}{record.why}", items]
        if record.metric_before and file:
            said.append(f"metric {record.metric_before} → {file.metric('METRIC_CURRENT')}")
        if record.ended is not None:
            said.append(f"{(record.ended - record.started).total_seconds():.0f} s")
        if cost := cost_text(record.spent):
            said.append(cost)
        return "; ".join((*said, self._what_next(record.halted)))

    def _what_next(self, halted: str) -> str:
        name = self._name
        match halted:
            case "complete":
                return f"'opsroom campaign land {name}' brings it to its base"
            case "stop":
                return f"'opsroom campaign retry {name} {self._stopped()} WORDS' or 'defer', then run it again"
            case "budget_exhausted":
                return f"raise [budgets] in {self._folder.envelope}, then run it again"
            case _:
                return f"'opsroom campaign status {name}' says more"

    def _tell_waits(self, view: CampaignView) -> None:
        """Tells once of each question that an item waits for, and of each reason why nothing is launched."""
        from orchestrator.campaign.campaigns import task_of

        waits: dict[str, str] = {}
        for item in view.file.remaining[:NEAR] if view.file else ():
            folder = self._state.task(task_of(self._name, item.index))
            with contextlib.suppress(BadFile):
                status = decode(Status, files.read_text(self._state.root, folder.status), folder.id)
                if status.state == "waiting" and status.waiting_on:
                    asked = messages.read(self._state.root, folder.outbox / status.waiting_on).body.strip()
                    how = f"'opsroom answer {folder.id} TEXT'"
                    waits[f"{folder.id} {status.waiting_on}"] = (
                        f"item {item.index}, {item.target}, asks: {asked}; {how}"
                    )
        with contextlib.suppress(BadFile):
            held = decode(Holds, files.read_text(self._state.root, self._state.holds), "holds.toml")
            waits |= {
                f"{hold.kind} {hold.agent}": f"held: {hold.agent or 'all agents'}: {hold.why}" for hold in held.holds
            }
        for key in waits.keys() - self._waits:
            self._tell(waits[key])
        self._waits = set(waits)

    def _tell(self, line: str) -> None:
        """Tells on standard error what is no result."""
        with contextlib.suppress(OSError):
            click.echo(clean_line(line, 2000), err=True)

    def _stopped(self) -> str:
        """The number of the item at which it stopped."""
        file = self._view().file
        lines = (file.outcome(item.index) for item in file.remaining) if file else ()
        return next((str(line.index) for line in lines if line is not None and line.result == BLOCKING), "INDEX")

    def _say(self, line: str) -> None:
        """Prints one line; nothing more once nobody reads it, for the campaign goes on."""
        if self._silent:
            return
        try:
            click.echo(clean_line(line, 2000))
        except OSError:
            from opsroom.following import silence_output

            self._silent = True
            silence_output()


def _says(line: HistoryLine | None, attempt: int) -> bool:
    return line is not None and (line.fields.get("attempt") or "0") == str(attempt)


def _since(at: str, started: datetime) -> bool:
    """Whether a line of the history, which has whole seconds, is of a run that `started` then."""
    try:
        return datetime.fromisoformat(at) >= started.replace(microsecond=0)
    except (TypeError, ValueError):  # no time, or one without a zone: a person's
        return False


def _item_line(line: HistoryLine, total: int) -> str:
    """`12/60  src/a.py  success  abc123def456  3.4 s`, with the reason where it is no success."""
    fields = line.fields
    seconds = fields.get("seconds", "")
    parts = [
        f"{fields.get('index', '?')}/{total}",
        fields.get("file", ""),
        line.result,
        fields.get("commit", ""),
        f"{seconds} s" if seconds else "",
        fields.get("why", ""),
    ]
    return "  ".join(part for part in parts if part)


def _stamp(path: os.PathLike[str]) -> tuple[object, ...]:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return (str(path),)
    return (str(path), found.st_ino, found.st_mtime_ns, found.st_size)
