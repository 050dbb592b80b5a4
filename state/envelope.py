"""The envelope of a campaign, and the record of its runs: `campaign.toml` and `runs/<n>.toml`.

Part of `state.model`'s records. A key of the envelope that is not known would limit nothing: `unknown_limit` finds it,
and a campaign that has one is not started.
"""

from typing import Annotated, Literal

import msgspec

from state.record import Count, Record, Time
from state.usage import Budget, Usage

__all__ = ["Campaign", "Check", "Metric", "Packet", "Policy", "Proposal", "Run", "Tried", "unknown_limit"]

Share = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class Check(Record):
    """One command that must end with 0 before a change is taken."""

    name: str
    command: list[str]
    seconds: float = 600.0


class Metric(Record):
    """A command that prints a number, and where the number should go."""

    name: str
    command: list[str]
    goal: float | None = None
    """Once the metric is as good as this the campaign is complete; without it, once every item has an outcome."""
    better: Literal["lower", "higher"] = "lower"
    tolerance: Share | None = None
    """By which share of its baseline a change may make it worse: 0.02 for 2 %. None: a change may, in a campaign's own
    metric; none may, in a guard."""
    seconds: float = 600.0


class Policy(Record):
    """`[policy]`: what an item's change may be. Patterns are those of a .gitignore file, from the repository's top."""

    allow: list[str] = msgspec.field(default_factory=lambda: ["{item}"])
    """Paths that may change. `{item}` stands for the item's target as it is, no pattern."""
    deny: list[str] = []
    """Paths that may not, whatever `allow` says."""
    forbid: list[str] = []
    """Regular expressions that no added line may match anywhere."""
    max_files: Count = 0
    """How many files may change; 0 sets no limit."""
    max_lines: Count = 0
    """How many lines may be added and removed together; 0 sets no limit."""


class Campaign(Record):
    """`campaign.toml`: the envelope of a campaign, written by a person."""

    agent: str
    base: str = ""
    """The branch that the campaign's own branch starts from; the configured base if empty."""
    at_once: Annotated[int, msgspec.Meta(ge=1)] = 1
    message: str = "{campaign}: {item}"
    metric: Metric | None = None
    guards: list[Metric] = []
    """What is measured besides; a change that makes one worse by more than its tolerance is not taken."""
    checks: list[Check] = []
    policy: Policy = msgspec.field(default_factory=Policy)
    repairs: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """How often an item whose checks fail is given back to its worker, with what failed, before it is reverted."""
    no_progress: Count = 0
    """After as many items in a row without progress (a commit and a better metric) the campaign halts; 0: never."""
    on_timeout: Literal["revert", "halt"] = "revert"
    """What an item does whose worker runs out of time for good: it is reverted, or the campaign halts as well."""
    budgets: Budget = msgspec.field(default_factory=Budget)
    """Of all the campaign's attempts together, over all its runs."""


class Proposal(Record):
    """What the orchestrator proposes to change in the envelope, by what a run has shown."""

    kind: str
    """`rule`: a line from a worker that reads as one; `file`: what cost most; `check`: what failed most."""
    text: str
    source: str = ""
    """The item or the check that it comes from."""


class Run(Record):
    """`campaigns/<name>/runs/<n>.toml`: one start of a campaign."""

    started: Time
    ended: Time | None = None
    halted: str = ""
    """The campaign's status at the end: `complete`, `stop`, `budget_exhausted`, `no_progress`, `error` or `paused`."""
    why: str = ""
    items: Count = 0
    """How many lines of history the run has written."""
    results: dict[str, int] = {}
    """How many of these there were of each result."""
    metric_before: str = ""
    metric_after: str = ""
    baselines: dict[str, str] = {}
    """What the metric and each guard measured before the campaign's first run."""
    branch: str = ""
    """The campaign's own branch; empty until the run has it and knows the metric."""
    cause: str = ""
    """The command that started the run."""
    spent_before: Usage = msgspec.field(default_factory=Usage)
    """What the campaign had used when the run started."""
    spent: Usage = msgspec.field(default_factory=Usage)
    """What the run itself has used, once it has ended."""
    proposals: list[Proposal] = []
    notified: Time | None = None
    """When its halt began to be told to the services that are configured; before that, so that it is told once."""


class Tried(Record):
    """One earlier try of a repair: what failed then, and what the worker said that it had done."""

    attempt: Count
    failed: str
    said: str = ""


class Packet(Record):
    """`attempts/<n>/failure.toml`: why this attempt's change was not taken, for the worker that repairs it."""

    failed: str
    """The sentence that the status has, too."""
    kind: str = "check"
    """`check`, `metric`, or `conflict`: then the work begins again where the campaign's branch stands."""
    check: str = ""
    status: int | None = None
    """The check's exit status; none where it ran out of time, or where no check failed but a metric."""
    lines: list[str] = []
    """The last lines that the check printed."""
    metric_before: str = ""
    metric_after: str = ""
    elsewhere: list[str] = []
    """What changed on the campaign's branch since the item's worker began: commits with their files."""
    earlier: list[Tried] = []
    said: str = ""
    """What the worker said that it had done, for the next packet."""


def unknown_limit(campaign: Campaign) -> str:
    """The first key of the envelope that nobody knows, as `policy.alow`; '' if there is none."""
    parts: list[tuple[str, Record]] = [("", campaign), ("budgets.", campaign.budgets), ("policy.", campaign.policy)]
    parts += [("metric.", campaign.metric)] if campaign.metric else []
    parts += [("guards.", guard) for guard in campaign.guards] + [("checks.", check) for check in campaign.checks]
    return next((f"{name}{key}" for name, part in parts for key in part.extra), "")
