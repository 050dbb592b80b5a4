"""What is known of everything at one moment: views that never change and may be handed to any thread.

`state.fleet` reads them; nothing here touches the disk.
"""

from dataclasses import dataclass, field
from datetime import datetime

from state.campaign_file import CampaignFile
from state.envelope import Campaign, Run
from state.errors import Fault
from state.machine import Hold, Machine, Worker
from state.messages import Message
from state.model import NEEDS_HUMAN, AgentReport, Attempt, Exit, Holder, Lease, Result, Spent, Status, Task, Ticket

__all__ = ["CampaignView", "Change", "Fleet", "LockView", "TaskView"]


@dataclass(frozen=True, slots=True)
class TaskView:
    """What is known of one task. A part that is missing or faulty is None or empty, and `faults` says why."""

    id: str
    task: Task | None = None
    status: Status | None = None
    result: Result | None = None
    spent: Spent | None = None
    """What the worker says that its attempt has used."""
    outbox: tuple[Message, ...] = ()
    """From the worker, oldest first, acknowledgements left out."""
    acknowledged: frozenset[str] = frozenset()
    """Names of the inbox messages that the worker says it has read."""
    inbox: tuple[Message, ...] = ()
    """To the worker and not filed away yet, oldest first."""
    filed: tuple[Message, ...] = ()
    """To the worker, delivered or refused, oldest first."""
    captures: tuple[str, ...] = ()
    """File names of pictures, newest first."""
    attempts: tuple[int, ...] = ()
    run: Attempt | None = None
    """The newest attempt's processes."""
    exit: Exit | None = None
    """How the newest attempt ended, once it has."""
    report: AgentReport | None = None
    """What the stream of the newest attempt has told, where its agent's kind is known."""
    heard: datetime | None = None
    """When the worker last wrote anything: output, checkpoint, message, picture, result."""
    faults: tuple[Fault, ...] = ()

    @property
    def state(self) -> str:
        """The state as its status file says; '' where no status can be read."""
        return self.status.state if self.status else ""

    @property
    def title(self) -> str:
        """The task's title, else its id."""
        return self.task.title if self.task and self.task.title.strip() else self.id

    @property
    def campaign(self) -> str:
        """The campaign that the task belongs to, or ''."""
        return self.task.campaign if self.task else ""

    @property
    def questions(self) -> tuple[Message, ...]:
        """Questions without an answer, oldest first; none once the task has ended."""
        if self.status and self.status.state in ("merged", "done", "cancelled", "failed"):
            return ()
        answered = {message.reply_to for message in (*self.inbox, *self.filed) if message.kind == "answer"}
        return tuple(message for message in self.outbox if message.kind == "question" and message.name not in answered)

    @property
    def stop_reason(self) -> str:
        """Why the worker stopped for a human, word for word; '' if it did not."""
        stops = [message for message in self.outbox if message.kind == "stop"]
        return stops[-1].body.strip() if stops and self.state == "stopped" else ""

    @property
    def needs_human(self) -> bool:
        """Whether nothing goes on here until a person acts: a question, a stop, a fault, a failure.

        A failed item of a campaign is none: its change was reverted, and the campaign goes on.
        """
        alone = self.state in NEEDS_HUMAN - {"waiting"} and not (self.state == "failed" and self.campaign)
        return bool(self.questions) or alone or bool(self.faults)


@dataclass(frozen=True, slots=True)
class CampaignView:
    """What is known of one campaign."""

    name: str
    envelope: Campaign | None = None
    file: CampaignFile | None = None
    runs: tuple[tuple[int, Run], ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def done(self) -> int:
        """Items that have an outcome which is not a stop."""
        if not self.file:
            return 0
        outcomes = {line.index for line in self.file.history if line.result != "STOP-NEEDS-HUMAN"}
        return sum(item.index in outcomes for item in self.file.queue)


@dataclass(frozen=True, slots=True)
class LockView:
    """What is known of one named lock. Who has died has nothing and waits for nothing."""

    name: str
    holder: Holder | None = None
    waiting: tuple[Ticket, ...] = ()
    """In the order in which they will get it."""
    lasted: tuple[float, ...] = ()
    """Seconds for which the last few had it, the newest last."""

    @property
    def busy(self) -> bool:
        """Whether anybody has it or waits for it."""
        return self.holder is not None or bool(self.waiting)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Everything, at one moment."""

    tasks: dict[str, TaskView] = field(default_factory=dict)
    campaigns: dict[str, CampaignView] = field(default_factory=dict)
    locks: dict[str, LockView] = field(default_factory=dict)
    lease: Lease | None = None
    machine: Machine | None = None
    """The newest sample of what is left and what each worker takes."""
    holds: tuple[Hold, ...] = ()
    """Why no new attempt is launched, of some agent or of any; none: nothing is held."""
    commands: tuple[str, ...] = ()
    """Names of commands that nobody has taken yet."""
    faults: tuple[Fault, ...] = ()
    """What is wrong outside any task or campaign."""

    def takes(self, view: TaskView) -> Worker | None:
        """What the newest attempt of `view` took in the newest sample; None where it has ended, or nobody knows.

        A worker that waits for an answer takes its memory still.
        """
        if self.machine is None or view.status is None or view.exit:
            return None
        for worker in self.machine.workers:
            if worker.task == view.id and worker.attempt == view.status.attempt:
                return worker
        return None


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two snapshots."""

    tasks: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()
    other: bool = False
    paths: frozenset[str] = frozenset()
