"""`journal.jsonl`: every word that the human said, in order."""

from typing import Any

from state import event_log
from state.layout import StateDir
from state.times import utc_now

__all__ = ["write"]


def write(state: StateDir, kind: str, by: str, **fields: Any) -> None:
    """Appends what `by` said, a command, an answer or a message, with its text in `fields`."""
    event_log.append(state.root, state.journal, utc_now(), kind, by=by, **fields)
