"""What a scripted model says: steps as data, and how far they have been taken.

A script in a file is JSON: an object with the fields of `Script`, or a list of steps alone.

    {"usage": {"input": 1000, "output": 50, "cached": 200},
     "steps": [{"say": "I will write it.", "shell": "echo four >> notes.txt"},
               {"error": 429, "message": "slow down", "headers": {"retry-after": "1"}},
               {"say": "It is written."}]}
"""

import dataclasses
import json
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["FOR_GOOD", "Script", "ScriptError", "Step", "Turns", "Usage", "load", "read"]

FOR_GOOD = -1
"""As often as it is asked."""


class ScriptError(ValueError):
    """A script that says nothing a model could follow, in one sentence."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply, as a person counts them: each API gets them split up in its own way."""

    input: int = 1000
    output: int = 50
    cached: int = 0
    """Part of the input."""
    reasoning: int = 0
    """Part of the output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One reply: `say` alone ends the agent's turn; with `shell` a command is run first; with `error` it fails."""

    say: str = ""
    shell: str = ""
    error: int = 0
    """An HTTP status."""
    message: str = "the model is not well"
    """The provider's words, where it fails."""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    """How often it fails before the next step is taken; `FOR_GOOD` never goes on."""
    delay: float = 0.0
    """Seconds before the reply begins."""
    cut: bool = False
    """Whether the connection is closed in the middle of the reply."""
    usage: Usage | None = None
    """Instead of the script's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Steps that are taken one after the other, by whoever asks; after the last one the model says "Done."."""

    steps: tuple[Step, ...]
    usage: Usage = Usage()
    per: str = ""
    """A regular expression: each text that it first finds in a request has a turn of its own, from the first step on.

    So one script serves many agents at once, if each is told something that the others are not. It is searched for in
    the request as JSON; where it has a group, that counts.
    """
    watch: tuple[str, ...] = ()
    """Texts that are looked for in every request; which were there is recorded."""


DONE = Step(say="Done.")


class Turns:
    """How far a script has been taken, by each who takes it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self._lock = threading.Lock()
        self._at: dict[str, int] = {}
        self._failed: dict[str, int] = {}

    def take(self, request: str) -> tuple[int, Step]:
        """The next step for who sent `request`, and its index; one past the last where all have been taken."""
        who = self._who(request)
        with self._lock:
            at = self._at.get(who, 0)
            if at >= len(self.script.steps):
                return at, DONE
            step = self.script.steps[at]
            failed = self._failed.get(who, 0) + 1
            stays = bool(step.error) and (step.times == FOR_GOOD or failed < step.times)
            self._at[who] = at if stays else at + 1
            self._failed[who] = failed if stays else 0
            return at, step

    def usage(self, step: Step) -> Usage:
        """What a reply by `step` is said to have used."""
        return step.usage or self.script.usage

    def watched(self, request: str) -> tuple[str, ...]:
        """Which of the texts to watch for stand in `request`."""
        return tuple(text for text in self.script.watch if json.dumps(text)[1:-1] in request)

    def _who(self, request: str) -> str:
        found = re.search(self.script.per, request) if self.script.per else None
        return found[found.lastindex or 0] if found else ""


def load(path: Path) -> Script:
    """The script in the file `path`; raises `ScriptError`."""
    try:
        return read(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror or error}") from None
    except json.JSONDecodeError as error:
        raise ScriptError(f"{path}: line {error.lineno}: {error.msg}") from None
    except ScriptError as error:
        raise ScriptError(f"{path}: {error}") from None


def read(said: object) -> Script:
    """The script that `said` is, as JSON has it; raises `ScriptError`."""
    if isinstance(said, list):
        said = {"steps": said}
    fields = _fields(Script, said, "the script")
    steps = fields.get("steps")
    if not isinstance(steps, list):
        raise ScriptError("steps: not a list")
    fields["steps"] = tuple(_step(step, f"steps[{number}]") for number, step in enumerate(steps))
    fields["usage"] = Usage(**_fields(Usage, fields.get("usage", {}), "usage"))
    fields["watch"] = tuple(fields.get("watch", ()))
    try:
        re.compile(fields.get("per", ""))
    except re.error as error:
        raise ScriptError(f"per: {error}") from None
    return Script(**fields)


def _step(said: object, where: str) -> Step:
    fields = _fields(Step, said, where)
    if "usage" in fields:
        fields["usage"] = Usage(**_fields(Usage, fields["usage"], f"{where}.usage"))
    return Step(**fields)


def _fields(kind: type, said: object, where: str) -> dict[str, Any]:
    """`said`, if it is an object that has no fields but those of `kind`, each of the type that it must be."""
    if not isinstance(said, dict):
        raise ScriptError(f"{where}: not an object")
    known = {item.name: item for item in dataclasses.fields(kind)}
    for name, value in said.items():
        if name not in known:
            raise ScriptError(f"{where}: unknown key {name!r}; known: {', '.join(known)}")
        wanted = known[name].type
        if wanted in (str, int, bool) and type(value) is not wanted:
            raise ScriptError(f"{where}: {name} is {value!r}, which is not of type {wanted.__name__}")
        if wanted is float and type(value) not in (int, float):
            raise ScriptError(f"{where}: {name} is {value!r}, which is no number")
    return dict(said)
