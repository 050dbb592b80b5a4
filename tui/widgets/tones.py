"""Tones: the few ways in which text differs, each a component class that a theme colours."""

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.text import Line

__all__ = ["TONES", "TONE_CLASSES", "strip", "tone_style", "tones_css"]

TONES = ("muted", "strong", "accent", "attention", "trouble", "head")
"""`attention` and `trouble` are for what needs a person or keeps work from going on, and for nothing else."""
TONE_CLASSES = {f"tone--{tone}" for tone in TONES}
_REVERSE = Style(reverse=True)


def tones_css(widget: str) -> str:
    """The default CSS by which the widget type `widget` has `TONE_CLASSES` among its component classes."""
    return f"""
    {widget} {{
        &>.tone--muted {{ color: $quiet-text; text-style: $quiet-style; }}
        &>.tone--strong {{ text-style: bold; }}
        &>.tone--head {{ color: $quiet-text; text-style: $head-style; }}
        &>.tone--accent {{ color: $key-text; text-style: $key-style; }}
        &>.tone--attention {{ color: $attention; text-style: bold; }}
        &>.tone--trouble {{ color: $trouble; text-style: bold; }}
    }}
    """


def tone_style(widget: Widget, tone: str, over: str = "") -> Style:
    """The style of `tone` in `widget`, on the component class `over` where one is given.

    On a terminal's own colours a component that reverses stands alone: a line reversed in several colours is no
    line any more.
    """
    if not over:
        return widget.get_visual_style(f"tone--{tone}").rich_style if tone else widget.rich_style
    if widget.get_component_styles(over).text_style.reverse:  # which get_visual_style leaves out
        return widget.get_visual_style(over).rich_style + _REVERSE
    return widget.get_visual_style(over, *([f"tone--{tone}"] if tone else [])).rich_style


def strip(widget: Widget, cells: Line, columns: int, over: str = "") -> Strip:
    """`cells` as a strip of exactly `columns`. Blank cells don't inherit a background, so all have a style."""
    segments = [Segment(text, tone_style(widget, tone, over)) for text, tone in cells if text]
    return Strip(segments).adjust_cell_length(columns, tone_style(widget, "", over))
