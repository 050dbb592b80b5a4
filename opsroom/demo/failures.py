"""Every error that the demo raises on purpose.

    OpsroomError           state.errors
    └── DemoError       2  no package here, an environment that is not a worker's, no git
        └── Refusal     1  a file that the codemod leaves alone, and why
            └── NotPython  a file that Python itself does not parse

The number is the exit status of a program that ends with it.
"""

from state.errors import OpsroomError

__all__ = ["DemoError", "NotPython", "Refusal"]


class DemoError(OpsroomError):
    """The demo cannot go on here."""

    title = "Demo not possible here"


class Refusal(DemoError):
    """A file that cannot be migrated safely; it is as it was. `line` counts from 1."""

    exit_status = 1
    title = "Refused"

    def __init__(self, line: int, reason: str, *, todo: str = "") -> None:
        super().__init__(f"line {line}: {reason}", todo=todo)
        self.line = line
        self.reason = reason


class NotPython(Refusal):
    """A file that is not valid Python."""

    title = "Not Python"
