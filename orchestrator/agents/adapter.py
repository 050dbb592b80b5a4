"""What there is to know of an agent CLI: data, and a pure parser of its stream."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from state.agent_events import Event

__all__ = ["Adapter", "Parser", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """What an agent is started for."""

    worktree: Path
    folder: Path
    """The task's `worker/`, the one folder of the state directory that the agent may write."""
    model: str = ""
    """'' for the agent's own choice."""
    attempt: int = 1
    new_session: str = ""
    """A UUID that a fresh session may be given as its name."""
    resume: str = ""
    """The session to go on with; '' for a fresh one."""
    root: bool = False
    """Whether it runs as root."""
    sandboxed: bool = False


class Parser(Protocol):
    """Turns the lines of one run into events. It keeps what later lines need, and touches nothing."""

    def event(self, name: str, line: bytes) -> list[Event] | None:
        """The events of one line, a JSON object whose `type` is `name`; None where that is not known.

        Raises `msgspec.MsgspecError` or `UnicodeDecodeError` where it has not the shape of the versions that are known.
        """

    def end(self) -> list[Event]:
        """What follows from the end of the stream, for agents whose last word that is."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One agent CLI."""

    kind: str
    program: str
    """What it is called on PATH."""
    package: str
    """Its name on npm."""
    version: str
    """The version whose behaviour is tested."""
    arguments: Callable[[Run], list[str]]
    """What follows the program on its command line. The prompt comes on standard input."""
    parser: Callable[[], Parser]
    environment: Callable[[Run], Mapping[str, str]] = lambda run: {}
    """What is set in its environment; never a secret."""
    keys: tuple[str, ...] = ()
    """Variables of the person's environment that hold keys: handed on by name, and masked wherever they are printed."""
    variables: tuple[str, ...] = ()
    """Others that it is configured by and gets, addresses for example."""
    credentials: tuple[str, ...] = ()
    """Files and folders of the person's home that it signs in or is configured with."""
    resumes: bool = True
    """Whether it can go on with a session of its own."""
    refuses_root: bool = False
    """Whether it does not work for root but in a sandbox."""
    usage_file: Callable[[Run], Path] | None = field(default=None)
    """Where it writes what it has used, for one whose stream doesn't tell; read at the end as one more line."""
