from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.text import block, cut, cut_path, line, pad, plain, wrap


def test_a_path_keeps_its_end() -> None:
    assert cut_path("src/click/decorators.py", 18) == "…/decorators.py"
    assert cut_path("src/click/decorators.py", 23) == "src/click/decorators.py"
    assert cut_path("src/click/decorators.py", 10) == "decorator…"
    assert cut_path("Port the docs/tests to MyST", 12) == "Port the do…"


def test_a_wide_character_is_not_halved() -> None:
    assert cut("日本語のタスク", 6) == "日本…"
    assert cell_len(pad("日本語", 5)) == 5


def test_what_follows_a_label_stands_below_its_text() -> None:
    rows = wrap((("why        ", "muted"), ("two words and more of them", "")), 26)
    assert [plain(row) for row in rows] == ["why        two words and", "           more of them"]


def test_a_word_without_spaces_is_chopped() -> None:
    assert [plain(row) for row in wrap((("abcdefghij", ""),), 4)] == ["abcd", "efgh", "ij"]


def test_a_text_is_bounded_in_lines_and_characters() -> None:
    assert block("a\nb\nc\nd", lines=2) == ["a", "b", "… 2 more lines"]
    assert block("x" * 50, limit=10)[-1] == "… cut after 10 characters"
    assert line("a\nb") == "a\ufffdb"


TONED = st.lists(st.tuples(st.text("ab 日é", max_size=12), st.sampled_from(["", "muted"])), min_size=1, max_size=5)


@given(TONED, st.integers(4, 30))
def test_wrapping_loses_nothing_but_spaces_and_fits(cells: list[tuple[str, str]], columns: int) -> None:
    rows = wrap(tuple(cells), columns)
    assert "".join(plain(rows_one) for rows_one in rows).replace(" ", "") == plain(cells).replace(" ", "")
    assert all(cell_len(plain(row)) <= columns for row in rows)


@given(st.text(max_size=40), st.integers(0, 30))
def test_padding_is_exact(text: str, columns: int) -> None:
    assert cell_len(pad(line(text), columns)) == columns
