"""The Log pane: the newest attempt's output, followed until a person reads upwards."""

from textual.message import Message

from tui.keymap import bindings
from tui.widgets.text_view import TextView

__all__ = ["LogPane"]


class LogPane(TextView):
    """A text that grows at its end. Scrolling up stops the following, `f` or reaching the end resumes it."""

    BINDINGS = bindings("log")

    class Followed(Message):
        """Whether the newest line is kept in sight was changed."""

        def __init__(self, following: bool) -> None:
            super().__init__()
            self.following = following

    class Turned(Message):
        """The same log is wanted in its other form: raw output in the place of events, or events."""

    def __init__(self, *, id: str | None = None, limit: int = 5_000) -> None:
        super().__init__(id=id, limit=limit)
        self.following = True

    def action_follow(self) -> None:
        """Follows, or stays."""
        self._follow(not self.following)
        if self.following:
            self.scroll_to_last()

    def action_turn(self) -> None:
        """Asks for the other form."""
        self.post_message(self.Turned())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A person who scrolls up reads; one who comes back to the end wants what is new."""
        super().watch_scroll_y(old_value, new_value)
        if self.following and new_value < old_value and new_value < self.max_scroll_y:
            self._follow(False)
        elif not self.following and new_value > old_value and new_value >= self.max_scroll_y:
            self._follow(True)

    def _follow(self, following: bool) -> None:
        if following != self.following:
            self.following = following
            self.post_message(self.Followed(following))
