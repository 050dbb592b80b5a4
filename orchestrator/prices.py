"""What tokens cost whose agent tells no price: by a table in the configuration, and by nothing else. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from orchestrator.config import Price
from state.usage import Usage

__all__ = ["price_of", "priced"]

MILLION = 1_000_000


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """The price of `model`, by its name or else by the longest pattern that it matches; None where there is none."""
    if model in prices:
        return prices[model]
    matching = [name for name in prices if fnmatchcase(model, name)]
    return prices[max(matching, key=len)] if matching else None


def priced(usage: Usage, model: str, prices: Mapping[str, Price]) -> Usage:
    """`usage` with what its unpriced tokens cost. They stay unpriced where no price of `model` is known.

    Where the agent tells the price of some of them, the others are taken to be of the same mixture.
    """
    price = price_of(model, prices) if usage.unpriced else None
    if price is None or not usage.tokens:
        return usage
    cached = price.input if price.cached is None else price.cached
    fresh = max(0, usage.input_tokens - usage.cached_tokens)
    whole = (fresh * price.input + usage.cached_tokens * cached + usage.output_tokens * price.output) / MILLION
    share = min(1.0, usage.unpriced / usage.tokens)
    return msgspec.structs.replace(usage, dollars=round(usage.dollars + whole * share, 6), unpriced=0)
