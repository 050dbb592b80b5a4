"""opencode: `opencode run --format json`. Seen with 1.18.33; its events are parts of messages as they become whole.

There is no terminal event: a run is over when the stream ends after a `step_finish` whose reason is `stop`. Every
`error` makes it exit with 1; what it tries again by itself it doesn't tell. Of tokens the input is without what was
cached, and the output without what was thought. A model whose price it doesn't know costs 0.
"""

from collections.abc import Mapping

import msgspec

from orchestrator.agents import providers, raw
from orchestrator.agents.adapter import Adapter, Run
from orchestrator.agents.counting import Sum, total
from state.agent_events import TEXT, Event, Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Used

__all__ = ["ADAPTER"]


class _Cache(msgspec.Struct):
    read: int = 0
    write: int = 0


class _Tokens(msgspec.Struct):
    input: int = 0
    output: int = 0
    reasoning: int = 0
    cache: _Cache = msgspec.field(default_factory=_Cache)


class _Metadata(msgspec.Struct):
    exit: int | None = None


class _State(msgspec.Struct):
    status: str = ""
    input: msgspec.Raw = msgspec.Raw()
    output: str = ""
    error: str = ""
    metadata: _Metadata | None = None


class _Part(msgspec.Struct):
    id: str = ""
    text: str = ""
    tool: str = ""
    callID: str = ""
    state: _State | None = None
    reason: str = ""
    tokens: _Tokens | None = None
    cost: float = 0


class _Data(msgspec.Struct):
    message: str = ""
    statusCode: int | None = None
    responseHeaders: dict[str, str] | None = None


class _Error(msgspec.Struct):
    name: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


class _Line(msgspec.Struct):
    sessionID: str = ""
    part: _Part = msgspec.field(default_factory=_Part)
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Line)


class _Parser:
    def __init__(self) -> None:
        self._begun = False
        self._reason = ""
        """Why the newest step ended; '' while one runs."""
        self._used = Sum()

    def event(self, name: str, line: bytes) -> list[Event] | None:
        if name not in ("step_start", "step_finish", "text", "reasoning", "tool_use", "error"):
            return None
        told = _decoder.decode(line)
        first, self._begun = not self._begun, True
        if name == "step_finish":
            return self._finished(told.part)
        self._reason = ""
        match name:
            case "step_start":
                # a stream that begins with anything else has lost its beginning
                return [SessionStarted(session=told.sessionID)] if first else []
            case "text" | "reasoning":
                return [Message(text=told.part.text[:TEXT], thinking=name == "reasoning")]
            case "tool_use":
                return _tool(told.part)
        return [_error(told.error)]

    def end(self) -> list[Event]:
        if self._reason == "stop":
            return [Finished(ok=True)]
        if self._reason in ("", "tool-calls"):
            return []
        text = f"the model's last answer ended by {self._reason!r}"
        return [Failed(text=text, fatal=True), Finished(ok=False, text=text)]

    def _finished(self, part: _Part) -> list[Event]:
        self._reason = part.reason
        if (tokens := part.tokens) is None:
            return []
        given = tokens.input + tokens.cache.read + tokens.cache.write
        made = tokens.output + tokens.reasoning
        used = total(given, tokens.cache.read, made, tokens.reasoning, part.cost)
        return [Used(usage=self._used.sum)] if self._used.put(part.id, used) else []


def _tool(part: _Part) -> list[Event]:
    state = part.state or _State()
    status = state.metadata.exit if state.metadata else None
    ok = state.status == "completed" and not status
    output = (state.output or state.error)[:TEXT]
    return [
        ToolCall(id=part.callID, tool=part.tool, input=raw.call(state.input)),
        ToolResult(id=part.callID, ok=ok, status=status, output=output),
    ]


def _error(error: _Error | None) -> Failed:
    if error is None:
        return Failed(text="an error without words", fatal=True)
    text = (error.data.message or error.name)[:TEXT]
    if error.name == "MessageAbortedError":
        return Failed(text=text, fatal=True, failure="interrupted")
    if error.name == "ProviderAuthError":
        return Failed(text=text, fatal=True, failure="authentication")
    headers = {name.lower(): value for name, value in (error.data.responseHeaders or {}).items()}
    wait = providers.wait_of_header(headers.get("retry-after", ""))
    return providers.failed(text, fatal=True, status=error.data.statusCode, wait=wait)


def _arguments(run: Run) -> list[str]:
    # without a title it asks the model for one, and tells nobody what that took
    begin = ["run", "--format", "json", "--auto", "--title", "opsroom"]
    begin += ["-m", run.model] if run.model else []
    return [*begin, "--session", run.resume] if run.resume else begin


def _environment(run: Run) -> Mapping[str, str]:
    # language servers would be fetched again by every attempt, whose home is new
    return dict.fromkeys((f"OPENCODE_DISABLE_{name}" for name in ("AUTOUPDATE", "SHARE", "LSP_DOWNLOAD")), "1")


ADAPTER = Adapter(
    kind="opencode",
    program="opencode",
    package="opencode-ai",
    version="1.18.33",
    arguments=_arguments,
    parser=_Parser,
    environment=_environment,
    keys=(
        *("OPENCODE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"),
        *("OPENROUTER_API_KEY", "GROQ_API_KEY", "XAI_API_KEY", "MISTRAL_API_KEY", "DEEPSEEK_API_KEY"),
    ),
    variables=("OPENCODE_CONFIG", "OPENCODE_CONFIG_CONTENT", "OPENCODE_PERMISSION", "OPENCODE_DISABLE_MODELS_FETCH"),
    credentials=(
        "~/.local/share/opencode/auth.json",
        # not their folder, into which it writes
        *(f"~/.config/opencode/{name}" for name in ("opencode.json", "opencode.jsonc", "config.json", "AGENTS.md")),
        *(f"~/.config/opencode/{name}" for name in ("agent", "agents", "command", "commands", "plugin", "plugins")),
    ),
)
