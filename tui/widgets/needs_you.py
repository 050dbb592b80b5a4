"""The Needs-you strip: what a person has to decide, one entry at a time, with the line to answer on."""

from collections.abc import Callable
from datetime import datetime

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from state.messages import Message as Question
from state.messages import chosen
from tui import needs
from tui.attention import Entry
from tui.keymap import bindings
from tui.text import wrap
from tui.widgets.text_view import TextView
from tui.widgets.typing_line import TypingLine

__all__ = ["AnswerInput", "NeedsYou"]


class AnswerInput(TypingLine):
    """Where an answer is typed. While it is empty, the digit of an option is that option."""

    BINDINGS = bindings("answer")

    class Digit(Message):
        """A digit was pressed on the empty line."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    class Leave(Message):
        """The person wants to do something else first."""

    class Move(Message):
        """Another entry is wanted, `by` further on."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Page(Message):
        """More of the question is to be read."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    options = 0
    """How many options there are."""

    def action_leave(self) -> None:
        """Leaves."""
        self.post_message(self.Leave())

    def action_previous(self) -> None:
        """The entry before."""
        self.post_message(self.Move(-1))

    def action_following(self) -> None:
        """The entry after."""
        self.post_message(self.Move(1))

    def action_page(self, by: int) -> None:
        """Reads on."""
        self.post_message(self.Page(by))

    async def _on_key(self, event: events.Key) -> None:
        """A first digit chooses an option, if there is one of that number; anything else is text."""
        digit = event.character or ""
        if digit and not self.value and digit in "123456789"[: self.options]:
            event.stop()
            event.prevent_default()
            self.post_message(self.Digit(int(digit)))


class NeedsYou(Vertical):
    """The entries, the chosen one in full, and a line to answer on while answering.

    Args:
        clock: the time from which ages and deadlines are worked out.
        title_of: the title of what an entry's key names.
    """

    DEFAULT_CSS = """
    NeedsYou {
        height: 3;
        background: $page;
        border: round $attention;
        border-title-color: $attention;
        border-title-style: bold;
        &.-none { display: none; }
        TextView { height: 1fr; background: $page; }
        #answer-row { height: 1; display: none; background: $page; }
        &.-answering #answer-row { display: block; }
        &.-answering { border: round $frame-focus; }
        #answer-sign { width: 4; color: $key-text; padding: 0 0 0 2; }
        AnswerInput {
            border: none; height: 1; padding: 0; background: $page; width: 1fr;
            &:focus { border: none; background-tint: $foreground 0%; }
        }
    }
    """

    compact: reactive[bool] = reactive(False, init=False)
    """Whether two lines must do, unless answering."""
    answering: reactive[bool] = reactive(False, init=False)

    class Answered(Message):
        """`question` of `task` is to be answered with `text`."""

        def __init__(self, task: str, question: Question, text: str) -> None:
            super().__init__()
            self.task = task
            self.question = question
            self.text = text

    class TooLate(Message):
        """What was typed answers a question that is open no more."""

    class Left(Message):
        """The line to answer on was left."""

    def __init__(self, clock: Callable[[], datetime], title_of: Callable[[str], str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock = clock
        self._title_of = title_of
        self._entries: tuple[Entry, ...] = ()
        self._entry_id = ""
        self._here = ""
        self._framed = ""
        self._text = TextView(id="needs-text")
        self._text.can_focus = False
        self._line = AnswerInput(id="answer", select_on_focus=False)

    def compose(self) -> ComposeResult:
        """The text, and the line to answer on."""
        yield self._text
        with Horizontal(id="answer-row"):
            yield Static(Content("› "), id="answer-sign")
            yield self._line

    # what it shows

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that needs a person."""
        return self._entries

    @property
    def entry(self) -> Entry | None:
        """The one that is shown; None as well while an answer is typed to one that is no more."""
        for entry in self._entries:
            if entry.id == self._entry_id:
                return entry
        return self._entries[0] if self._entries and not self.answering else None

    def set_entries(self, entries: tuple[Entry, ...]) -> None:
        """Makes `entries` what there is; the one that is shown stays, if it is still there.

        Where it was answered elsewhere, or its worker has ended, the line to answer on closes, unless something stands
        on it: who types would go on at the list, where each letter acts.
        """
        gone = self.answering and not any(entry.id == self._entry_id for entry in entries)
        if gone and not self._line.value:
            self.leave()
        self._entries = entries
        self._hide_if_empty()
        self.redraw()

    def _hide_if_empty(self) -> None:
        self.set_class(not self._entries and not self.answering, "-none")

    def choose(self, key: str) -> bool:
        """Notes that the row with `key` is selected, and shows its first entry, else the oldest of all."""
        self._here = key
        current = self.entry
        if current and current.key == key:
            self._entry_id = current.id
            self.redraw()
            return True
        for entry in self._entries:
            if entry.key == key:
                if not self.answering:
                    self._entry_id = entry.id
                    self.redraw(top=True)
                return True
        if not self.answering:
            self._entry_id = ""
        self.redraw()
        return False

    def move(self, by: int) -> Entry | None:
        """Shows the entry that is `by` further on, around the end, and returns it."""
        if not self._entries:
            return None
        current = self.entry
        at = self._entries.index(current) if current else 0
        entry = self._entries[(at + by) % len(self._entries)]
        self._entry_id = entry.id
        self._arm()
        self.redraw(top=True)
        return entry

    def redraw(self, *, top: bool = False) -> None:
        """Draws what reads differently now."""
        entry = self.entry
        if entry is None or not self.is_mounted:
            return
        now, total = self._clock(), len(self._entries)
        at = self._entries.index(entry) + 1
        title = f"Needs you {at}/{total}" if total > 1 else "Needs you"
        if title != self._framed:  # setting it draws all within the frame again
            self._framed = title
            self.border_title = Content(title)
        columns = max(10, self.size.width - 2)
        if self.compact and not self.answering:
            lines = needs.compact(entry, now, columns, total - 1, here=entry.key == self._here)
        else:
            title = self._title_of(entry.key)
            lines = needs.full(entry, title, now, here=entry.key == self._here, answering=self.answering)
        self._text.show(lines, top=top)
        self._fit(sum(len(wrap(line, columns)) for line in lines))

    def _fit(self, rows: int) -> None:
        """Takes as much height as the text needs, and no more than its share of the screen."""
        share = 0.75 if self.answering else 0.5
        rows += self.gutter.height + self.answering
        height = min(rows, max(4, int(self.app.size.height * share)))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def on_resize(self) -> None:
        """What is compact depends on the width."""
        self.call_after_refresh(self.redraw)

    def watch_compact(self) -> None:
        """Another form."""
        self.set_class(self.compact, "-compact")
        self.redraw(top=True)

    # answering

    def answer(self) -> str:
        """Opens the line to answer on; returns '' or why there is nothing to answer."""
        entry = self.entry
        if entry is None or entry.question is None:
            questions = [one for one in self._entries if one.question]
            if not questions:
                return "no question is open"
            entry = questions[0]
        self._entry_id = entry.id
        self.answering = True
        self.add_class("-answering")
        self._line.value = ""
        self._arm()
        self.redraw(top=True)
        self._line.open()
        return ""

    def leave(self) -> None:
        """Closes the line to answer on."""
        if self.answering:
            self.answering = False
            self.remove_class("-answering")
            self._line.value = ""
            self._hide_if_empty()
            self.redraw(top=True)
            self.post_message(self.Left())

    def _arm(self) -> None:
        entry = self.entry
        self._line.options = len(entry.question.options[: needs.OPTIONS]) if entry and entry.question else 0
        last = self._line.options
        self._line.placeholder = (
            "type an answer" if not last else f"press {'1' if last == 1 else f'1–{last}'}, or type an answer"
        )

    def _send(self, text: str) -> None:
        entry = self.entry
        # what was on its way when the question went would answer another one
        if self.answering and entry and entry.question and text:
            self.post_message(self.Answered(entry.name, entry.question, text))
            self.leave()
        elif self.answering and entry is None:
            self.post_message(self.TooLate())
            self.leave()

    def on_answer_input_digit(self, message: AnswerInput.Digit) -> None:
        """The option with that digit."""
        message.stop()
        entry = self.entry
        if entry and entry.question and (option := chosen(entry.question, message.number)):
            self._send(option)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """The answer as it was typed."""
        message.stop()
        self._send(message.value.strip())

    def on_answer_input_leave(self, message: AnswerInput.Leave) -> None:
        """Back to where the person came from."""
        message.stop()
        self.leave()

    def on_answer_input_move(self, message: AnswerInput.Move) -> None:
        """Another question, while answering."""
        message.stop()
        if self.move(message.by) is not None:
            for _ in self._entries:
                if self.entry and self.entry.question:
                    return
                self.move(message.by)

    def on_answer_input_page(self, message: AnswerInput.Page) -> None:
        """More of the question."""
        message.stop()
        self._text.scroll_relative(y=message.by * max(1, self._text.size.height - 1), animate=False, immediate=True)
