"""Finds the tool by which an agent runs shell commands among those that it offers the model, and calls it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Call", "Json", "Tool", "call", "offered", "shell"]

Json = dict[str, Any]

SHELLS = (
    *("exec_command", "shell_command", "shell", "local_shell", "container.exec", "Bash", "bash"),
    *("run_shell_command", "execute_command", "terminal"),
)
"""What agents call it, the names that are unlike any other first."""
NOTHING: dict[str, object] = {"boolean": False, "integer": 0, "number": 0, "array": [], "object": {}}
"""What a tool gets for something that it requires, by its type; a text says that a script is behind it."""
LONGEST_YIELD = 30_000
"""Milliseconds for which codex waits for a command at most before it lets the model go on beside it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that an agent offers, however its API describes it."""

    name: str
    schema: Json
    """JSON Schema of its parameters."""
    free: bool = False
    """Whether it takes text instead, a program in codex's case."""

    @property
    def parameters(self) -> Json:
        return self.schema.get("properties") or {}


class Call(NamedTuple):
    """A call of a tool: with arguments, or with a text where it takes one."""

    name: str
    arguments: Json
    text: str = ""


def offered(body: Json) -> Iterator[Tool]:
    """The tools that the request `body` offers, of whatever API it is."""
    for tool in body.get("tools") or []:
        declared = tool.get("functionDeclarations") or tool.get("function_declarations")
        if declared is not None:  # Gemini
            for one in declared:
                yield Tool(one["name"], one.get("parametersJsonSchema") or one.get("parameters") or {})
        elif "function" in tool:  # Chat Completions
            yield Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
        elif tool.get("type") == "namespace":  # Responses
            for one in tool.get("tools") or []:
                yield Tool(one.get("name", ""), one.get("parameters") or {})
        elif "input_schema" in tool:  # Messages
            yield Tool(tool["name"], tool["input_schema"])
        else:  # Responses
            yield Tool(tool.get("name", ""), tool.get("parameters") or {}, tool.get("type") == "custom")


def shell(body: Json) -> Tool | None:
    """The tool of the request `body` that runs shell commands, if there is one."""
    tools = list(offered(body))
    named = {tool.name: tool for tool in tools if tool.parameters}
    for name in SHELLS:
        if name in named:
            return named[name]
    for tool in tools:
        if _command(tool) and re.search(r"sh|exec|term|command", tool.name, re.IGNORECASE):
            return tool
    return next((tool for tool in tools if tool.free and tool.name == "exec"), None)


def call(tool: Tool, command: str) -> Call:
    """The call of `tool`, which `shell` found, that runs `command`."""
    if tool.free:
        asked = json.dumps({"cmd": command, "yield_time_ms": LONGEST_YIELD})
        return Call(tool.name, {}, f"const r = await tools.exec_command({asked}); text(JSON.stringify(r));")
    key = _command(tool)
    listed = _type(tool, key) == "array"
    arguments: Json = {key: ["bash", "-lc", command] if listed else command}
    for name in tool.schema.get("required") or []:
        arguments.setdefault(name, NOTHING.get(_type(tool, name), "a step of a script"))
    if "yield_time_ms" in tool.parameters:
        arguments["yield_time_ms"] = LONGEST_YIELD
    return Call(tool.name, arguments)


def _command(tool: Tool) -> str:
    return next((name for name in ("command", "cmd") if name in tool.parameters), "")


def _type(tool: Tool, name: str) -> str:
    return str(tool.parameters.get(name, {}).get("type", "string")).lower()
