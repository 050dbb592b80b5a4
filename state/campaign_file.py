"""`campaign.md`: a header, a queue and an append-only history that a person can write by hand.

A `CampaignFile` holds the file's own lines. What is read from them is worked out once; what is changed replaces
the one line it stands on, so every byte that did not have to change is as it was: line ends, comments, headers
and sections that nobody here knows, bytes that are no UTF-8. What a person's commands change in it is in
`state.campaign_edits`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from state.errors import BadFile, Fault

__all__ = [
    "POLICY",
    "RESULTS",
    "STATUSES",
    "UNTOUCHABLE",
    "CampaignFile",
    "HistoryLine",
    "Item",
    "Section",
    "one_line",
    "parse",
]

STATUSES = ("running", "paused", "stop", "complete", "budget_exhausted", "no_progress", "error")
RESULTS = ("success", "failure_reverted", "STOP-NEEDS-HUMAN", "human_deferred", "skipped")
BLOCKING: Final = "STOP-NEEDS-HUMAN"
"""The one result at which NEXT_INDEX stays where it is."""
POLICY: Final = "policy"
"""The section whose lines are told to each worker."""
UNTOUCHABLE: Final = "do not touch"
"""The section whose lines are patterns of what no change may touch."""

# each is matched against a line without the blanks around it
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_HEADER = re.compile(rf"({_NAME.pattern}):(.*)", re.DOTALL)
_SECTION = re.compile(r"##[ \t]+(.*)", re.DOTALL)
_TITLE = re.compile(r"#[ \t]+(.*)", re.DOTALL)
_ITEM = re.compile(r"([0-9]{1,9})[.)][ \t]+(.*)", re.DOTALL)
_BULLET = re.compile(r"[-*+][ \t]+(.*)", re.DOTALL)
_QUOTED = re.compile(r"`[^`]+`")
_BLANK = " \t"
_BOM = "\ufeff"
_UNWRITABLE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Lone surrogates that stand for no byte (`\\udc80` to `\\udcff` do)."""
_COUNTERS = ("NEXT_INDEX", "INVOCATIONS_STARTED", "NO_PROGRESS_COUNT")
_METRICS = {"METRIC_START": "STRICT_START", "METRIC_CURRENT": "STRICT_CURRENT"}


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the queue: its number, what it is about, and what else is said of it (`checks=…`)."""

    index: int
    target: str
    fields: dict[str, str]
    line: int


class Section(NamedTuple):
    """Where a section stands: the lines of its heading and of the last that is not blank, counted from 1."""

    heading: int
    last: int


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of the history. `fields` has `index`, `file`, `result` and whatever else was written."""

    at: str
    fields: dict[str, str]
    line: int

    @property
    def index(self) -> int | None:
        """The item's number, or None if the line has none that is a number."""
        return _number(self.fields.get("index", ""))

    @property
    def result(self) -> str:
        """One of `RESULTS`, or the word that stands there."""
        return self.fields.get("result", "")


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", text, re.ASCII) else None


def _fields(parts: list[str]) -> dict[str, str]:
    pairs = (part.partition("=") for part in parts)
    return {key.strip(): value.strip() for key, sign, value in pairs if sign and key.strip()}


def one_line(text: str) -> str:
    """`text` as it may stand in one line: no newline, nothing that cannot be written."""
    return _UNWRITABLE.sub("\ufffd", " ".join(text.split()))


