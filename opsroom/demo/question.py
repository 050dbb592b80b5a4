"""What a worker asks where a name has two meanings, and what it makes of the answer. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from opsroom.demo.codemod import Analysis, free_name, migrate
from opsroom.demo.failures import Refusal

__all__ = ["Decision", "Question", "answer_in", "decide", "question"]

_ALIAS = re.compile(r"\bimport\b.*\bas\s+`?([^\W\d]\w*)")
_THEM = re.compile(r"\bimport them\b")


class Question(NamedTuple):
    """A question on one line, what it offers, and which of that counts if nobody answers."""

    text: str
    options: list[str]
    default: str


class Decision(NamedTuple):
    """How the colliding names are to be treated, as `migrate` takes it, and that in words."""

    keep: frozenset[str]
    alias: Mapping[str, str]
    words: str


def question(item: str, source: str, analysis: Analysis) -> Question:
    """What to ask about the colliding names of the file `item`, whose text is `source`."""
    names = analysis.questionable
    first = analysis.collisions[names[0]]
    ours = _listed([f"{analysis.alias}.{name}" for name in names])
    text = (
        f"{item} binds {_listed(names)} itself (line {first.line}: {first.text}), so `from typing import` would "
        f"collide with it. How should {ours} be written?"
    )
    if len(names) == 1:
        options = [f"import it as {free_name(source, names[0])}", f"leave {ours} as it is"]
    else:
        private = _listed([free_name(source, name) for name in names])
        options = [f"import them as {private}", f"leave {ours} as they are"]
    return Question(" ".join(text.split()), options, options[1])


def decide(answer: str, source: str, analysis: Analysis) -> Decision:
    """What `answer`, an option, its number from 1, or a person's own words, means for the colliding names.

    `import it as TV` names the alias. Whatever cannot be understood or done leaves the names as they are.
    """
    names = analysis.questionable
    text = answer.strip()
    private = {name: free_name(source, name) for name in names}
    chosen: dict[str, str] = {}
    if text == "1" or (len(names) > 1 and _THEM.search(text)):
        chosen = private
    elif len(names) == 1 and (match := _ALIAS.search(text)):
        chosen = {names[0]: match[1]}
    if chosen:
        try:
            migrate(source, alias=chosen)
        except Refusal as refusal:
            return Decision(frozenset(names), {}, f"left as before, since {refusal.reason}")
        return Decision(frozenset(), chosen, _listed([f"{name} imported as {own}" for name, own in chosen.items()]))
    return Decision(frozenset(names), {}, f"{_listed([f'{analysis.alias}.{name}' for name in names])} left as before")


def answer_in(prompt: str, asked: str) -> str | None:
    """The newest answer to the question `asked` in the prompt's section `## Answers`; None if it has none."""
    found = None
    inside = current = False
    for line in prompt.splitlines():
        if line.startswith("#"):
            inside = line.strip() == "## Answers"
        elif inside and line.startswith("Q:"):
            current = line[2:].split() == asked.split()
        elif inside and current and line.startswith("A:"):
            found = line[2:].strip()
    return found


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
