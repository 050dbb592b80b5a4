"""copilot: `copilot --output-format json`. Seen with 1.0.102; events as its `session-events.schema.json` has them.

Its session has the name that it was given, and begins when the prompt is taken in. What it has used it writes into a
file, counted over the whole session, where the cached tokens are a part of the input; a premium request has no price,
an AI credit is a cent. Interrupted it exits with 0 and without a `result`. It masks its keys in all it prints, even in
the names of events.
"""

from pathlib import Path

import msgspec

from orchestrator.agents import providers, raw
from orchestrator.agents.adapter import Adapter, Run
from orchestrator.agents.counting import total
from state.agent_events import TEXT, Event, Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Used
from state.usage import Usage

__all__ = ["ADAPTER"]

NANO_CREDITS = 1e11
"""Billionths of an AI credit in a dollar."""
NOISE = frozenset(
    {f"assistant.{name}_delta" for name in ("message", "reasoning", "streaming", "tool_call")}
    | {f"assistant.{name}" for name in ("message_start", "turn_start", "turn_end", "turn_retry", "idle", "intent")}
    | {f"assistant.{name}" for name in ("usage", "server_tool_progress")}
    | {f"model.call_{name}" for name in ("start", "finished", "final_result")}
    | {f"session.{name}_loaded" for name in ("skills", "mcp_servers", "mcp_server_tools", "extensions")}
    | {f"session.{name}_changed" for name in ("background_tasks", "title", "todos", "plan", "mode", "context")}
    | {f"session.{name}" for name in ("start", "resume", "info", "idle", "shutdown", "usage_info", "usage_checkpoint")}
    | {f"session.{name}" for name in ("usage_record", "quota_observation", "task_complete", "truncation")}
    | {f"session.{name}" for name in ("compaction_start", "compaction_complete", "custom_agents_updated")}
    | {f"session.{name}" for name in ("workspace_file_changed", "memory_changed", "permissions_changed")}
    | {f"tool.{name}" for name in ("shell_output", "execution_partial_result", "execution_progress")}
    | {f"subagent.{name}" for name in ("started", "completed", "selected", "deselected", "configured")}
    | {f"hook.{name}" for name in ("start", "progress", "end")}
    | {f"permission.{name}" for name in ("requested", "completed")}
    | {"system.message", "system.notification", "agent.interrupted", "pending_messages.modified", "skill.invoked"}
)


class _Shell(msgspec.Struct):
    exitCode: int | None = None


class _Result(msgspec.Struct):
    content: str = ""


class _Error(msgspec.Struct):
    message: str = ""


class _Data(msgspec.Struct):
    model: str = ""
    newModel: str = ""
    content: str = ""
    reasoningText: str = ""
    toolCallId: str = ""
    toolName: str = ""
    arguments: msgspec.Raw = msgspec.Raw()
    shellExecution: _Shell | None = None
    success: bool = True
    result: _Result | None = None
    error: _Error | str | None = None
    message: str = ""
    errorType: str = ""
    errorMessage: str = ""
    statusCode: int | None = None
    reason: str = ""


class _Line(msgspec.Struct):
    data: _Data = msgspec.field(default_factory=_Data)
    exitCode: int | None = None


class _Tokens(msgspec.Struct):
    inputTokens: int = 0
    outputTokens: int = 0
    cacheReadTokens: int = 0
    cacheWriteTokens: int = 0
    reasoningTokens: int = 0


class _OfModel(msgspec.Struct):
    usage: _Tokens = msgspec.field(default_factory=_Tokens)
    totalNanoAiu: float = 0


class _UsageFile(msgspec.Struct):
    modelMetrics: dict[str, _OfModel] = {}


_decoder = msgspec.json.Decoder(_Line)
_usage_decoder = msgspec.json.Decoder(_UsageFile)


