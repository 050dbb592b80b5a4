"""The picture of the metric that a worker leaves: a bar for each value, and the last as a number. Pure."""

import io
from collections.abc import Sequence

__all__ = ["BARS", "draw"]

BARS = 24
"""The newest values that are drawn."""

_BACKGROUND = (17, 21, 29)
_PAST = (72, 92, 124)
_NOW = (94, 214, 160)
_TEXT = (232, 236, 243)
_QUIET = (138, 150, 170)
_AXIS = (58, 66, 82)


def draw(values: Sequence[float], title: str, *, width: int = 480, height: int = 270) -> bytes:
    """A PNG of `values`, the oldest first, under `title`; the last is the value now. Sizes are in pixels.

    Made to be told apart also in half blocks, some sixty cells wide: wide bars, two large numbers, no thin lines.
    Raises `ValueError` without a value.
    """
    if not values:
        raise ValueError("a chart needs a value")
    from PIL import Image, ImageDraw, ImageFont

    small, large = ImageFont.load_default(size=height / 11), ImageFont.load_default(size=height / 4.2)
    shown = list(values)[-BARS:]
    top = max(*shown, 1)
    margin, base, ceiling = width // 30, height - height // 8, height * 2 // 5
    image = Image.new("RGB", (width, height), _BACKGROUND)
    canvas = ImageDraw.Draw(image)

    canvas.text((margin, margin // 2 + 4), title, font=small, fill=_QUIET)
    now = f"{shown[-1]:g}"
    canvas.text((width - margin, margin // 2), now, font=large, fill=_NOW, anchor="ra")
    if len(shown) > 1:
        fell = shown[-1] - shown[0]
        canvas.text((margin, height // 7), f"{fell:+g}", font=small, fill=_TEXT)

    places = max(len(shown), 8)
    step = (width - 2 * margin) / places
    for number, value in enumerate(shown):
        left = margin + number * step
        bar = round((base - ceiling) * max(value, 0) / top)
        box = (round(left), base - max(bar, 3), round(left + step - max(step // 6, 2)), base)
        canvas.rectangle(box, fill=_NOW if number == len(shown) - 1 else _PAST)
    canvas.rectangle((margin, base + 2, width - margin, base + 5), fill=_AXIS)
    label = ImageFont.load_default(size=height / 15)
    canvas.text((margin, base + 8), f"{shown[0]:g} at first", font=label, fill=_QUIET)
    middle = margin + (len(shown) - 0.5) * step
    if middle > width / 3:
        canvas.text((middle - step / 12, base + 8), "now", font=label, fill=_NOW, anchor="ma")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