class CampaignFile:
    """A parsed campaign.md, and the edits that a run makes to it."""

    def __init__(self, data: bytes, path: str = "campaign.md") -> None:
        # surrogateescape carries bytes that are no UTF-8 through unchanged
        text = data.decode("utf-8", "surrogateescape")
        self._bom = text[: text.startswith(_BOM)]
        self._lines = re.findall(r"[^\n]+\n?|\n", text.removeprefix(_BOM))
        self._path = path
        self._read()

    def render(self) -> bytes:
        """The file's bytes."""
        return "".join((self._bom, *self._lines)).encode("utf-8", "surrogateescape")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CampaignFile) and (self._path, self.render()) == (other._path, other.render())

    __hash__ = None  # type: ignore[assignment]  # it can be edited

    # ── what it says ────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> None:
        self.title = ""
        self.headers: dict[str, str] = {}
        self.queue: list[Item] = []
        self.history: list[HistoryLine] = []
        self.faults: list[Fault] = []
        self._header_lines: dict[str, int] = {}
        self._sections: dict[str, Section] = {}
        self._rules: dict[str, list[str]] = {POLICY: [], UNTOUCHABLE: []}
        self._aside = False
        self._title_line = 0
        self._items: dict[int, Item] = {}
        self._outcomes: dict[int, HistoryLine] = {}
        section = ""
        for number, raw in enumerate(self._lines, 1):
            line = raw.rstrip("\r\n").rstrip(_BLANK)
            if match := _SECTION.fullmatch(line):
                self._close(section)
                section = match[1].strip(_BLANK).lower()
                self._extend(section, number)
            elif not section:
                self._read_header(number, line)
            elif line.strip():
                self._extend(section, number)
                if section == "queue":
                    self._read_item(number, line)
                elif section == "history":
                    self._read_history(number, line)
                elif section in self._rules:
                    self._read_rule(section, number, line)
        self._close(section)
        self._check()

    def _close(self, section: str) -> None:
        if self._aside and section == UNTOUCHABLE:  # it would hide patterns
            self.faults.append(Fault(self._path, self._sections[section].last, "a comment that is not closed by '-->'"))
        self._aside = False

    def _extend(self, section: str, number: int) -> None:
        self._sections[section] = Section(self._sections.get(section, Section(number, number)).heading, number)

    def _read_header(self, number: int, line: str) -> None:
        if match := _HEADER.fullmatch(line):
            if match[1] in self.headers:
                self.faults.append(Fault(self._path, number, f"{match[1]} stands here a second time"))
                return
            self.headers[match[1]] = match[2].strip(_BLANK)
            self._header_lines[match[1]] = number
        elif not self.title and (match := _TITLE.fullmatch(line)):
            self.title = match[1].strip(_BLANK)
            self._title_line = number

    def _read_item(self, number: int, line: str) -> None:
        if not (match := _ITEM.fullmatch(line.lstrip(_BLANK))):
            return  # a comment, a heading of a lower level: a person's own
        target, *parts = match[2].split(" | ")
        item = Item(int(match[1]), target.strip(), _fields(parts), number)
        if item.index in self._items:
            self.faults.append(Fault(self._path, number, f"item {item.index} stands here a second time"))
            return
        self.queue.append(item)
        self._items[item.index] = item

    def _read_history(self, number: int, line: str) -> None:
        at, *parts = line.split(" | ")
        fields = _fields(parts)
        if "result" in fields:
            entry = HistoryLine(at.strip(), fields, number)
            self.history.append(entry)
            if entry.index is not None:
                self._outcomes[entry.index] = entry

    def _read_rule(self, section: str, number: int, line: str) -> None:
        text, rules = line.strip(_BLANK), self._rules[section]
        if self._aside or text.startswith("<!--"):
            self._aside = "-->" not in text
        elif match := _BULLET.fullmatch(text):
            rules.append(match[1].strip(_BLANK))
        elif section == POLICY and rules and line[0] in _BLANK:
            rules[-1] += f" {text}"  # a sentence that goes on in the next line
        elif section == UNTOUCHABLE and not text.startswith("#"):  # it would protect nothing, and nobody would know
            self.faults.append(Fault(self._path, number, f"not a pattern, which begins with '- ': {text[:40]!r}"))

    def _check(self) -> None:
        for name in _COUNTERS:
            text = self.headers.get(name, "")
            if text and _number(text) is None:
                self.faults.append(
                    Fault(self._path, self._header_lines[name], f"{name} is not a number: {text[:40]!r}")
                )
        if self.faults or self.status != "running":
            return
        wanted = self.next_index
        if self.queue and wanted <= max(self._items) and wanted not in self._items:
            self.faults.append(
                Fault(self._path, self._header_lines.get("NEXT_INDEX"), f"the queue has no item {wanted}")
            )

    @property
    def status(self) -> str:
        """One of `STATUSES`, or the word that stands there; `paused` where none does."""
        return self.headers.get("STATUS") or "paused"

    @property
    def next_index(self) -> int:
        """The number of the first line without an outcome, as the file says; of the first line where it does not."""
        return _number(self.headers.get("NEXT_INDEX", "")) or (self.queue[0].index if self.queue else 1)

    @property
    def remaining(self) -> list[Item]:
        """What is still to be done, in the order of work, which is that of the lines.

        It is every item from the line of `next_index` on that has no outcome, or at which the campaign stopped: lines
        above it are passed over, whatever they lack, for a person has set it so.
        """
        wanted = self.next_index
        if wanted not in self._items and wanted > max(self._items, default=0):
            return []
        begin = self._items[wanted].line if wanted in self._items else 0
        return [item for item in self.queue if item.line >= begin and not self._settled(item.index)]

    def _settled(self, index: int) -> bool:
        outcome = self._outcomes.get(index)
        return outcome is not None and outcome.result != BLOCKING

    @property
    def first_open(self) -> int:
        """What NEXT_INDEX is to be: the first of `remaining`, or the number after the last where none is left."""
        return next((item.index for item in self.remaining), max(self._items, default=0) + 1)

    @property
    def policy(self) -> tuple[str, ...]:
        """The lines of `## Policy`: what is told to each worker."""
        return tuple(self._rules[POLICY])

    @property
    def untouchable(self) -> tuple[str, ...]:
        """The lines of `## Do not touch`: .gitignore patterns, without the backticks that a person puts around them."""
        return tuple(rule[1:-1] if _QUOTED.fullmatch(rule) else rule for rule in self._rules[UNTOUCHABLE])

    def section(self, name: str) -> Section | None:
        """Where the section `name`, in lower case, stands; None if there is none."""
        return self._sections.get(name)

    def counter(self, name: str) -> int:
        """The number in header `name`; 0 where it is missing, and where it is none (which is in `faults`)."""
        return _number(self.headers.get(name, "")) or 0

    def metric(self, name: str) -> str:
        """The text of `METRIC_START` or `METRIC_CURRENT`, else of its older name, else ''."""
        return self.headers.get(name) or self.headers.get(_METRICS[name], "")

    def item(self, index: int) -> Item | None:
        """The item with number `index`, or None."""
        return self._items.get(index)

    def outcome(self, index: int) -> HistoryLine | None:
        """The newest history line of item `index`, or None."""
        return self._outcomes.get(index)

    # ── what a run changes ──────────────────────────────────────────────────────────────────────────────────

    def set(self, name: str, value: str | int) -> None:
        """Makes `value` the value of header `name`, in its place; a new header goes below the others.

        Where only the older name of a metric is in the file, that one is set. Raises `ValueError` for a name that
        is none of a header.
        """
        older = _METRICS.get(name)
        if older in self.headers and name not in self.headers:
            name = older
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
        text = one_line(str(value))
        number = self._header_lines.get(name)
        if number is not None:
            if self.headers[name] == text:
                return
            line = self._lines[number - 1]
            end = line[len(line.rstrip("\r\n")) :]
            colon = line.index(":") + 1
            gap = re.match(r"[ \t]*", line[colon:])
            space = gap[0] if gap and gap[0] and self.headers[name] else " "
            self.splice(number, 1, [f"{line[:colon]}{space if text else ''}{text}{end}"])
        else:
            after = max(self._header_lines.values(), default=self._title_line)
            self.splice(after + 1, 0, [f"{name}: {text}".rstrip()])

    def add_history(self, at: datetime, **fields: str | int) -> None:
        """Appends a line to the history, making that section if there is none. Empty fields are left out."""
        parts = [at.isoformat(timespec="seconds")]
        parts += [f"{key}={one_line(str(value)).replace('|', '/')}" for key, value in fields.items() if str(value)]
        if "history" not in self._sections:
            blank = [""] if self._lines and self._lines[-1].strip() else []
            self.splice(len(self._lines) + 1, 0, [*blank, "## History"])
        self.splice(self._sections["history"].last + 1, 0, [" | ".join(parts)])

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines with their ends; line 1 is the first."""
        return tuple(self._lines)

    def splice(self, number: int, count: int, lines: Sequence[str]) -> None:
        """Puts `lines` in the place of the `count` lines from `number` on, and reads the file anew.

        A line without its end gets the end that the first one has, and so does the file's last line when one follows.
        """
        end = "\r\n" if self._lines and self._lines[0].endswith("\r\n") else "\n"
        if number > len(self._lines) and self._lines and lines and not self._lines[-1].endswith("\n"):
            self._lines[-1] += end
        last = number - 1 + count >= len(self._lines)
        new = [line if line.endswith("\n") or (last and count == len(lines) == 1) else line + end for line in lines]
        self._lines[number - 1 : number - 1 + count] = new
        self._read()


def parse(data: bytes, path: str) -> CampaignFile:
    """The campaign.md that `data` holds; raises `BadFile` where a run could not go by it."""
    file = CampaignFile(data, path)
    if file.faults:
        raise BadFile(file.faults[0], todo="mend the line and start the campaign again")
    return file
