"""Kinds of values that several commands take."""

import math
from typing import Any

import click

__all__ = ["SECONDS", "Amount"]


class Amount(click.FloatRange):
    """A finite number within bounds; `nan` is within any bounds to click, and would defeat every limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


SECONDS = Amount(0, 30 * 86_400)
"""A time of up to thirty days."""
