"""How long a line may be. click's own sources stay below; an import of sixteen names on one line does not. Pure."""

__all__ = ["LIMIT", "long_lines"]

LIMIT = 125
"""Columns, counted in characters."""


def long_lines(source: str, limit: int = LIMIT) -> list[tuple[int, int]]:
    """The lines of `source` that have more than `limit` columns: their numbers from 1, and their columns."""
    lengths = enumerate((len(line.rstrip("\r\n")) for line in source.split("\n")), start=1)
    return [(number, columns) for number, columns in lengths if columns > limit]
