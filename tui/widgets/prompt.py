"""A line to type on, at the foot of the screen: messages to a worker, the filter."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tui.keymap import bindings
from tui.widgets.typing_line import TypingLine

__all__ = ["Prompt"]


class PromptLine(TypingLine):
    BINDINGS = bindings("prompt")

    class Leave(Message):
        """The person thought better of it."""

    def action_leave(self) -> None:
        self.post_message(self.Leave())


class Prompt(Horizontal):
    """One line with a label, hidden until `ask`."""

    DEFAULT_CSS = """
    Prompt {
        height: 1; display: none; background: $bar;
        &.-open { display: block; }
        Static { width: auto; color: $key-text; padding: 0 1; }
        Input {
            border: none; height: 1; padding: 0; width: 1fr; background: $bar;
            &:focus { border: none; background-tint: $foreground 0%; }
        }
    }
    """

    class Changed(Message):
        """What is being typed for `purpose`."""

        def __init__(self, purpose: str, text: str) -> None:
            super().__init__()
            self.purpose = purpose
            self.text = text

    class Done(Changed):
        """Enter was pressed."""

    class Left(Changed):
        """Escape was pressed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._purpose = ""
        self._label = Static(id="prompt-label")
        self._line = PromptLine(id="prompt-line", select_on_focus=False)

    def compose(self) -> ComposeResult:
        """The label, and the line."""
        yield self._label
        yield self._line

    @property
    def purpose(self) -> str:
        """What it is open for, or ''."""
        return self._purpose

    def ask(self, purpose: str, label: str, text: str = "", placeholder: str = "") -> None:
        """Opens for `purpose`. `label` must be clean."""
        self._purpose = purpose
        self._label.update(Content(label))
        self._line.placeholder = placeholder
        self._line.value = text
        self._line.cursor_position = len(text)
        self.add_class("-open")
        self._line.open()

    def close(self) -> None:
        """Hides."""
        self._purpose = ""
        self.remove_class("-open")
        self._line.value = ""

    def on_input_changed(self, message: Input.Changed) -> None:
        """Passes on what is typed."""
        message.stop()
        if self._purpose:
            self.post_message(self.Changed(self._purpose, message.value))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Passes on what was typed."""
        message.stop()
        purpose, text = self._purpose, message.value
        self.close()
        self.post_message(self.Done(purpose, text))

    def on_prompt_line_leave(self, message: "PromptLine.Leave") -> None:
        """Says that it was left."""
        message.stop()
        purpose, text = self._purpose, self._line.value
        self.close()
        self.post_message(self.Left(purpose, text))
