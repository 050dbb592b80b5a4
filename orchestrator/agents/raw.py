"""JSON of any shape as the text of an event."""

import msgspec

from state.agent_events import TEXT

__all__ = ["call", "message", "text"]


class _Command(msgspec.Struct):
    command: str


_command = msgspec.json.Decoder(_Command)
_string = msgspec.json.Decoder(str)


def call(raw: msgspec.Raw) -> str:
    """What a tool was given: the command line of a shell, of any other the JSON."""
    data = bytes(raw)
    try:
        return _command.decode(data).command[:TEXT]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return data.decode("utf-8", "replace")[:TEXT]


def text(raw: msgspec.Raw) -> str:
    """A string as it is, anything else as JSON; '' for null and for nothing."""
    data = bytes(raw)
    try:
        return _string.decode(data)[:TEXT]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "" if data == b"null" else data.decode("utf-8", "replace")[:TEXT]


class _Worded(msgspec.Struct):
    message: str = ""


_worded = msgspec.json.Decoder(_Worded | str | None)


def message(raw: msgspec.Raw) -> str:
    """The `message` of an error that is an object, or the error itself where it is words."""
    try:
        found = _worded.decode(bytes(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return text(raw)
    return (found.message if isinstance(found, _Worded) else found or "")[:TEXT]
