"""The app: it wires the feed to the screens, and opens and closes these."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from state import lease as leases
from state.layout import StateDir
from state.times import utc_now
from state.views import TaskView
from tui import theme
from tui.alerts import Alert, Alerts
from tui.attention import Entry
from tui.feed import Feed
from tui.key_order import KeyOrder
from tui.keymap import bindings
from tui.palette import Actions, Offering
from tui.quiet import Habits
from tui.room import Room
from tui.screens.campaign import CampaignScreen
from tui.screens.fleet import FleetScreen
from tui.screens.help import HelpScreen
from tui.screens.history import HistoryScreen
from tui.sending import Sending
from tui.terminal import TerminalDriver
from tui.text import line

__all__ = ["OpsroomApp", "run"]


class OpsroomApp(Sending, inherit_bindings=False):
    """The control room of one state directory.

    Args:
        state: what is shown and written to.
        readonly: send nothing.
        theme: a theme by name; else one that suits the terminal.
        mouse: whether the terminal's mouse is taken; with False it selects text as everywhere else.
        start_orchestrator: starts one, at a person's word; may take its time.
        clock: the time from which every age is worked out.
    """

    TITLE = "Opsroom"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar = {Actions}
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    DEFAULT_CSS = """
    SearchIcon { display: none; }
    CommandPalette > Vertical { margin-top: 1; background: $page; }
    CommandPalette:ansi > Vertical { background: ansi_default; }
    CommandPalette:ansi #--input { border: round ansi_default; }
    CommandPalette LoadingIndicator { display: none; }
    CommandPalette:ansi CommandInput, CommandPalette:ansi CommandList { border: blank ansi_default; }
    CommandPalette CommandList { border-bottom: none; }
    Input > .input--placeholder, Input:ansi > .input--placeholder { color: $quiet-text; text-style: $quiet-style; }
    """

    class FeedReady(Message):
        """The feed has something to take."""

    def __init__(
        self,
        state: StateDir,
        *,
        readonly: bool = False,
        theme: str | None = None,
        mouse: bool = True,
        start_orchestrator: Callable[[], None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.own_themes: set[str] = set()
        # Textual picks its filter for NO_COLOR before there is a theme: for one of RGB colours, which leaves greys
        super().__init__(state, clock, ansi_color=True if "NO_COLOR" in os.environ else None)
        self.readonly = readonly
        self.mouse = mouse
        self.fleet = FleetScreen()
        self._start = start_orchestrator
        self._habits = Habits()
        self._alerts = Alerts(state.repository.name)
        self.terminal_title = ""
        self._feed = Feed(state, self._announce, clock)
        self._keys = KeyOrder(super().on_event, self.call_later, self._screen_is_built)
        self.animation_level = "none"
        self._choose_theme(theme)

    def _choose_theme(self, wanted: str | None) -> None:
        found = theme.load(os.environ)
        for one in found.themes.values():
            self.register_theme(one)
        self.own_themes = set(found.themes)
        name = wanted or theme.default_name(os.environ)
        if name not in self.available_themes:
            known = ", ".join(sorted(found.themes))
            self.say(f"there is no theme {line(name, 40)} (themes: {known})")
            name = theme.FALLBACK
        if found.faults:
            self.say(f"theme not loaded: {found.faults[0]}")
        self.theme = name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our variables, for themes that don't set them."""
        colors = self.current_theme.to_color_system().generate()
        return {name: colors[value[1:]] if value.startswith("$") else value for name, value in theme.VARIABLES.items()}

    async def on_event(self, event: events.Event) -> None:
        """Keys and what is pasted one after the other; everything else as it comes."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._keys.put(event)
        else:
            await super().on_event(event)

    def get_driver_class(self) -> type[Driver]:
        """Ours where Textual would take the one that it is made of."""
        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def _screen_is_built(self) -> bool:
        return not self._screen_stack or self.screen.is_mounted

    def on_mount(self) -> None:
        """Shows the fleet and begins to read."""
        self._control("\x1b[22;2t")  # keep the title that the terminal has
        self.push_screen(self.fleet)
        self.app_resume_signal.subscribe(self, lambda _: self._feed.rescan())
        self._feed.start()
        self.set_interval(1.0, self.tick)

    def on_unmount(self) -> None:
        """Stops reading, and gives the terminal its old title back."""
        self._feed.stop()
        self._control("\x1b[23;2t")

    # what was read

    def _announce(self) -> None:
        self.post_message(self.FeedReady())

    def on_opsroom_app_feed_ready(self) -> None:
        """Takes the newest snapshot."""
        snapshot = self._feed.take()
        if snapshot is None:
            return
        before = self.fleet.snapshot.fleet
        for name in snapshot.change.tasks:
            if view := snapshot.fleet.tasks.get(name):
                self._habits.note(before.tasks.get(name), view)
        for act in self.acts.named(snapshot.change.paths, self.state.root):
            self._look_for_outcome(act)
        self.set_alert(self._alerts.heard(snapshot))
        if self.fleet.ready:
            for screen in self._screens:
                screen.show(snapshot)

    def tick(self) -> None:
        """Draws what time alone changes; called once a second."""
        self.acts.tick(self.clock(), leases.alive(self.fleet.snapshot.fleet.lease, self.clock()))
        for screen in self._screens:
            if screen.is_current:
                screen.tick()

    def quiet(self, view: TaskView, now: datetime) -> bool:
        """Whether a worker is silent beyond its habit."""
        return self._habits.quiet(view, now)

    def unanswered(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """`entries` without the questions that were answered here and may not have been seen answered yet."""
        return tuple(
            entry
            for entry in entries
            if entry.question is None or (entry.name, entry.question.name) not in self.answered
        )

    # where it is shown

    @property
    def campaign(self) -> CampaignScreen | None:
        """The campaign screen, while one is open."""
        return next((one for one in self._screen_stack if isinstance(one, CampaignScreen)), None)

    @property
    def history(self) -> HistoryScreen | None:
        """The history screen, while it is open."""
        return next((one for one in self._screen_stack if isinstance(one, HistoryScreen)), None)

    @property
    def _screens(self) -> tuple[FleetScreen | CampaignScreen | HistoryScreen, ...]:
        """Those that have their parts, and show what is known and said."""
        return tuple(one for one in (self.fleet, self.campaign, self.history) if one is not None and one.ready)

    def show_activity(self) -> None:
        """Has every screen say it."""
        for screen in self._screens:
            screen.show_activity()

    def entries_changed(self) -> None:
        """Has the fleet count again what needs a person."""
        self.fleet.entries_changed()

    def open_task(self, task: str) -> None:
        """Opens a task's panes, in the fleet."""
        self.close_campaign()
        self.fleet.open_task(task)

    def next_needing(self) -> None:
        """Goes to the next that needs a person, in the fleet."""
        self.close_campaign()
        self.fleet.action_next_needing()

    def open_campaign(self, name: str) -> None:
        """Opens the screen of a campaign, in place of another one's."""
        self.close_history()
        if (campaign := self.campaign) is not None:
            if campaign.name_of == name:
                return
            self.close_campaign()
        self.push_screen(CampaignScreen(name, self.fleet.snapshot))

    def close_campaign(self) -> None:
        """Goes back to the fleet."""
        while self.campaign is not None:
            self.pop_screen()
        self.fleet.show_activity()
        self.fleet.tick()

    def open_history(self, campaign: str = "") -> None:
        """Opens the past; with `campaign`, at the items of that one."""
        if self.history is None:
            self.push_screen(HistoryScreen(self.fleet.snapshot, campaign))

    def close_history(self) -> None:
        """Goes back to where the history was opened from."""
        if self.history is None:
            return
        while self.history is not None:
            self.pop_screen()
        below = self.campaign or self.fleet
        below.show_activity()
        below.tick()

    def set_alert(self, alert: Alert) -> None:
        """Rings, and gives the terminal its title."""
        if alert.ring:
            self.bell()
        if alert.title != self.terminal_title:
            self.terminal_title = alert.title
            self._control(f"\x1b]2;{alert.title}\x07")

    def _control(self, sequence: str) -> None:
        """Sends what the terminal obeys and does not show, if it is one that does."""
        if self._driver is not None and not self.is_headless and os.environ.get("TERM") not in ("linux", "dumb"):
            self._driver.write(sequence)

    # actions

    def start_orchestrator(self) -> None:
        """Starts an orchestrator, in a thread."""
        if self.readonly:
            self.say("read-only: nothing is started from here")
        elif self._start is None:
            self.say("it cannot be started from here: run 'opsroom up'")
        elif leases.alive(self.fleet.snapshot.fleet.lease, self.clock()):
            self.say("an orchestrator runs already")
        else:
            start = self._start
            self.say("starting an orchestrator …")

            def work() -> None:
                try:
                    start()
                except Exception as error:  # noqa: BLE001 - what the caller gave may raise anything; it is shown
                    self.post_message(self.Said(f"the orchestrator could not be started: {error}"))

            self.run_worker(work, thread=True, group="orchestrator")

    def action_leave(self) -> None:
        """Leaves. Workers and orchestrator go on."""
        self.exit()

    def action_history(self) -> None:
        """Shows the past, of the campaign whose screen is open."""
        self.open_history(self.campaign.name_of if self.campaign else "")

    def action_help(self) -> None:
        """Shows the keys."""
        self.push_screen(HelpScreen())


if TYPE_CHECKING:

    def _is_what_others_take_it_for(app: OpsroomApp) -> tuple[Room, Offering]:
        return app, app


def run(
    state: StateDir,
    *,
    readonly: bool = False,
    theme: str | None = None,
    mouse: bool = True,
    start_orchestrator: Callable[[], None] | None = None,
) -> None:
    """Shows the control room of `state` until the person leaves. Arguments as of `OpsroomApp`."""
    app = OpsroomApp(state, readonly=readonly, theme=theme, mouse=mouse, start_orchestrator=start_orchestrator)
    app.run(mouse=mouse)
