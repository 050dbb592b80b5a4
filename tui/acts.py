"""What the person at the keys asked for, and what became of it. Pure: `tui.post` is what writes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from state.commands import outcome_path
from state.model import CHECKING, FINAL, LIVE, Outcome
from state.views import CampaignView, TaskView
from tui.text import Cell, Line, cut, line, width

__all__ = ["Act", "Acts", "act_line", "campaign_verb", "pause_verb", "refusal"]

PATIENCE = timedelta(seconds=10)
"""How long an act waits before it is said that nobody is there to take it."""
KEPT = 100
"""Acts that are kept. More of them where so many are open: what becomes of one is still to be told."""


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was sent. `done` is the folder where its outcome will be, `name` its file's once it is written."""

    number: int
    label: str
    at: datetime
    done: Path
    to_worker: bool = False
    name: str = ""
    fate: str = "sending"
    """`sending`, `sent`, `taken`, `delivered`, `refused`, `waits`, or `not sent`."""
    why: str = ""

    @property
    def open(self) -> bool:
        """Whether its fate is not known yet."""
        return self.fate in ("sending", "sent", "waits")


class Acts:
    """The acts of this session, the newest last."""

    def __init__(self) -> None:
        self._acts: dict[int, Act] = {}
        self._next = 1
        self.shown: Act | None = None
        """The act of which something was heard last."""

    def begin(self, label: str, at: datetime, done: Path, *, to_worker: bool = False) -> Act:
        """Notes that something is being sent."""
        act = Act(self._next, label, at, done, to_worker)
        self._next += 1
        settled = [number for number, one in self._acts.items() if not one.open]
        for number in settled[: max(0, len(self._acts) + 1 - KEPT)]:
            del self._acts[number]
        return self._set(act)

    def sent(self, number: int, name: str, why: str = "") -> Act:
        """Its file is written, as `name`."""
        return self._set(replace(self._acts[number], name=name, fate="sent", why=why))

    def not_sent(self, number: int, why: str) -> Act:
        """Its file could not be written."""
        return self._set(replace(self._acts[number], fate="not sent", why=why))

    def settle(self, number: int, outcome: Outcome) -> Act:
        """Its outcome was read."""
        act = self._acts[number]
        if outcome.outcome == "accepted":
            return self._set(replace(act, fate="delivered" if act.to_worker else "taken", why=outcome.why))
        return self._set(replace(act, fate="refused", why=outcome.why or outcome.outcome))

    def named(self, paths: frozenset[str], root: Path) -> list[Act]:
        """The open acts whose outcome is among `paths`, relative to `root`."""
        return [
            act
            for act in self._acts.values()
            if act.open and act.name and outcome_path(act.done, act.name).relative_to(root).as_posix() in paths
        ]

    def tick(self, now: datetime, alive: bool) -> bool:
        """Says of acts that nobody takes that they wait, and what for; True if any changed."""
        changed = False
        for act in list(self._acts.values()):
            if act.fate == "sent" and not alive and now - act.at >= PATIENCE:
                self._set(replace(act, fate="waits", why="no orchestrator runs"))
                changed = True
            elif act.fate == "waits" and alive:
                self._set(replace(act, fate="sent", why=""))
                changed = True
        return changed

    @property
    def open(self) -> int:
        """How many have no outcome yet."""
        return sum(act.open for act in self._acts.values())

    def is_open(self, number: int) -> bool:
        """Whether the fate of act `number` is not known yet."""
        return number in self._acts and self._acts[number].open

    def _set(self, act: Act) -> Act:
        self._acts[act.number] = self.shown = act
        return act


_SIGNS = {"sending": "…", "sent": "›", "waits": "…", "taken": "✓", "delivered": "✓", "refused": "✗", "not sent": "✗"}


def act_line(act: Act, columns: int = 200) -> Line:
    """What became of `act`, for an activity line of so many columns: its label gives way to its fate and why."""
    room = columns - 5 - len(act.fate) - (min(width(act.why) + 2, 40) if act.why else 0)
    tone = "trouble" if act.fate in ("refused", "not sent") else "attention" if act.fate == "waits" else ""
    cells: list[Cell] = [
        (f" {_SIGNS[act.fate]} ", tone),
        (cut(line(act.label, 120), max(12, room)), ""),
        ("  ", ""),
        (act.fate, tone),
    ]
    if act.why:
        cells.append((f": {line(act.why)}", tone if act.fate != "taken" else "muted"))
    return tuple(cells)


def pause_verb(view: TaskView) -> str:
    """What the one key for both sends."""
    return "resume" if view.state == "paused" else "pause"


def campaign_verb(view: CampaignView) -> str:
    """What the one key for both sends."""
    return "campaign-pause" if view.file and view.file.status == "running" else "campaign-start"


def refusal(verb: str, view: TaskView) -> str:
    """Why `verb` makes no sense for this task as it stands, or ''. The orchestrator has the last word anyway."""
    state, name = line(view.state, 40), line(view.id, 60)
    if not view.status:
        return ""  # a fault: who knows what helps
    if verb in ("pause", "stop", "kill") and state in FINAL:
        return f"{name} is {state}: there is nothing to {verb}"
    if verb == "kill" and state not in LIVE:
        return f"{name} is {state}: no worker runs"
    if verb == "pause" and state in CHECKING:
        return f"{name} is {state}: that takes a moment and is not paused"
    if verb == "retry" and (state in LIVE or state in CHECKING):
        return f"{name} is {state} already"
    if verb == "retry" and state in ("merged", "done"):
        return f"{name} is {state}: there is nothing to try again"
    if verb == "message" and state in FINAL:
        return f"{name} is {state}: no worker will read it"
    return ""
