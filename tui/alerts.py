"""When the terminal rings, and what its title says: once for each halt of a campaign. Pure; the app writes."""

from typing import NamedTuple

from state.views import CampaignView, Fleet
from tui.attention import HALTED
from tui.feed import Snapshot
from tui.text import cut, line

__all__ = ["Alert", "Alerts", "title_of"]

TITLE = 100
"""Columns of a title."""
ENDS = HALTED | {"complete"}
"""Statuses that a person wants to hear of: `paused` was a person's own word."""


class Alert(NamedTuple):
    """The title that the terminal is to have, safe to write, and whether it rings."""

    title: str
    ring: bool = False


def title_of(project: str, fleet: Fleet, need: int, complete: str = "") -> str:
    """`2 need you · opsroom click`; of a campaign that waits for a person its name, its status and why.

    `complete` is a campaign that has just come to its end.
    """
    end = f"opsroom {line(project, 60)}"
    halted = [view for view in fleet.campaigns.values() if view.file and view.file.status in HALTED]
    if halted:
        newest = max(halted, key=_ended)
        status, why = (newest.file.status, newest.file.headers.get("STOP_REASON", "")) if newest.file else ("", "")
        more = f" +{len(halted) - 1}" if len(halted) > 1 else ""
        said = f"{newest.name} {status.replace('_', ' ')}{more}{': ' if why else ''}{' '.join(why.split())}"
        return f"{cut(line(said, 300), TITLE)} · {end}"
    if need:
        return f"{need} need{'s' * (need == 1)} you · {end}"
    return f"{line(complete, 100)} complete · {end}" if complete else end


def _ended(view: CampaignView) -> float:
    ended = view.runs[-1][1].ended if view.runs else None
    return ended.timestamp() if ended else 0.0


class Alerts:
    """Follows the campaigns of one state directory, and says of each halt once that the terminal is to ring."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._status: dict[str, str] | None = None
        self._complete = ""

    def heard(self, snapshot: Snapshot) -> Alert:
        """What is to be heard and read now that `snapshot` is known. What had halted before rings nothing."""
        now = {name: view.file.status for name, view in snapshot.fleet.campaigns.items() if view.file}
        before = self._status or {}
        ended = [name for name, status in now.items() if status in ENDS and before.get(name, status) != status]
        if not snapshot.reading:
            self._status = before | now
        self._complete = next((name for name in ended if now[name] == "complete"), self._complete)
        if now.get(self._complete) != "complete":
            self._complete = ""
        need = len(snapshot.summary.entries)
        return Alert(title_of(self._project, snapshot.fleet, need, self._complete), bool(ended))
