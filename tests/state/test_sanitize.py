"""No code that steers a terminal or turns a text around gets through either door."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from state.sanitize import clean_block, clean_line

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
MARKS = "\u061c\u200e\u200f"
anything = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cs"]),
        st.sampled_from(
            [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), *MARKS, "\u2028", "\u2029"]
        ),
    )
)


def steers(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in BIDI
        or character in MARKS
    )


@given(anything)
def test_nothing_that_steers_gets_into_a_line(text: str) -> None:
    assert not [character for character in clean_line(text) if steers(character)]


@given(anything)
def test_nothing_that_steers_but_a_newline_gets_into_a_block(text: str) -> None:
    assert not [character for character in clean_block(text) if steers(character) and character != "\n"]


@given(anything, st.integers(1, 30))
def test_a_line_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(clean_line(text, limit)) <= limit


@given(anything, st.integers(1, 30))
def test_a_block_shows_no_more_than_its_limit(text: str, limit: int) -> None:
    shown = clean_block(text, limit).partition("\n… cut after")[0]
    assert len(shown.replace("    ", " ")) <= limit


@given(anything)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean_line(clean_line(text)) == clean_line(text)
    assert clean_block(clean_block(text)) == clean_block(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_words_in_any_script_get_through(text: str) -> None:
    assert clean_line(text) == text
    assert clean_block(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\ufffd[31mred"),
        ("one\ntwo", "one\ufffdtwo"),
        ("a\tb", "a b"),
        ("\x9b2J", "\ufffd2J"),
        ("file\udcff", "file\ufffd"),
        ("evil\u202egnp.exe", "evil\ufffdgnp.exe"),
    ],
)
def test_a_line_shows_what_it_replaced(text: str, shown: str) -> None:
    assert clean_line(text) == shown


def test_a_block_keeps_its_lines() -> None:
    assert clean_block("one\r\ntwo\n\tthree\rfour") == "one\ntwo\n    three\ufffdfour"


def test_a_cut_is_said() -> None:
    assert clean_line("x" * 10, 4) == "xxx…"
    assert clean_block("x" * 10, 4) == "xxxx\n… cut after 4 characters"
