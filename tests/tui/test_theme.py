from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from state.errors import Fault
from tests.tui.builder import FleetBuilder
from tests.tui.room import opened
from tui import theme

SHIPPED = theme.load({"XDG_CONFIG_HOME": "/nonexistent"})
READABLE = 4.5
"""WCAG 2.1, 1.4.3 (AA): contrast of text smaller than 18 points."""


def luminance(color: Color) -> float:
    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def contrast(one: Color, other: Color) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_three_themes_are_shipped_and_sound() -> None:
    assert set(SHIPPED.themes) == {"opsroom-dark", "opsroom-light", "terminal"}
    assert SHIPPED.faults == []
    assert SHIPPED.themes["terminal"].ansi


@pytest.mark.parametrize("name", ["opsroom-dark", "opsroom-light"])
async def test_text_can_be_read(click: FleetBuilder, name: str) -> None:
    async with opened(click, theme=name) as person:
        colors = person.app.theme_variables
        for ground in ("page", "bar", "cursor", "cursor-blurred"):
            background = Color.parse(colors[ground])
            for text in ("foreground", "quiet-text", "key-text", "attention", "trouble"):
                if text in ("quiet-text", "key-text") and ground == "bar":
                    pass
                found = contrast(Color.parse(colors[text]), background)
                assert found >= READABLE, f"{text} on {ground}: {found:.2f}"


@pytest.mark.parametrize("name", ["opsroom-dark", "opsroom-light"])
async def test_every_cell_on_the_screen_can_be_read(click: FleetBuilder, name: str) -> None:
    async with opened(click, theme=name) as person:
        await person.press("n", "a")
        await person.sees("type an answer")
        for strip in person.app.screen._compositor.render_strips():
            for text, style, _ in strip:
                letters = any(letter.isalnum() for letter in text)
                if (
                    letters
                    and style
                    and style.color
                    and style.bgcolor
                    and style.color.triplet
                    and style.bgcolor.triplet
                ):
                    found = contrast(Color(*style.color.triplet), Color(*style.bgcolor.triplet))
                    assert found >= READABLE, f"{text!r}: {found:.2f}"


async def test_the_terminal_theme_uses_only_the_terminals_own_colours(click: FleetBuilder) -> None:
    async with opened(click, theme="terminal") as person:
        for keys in (("n",), ("a",), ("escape", "slash"), ("escape", "question_mark"), ("escape", "colon")):
            await person.press(*keys)
            await person.settled()
            for strip in person.app.screen._compositor.render_strips():
                for text, style, _ in strip:
                    for color in (style.color, style.bgcolor) if style else ():
                        assert color is None or color.triplet is None, f"{text!r}: {color} after {keys}"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('name = "x"\n[colors]\nprimary = "#12345"\n', 3, "not a colour"),
        ('name = "x"\n[colors]\nprimary = 5\n', 3, "a colour in quotes is needed"),
        ('name = "x"\n[colors]\nprimary = "red"\nwarn = "red"\n', 4, "no colour of a theme"),
        ('name = "x"\n\n[colors\n', 3, "not TOML"),
        ("[colors]\nprimary = 'red'\n", None, "a name of"),
        ('name = "x"\ndark = "yes"\n[colors]\nprimary = "red"\n', 2, "true or false"),
        ('name = "x"\ncolors = 3\n', 2, "a table [colors]"),
        ('name = "x"\n', None, "[colors] needs at least"),
        ('name = "x"\n[colors]\nprimary = "red"\n[variables]\ncursor-style = "blinking"\n', 5, "reverse, is needed"),
        ('name = "x"\n[colors]\nprimary = "red"\n[variables]\n"a b" = "red"\n', 5, "not the name of a variable"),
        ('name = "x"\nfont = "big"\n[colors]\nprimary = "red"\n', 2, "unknown"),
    ],
)
def test_a_faulty_theme_is_told_with_its_line(text: str, line: int | None, reason: str) -> None:
    found = theme.parse(text, "mine.toml")
    assert isinstance(found, Fault)
    assert (found.path, found.line) == ("mine.toml", line)
    assert reason in found.reason


def test_a_small_theme_will_do() -> None:
    assert isinstance(theme.parse('name = "x"\n[colors]\nprimary = "red"\n', "x.toml"), Theme)


@pytest.mark.parametrize("ansi", ["false", "true"])
async def test_a_small_theme_of_the_user_works(click: FleetBuilder, tmp_path: Path, ansi: str) -> None:
    color = '"ansi_red"' if ansi == "true" else '"red"'
    folder = tmp_path / "config" / "opsroom" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(f'name = "mine"\nansi = {ansi}\n[colors]\nprimary = {color}\n')
    async with opened(click, theme="mine") as person:
        assert person.app.theme == "mine"
        await person.sees("003 src/click/types.py")


async def test_a_broken_theme_of_the_user_is_told_and_harms_nothing(click: FleetBuilder, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "opsroom" / "themes"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('name = "mine"\n[colors]\nprimary = "no"\n')
    (folder / "bytes.toml").write_bytes(b"\xff\xfe")
    async with opened(click, theme="terminal", size=(200, 40)) as person:
        await person.sees("theme not loaded:", "bytes.toml")
    (folder / "bytes.toml").unlink()
    async with opened(click, theme="terminal", size=(240, 40)) as person:
        await person.sees("mine.toml: line 3: primary = 'no': not a colour")


async def test_an_unknown_theme_is_told(click: FleetBuilder) -> None:
    async with opened(click, theme="solar") as person:
        await person.sees("there is no theme solar (themes: opsroom-dark, opsroom-light, terminal)")
        assert person.app.theme == "terminal"


@pytest.mark.parametrize(
    ("colours", "name"),
    [
        ("", "terminal"),
        ("15;0", "opsroom-dark"),
        ("0;15", "opsroom-light"),
        ("0;default;15", "opsroom-light"),
        ("x", "terminal"),
    ],
)
def test_the_theme_suits_the_terminal_as_far_as_it_tells(colours: str, name: str) -> None:
    assert theme.default_name({"COLORFGBG": colours}) == name


async def test_no_color_means_none(click: FleetBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(click, theme="terminal") as person:
        for strip in person.app.screen._compositor.render_strips():
            filtered = strip.apply_filter(person.app._filters[-1], Color.parse("black"))
            assert all(style is None or style.color is None or style.color.is_default for _, style, _ in filtered)
