"""What an agent's stream tells, an event in a line, for a person who watches."""

from state.agent_events import Event, Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Unknown
from state.sanitize import clean_line

__all__ = ["line_of"]

WIDTH = 160


def line_of(event: Event) -> str:
    """The line, safe to show; '' for what is not worth one."""
    match event:
        case SessionStarted():
            model = f", model {event.model}" if event.model else ""
            said = f"session {event.session or 'without a name'}{model}"
        case Message(thinking=True):
            return ""
        case Message():
            said = f"says: {event.text}"
        case ToolCall():
            said = f"{event.tool or 'a tool'}: {event.input}"
        case ToolResult():
            went = "" if event.ok is None else "well: " if event.ok else f"failed ({_status(event)}): "
            said = f"→ {went}{event.output}"
        case Failed():
            wait = "" if event.wait is None else f" (come again in {event.wait:g} s)"
            said = f"{'error' if event.fatal else 'trouble'}, {event.failure}: {event.text}{wait}"
        case Finished():
            said = "finished" if event.ok else f"finished, not well: {event.text}"
        case Unknown():
            said = f"not understood: {event.type or event.raw}"
        case _:
            return ""
    return clean_line(" ".join(said.split()), WIDTH)


def _status(event: ToolResult) -> str:
    return "" if event.status is None else f"exit status {event.status}"
