"""Draws the control room as an SVG: the real app on a made-up state directory.

python scripts/draw_screen.py docs/screen.svg [--size 120x34] [--theme opsroom-dark]
"""

import argparse
import asyncio
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.tui.builder import typing_imports
from tests.tui.room import opened

FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""Rich's picture loads its font from a server; ours loads nothing."""


async def draw(size: tuple[int, int], theme: str) -> str:
    """The picture of a campaign in the middle of its work."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(typing_imports(Path(folder)), size=size, theme=theme) as person:
            await person.press("n")
            await person.sees("41,210 tokens", "1 defer   2 allow here")
            picture = person.app.export_screenshot(title="opsroom", simplify=True)
    return FONT_FACE.sub("", picture).replace("Fira Code, monospace", "'Fira Code', 'DejaVu Sans Mono', monospace")


def main() -> None:
    """Reads the arguments and draws."""
    parser = argparse.ArgumentParser(description="Draws the control room as an SVG.")
    parser.add_argument("target", type=Path, help="the SVG to write")
    parser.add_argument("--size", default="120x34", help="columns x lines (default: %(default)s)")
    parser.add_argument("--theme", default="opsroom-dark", help="default: %(default)s")
    arguments = parser.parse_args()
    columns, _, lines = arguments.size.partition("x")
    picture = asyncio.run(draw((int(columns), int(lines)), arguments.theme))
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    arguments.target.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
