"""The line of keys at the foot of the screen. Pure."""

from collections.abc import Mapping

from tui.keymap import KEYS, Key, key
from tui.text import Cell, Line, pad, width

__all__ = ["key_line"]

HELP = key("app.help")
"""Always there, at the right end."""
_PLACES = {
    "list": ("fleet.answer", "fleet.next", "list.open"),
    "log": ("log.follow", "log.turn", "fleet.back"),
    "captures": ("captures.older", "captures.newer", "fleet.back"),
    "pane": ("fleet.back",),
    "queue": ("campaign.pause", "items.open", "campaign.defer"),
    "proposals": ("campaign.promote", "campaign.back"),
    "campaign pane": ("campaign.back", "campaign.pause"),
    "past": ("items.open", "history.search", "history.back"),
    "past items": ("items.open", "history.search", "history.copy", "history.back"),
    "past reading": ("history.back", "history.previous", "history.next", "history.copy"),
    "past compared": ("history.back",),
}
"""What comes first, depending on where the focus is."""
_SCREENS = {
    **dict.fromkeys(("queue", "proposals", "campaign pane"), "campaign"),
    **dict.fromkeys(("past", "past items", "past reading", "past compared"), "history"),
}
"""Places on a screen of its own, with whose keys work there."""
_TYPING = {
    "answer": (("enter", "send"), ("esc", "leave"), ("↑ ↓", "other questions"), ("pgup pgdn", "read")),
    "prompt": (("enter", "send"), ("esc", "leave")),
    "edit": (("1", "campaign.toml"), ("2", "campaign.md"), ("3", "prompt.md"), ("esc", "leave")),
    "search": (("enter", "keep"), ("esc", "clear")),
    "filter": (("enter", "keep"), ("esc", "clear"), ("s:", "state"), ("c:", "campaign"), ("a:", "agent")),
}


def key_line(columns: int, place: str, reasons: Mapping[str, str]) -> Line:
    """The keys that work in `place`, as many as have room; those in `reasons` are dim, for they would refuse."""
    end: tuple[Cell, ...] = ()
    if place in _TYPING:
        pairs = [(shown, label, False) for shown, label in _TYPING[place]]
    else:
        first = [key(key_id) for key_id in _PLACES.get(place, ())]
        here = (_SCREENS.get(place, "fleet"), "app")
        aside = (HELP.id, f"app.{here[0]}")  # nobody has to be told how to come here
        rest = [one for one in KEYS if one.listed and one.place in here and one not in first and one.id not in aside]
        pairs = [(_short(one), one.label, one.id in reasons) for one in (*first, *sorted(rest, key=_app_last))]
        pairs.sort(key=lambda pair: pair[2])  # what can be done now comes first
        end = ((_short(HELP), "accent"), (f" {HELP.label} ", ""))
    cells: list[Cell] = [(" ", "")]
    left = columns - 1 - sum(width(text) for text, _ in end)
    for shown, label, refused in pairs:
        taken = width(shown) + 1 + width(label) + 2
        if left < taken:
            break
        cells += [(shown, "muted" if refused else "accent"), (f" {label}  ", "muted" if refused else "")]
        left -= taken
    return (*cells, (pad("", max(0, left)), ""), *end)


def _app_last(one: Key) -> bool:
    return one.place == "app"


def _short(one: Key) -> str:
    return one.display.split(" ")[0]
