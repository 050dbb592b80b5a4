"""codex: `codex exec --json`. Seen with 0.169.0; events as `codex-rs/exec/src/exec_events.rs` has them.

An `item.completed` of type `error` is a warning, a top-level `error` tells of a retry, `turn.failed` is fatal. Tokens
are counted over the whole session, cached ones are a part of the input and reasoning a part of the output.
"""

import msgspec

from orchestrator.agents import providers
from orchestrator.agents.adapter import Adapter, Run
from orchestrator.agents.counting import total
from state.agent_events import TEXT, Event, Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Used

__all__ = ["ADAPTER"]


class _Change(msgspec.Struct):
    path: str = ""
    kind: str = ""


class _Item(msgspec.Struct):
    type: str
    id: str = ""
    text: str = ""
    message: str = ""
    command: str = ""
    aggregated_output: str = ""
    exit_code: int | None = None
    status: str = ""
    changes: list[_Change] = []
    server: str = ""
    tool: str = ""
    query: str = ""
    arguments: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()


class _Tokens(msgspec.Struct):
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0


class _Error(msgspec.Struct):
    message: str = ""


class _Line(msgspec.Struct):
    type: str
    thread_id: str = ""
    item: _Item | None = None
    usage: _Tokens | None = None
    error: _Error | None = None
    message: str = ""


_decoder = msgspec.json.Decoder(_Line)


class _Parser:
    def event(self, name: str, line: bytes) -> list[Event] | None:
        match name:
            case "thread.started":
                return [SessionStarted(session=_decoder.decode(line).thread_id)]
            case "turn.started" | "item.updated":
                return []
            case "item.started" | "item.completed":
                item = _decoder.decode(line).item
                return None if item is None else _item(item, completed=name == "item.completed")
            case "error":
                return [providers.failed(_decoder.decode(line).message, fatal=False)]
            case "turn.failed":
                error = _decoder.decode(line).error
                text = error.message if error else ""
                return [providers.failed(text, fatal=True), Finished(ok=False, text=text[:TEXT])]
            case "turn.completed":
                tokens = _decoder.decode(line).usage
                return [*([_used(tokens)] if tokens else []), Finished(ok=True)]
        return None

    def end(self) -> list[Event]:
        return []


def _item(item: _Item, *, completed: bool) -> list[Event] | None:
    match item.type, completed:
        case "agent_message", True:
            return [Message(text=item.text[:TEXT])]
        case "reasoning", True:
            return [Message(text=item.text[:TEXT], thinking=True)]
        case "error", True:
            return [Failed(text=item.message[:TEXT])]
        case "command_execution", False:
            return [ToolCall(id=item.id, tool="shell", input=item.command[:TEXT])]
        case "command_execution", True:
            ok = None if item.exit_code is None else item.exit_code == 0
            return [ToolResult(id=item.id, ok=ok, status=item.exit_code, output=item.aggregated_output[:TEXT])]
        case "mcp_tool_call", False:
            return [ToolCall(id=item.id, tool=f"{item.server}.{item.tool}", input=_text(item.arguments))]
        case "mcp_tool_call", True:
            return [ToolResult(id=item.id, ok=item.status == "completed", output=_text(item.result))]
        case "web_search", True:
            return [ToolCall(id=item.id, tool="web_search", input=item.query[:TEXT])]
        case "file_change", True:
            changed = "\n".join(f"{change.kind} {change.path}" for change in item.changes)[:TEXT]
            call = ToolCall(id=item.id, tool="edit", input=changed)
            return [call, ToolResult(id=item.id, ok=item.status == "completed")]
        case (("agent_message" | "reasoning" | "error" | "web_search" | "file_change" | "todo_list"), _):
            return []
    return None


def _used(tokens: _Tokens) -> Used:
    usage = total(tokens.input_tokens, tokens.cached_input_tokens, tokens.output_tokens, tokens.reasoning_output_tokens)
    return Used(usage=usage, of_session=True)


def _text(raw: msgspec.Raw) -> str:
    return bytes(raw).decode("utf-8", "replace")[:TEXT]


def _arguments(run: Run) -> list[str]:
    begin = ["exec", *(["resume"] if run.resume else []), "--json", "--dangerously-bypass-approvals-and-sandbox"]
    model = ["-m", run.model] if run.model else []
    # it would wait for ever for a network that is gone, and nobody would hear of it
    begin += ["--disable", "unbounded_connection_retries"]
    # a login shell sets PATH anew, and then there is no `opsroom` on it
    begin += ["-c", "allow_login_shell=false", *model]
    return [*begin, run.resume, "-"] if run.resume else [*begin, "-C", str(run.worktree), "-"]


ADAPTER = Adapter(
    kind="codex",
    program="codex",
    package="@openai/codex",
    version="0.169.0",
    arguments=_arguments,
    parser=_Parser,
    keys=("OPENAI_API_KEY", "CODEX_API_KEY", "AZURE_OPENAI_API_KEY"),
    variables=("OPENAI_BASE_URL", "RUST_LOG"),
    credentials=("~/.codex/auth.json", "~/.codex/config.toml", "~/.codex/AGENTS.md"),
)
