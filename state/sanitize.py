"""The one door through which text from disk reaches a terminal.

Textual and `print` alike pass ESC and C1 bytes through to the terminal, where they set the clipboard, move the
cursor or answer queries. Bidirectional overrides make a text read differently from what it says. Both are
replaced by the visible U+FFFD, here and nowhere else.
"""

__all__ = ["clean_block", "clean_line"]

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SURROGATES = range(0xD800, 0xE000)  # undecodable bytes of a file name; printing one raises UnicodeEncodeError
_LINE = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *_BIDI, *_SURROGATES), "\ufffd")
_LINE[0x09] = " "
_BLOCK = {code: shown for code, shown in _LINE.items() if code != 0x0A}
_BLOCK[0x09] = "    "


def clean_line(text: str, limit: int = 400) -> str:
    """At most `limit` characters of `text` on one line: newlines are shown as U+FFFD too, a cut as `…`."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text.translate(_LINE)


def clean_block(text: str, limit: int = 200_000) -> str:
    """At most `limit` characters of `text`, its lines kept (CRLF taken as one end), a cut said in a last line."""
    cut = len(text) > limit
    shown = text[:limit].replace("\r\n", "\n").translate(_BLOCK)
    return f"{shown}\n… cut after {limit:,} characters" if cut else shown
