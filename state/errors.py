"""Every error that Opsroom raises on purpose.

    OpsroomError            2  our own fault, or wrong use
    ├── BadName             2  a task id or campaign name outside the protocol's alphabet
    ├── BadFile             2  a file that does not say what its format asks for
    ├── CannotWrite         2  disk full, read-only, no permission: the old content stays
    ├── NotThere            1  no such task, question, campaign
    ├── Refused             1  understood, and the answer is no
    └── Unavailable         3  something needed is not there: no orchestrator, no answer in time
        └── LockHeld        3  others have the lock for longer than one waits

The number is the exit status of a command that ends with it.
"""

from typing import NamedTuple

__all__ = [
    "BadFile",
    "BadName",
    "CannotWrite",
    "Fault",
    "LockHeld",
    "NotThere",
    "OpsroomError",
    "Refused",
    "Unavailable",
]


class Fault(NamedTuple):
    """What is wrong with one file, for a person to mend.

    `path` is relative to the state directory, `line` counts from 1 and is None where no line is to blame.
    """

    path: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}: line {self.line}"
        return f"{where}: {self.reason}"


class OpsroomError(Exception):
    """What went wrong and where, in one line; `todo` says what to do about it."""

    exit_status = 2
    title = "Opsroom failed"

    def __init__(self, message: str, *, todo: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.message}; {self.todo}" if self.todo else self.message


class BadName(OpsroomError):
    """A task id, campaign name or message name that the protocol does not allow."""

    title = "Not a name"


class BadFile(OpsroomError):
    """A file that cannot be taken for what it should be; `fault` says where."""

    title = "File not understood"

    def __init__(self, fault: Fault, *, todo: str = "") -> None:
        super().__init__(str(fault), todo=todo)
        self.fault = fault


class CannotWrite(OpsroomError):
    """A write that did not happen. The file is as it was before."""

    title = "Cannot write"


class NotThere(OpsroomError):
    """What was named does not exist."""

    exit_status = 1
    title = "Not found"


class Refused(OpsroomError):
    """Understood, and not done, for the reason given."""

    exit_status = 1
    title = "Refused"


class Unavailable(OpsroomError):
    """Something that the command needs is not there now."""

    exit_status = 3
    title = "Not available"


class LockHeld(Unavailable):
    """A named lock was not got within the time that was given for it. Nothing is wrong, and it may be got later."""

    title = "Lock not got"
