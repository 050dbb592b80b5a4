"""pi: `pi -p --mode json`. Seen with 0.73.1; events as its `agent-session.js` and `agent-loop.js` make them.

It exits with 0 whatever its provider does: what counts is how the newest answer ended. An `agent_end` comes again for
each time that it tries again, so a run is over when the stream ends after one, and nothing was begun after it.
`message_update` repeats the whole message for each word. Of tokens the input is without what was cached; what was
thought is a part of the output, and isn't told. A model whose price it doesn't know costs 0. An answer that broke off
in the middle it takes for one that ended; what tells is that it has used nothing, where others of the run have.
"""

from collections.abc import Mapping

import msgspec

from orchestrator.agents import providers, raw
from orchestrator.agents.adapter import Adapter, Run
from orchestrator.agents.counting import Sum, total
from state.agent_events import TEXT, Event, Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Used
from state.usage import Usage

__all__ = ["ADAPTER"]

NOISE = frozenset({"turn_start", "message_start", "message_update", "tool_execution_update", "queue_update"})
BESIDE = frozenset({"thinking_level_changed", "session_info_changed"})


class _Cost(msgspec.Struct):
    total: float = 0


class _Tokens(msgspec.Struct):
    input: int = 0
    output: int = 0
    cacheRead: int = 0
    cacheWrite: int = 0
    cost: _Cost = msgspec.field(default_factory=_Cost)


class _Block(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""


class _Message(msgspec.Struct):
    role: str = ""
    content: list[_Block] | str = ""
    usage: _Tokens | None = None
    stopReason: str = ""
    errorMessage: str = ""
    timestamp: float = 0
    responseId: str = ""


class _Result(msgspec.Struct):
    content: list[_Block] | str = ""


class _Line(msgspec.Struct):
    id: str = ""
    message: _Message = msgspec.field(default_factory=_Message)
    toolCallId: str = ""
    toolName: str = ""
    args: msgspec.Raw = msgspec.Raw()
    result: _Result = msgspec.field(default_factory=_Result)
    isError: bool = False
    errorMessage: str = ""
    willRetry: bool = False


_decoder = msgspec.json.Decoder(_Line)
BROKEN_OFF = "the model's last answer broke off: its provider did not say that it had ended"


class _Parser:
    def __init__(self) -> None:
        self._over = False
        """Whether nothing has begun since the newest `agent_end`."""
        self._ended = ""
        """How the newest answer of the model ended; '' where none has since the agent began."""
        self._error = ""
        self._used = Sum()

    def event(self, name: str, line: bytes) -> list[Event] | None:
        if name in NOISE or name in BESIDE:
            return []
        if name == "agent_end":  # it holds every message once more
            self._over = True
            return []
        told = _decoder.decode(line)
        match name:
            case "session":
                return [SessionStarted(session=told.id)]
            case "agent_start":
                self._over, self._ended = False, ""
                return []
            case "message_end" | "turn_end":
                return self._message(told.message, said=name == "message_end")
            case "tool_execution_start":
                return [ToolCall(id=told.toolCallId, tool=told.toolName, input=raw.call(told.args))]
            case "tool_execution_end":
                return [ToolResult(id=told.toolCallId, ok=not told.isError, output=_text(told.result.content))]
            case "auto_retry_start":
                self._over = False
                return [providers.failed(told.errorMessage, fatal=False)]
            case "auto_retry_end":
                return []
            case "compaction_start":
                self._over = False
                return []
            case "compaction_end":
                self._over = not told.willRetry
                return [Failed(text=told.errorMessage[:TEXT])] if told.errorMessage else []
        return None

    def end(self) -> list[Event]:
        if not self._over:
            return []
        if self._ended == "stop":
            return [Finished(ok=True)]
        if self._ended == "aborted":
            failed = Failed(text=self._error or "aborted", fatal=True, failure="interrupted")
        elif self._ended == "broken off":
            failed = Failed(text=BROKEN_OFF, fatal=True, failure="connection")
        elif self._ended == "error":
            failed = providers.failed(self._error, fatal=True)
        else:
            failed = Failed(text=f"the model's last answer ended by {self._ended!r}", fatal=True)
        return [failed, Finished(ok=False, text=failed.text)]

    def _message(self, message: _Message, *, said: bool) -> list[Event]:
        if message.role != "assistant":
            return []
        self._ended, self._error = message.stopReason, message.errorMessage[:TEXT]
        used = _used(message.usage)
        if self._ended == "stop" and not used.tokens and self._used.sum.tokens:
            self._ended = "broken off"
        if not said:  # as the `turn_end` that repeats it
            return []
        blocks = [_Block("text", message.content)] if isinstance(message.content, str) else message.content
        events: list[Event] = [
            Message(text=(block.text or block.thinking)[:TEXT], thinking=block.type == "thinking")
            for block in blocks
            if block.type in ("text", "thinking") and (block.text or block.thinking)
        ]
        if used.tokens and self._used.put(f"{message.timestamp} {message.responseId}", used):
            events.append(Used(usage=self._used.sum))
        return events


def _used(tokens: _Tokens | None) -> Usage:
    if tokens is None:
        return Usage()
    given = tokens.input + tokens.cacheRead + tokens.cacheWrite
    return total(given, tokens.cacheRead, tokens.output, 0, tokens.cost.total)


def _text(content: list[_Block] | str) -> str:
    return (content if isinstance(content, str) else "\n".join(block.text for block in content))[:TEXT]


def _arguments(run: Run) -> list[str]:
    begin = ["-p", "--mode", "json", *(["--model", run.model] if run.model else [])]
    return [*begin, "--session", run.resume] if run.resume else begin


def _environment(run: Run) -> Mapping[str, str]:
    return {"PI_SKIP_VERSION_CHECK": "1"}


ADAPTER = Adapter(
    kind="pi",
    program="pi",
    package="@mariozechner/pi-coding-agent",
    version="0.73.1",
    arguments=_arguments,
    parser=_Parser,
    environment=_environment,
    keys=(
        *("ANTHROPIC_API_KEY", "ANTHROPIC_OAUTH_TOKEN", "OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "GEMINI_API_KEY"),
        *("GOOGLE_CLOUD_API_KEY", "OPENROUTER_API_KEY", "AI_GATEWAY_API_KEY", "GROQ_API_KEY", "CEREBRAS_API_KEY"),
        *("XAI_API_KEY", "ZAI_API_KEY", "MISTRAL_API_KEY", "DEEPSEEK_API_KEY", "MOONSHOT_API_KEY", "OPENCODE_API_KEY"),
    ),
    variables=("PI_OFFLINE", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"),
    credentials=(
        "~/.pi/agent/auth.json",
        "~/.pi/agent/models.json",
        "~/.pi/agent/settings.json",
        "~/.pi/agent/AGENTS.md",
    ),
)
