"""What a person changes in a campaign.md by a command: one line of it, and every other byte stays as it was.

Each function changes the `CampaignFile` that it is given, or raises `Refused` or `NotThere` and has changed nothing
that may be written.
"""

import re

from state.campaign_file import BLOCKING, POLICY, UNTOUCHABLE, CampaignFile, Item, one_line
from state.errors import NotThere, Refused

__all__ = ["add_item", "add_rule", "item_of", "item_text", "move_item", "reword_item"]

_TITLES = {POLICY: "Policy", UNTOUCHABLE: "Do not touch"}
_NUMBERED = re.compile(r"([ \t]*)([0-9]{1,9})([.)][ \t]+)(.*?)([ \t]*[\r\n]*)", re.DOTALL)
"""A line of the queue: indentation, number, what is between, the item, what follows it."""
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_UNWRITABLE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
BETWEEN = " | "
"""What separates an item's target from its fields."""


def item_of(file: CampaignFile, index: int) -> Item:
    """The item with number `index`; raises `NotThere`."""
    item = file.item(index)
    if item is None:
        raise NotThere(f"the queue has no item {index}")
    return item


def item_text(text: str) -> str:
    """`text` as it may stand in a line of the queue: a target, and perhaps fields; raises `Refused`."""
    text = text.strip()
    if not text.partition(BETWEEN)[0].strip():
        raise Refused("an item needs a text")
    if _CONTROL.search(text):
        raise Refused("an item is one line, without control characters")
    if _UNWRITABLE.search(text):
        raise Refused("an item cannot be written: a character that is none")
    return text


def move_item(file: CampaignFile, index: int, before: int) -> None:
    """Moves the line of item `index` above that of item `before`, with 0 below all others, and NEXT_INDEX with it.

    An item that was passed over is taken up again where it comes to stand below one that is still to be done. Refused
    where the item has an outcome that is not a stop.
    """
    item = item_of(file, index)
    if before:
        item_of(file, before)
    if index == before:
        raise Refused(f"item {index} cannot stand before itself")
    outcome = file.outcome(index)
    if outcome is not None and outcome.result != BLOCKING:
        raise Refused(f"item {index} has an outcome: {outcome.result}")
    wanted = {entry.index for entry in file.remaining}
    raw = file.lines[item.line - 1]
    file.splice(item.line, 1, [])
    at = item_of(file, before).line if before else max((entry.line for entry in file.queue), default=item.line - 1) + 1
    file.splice(at, 0, [raw])
    first = next((entry for entry in file.queue if entry.index in wanted), None)
    if first is not None and first.index != file.next_index:
        file.set("NEXT_INDEX", first.index)


def reword_item(file: CampaignFile, index: int, target: str) -> None:
    """Gives item `index` another target; its number and fields stay."""
    item = item_of(file, index)
    if BETWEEN in (text := item_text(target)):
        raise Refused(f"the text of an item holds no {BETWEEN!r}")
    parts = _NUMBERED.fullmatch(file.lines[item.line - 1])
    assert parts is not None  # noqa: S101 - it was read as an item
    indent, number, mark, said, end = parts.groups()
    fields = said.partition(BETWEEN)
    file.splice(item.line, 1, [f"{indent}{number}{mark}{text}{''.join(fields[1:])}{end}"])
    if item_of(file, index).target != text:
        raise Refused(f"an item cannot be worded so: {text[:100]!r}")


def add_item(file: CampaignFile, text: str, taken: int = 0) -> int:
    """Adds an item at the end of the queue, which is made if there is none; its number, which no other ever had.

    `taken` is the highest number that is known to be taken besides those in the file.
    """
    text = item_text(text)
    index = max(taken, *(entry.index for entry in file.queue), *(line.index or 0 for line in file.history), 0) + 1
    nothing_left = not file.remaining
    last = max(file.queue, key=lambda entry: entry.line, default=None)
    if last is not None and (parts := _NUMBERED.fullmatch(file.lines[last.line - 1])):
        file.splice(last.line + 1, 0, [f"{parts[1]}{index}{parts[3]}{text}"])
    elif (queue := file.section("queue")) is not None:
        file.splice(queue.last + 1, 0, [f"{index}. {text}"])
    else:
        _begin_section(file, "Queue", f"{index}. {text}", "history")
    added = file.item(index)
    if added is None or added.target != text.partition(BETWEEN)[0].strip():
        raise Refused(f"an item cannot be added: {text[:100]!r}")
    if nothing_left and file.next_index != index:
        file.set("NEXT_INDEX", index)
    return index


def add_rule(file: CampaignFile, section: str, text: str) -> bool:
    """Adds a line to `section`, `POLICY` or `UNTOUCHABLE`, made if there is none; False where it has that line."""
    rule = one_line(text)
    if section == UNTOUCHABLE:
        rule = text.strip()
        if _CONTROL.search(rule) or _UNWRITABLE.search(rule):
            raise Refused("a pattern is one line, without control characters")
        if rule.startswith("#"):
            raise Refused(f"{rule[:100]!r} would be a comment", todo="write a '\\' before the '#'")
    if not rule:
        raise Refused("a rule needs a text" if section == POLICY else "a pattern needs a text")
    if rule in _rules(file, section):
        return False
    if (found := file.section(section)) is not None:
        file.splice(found.last + 1, 0, [f"- {rule}"])
    else:
        _begin_section(file, _TITLES[section], f"- {rule}", "queue", "history")
    if rule.strip("`") not in {known.strip("`") for known in _rules(file, section)}:
        raise Refused(f"the section '## {_TITLES[section]}' takes no line: mend it by hand")
    return True


def _rules(file: CampaignFile, section: str) -> tuple[str, ...]:
    return file.policy if section == POLICY else file.untouchable


def _begin_section(file: CampaignFile, title: str, line: str, *before: str) -> None:
    """Makes a section with one line above the first of the sections `before`, or else at the end of the file."""
    lines = [f"## {title}", line]
    at = min((found.heading for name in before if (found := file.section(name))), default=len(file.lines) + 1)
    if at <= len(file.lines):
        lines.append("")
    if at > 1 and file.lines[at - 2].strip():
        lines.insert(0, "")
    file.splice(at, 0, lines)
