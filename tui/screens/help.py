"""The keys, all of them, from the table that binds them."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from tui.keymap import KEYS, PLACES, bindings
from tui.text import Line, pad, width
from tui.widgets.text_view import TextView

__all__ = ["HelpScreen", "lines"]


def lines() -> list[Line]:
    """Every key by the place where it works."""
    column = max(width(key.display) for key in KEYS) + 2
    found: list[Line] = []
    for place, title in PLACES.items():
        if found:
            found.append(())
        found.append(((title, "head"),))
        found += [
            (("  " + pad(key.display, column), "accent"), (key.help or key.label, ""))
            for key in KEYS
            if key.place == place
        ]
    found += [
        (),
        (("Signs", "head"),),
        (
            (" ", ""),
            (" ? ", "attention"),
            ("asks   ", ""),
            ("■ ", "trouble"),
            ("stopped for you   ", ""),
            ("✗ ", "trouble"),
            ("failed   ", ""),
            ("! ", "trouble"),
            ("a file that is not understood", ""),
        ),
        (("  ● running  ◔ starting  ◑ verifying  ◕ merging  ✓ merged or done", ""),),
        (("  ◌ queued  ‖ paused  ↻ retrying  – cancelled", ""),),
        (),
        (("  quiet: a running worker that has written nothing for longer than it is used to. Not an error.", "muted"),),
    ]
    return found


class HelpScreen(ModalScreen[None]):
    """A page over everything, closed by the key that opened it."""

    BINDINGS = bindings("help")
    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        #help {
            width: 84; max-width: 100%; height: 90%; max-height: 100%;
            border: round $frame-focus; border-title-style: bold; background: $page;
        }
    }
    """

    def compose(self) -> ComposeResult:
        """The keys."""
        with Vertical(id="help") as box:
            box.border_title = Content("Keys")
            view = TextView(id="help-text")
            yield view

    def on_mount(self) -> None:
        """Fills it."""
        view = self.query_one(TextView)
        view.show(lines(), top=True)
        self.set_focus(view)
