"""Which of what workers have learned applies to an item. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from state.campaign_file import HistoryLine

__all__ = ["applying"]

LOOKED_AT = 500
"""Lessons that are weighed, the newest ones: a campaign may have thousands of lines."""
CUT = 400
"""Characters of one lesson."""
_WORD = re.compile(r"[^\W_]{2,}")


@dataclass(slots=True)
class _Lesson:
    text: str
    words: set[str]
    times: int = 0


def applying(history: Sequence[HistoryLine], item: str, limit: int) -> list[str]:
    """The lessons in `history` that apply to `item` most, at most `limit`, each once, the nearest first.

    A lesson is near that shares words with `item`: the folders and names of the file that it was learned at, and
    its own words. A word that few lessons have counts for more than one that all have. Among those as near, what
    several workers have said comes first, then what is newer.
    """
    lessons: dict[str, _Lesson] = {}
    for line in reversed(history):
        text = " ".join(line.fields.get("learned", "").split())[:CUT]
        if not text or (text not in lessons and len(lessons) >= LOOKED_AT):
            continue
        lesson = lessons.setdefault(text, _Lesson(text, _words(text)))
        lesson.words |= _words(line.fields.get("file", ""))
        lesson.times += 1
    known = Counter(word for lesson in lessons.values() for word in lesson.words)
    wanted = _words(item)

    def nearness(lesson: _Lesson) -> float:
        return sum(1 / known[word] for word in sorted(lesson.words & wanted))

    ranked = sorted(lessons.values(), key=lambda lesson: (-nearness(lesson), -lesson.times))  # newest first already
    return [lesson.text for lesson in ranked[:limit]]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
