"""An input line that is ready for the next key at once: over a slow connection keys arrive in bursts."""

from textual.widgets import Input

__all__ = ["TypingLine"]


class TypingLine(Input):
    """A line to type on."""

    def open(self) -> None:
        """Takes the focus now. `focus` does it after the next refresh, and a key before that acts elsewhere."""
        self.screen.set_focus(self)
