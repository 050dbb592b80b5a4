"""gemini: `gemini -o stream-json`. Seen with 0.61.0; events as its `nonInteractiveCli.ts` makes them.

It calls a command that exited with 1 a success, so what came of a tool is only known where it says that it failed. A
run that it gave up, for a loop or for turns, has a `result` of status `success` after an `error`. What it tries again
it tells on standard error alone. Tokens are those of the run; what was thought is in the total and in nothing else.
"""

from collections.abc import Mapping

import msgspec

from orchestrator.agents import providers, raw
from orchestrator.agents.adapter import Adapter, Run
from orchestrator.agents.counting import total
from state.agent_events import TEXT, Event, Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Used

__all__ = ["ADAPTER"]

TYPES = frozenset({"init", "message", "tool_use", "tool_result", "error", "result"})
GIVEN_UP = "Loop detected"
"""How the warning begins after which it stops, and calls that a success."""


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Stats(msgspec.Struct):
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached: int = 0


class _Line(msgspec.Struct):
    session_id: str = ""
    model: str = ""
    role: str = ""
    content: str = ""
    delta: bool = False
    tool_name: str = ""
    tool_id: str = ""
    parameters: msgspec.Raw = msgspec.Raw()
    output: str = ""
    status: str = ""
    severity: str = ""
    message: str = ""
    error: _Error | None = None
    stats: _Stats | None = None


_decoder = msgspec.json.Decoder(_Line)


class _Parser:
    def __init__(self) -> None:
        self._said: list[str] = []
        """The pieces of the message that is being said."""
        self._length = 0

    def event(self, name: str, line: bytes) -> list[Event] | None:
        if name not in TYPES:
            return None
        told = _decoder.decode(line)
        if name == "message" and told.role == "assistant" and told.delta:
            if self._length < TEXT:
                self._said.append(told.content)
                self._length += len(told.content)
            return []
        return [*self._message(), *self._other(name, told)]

    def end(self) -> list[Event]:
        return self._message()

    def _message(self) -> list[Event]:
        if not self._said:
            return []
        text = "".join(self._said)[:TEXT]
        self._said, self._length = [], 0
        return [Message(text=text)]

    def _other(self, name: str, told: _Line) -> list[Event]:
        match name:
            case "init":
                return [SessionStarted(session=told.session_id, model=told.model)]
            case "message":
                return [Message(text=told.content[:TEXT])] if told.role == "assistant" else []
            case "tool_use":
                return [ToolCall(id=told.tool_id, tool=told.tool_name, input=raw.call(told.parameters))]
            case "tool_result":
                ok = False if told.status == "error" else None
                output = told.output or (told.error.message if told.error else "")
                return [ToolResult(id=told.tool_id, ok=ok, output=output[:TEXT])]
            case "error":
                fatal = told.severity == "error" or told.message.startswith(GIVEN_UP)
                return [providers.failed(told.message[:TEXT], fatal=fatal)]
        return _result(told)


def _result(told: _Line) -> list[Event]:
    events: list[Event] = []
    if (stats := told.stats) is not None:
        made = max(stats.output_tokens, stats.total_tokens - stats.input_tokens)
        used = total(stats.input_tokens, stats.cached, made, made - stats.output_tokens)
        events.append(Used(usage=used))
    if told.status == "success":
        return [*events, Finished(ok=True)]
    error = told.error or _Error()
    text = (error.message or error.type)[:TEXT]
    if error.type == "FatalCancellationError":
        events.append(Failed(text=text, fatal=True, failure="interrupted"))
    elif text:
        events.append(providers.failed(text, fatal=True))
    return [*events, Finished(ok=False, text=text)]


def _arguments(run: Run) -> list[str]:
    begin = ["-o", "stream-json", "--approval-mode", "yolo", "--skip-trust", *(["-m", run.model] if run.model else [])]
    return [*begin, "--resume", run.resume] if run.resume else begin


def _environment(run: Run) -> Mapping[str, str]:
    # the process that it would start itself again from takes no notice of being told to end
    return {"GEMINI_CLI_NO_RELAUNCH": "true"}


ADAPTER = Adapter(
    kind="gemini",
    program="gemini",
    package="@google/gemini-cli",
    version="0.61.0",
    arguments=_arguments,
    parser=_Parser,
    environment=_environment,
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_ACCESS_TOKEN"),
    variables=(
        *("GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL", "GEMINI_MODEL", "GOOGLE_CLOUD_PROJECT"),
        *("GOOGLE_CLOUD_LOCATION", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_GENAI_API_VERSION"),
    ),
    credentials=(
        *("~/.gemini/oauth_creds.json", "~/.gemini/google_accounts.json", "~/.gemini/settings.json"),
        *("~/.gemini/GEMINI.md", "~/.config/gcloud/application_default_credentials.json"),
    ),
)