class _Parser:
    def __init__(self) -> None:
        self._begun = False
        self._model = ""
        self._thought = ""
        self._failed: Failed | None = None
        """A failure that it has not worked on after."""

    def event(self, name: str, line: bytes) -> list[Event] | None:
        if name in NOISE:
            return []
        if name == "usage_file":
            return [Used(usage=_used(_usage_decoder.decode(line)), of_session=True)]
        told = _decoder.decode(line)
        data = told.data
        match name:
            case "session.tools_updated" | "session.model_change":
                self._model = data.newModel or data.model or self._model
                return []
            case "user.message":
                first, self._begun = not self._begun, True
                return [SessionStarted(model=self._model)] if first else []
            case "assistant.message" | "assistant.reasoning":
                return self._message(data, thinking=name == "assistant.reasoning")
            case "tool.execution_start":
                return [ToolCall(id=data.toolCallId, tool=data.toolName, input=raw.call(data.arguments))]
            case "tool.execution_complete":
                return [_tool_result(data)]
            case "result":
                return self._result(told.exitCode)
        return self._failure(name, data)

    def end(self) -> list[Event]:
        return []

    def _message(self, data: _Data, *, thinking: bool) -> list[Event]:
        thought, said = (data.content, "") if thinking else (data.reasoningText, data.content)
        self._failed = None
        events: list[Event] = []
        if thought and thought != self._thought:  # it comes by itself, and again with what is said
            self._thought = thought
            events.append(Message(text=thought[:TEXT], thinking=True))
        return [*events, Message(text=said[:TEXT])] if said else events

    def _failure(self, name: str, data: _Data) -> list[Event] | None:
        match name:
            case "model.call_failure":
                return [_failed(data.errorMessage or data.errorType, data.statusCode)]
            case "session.error":
                self._failed = _failed(data.message, data.statusCode, data.errorType)
                return [self._failed]
            case "session_limits_exhausted.requested":
                self._failed = Failed(text="the limit of AI credits for this session is reached", failure="limit")
                return [self._failed]
            case "abort":
                failure = "limit" if "limit" in data.reason else "interrupted"
                return [Failed(text=f"aborted: {data.reason}", fatal=True, failure=failure)]
            case "session.warning":
                return [Failed(text=data.message[:TEXT])]
            case "subagent.failed":
                return [Failed(text=(data.error if isinstance(data.error, str) else "a sub-agent failed")[:TEXT])]
        return None

    def _result(self, status: int | None) -> list[Event]:
        if status == 0 and self._failed is None:
            return [Finished(ok=True)]
        if self._failed is None:
            return [Finished(ok=False, text="" if status is None else f"its result has the exit status {status}")]
        return [msgspec.structs.replace(self._failed, fatal=True), Finished(ok=False, text=self._failed.text)]


def _failed(text: str, status: int | None, kind: str = "") -> Failed:
    if kind in ("authentication", "authorization"):
        return Failed(text=text[:TEXT], failure="authentication")
    if kind in ("rate_limit", "quota"):
        return Failed(text=text[:TEXT], failure="rate_limit", wait=providers.wait_of(text))
    return providers.failed(text[:TEXT], fatal=False, status=status)


def _tool_result(data: _Data) -> ToolResult:
    status = data.shellExecution.exitCode if data.shellExecution else None
    ok = data.success if status is None else status == 0
    output = data.result.content if data.result else ""
    if not output and data.error is not None:
        output = data.error if isinstance(data.error, str) else data.error.message
    return ToolResult(id=data.toolCallId, ok=ok, status=status, output=output[:TEXT])


def _used(told: _UsageFile) -> Usage:
    found = Usage()
    for of_model in told.modelMetrics.values():
        tokens = of_model.usage
        given, cached = tokens.inputTokens, tokens.cacheReadTokens
        dollars = of_model.totalNanoAiu / NANO_CREDITS
        found = found.plus(total(given, cached, tokens.outputTokens, tokens.reasoningTokens, dollars))
    return found


def _usage_file(run: Run) -> Path:
    return run.folder / f"copilot-usage-{run.attempt}.json"


def _arguments(run: Run) -> list[str]:
    begin = ["--allow-all", "--output-format", "json", "--no-auto-update", "--no-ask-user"]
    begin += ["--model", run.model] if run.model else []
    # a session that exists is gone on with, another begins under this name
    session = run.resume or run.new_session
    begin += ["--session-id", session] if session else []
    return [*begin, "--usage-output-file", str(_usage_file(run))]


ADAPTER = Adapter(
    kind="copilot",
    program="copilot",
    package="@github/copilot",
    version="1.0.102",
    arguments=_arguments,
    parser=_Parser,
    keys=(
        *("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
        *("COPILOT_PROVIDER_API_KEY", "COPILOT_PROVIDER_BEARER_TOKEN"),
    ),
    variables=(
        *("COPILOT_MODEL", "COPILOT_OFFLINE", "COPILOT_PROVIDER_BASE_URL", "COPILOT_PROVIDER_TYPE", "GH_HOST"),
        *("COPILOT_PROVIDER_WIRE_API", "COPILOT_PROVIDER_MODEL_ID", "COPILOT_PROVIDER_WIRE_MODEL", "COPILOT_GH_HOST"),
    ),
    credentials=("~/.copilot/config.json", "~/.copilot/settings.json", "~/.copilot/mcp-config.json"),
    usage_file=_usage_file,
)
