"""Sums of what messages have used, each counted once however often it is told."""

from state.usage import Usage

__all__ = ["Sum", "total"]

REMEMBERED = 1000
"""Messages that a sum knows one by one; what is told again is told soon."""
MOST = 10**12
"""More than anything has ever used: a figure beyond it is none."""


class Sum:
    """What several messages have used, each of which may be told more than once, and better each time."""

    def __init__(self) -> None:
        self.sum = Usage()
        self._each: dict[str, Usage] = {}

    def put(self, name: str, usage: Usage) -> bool:
        """Takes in what `name` has used; whether that is news."""
        before = self._each.get(name)
        if before is None:
            if len(self._each) >= REMEMBERED:
                del self._each[next(iter(self._each))]
            self.sum = self.sum.plus(usage)
        elif before == usage:
            return False
        else:
            self.sum = self.sum.minus(before).plus(usage)
        self._each[name] = usage
        return True


def total(given: int, cached: int, made: int, thought: int = 0, dollars: float = 0.0) -> Usage:
    """The usage of tokens: `given` with those `cached`, `made` with those `thought`. A price of 0 is none known."""
    given, made = min(max(0, given), MOST), min(max(0, made), MOST)
    dollars = dollars if 0 < dollars < MOST else 0.0
    return Usage(
        tokens=given + made,
        input_tokens=given,
        cached_tokens=min(max(0, cached), given),
        output_tokens=made,
        reasoning_tokens=min(max(0, thought), made),
        dollars=dollars,
        unpriced=0 if dollars else given + made,
    )
