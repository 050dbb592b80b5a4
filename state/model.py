"""What the TOML files of the protocol hold, as typed records (`state.record`)."""

from typing import Annotated

import msgspec

from state.record import Count, Record, Time, decode, decode_text, encode
from state.usage import Budget, Usage

__all__ = [
    "CHECKING",
    "FINAL",
    "LIVE",
    "NEEDS_HUMAN",
    "STATES",
    "AgentReport",
    "Attempt",
    "Capture",
    "Command",
    "Exit",
    "Holder",
    "Launch",
    "Lease",
    "Outcome",
    "Record",
    "Result",
    "Spent",
    "Status",
    "Task",
    "Ticket",
    "decode",
    "decode_text",
    "encode",
]

LIVE = frozenset({"starting", "running"})
CHECKING = frozenset({"verifying", "merging"})
FINAL = frozenset({"merged", "done", "failed", "cancelled"})
NEEDS_HUMAN = frozenset({"waiting", "stopped", "failed"})
STATES = LIVE | CHECKING | FINAL | NEEDS_HUMAN | {"queued", "paused", "retrying"}
"""The states that the protocol names. A status may hold another word, which is shown as it stands."""


class Task(Record):
    """`task.toml`: the identity of a task, written once when it is made."""

    title: str
    created: Time
    agent: str = "default"
    role: str = "worker"
    parent: str = ""
    campaign: str = ""
    item: str = ""
    index: Count = 0
    base: str = ""
    """The branch that the task's change is to land on."""
    by: str = ""
    cause: str = ""
    """The command that made the task, so that a crash between making it and saying so makes no second one."""


class Status(Record):
    """`status.toml`: where a task is, who said so and when."""

    state: str
    since: Time
    """When the task came into this state."""
    by: str
    attempt: Count = 0
    """The newest attempt's number; 0 before the first."""
    failures: Count = 0
    """Attempts in a row that ended in a crash or a time-out."""
    repairs: Count = 0
    """How often the change was given back because its checks failed, since it was last begun anew."""
    conflicts: Count = 0
    """How often the task was begun anew because its change met another one."""
    why: str = ""
    waiting_on: str = ""
    """What the task needs to go on: a question's name, a branch, a person."""
    not_before: Time | None = None
    """With `retrying`: when the next attempt may start."""
    branch: str = ""
    commit: str = ""
    """The commit on the base branch, once merged; before that the attempt's last own commit."""
    start: str = ""
    """The commit that the task's first attempt began at."""
    checks: list[str] = []
    """Names of the checks that the change passed."""
    metric: str = ""
    """The campaign's metric with the change in place."""
    cause: str = ""
    """The last command that moved the task."""
    usage: Usage = msgspec.field(default_factory=Usage)
    """What the task's attempts have used, those that have ended."""
    counted: Count = 0
    """The newest attempt that is in `usage`."""
    failure: str = ""
    """With `failed`, `retrying` and `queued`: whose the last failure was: `agent`, `checks`, `provider`, `machine`."""


class Result(Record):
    """`result.toml`: the worker's own word on how it went."""

    outcome: str
    at: Time
    attempt: Count = 0
    summary: str = ""
    learned: str = ""
    commits: list[str] = []


class Spent(Record):
    """`worker/usage.toml`: what the worker says that its attempt has used so far."""

    attempt: Count
    at: Time
    tokens: Count = 0
    dollars: Annotated[float, msgspec.Meta(ge=0, lt=1e12)] = 0.0


class Launch(Record):
    """`attempts/<n>/launch.toml`: what the supervisor is told to run."""

    argv: list[str]
    cwd: str
    environment: dict[str, str]
    seconds: float
    grace: float
    silence: float = 0.0
    """Seconds without any sign of life after which the attempt is ended; 0 sets no limit."""
    signs: list[str] = []
    """Files and folders besides its output whose changes are signs of life."""
    output: Count = 0
    """Bytes that the attempt may print; what prints more is ended. 0 sets no limit."""
    sandbox: str = ""
    """What the attempt runs in: `bubblewrap`, `none`."""
    kept: list[str] = []
    """With `bubblewrap`: names of the variables that the attempt takes over from the orchestrator's environment."""
    secrets: list[str] = []
    """Names of the variables whose values are masked in what the attempt prints."""


class Attempt(Record):
    """`attempts/<n>/run.toml`: the processes of a running attempt, named so that no recycled pid is taken for them."""

    supervisor: Count
    supervisor_start: Count
    """Clock ticks since boot, as field 22 of `/proc/<pid>/stat` has them."""
    boot: str
    host: str
    started: Time
    child: Count = 0
    sandbox: str = ""
    """What the attempt runs in, as `launch.toml` said; '' where nobody says."""
    stdout_pipe: Count = 0
    """The number by which /proc names the pipe that the worker's standard output goes through; 0 where it is none."""
    stderr_pipe: Count = 0
    folder: str = ""
    """The attempt's folder as it was called then: in a copy of it stands what is true of the original."""


