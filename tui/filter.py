"""The filter of the task tree: `s:waiting c:strict a:codex words`, all of which must hold."""

from collections.abc import Callable
from dataclasses import dataclass

from state.views import TaskView

__all__ = ["Filter", "parse"]


def _state(view: TaskView) -> str:
    return ("fault " if view.faults else "") + view.state


def _agent(view: TaskView) -> str:
    return view.task.agent if view.task else ""


def _anything(view: TaskView) -> str:
    item = view.task.item if view.task else ""
    return f"{view.id}\n{view.title}\n{item}"


_PREFIXES: dict[str, Callable[[TaskView], str]] = {"s": _state, "c": lambda view: view.campaign, "a": _agent}


@dataclass(frozen=True, slots=True)
class Filter:
    """What a person typed after `/`. An empty one accepts everything."""

    text: str = ""
    terms: tuple[tuple[Callable[[TaskView], str], str], ...] = ()

    def accepts(self, view: TaskView) -> bool:
        """Whether every term occurs, in any case, where its prefix says."""
        return all(word in field(view).lower() for field, word in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)


def parse(text: str) -> Filter:
    """The filter that `text` asks for. An unknown prefix is a word like any other; a prefix alone says nothing."""
    terms = []
    for term in text.lower().split():
        prefix, colon, word = term.partition(":")
        if colon and prefix in _PREFIXES:
            if word:
                terms.append((_PREFIXES[prefix], word))
        else:
            terms.append((_anything, term))
    return Filter(" ".join(text.split()), tuple(terms))
