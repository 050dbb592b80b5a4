"""How a program is started where it can do no harm: what becomes of its command line and its environment."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["Enclose", "Enclosed", "Enclosing", "unenclosed"]


class Enclosed(NamedTuple):
    """How a program is to be started."""

    argv: list[str]
    environment: dict[str, str]
    """What is added to the environment."""
    kept: list[str] | None = None
    """Names of the variables of our own environment that it keeps; None keeps all."""
    sandbox: str = "none"

    def whole(self, own: Mapping[str, str]) -> dict[str, str]:
        """The whole environment, where `own` is ours."""
        kept = own if self.kept is None else {name: own[name] for name in self.kept if name in own}
        return {**kept, **self.environment}


Enclose = Callable[[list[str], dict[str, str]], Enclosed]
"""Encloses a command with what is added to its environment."""


Enclosing = Callable[[Path], contextlib.AbstractContextManager[Enclose]]
"""Gives, for as long as the block lasts, what encloses the checks that run in a worktree."""


@contextlib.contextmanager
def unenclosed(worktree: Path) -> Iterator[Enclose]:
    """Encloses nothing."""
    yield Enclosed