class AgentReport(Record):
    """`attempts/<n>/agent.toml`: what the stream of an agent whose kind is known has told so far, and what it comes to.

    It is there from the launch on where there is a stream to be read, and final once it has a `verdict`.
    """

    kind: str
    """Which agent CLI it is: `codex`, `claude`, …"""
    at: Time
    session: str = ""
    """The agent's own name for the session, by which it can be resumed."""
    resumed: str = ""
    """The session that it was started to resume; '' for a fresh one."""
    model: str = ""
    version: str = ""
    usage: Usage = msgspec.field(default_factory=Usage)
    """What this attempt has used, as far as the stream has told."""
    counter: Usage | None = None
    """What the agent's own counter shows, where that counts over all runs of the session."""
    events: Count = 0
    """How many events there are: the `seq` of the last one."""
    unknown: Count = 0
    """Of these, those that were not understood."""
    read: Count = 0
    """Bytes of `stdout.log` that have been read."""
    retries: Count = 0
    """Failures that the agent got over by itself."""
    worked: bool = False
    """Whether the model has said or done anything."""
    said: str = ""
    """The newest of its own words."""
    verdict: str = ""
    """`success` or `failed`, once the attempt has ended and its stream was read to the end."""
    failure: str = ""
    """With `failed`: one of `state.agent_events.FAILURES`."""
    why: str = ""
    """With `failed`: why, the provider's own words where it failed by that."""
    until: Time | None = None
    """Until when the provider said that it would fail."""


class Exit(Record):
    """`attempts/<n>/exit.toml`: how an attempt ended, by its supervisor."""

    reason: str
    """`exited`, `timeout`, `silent`, `output`, `budget`, `cancelled`, `lost` or `exec_failed`."""
    started: Time
    ended: Time
    status: int | None = None
    """The exit status; negative for the number of the signal that ended it."""
    error: str = ""
    why: str = ""
    """With `cancelled` and `budget`: what the orchestrator gave as its reason."""
    seconds: float = 0.0
    """How long it took by a clock that nobody sets."""
    max_rss_kib: Count = 0
    user_seconds: float = 0.0
    system_seconds: float = 0.0
    leaked: Count = 0
    """Processes that outlived the worker and were ended."""
    disk_free_kib: Count | None = None
    """What the disk had left when the attempt ended: of the attempt's folder or its worktree, whichever was fuller."""


class Lease(Record):
    """`orchestrator/lease.toml`: who runs this state directory, and its newest sign of life."""

    pid: Count
    host: str
    started: Time
    beat: Time
    every: float = 5.0
    """Seconds between two beats."""
    max_workers: Count = 0
    budget: Budget = msgspec.field(default_factory=Budget)
    """What all attempts in this directory may use together."""
    ended: Time | None = None
    why: str = ""
    sandbox: str = ""
    """What attempts run in: `bubblewrap`, `none`; '' where nobody says."""
    sandbox_why: str = ""
    """Why it is less than what was asked for; '' if it is not."""


class Ticket(Record):
    """`locks/<name>/tickets/*.toml`: who waits for a lock. It counts while its writer holds the file's own flock."""

    since: Time
    task: str = ""
    attempt: Count = 0
    what: str = ""
    """The command line, or what else the lock is wanted for."""
    pid: Count = 0
    """As its own PID namespace numbers it: for a person to read, not to find a process by."""
    host: str = ""

    @property
    def label(self) -> str:
        """What to call it in a few words: the task, else what it does, else the process."""
        return self.task or self.what or f"pid {self.pid}"


class Holder(Ticket):
    """`locks/<name>/holder.toml`: who has a lock. It counts as a ticket does."""

    token: str = ""
    """What a child of the holder shows to be let in without waiting."""
    waited: float = 0.0
    """Seconds from its ticket to the lock."""


class Command(Record):
    """A file of `inbox/`: one thing that a person or a program asks of the orchestrator."""

    verb: str
    at: Time
    by: str
    task: str = ""
    campaign: str = ""
    text: str = ""
    title: str = ""
    spec: str = ""
    agent: str = ""
    parent: str = ""
    index: Count = 0
    """An item of the campaign, by its number."""
    before: Count = 0
    """The item above which it is to stand; 0: below all others."""


class Outcome(Record):
    """`<name>.outcome.toml` in a `done` folder: what became of a command or of a message to a worker."""

    outcome: str
    """`accepted` or `refused`."""
    at: Time
    by: str
    why: str = ""
    task: str = ""


class Capture(Record):
    """`captures/<stamp>.toml`: what the picture beside it shows."""

    at: Time
    of: str = ""
    note: str = ""
    attempt: Count = 0
