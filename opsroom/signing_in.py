"""What an agent may sign in with: whether it is there is looked at, never what is in it."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.agents.adapter import Adapter

__all__ = ["files_of", "found"]


def found(adapter: "Adapter", environment: Mapping[str, str], files: Sequence[str] | None = None) -> tuple[str, ...]:
    """Names of its variables that are set, and files that are there: `files`, or its own where there are none given."""
    home = environment.get("HOME") or os.path.expanduser("~")
    keys = [name for name in adapter.keys if environment.get(name)]
    spelled = files_of(adapter.credentials if files is None else files)
    return (*keys, *(file for file in spelled if os.path.exists(os.path.join(home, file.removeprefix("~/")))))


def files_of(credentials: Sequence[str]) -> tuple[str, ...]:
    """Of `credentials`, those that may sign somebody in: words for the model, which lie beside them, do not."""
    return tuple(file for file in credentials if not file.endswith(".md"))
