"""A worker is told what applies to its item, not what happens to be newest."""

import random

from orchestrator.campaign.lessons import LOOKED_AT, applying
from state.campaign_file import CampaignFile, HistoryLine

PAD = "Pad's fields are public API."
NET = "sockets want an explicit timeout."


def history(*learned: tuple[str, str]) -> list[HistoryLine]:
    lines = []
    for number, (file, text) in enumerate(learned, 1):
        at = f"2026-04-25T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        lines.append(f"{at} | index={number} | file={file} | result=success | learned={text}")
    whole = "\n".join(["STATUS: running", "", "## Queue", "1. a.py", "", "## History", *lines, ""])
    return CampaignFile(whole.encode(), "campaign.md").history


def test_what_was_learned_next_door_comes_first_however_old_it_is() -> None:
    far = [(f"src/net/part{number}.py", f"Something about part {number}.") for number in range(30)]
    told = applying(history(("src/pad/core.py", PAD), *far), "src/pad/util.py", 3)
    assert told == [PAD, "Something about part 29.", "Something about part 28."]


def test_a_lesson_that_names_the_item_applies_wherever_it_was_learned() -> None:
    lines = history(("docs/a.md", "The parser in grammar.py is generated."), ("src/b.py", NET), ("src/c.py", PAD))
    assert applying(lines, "src/grammar.py", 1) == ["The parser in grammar.py is generated."]


def test_what_all_have_in_common_says_nothing_and_what_several_say_comes_first() -> None:
    said = [("src/a.py", NET), ("src/b.py", PAD), ("src/c.py", NET), ("src/d.py", "Newest.")]
    assert applying(history(*said), "src/z.py", 12) == [NET, "Newest.", PAD]


def test_each_is_told_once_short_and_on_one_line() -> None:
    lines = history(("a.py", "x " * 500), ("b.py", "x " * 500), ("c.py", ""))
    (told,) = applying(lines, "d.py", 12)
    assert len(told) == 400
    assert applying([], "d.py", 12) == []


def test_of_thousands_the_newest_are_weighed() -> None:
    many = [(f"src/f{number}.py", f"Lesson {number}.") for number in range(3 * LOOKED_AT)]
    lines = history(*many)
    assert applying(lines, "src/f0.py", 1) == [f"Lesson {3 * LOOKED_AT - 1}."]
    assert applying(lines, f"src/f{2 * LOOKED_AT}.py", 1) == [f"Lesson {2 * LOOKED_AT}."]


def test_the_order_is_always_the_same() -> None:
    words = [f"word{number}" for number in range(40)]
    chance = random.Random(7)
    said = [("/".join(chance.choices(words, k=3)), " ".join(chance.choices(words, k=9))) for _ in range(200)]
    item = "/".join(words[::2])
    assert applying(history(*said), item, 12) == applying(history(*said), item, 12)
    assert applying(history(*said), item, 12) == applying(history(*said), item, 200)[:12]
