"""What work has used up, and how much it may: seconds, attempts, tokens, dollars.

Part of `state.model`'s records, apart so that whoever counts needs nothing else.
"""

from typing import Annotated

import msgspec

from state.record import Count, Record

__all__ = ["Budget", "Usage", "cost_text", "dollars_text", "tokens_text", "used_up"]

Amount = Annotated[float, msgspec.Meta(ge=0, lt=1e12)]


class Usage(Record):
    """What attempts have used. In `status.toml` all ended attempts of the task, each counted once."""

    attempts: Count = 0
    seconds: Amount = 0.0
    """Time that attempts ran, summed, also where they ran at once."""
    tokens: Count = 0
    """Input and output together."""
    input_tokens: Count = 0
    cached_tokens: Count = 0
    """Of the input, what the provider read from its cache."""
    output_tokens: Count = 0
    reasoning_tokens: Count = 0
    """Of the output, what the model thought and did not say."""
    dollars: Amount = 0.0
    unpriced: Count = 0
    """Tokens for which nobody knows a price: while there are any, `dollars` is less than the cost."""

    def plus(self, other: "Usage") -> "Usage":
        """The sum of both; unknown keys stay this one's."""
        return self._with(other, 1)

    def minus(self, other: "Usage") -> "Usage":
        """What is left of this when `other` is taken out of it, nothing below zero."""
        return self._with(other, -1)

    def _with(self, other: "Usage", sign: int) -> "Usage":
        return Usage(
            attempts=max(0, self.attempts + sign * other.attempts),
            seconds=round(max(0.0, self.seconds + sign * other.seconds), 3),
            tokens=max(0, self.tokens + sign * other.tokens),
            input_tokens=max(0, self.input_tokens + sign * other.input_tokens),
            cached_tokens=max(0, self.cached_tokens + sign * other.cached_tokens),
            output_tokens=max(0, self.output_tokens + sign * other.output_tokens),
            reasoning_tokens=max(0, self.reasoning_tokens + sign * other.reasoning_tokens),
            dollars=round(max(0.0, self.dollars + sign * other.dollars), 6),
            unpriced=max(0, self.unpriced + sign * other.unpriced),
            extra=self.extra,
        )


class Budget(Record):
    """How much may be used. 0 sets no limit."""

    attempts: Count = 0
    seconds: Amount = 0.0
    tokens: Count = 0
    dollars: Amount = 0.0


def used_up(usage: Usage, budget: Budget, whose: str, *, before_launch: bool = False) -> str:
    """Which limit of `whose` budget is reached, in a few words with both figures; '' while none is.

    The last attempt that a budget allows may run to its end: `before_launch` tells that one more is meant.
    """
    if budget.dollars and usage.dollars >= budget.dollars:
        return f"{whose} budget of ${budget.dollars:,.2f} is used up: ${usage.dollars:,.2f}"
    if budget.tokens and usage.tokens >= budget.tokens:
        return f"{whose} budget of {budget.tokens:,} tokens is used up: {usage.tokens:,}"
    # what is hardly anything any more would only start attempts to end them
    least = min(1.0, 0.1 * budget.seconds) if before_launch else 0.0
    if budget.seconds and usage.seconds >= budget.seconds - least:
        return f"{whose} budget of {budget.seconds:,.0f} s is used up: {usage.seconds:,.0f} s"
    if budget.attempts and (usage.attempts > budget.attempts or (before_launch and usage.attempts == budget.attempts)):
        return f"{whose} budget of {budget.attempts:,} attempts is used up"
    return ""


def dollars_text(dollars: float) -> str:
    """`$1.23`, `$1,204.50`; `<$0.01` for what is more than nothing."""
    return "<$0.01" if 0 < dollars < 0.005 else f"${dollars:,.2f}"


def cost_text(usage: Usage) -> str:
    """`$1.23`; `$1.23+?` where some of it has no known price, `$?` where none has; '' where nothing is told."""
    if not usage.unpriced:
        return dollars_text(usage.dollars) if usage.dollars else ""
    return f"{dollars_text(usage.dollars)}+?" if usage.dollars else "$?"


def tokens_text(usage: Usage) -> str:
    """`38,000 in (12,000 cached) · 3,210 out (1,000 reasoning)`; '' where nobody tells them apart."""
    parts = []
    for many, part, name, of in (
        (usage.input_tokens, usage.cached_tokens, "in", "cached"),
        (usage.output_tokens, usage.reasoning_tokens, "out", "reasoning"),
    ):
        if usage.input_tokens or usage.output_tokens:
            parts.append(f"{many:,} {name}{f' ({part:,} {of})' if part else ''}")
    return " · ".join(parts)
