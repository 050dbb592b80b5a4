"""The command palette: every action by name."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode
from textual.theme import Theme

from state.machine import PROVIDER
from tui.acts import Act
from tui.keymap import KEYS
from tui.screens.campaign import CampaignScreen
from tui.screens.fleet import FleetScreen
from tui.screens.history import HistoryScreen
from tui.text import line

__all__ = ["Actions", "Offer", "offers"]


_NOT_OFFERED = frozenset({"app.palette", "app.interrupt", "app.focus", "fleet.back", "history.back"})


class Offering(Protocol):
    """The app, as the palette sees it: `OpsroomApp`, which has this module's `Actions` among its commands."""

    fleet: FleetScreen
    own_themes: set[str]
    readonly: bool

    @property
    def campaign(self) -> CampaignScreen | None:
        """The campaign screen, while one is open."""

    @property
    def history(self) -> HistoryScreen | None:
        """The history screen, while it is open."""

    @property
    def available_themes(self) -> Mapping[str, Theme]:
        """Every theme by its name."""

    def command(self, verb: str, *, agent: str = "") -> Act:
        """Sends a command to the orchestrator."""
        ...

    def open_campaign(self, name: str) -> None:
        """Opens the screen of a campaign."""

    def start_orchestrator(self) -> None:
        """Starts an orchestrator, in a thread."""

    async def run_action(self, action: str, default_namespace: DOMNode | None = None) -> bool:
        """Does what a key is bound to."""
        ...


class Offer(NamedTuple):
    """One thing that the palette offers."""

    name: str
    help: str
    run: Callable[[], object]


def offers(app: Offering) -> Iterator[Offer]:
    """Everything that can be done, also what has no key."""
    screen = app.history or app.campaign or app.fleet
    here = "history" if app.history else "campaign" if app.campaign else "fleet"
    for key in KEYS:
        if key.place in ("app", here) and key.id not in _NOT_OFFERED:
            namespace, _, action = key.action.rpartition("app.")
            name = f"pane: {key.label}" if "pane" in key.id else key.label
            run = f"app.{action}" if namespace or key.place == "app" else f"screen.{action}"
            yield Offer(name, f"{key.display}   {key.help}".rstrip(), partial(app.run_action, run, screen))
    if here == "fleet":
        fleet = app.fleet
        yield Offer("kill", "End the task's worker at once, without time to save; asked twice", fleet.action_kill)
        for verb, about in (
            ("campaign-start", "Start or go on with the campaign"),
            ("campaign-pause", "Start no further item of the campaign"),
        ):
            yield Offer(verb.replace("-", " "), about, partial(fleet.campaign_command, verb))
    for name in sorted(app.fleet.snapshot.fleet.campaigns):
        yield Offer(
            f"campaign: {line(name, 100)}",
            "Its queue, budgets, metric, policy and runs",
            partial(app.open_campaign, name),
        )
    if not app.readonly:
        for hold in app.fleet.snapshot.fleet.holds:
            if hold.kind == PROVIDER:
                about = "Launch it again now, though its provider has failed"
                release = partial(app.command, "release", agent=hold.agent)
                yield Offer(f"release: {line(hold.agent, 60)}", about, release)
    yield Offer("start orchestrator", "Start one, if none runs", app.start_orchestrator)
    for name in sorted(app.available_themes):
        if name in app.own_themes:
            yield Offer(f"theme: {name}", "Change the colours", partial(setattr, app, "theme", name))


class Actions(Provider):
    """Offers what `offers` lists, by fuzzy match."""

    async def discover(self) -> Hits:
        """Everything, in the order of the table."""
        for offer in offers(cast("Offering", self.app)):
            yield DiscoveryHit(Content(offer.name), offer.run, offer.name, offer.help)

    async def search(self, query: str) -> Hits:
        """What matches `query`."""
        matcher = self.matcher(query)
        for offer in offers(cast("Offering", self.app)):
            if (score := matcher.match(offer.name)) > 0:
                yield Hit(score, matcher.highlight(offer.name), offer.run, offer.name, offer.help)
