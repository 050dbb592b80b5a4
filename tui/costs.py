"""What was used, and what of a budget: in a few words, the same wherever it is shown. Pure."""

from state.times import age
from state.usage import Budget, Usage, cost_text, dollars_text

__all__ = ["budget_text", "today_text", "usage_text"]


def usage_text(usage: Usage) -> str:
    """`41,210 tokens · $0.31 · 12m in 2 attempts`: as much of it as is told."""
    parts = [f"{usage.tokens:,} tokens"] if usage.tokens else []
    if cost := cost_text(usage):
        parts.append(cost)
    if usage.attempts and usage.seconds:
        many = "1 attempt" if usage.attempts == 1 else f"{usage.attempts:,} attempts"
        parts.append(f"{age(usage.seconds)} in {many}")
    return " · ".join(parts)


def budget_text(usage: Usage, budget: Budget) -> str:
    """`3 of 10 attempts · 12m of 1h · $1.20 of $5.00`: each limit that is set, and how much of it is used."""
    parts = []
    if budget.attempts:
        parts.append(f"{usage.attempts:,} of {budget.attempts:,} attempts")
    if budget.seconds:
        parts.append(f"{age(usage.seconds)} of {age(budget.seconds)}")
    if budget.tokens:
        parts.append(f"{usage.tokens:,} of {budget.tokens:,} tokens")
    if budget.dollars:
        parts.append(f"{cost_text(usage) or dollars_text(0)} of {dollars_text(budget.dollars)}")
    return " · ".join(parts)


def today_text(usage: Usage) -> str:
    """`today $1.20 · 182k tokens`; '' where nothing is told of today."""
    parts = [cost_text(usage), f"{_short(usage.tokens)} tokens" if usage.tokens else ""]
    said = " · ".join(part for part in parts if part)
    return f"today {said}" if said else ""


def _short(count: int) -> str:
    """`950`, `182k`, `1.3M`, `12M`."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}{unit}" if count < 10 * size else f"{count // size:,}{unit}"
    return str(count)
