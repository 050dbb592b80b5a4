"""Kinds of values that several commands take."""

import math
from typing import Any

import click

__all__ = ["SECONDS", "Amount", "Finite"]


class Finite(click.types.FloatParamType):
    """A finite number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        return _finite(self, super().convert(value, param, ctx), value, param, ctx)


class Amount(click.FloatRange):
    """A finite number within bounds; `nan` is within any bounds to click, and would defeat every limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number, or a usage error."""
        return _finite(self, super().convert(value, param, ctx), value, param, ctx)


def _finite(
    kind: "click.ParamType[float]", number: float, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> float:
    if not math.isfinite(number):
        kind.fail(f"{value} is not a finite number.", param, ctx)
    return number


SECONDS = Amount(0, 30 * 86_400)
"""A time of up to thirty days."""
