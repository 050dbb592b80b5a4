"""The stream of claude, and of qwen, which took it over: messages as the Anthropic API has them, then a `result`."""

import msgspec

from orchestrator.agents import providers, raw
from orchestrator.agents.counting import Sum, total
from state.agent_events import TEXT, Event, Finished, Message, SessionStarted, ToolCall, ToolResult, Used
from state.usage import Usage

__all__ = ["Line", "StreamParser", "Tokens"]


class Tokens(msgspec.Struct):
    """Tokens as the Anthropic API counts them: the cached ones are no part of `input_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    total_tokens: int = 0
    """Told by qwen alone."""

    def usage(self) -> Usage:
        """The same as ours, with no price."""
        given = self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens
        return total(given, self.cache_read_input_tokens, self.output_tokens)


class _OfModel(msgspec.Struct, rename="camel"):
    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cost: float = msgspec.field(default=0.0, name="costUSD")
    cost_basis: str = ""

    def usage(self) -> Usage:
        given = self.input_tokens + self.cache_creation_input_tokens + self.cache_read_input_tokens
        found = total(given, self.cache_read_input_tokens, self.output_tokens, self.thinking_tokens)
        if self.cost_basis == "unknown":  # a price that it made up for a model that it doesn't know
            return found
        found.dollars, found.unpriced = self.cost, 0
        return found


class _Block(msgspec.Struct):
    type: str
    text: str = ""
    thinking: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()
    tool_use_id: str = ""
    is_error: bool | None = None
    content: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    id: str = ""
    model: str = ""
    content: list[_Block] | str = ""
    usage: Tokens | None = None


class Line(msgspec.Struct):
    """One line, of any type."""

    type: str
    subtype: str = ""
    session_id: str = ""
    model: str = ""
    claude_code_version: str = ""
    qwen_code_version: str = ""
    message: _Message | None = None
    uuid: str = ""
    is_error: bool | None = None
    is_api_error_message: bool = False
    api_error_status: int | None = None
    error_status: int | None = None
    error: msgspec.Raw = msgspec.Raw()
    retry_delay_ms: float | None = None
    duration_ms: float = 0
    num_turns: int = 0
    result: str = ""
    terminal_reason: str = ""
    errors: list[msgspec.Raw] = []
    usage: Tokens | None = None
    total_cost_usd: float | None = None
    model_usage_since_last_result: dict[str, _OfModel] | None = None


_decoder = msgspec.json.Decoder(Line)
_text_block = msgspec.json.Decoder(list[_Block] | str)
LIMITS = ("error_max_turns", "error_max_budget_usd", "error_max_structured_output_retries")


class StreamParser:
    """The parser of one run. What its messages tell of tokens counts until a `result` tells better."""

    def __init__(self) -> None:
        self.begun = False
        self._messages, self._results = Sum(), Sum()

    def event(self, name: str, line: bytes) -> list[Event] | None:
        """See `adapter.Parser`."""
        match name:
            case "system":
                return self._system(_decoder.decode(line))
            case "assistant":
                return self.assistant(_decoder.decode(line))
            case "user":
                return _results_of(_decoder.decode(line))
            case "result":
                return self.result(_decoder.decode(line))
            case "stream_event" | "rate_limit_event" | "tool_progress" | "keep_alive" | "auth_status":
                return []
        return None

    def end(self) -> list[Event]:
        """See `adapter.Parser`."""
        return []

    def _system(self, line: Line) -> list[Event] | None:
        if line.subtype == "init":
            self.begun = True
            version = line.claude_code_version or line.qwen_code_version
            return [SessionStarted(session=line.session_id, model=line.model, version=version)]
        if line.subtype == "api_retry":
            status = line.error_status
            text = f"{raw.text(line.error)} {status or ''}".strip()
            wait = None if line.retry_delay_ms is None else line.retry_delay_ms / 1000
            return [providers.failed(text, fatal=False, status=status, wait=wait)]
        return [] if line.subtype in ("status", "compact_boundary", "hook_response", "task_notification") else None

    def assistant(self, line: Line) -> list[Event]:
        """The events of what the model says and does."""
        message = line.message
        if message is None:
            return []
        events: list[Event] = []
        blocks = [_Block("text", text=message.content)] if isinstance(message.content, str) else message.content
        for block in blocks:
            if block.type == "text" and not line.is_api_error_message:
                events.append(Message(text=block.text[:TEXT]))
            elif block.type == "thinking":
                events.append(Message(text=block.thinking[:TEXT], thinking=True))
            elif block.type == "tool_use":
                events.append(ToolCall(id=block.id, tool=block.name, input=raw.call(block.input)))
        if message.usage is not None and message.id:
            found = self.tokens(message.usage)
            if found.tokens and self._messages.put(message.id, found):
                events.append(self._used())
        return events

    def result(self, line: Line) -> list[Event]:
        """The events of a `result`. A failure of the API is told as a success that is an error."""
        text = line.result or " ".join(raw.text(error) for error in line.errors)
        events: list[Event] = []
        if (used := self.usage_of(line)) is not None:
            self._results.put(line.uuid, used)
            events.append(self._used())
        if line.is_error is not False or line.subtype != "success":
            failed = providers.failed(text or line.subtype, fatal=True, status=line.api_error_status)
            if line.subtype in LIMITS:
                failed = type(failed)(text=text or line.subtype, fatal=True, failure="limit")
            elif line.terminal_reason.startswith("aborted"):  # by SIGINT, of which its words tell nothing
                failed = type(failed)(
                    text=f"it was interrupted: {line.terminal_reason}", fatal=True, failure="interrupted"
                )
            events.append(failed)
            return [*events, Finished(ok=False, text=text[:TEXT])]
        return [*events, Finished(ok=True, text=text[:TEXT])]

    def tokens(self, told: Tokens) -> Usage:
        """The usage that one message tells."""
        return told.usage()

    def usage_of(self, line: Line) -> Usage | None:
        """What a `result` tells: since the one before it, by model. Earlier versions tell of the whole run."""
        if line.model_usage_since_last_result:
            found = Usage()
            for of_model in line.model_usage_since_last_result.values():
                found = found.plus(of_model.usage())
            return found
        if line.usage is None:
            return None
        used = line.usage.usage()
        if used.tokens and line.total_cost_usd and line.model_usage_since_last_result is None:
            used.dollars, used.unpriced = line.total_cost_usd, 0
        return used

    def _used(self) -> Used:
        # a run that was cut off has the messages' word alone; and what comes after a result is not in it yet
        results, messages = self._results.sum, self._messages.sum
        return Used(usage=results if results.tokens >= messages.tokens else messages)


def _results_of(line: Line) -> list[Event]:
    message = line.message
    if message is None or isinstance(message.content, str):
        return []
    return [
        ToolResult(
            id=block.tool_use_id,
            ok=None if block.is_error is None else not block.is_error,
            output=_content(block.content),
        )
        for block in message.content
        if block.type == "tool_result"
    ]


def _content(raw: msgspec.Raw) -> str:
    data = bytes(raw)
    if not data:
        return ""
    try:
        found = _text_block.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return data.decode("utf-8", "replace")[:TEXT]
    return (found if isinstance(found, str) else "\n".join(block.text for block in found))[:TEXT]
