"""What a run has shown that the envelope should say: a pure function from its history and its workers' notes.

Nothing of it takes effect by itself. A person promotes a line to policy, or leaves it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from state.campaign_file import HistoryLine
from state.envelope import Proposal

__all__ = ["of_run"]

MOST = 12
"""Rules that one run proposes."""
COSTLY = 3.0
"""How many times the median an item has to take to be named."""
LEAST = 30.0
"""Seconds that it has to take, too."""
_RULE = re.compile(
    r"(?i)\b(always|never|do not|don't|must( not)?|should( not)?|avoid|prefer|only|instead of|make sure|needs?|use)\b"
)
_CHECK = re.compile(r"check (.+?) (?:failed|ran out of time|could not)")


def of_run(lines: Sequence[HistoryLine], notes: Iterable[tuple[str, str]], policy: Sequence[str]) -> list[Proposal]:
    """What the history `lines` of a run propose, and its `notes`, each with its item; nothing that `policy` says."""
    return [*_rules(lines, notes, policy), *_costliest(lines), *_checks(lines)]


def _rules(lines: Sequence[HistoryLine], notes: Iterable[tuple[str, str]], policy: Sequence[str]) -> list[Proposal]:
    """Sentences of workers that read as rules; what several of them say comes first."""
    said = [(line.fields.get("file", ""), line.fields.get("learned", "")) for line in lines]
    found: dict[str, list[str]] = {}
    for item, text in (*said, *notes):
        for sentence in re.split(r"(?<=[.!])\s+|\n+", text):
            rule = " ".join(sentence.split()).lstrip("-* ")
            if 10 <= len(rule) <= 300 and _RULE.search(rule) and rule not in policy:
                found.setdefault(rule, []).append(item)
    ordered = sorted(found.items(), key=lambda pair: -len(pair[1]))[:MOST]
    return [Proposal(kind="rule", text=rule, source=", ".join(dict.fromkeys(items[:3]))) for rule, items in ordered]


def _costliest(lines: Sequence[HistoryLine]) -> list[Proposal]:
    """Items that took much longer than the others."""
    taken = {}
    for line in lines:
        try:
            taken[line.fields.get("file", "")] = float(line.fields.get("seconds", ""))
        except ValueError:
            continue
    if len(taken) < 4:
        return []
    usual = median(taken.values())
    least = max(LEAST, COSTLY * usual)
    costly = sorted(((seconds, item) for item, seconds in taken.items() if seconds > least), reverse=True)
    return [
        Proposal(kind="file", text=item, source=f"{seconds:.0f} s, where {usual:.0f} s is usual")
        for seconds, item in costly[:3]
    ]


def _checks(lines: Sequence[HistoryLine]) -> list[Proposal]:
    """The checks, and rules of the policy, that turned away more than one change."""
    failed: Counter[str] = Counter()
    for line in lines:
        why = line.fields.get("why", "")
        if line.result == "failure_reverted" and (match := _CHECK.match(why)):
            failed[match[1]] += 1
        elif why.startswith("policy: "):
            failed["policy"] += 1
    return [
        Proposal(kind="check", text=f"{name} turned away {count} changes", source=name)
        for name, count in failed.most_common(3)
        if count > 1
    ]
