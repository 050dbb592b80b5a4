"""qwen: `qwen -o stream-json`. Seen with 0.15.10; the stream is claude's, with these differences.

A failure of the API is a `result` that is a success, and its words are text of the model that ends in `[API Error: …]`.
The usage of its `result` counts the whole session, so what counts is the sum of its messages; the cached tokens are a
part of the input there. What came of a command isn't told. A sub-agent that fails tells so by a `result` of its own,
which took no time and no turn.
"""

import re
from collections.abc import Mapping

import msgspec

from orchestrator.agents import providers, raw
from orchestrator.agents.adapter import Adapter, Run
from orchestrator.agents.claude_stream import Line, StreamParser, Tokens
from orchestrator.agents.counting import total
from state.agent_events import TEXT, Event, Failed, Finished, Message, ToolResult
from state.usage import Usage

__all__ = ["ADAPTER"]

BEGINS = ("[API Error: ", "Qwen OAuth quota exceeded:", "Qwen OAuth free tier has been discontinued")
_ENDS = re.compile(r"\[API Error: [^\n]*\](?:\n(?:Please wait|Possible quota)[^\n]*)?\s*")


class _Parser(StreamParser):
    def __init__(self) -> None:
        super().__init__()
        self._failed = ""
        """The words of the API's failure, where the model's newest message ended in one."""

    def event(self, name: str, line: bytes) -> list[Event] | None:
        events = super().event(name, line)
        if name != "user" or events is None:
            return events
        # a command that exited with 1 is no error to it
        trusted = (event for event in events if isinstance(event, ToolResult))
        return [msgspec.structs.replace(event, ok=None if event.ok else event.ok) for event in trusted]

    def assistant(self, line: Line) -> list[Event]:
        found: list[Event] = []
        for event in super().assistant(line):
            text = event.text if isinstance(event, Message) and not event.thinking else ""
            before, failed = _split(text)
            if not failed:
                found.append(event)
                continue
            if before.strip():
                found.append(Message(text=before.strip()))
            found.append(providers.failed(failed, fatal=False))
        if line.message is not None and line.message.content:
            words = [event.text for event in found if isinstance(event, Failed)]
            self._failed = words[-1] if words else ""
        return found

    def result(self, line: Line) -> list[Event]:
        said = raw.message(line.error)
        if line.is_error and self.begun and not line.num_turns and not line.duration_ms:
            return [providers.failed(said, fatal=False)]
        if line.is_error is not False or line.subtype != "success":
            text = (said or line.result or line.subtype)[:TEXT]
            return [providers.failed(text, fatal=True), Finished(ok=False, text=text)]
        if text := self._failed or _split(line.result)[1]:
            return [providers.failed(text, fatal=True), Finished(ok=False, text=text[:TEXT])]
        return [Finished(ok=True, text=line.result[:TEXT])]

    def tokens(self, told: Tokens) -> Usage:
        made = max(told.output_tokens, told.total_tokens - told.input_tokens)
        return total(told.input_tokens, told.cache_read_input_tokens, made, made - told.output_tokens)


def _split(text: str) -> tuple[str, str]:
    """What the model said, and the words of the API's failure that follow it; '' where it ends in none."""
    if text.startswith(BEGINS):
        return "", text
    at = text.rfind(BEGINS[0])
    return (text[:at], text[at:].rstrip()) if at >= 0 and _ENDS.fullmatch(text, at) else (text, "")


def _arguments(run: Run) -> list[str]:
    begin = ["-o", "stream-json", "--approval-mode", "yolo", *(["-m", run.model] if run.model else [])]
    return [*begin, "--resume", run.resume] if run.resume else begin


def _environment(run: Run) -> Mapping[str, str]:
    # by this name it also sees that a key and an address of OpenAI's kind in the environment are meant for it
    return {"QWEN_CODE_NO_RELAUNCH": "true"} | ({"OPENAI_MODEL": run.model} if run.model else {})


ADAPTER = Adapter(
    kind="qwen",
    program="qwen",
    package="@qwen-code/qwen-code",
    version="0.15.10",
    arguments=_arguments,
    parser=_Parser,
    environment=_environment,
    keys=("OPENAI_API_KEY", "DASHSCOPE_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
    variables=(
        *("OPENAI_BASE_URL", "OPENAI_MODEL", "QWEN_DEFAULT_AUTH_TYPE", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL"),
        *("GEMINI_MODEL", "GOOGLE_MODEL"),
    ),
    credentials=("~/.qwen/oauth_creds.json", "~/.qwen/settings.json", "~/.qwen/QWEN.md"),
)
