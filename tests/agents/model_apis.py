"""The four APIs by which agents talk to models: a reply as each of them has it, whole or as a stream of events.

Pure functions of a request and an `Answer`. The shapes are those of the providers' own documentation: Anthropic
Messages, OpenAI Responses and Chat Completions, Gemini generateContent.
"""

import itertools
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.agents.model_script import Usage
from tests.agents.model_tools import Call, Json

__all__ = ["APIS", "Answer", "Api", "Event", "api_of"]


class Answer(NamedTuple):
    """What the model says."""

    text: str
    call: Call | None
    usage: Usage


class Event(NamedTuple):
    """One server-sent event."""

    data: Json | str
    name: str = ""

    def as_bytes(self) -> bytes:
        """The event as it goes over the wire."""
        data = self.data if isinstance(self.data, str) else json.dumps(self.data)
        return f"{f'event: {self.name}' + chr(10) if self.name else ''}data: {data}\n\n".encode()


class Api(NamedTuple):
    """How one API has it."""

    name: str
    route: re.Pattern[str]
    whole: Callable[[Json, Answer], Json]
    events: Callable[[Json, Answer], Iterator[Event]]
    error: Callable[[int, str], Json]
    """The body of a reply with an HTTP status of 400 or more, and the provider's words."""


def api_of(route: str) -> Api | None:
    """The API that the path `route` belongs to."""
    return next((api for api in APIS if api.route.search(route)), None)


def _id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:20]}"


def _words(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


# ── Anthropic Messages ──────────────────────────────────────────────────────────────────────────────────────────


def _message(body: Json, answer: Answer) -> Json:
    content: list[Json] = [{"type": "text", "text": answer.text}] if answer.text else []
    if answer.call:
        content.append(
            {"type": "tool_use", "id": _id("toolu"), "name": answer.call.name, "input": answer.call.arguments}
        )
    return {
        "id": _id("msg"),
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": content,
        "stop_reason": "tool_use" if answer.call else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": answer.usage.input - answer.usage.cached,
            "output_tokens": answer.usage.output,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": answer.usage.cached,
        },
    }


def _message_events(body: Json, answer: Answer) -> Iterator[Event]:
    message = _message(body, answer)
    usage = message["usage"]
    begun = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    parts: list[Json] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty: Json = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": word} for word in _words(block["text"])]
        else:
            empty = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
        parts.append({"type": "content_block_start", "index": index, "content_block": empty})
        parts += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        parts.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    parts.append({"type": "message_delta", "delta": ended, "usage": usage})
    parts.append({"type": "message_stop"})
    return (Event(part, part["type"]) for part in parts)


def _message_error(status: int, words: str) -> Json:
    kinds = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
        529: "overloaded_error",
    }
    return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": words}}


# ── OpenAI Responses ────────────────────────────────────────────────────────────────────────────────────────────


def _response(body: Json, answer: Answer) -> Json:
    items: list[Json] = []
    if answer.text:
        content = [{"type": "output_text", "text": answer.text, "annotations": []}]
        items.append(
            {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed", "content": content}
        )
    if answer.call:
        said = {"call_id": _id("call"), "name": answer.call.name, "status": "completed"}
        if answer.call.text:
            items.append({"type": "custom_tool_call", "id": _id("ctc"), "input": answer.call.text, **said})
        else:
            arguments = json.dumps(answer.call.arguments)
            items.append({"type": "function_call", "id": _id("fc"), "arguments": arguments, **said})
    usage = answer.usage
    return {
        "id": _id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "model": body.get("model"),
        "status": "completed",
        "output": items,
        "usage": {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.input + usage.output,
        },
        **{"error": None, "incomplete_details": None, "instructions": None, "metadata": {}},
        **{"parallel_tool_calls": False, "tool_choice": "auto", "tools": []},
    }


def _response_events(body: Json, answer: Answer) -> Iterator[Event]:
    response = _response(body, answer)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    parts: list[Json] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(response["output"]):
        at = {"output_index": index}
        inside = {**at, "item_id": item["id"]}
        empty: Json = {"content": []} if item["type"] == "message" else {}
        started = {**item, **empty, "status": "in_progress"}
        if item["type"] == "message":
            content = {**inside, "content_index": 0}
            parts += [
                {"type": "response.output_item.added", **at, "item": started},
                {"type": "response.content_part.added", **content, "part": {**item["content"][0], "text": ""}},
                *({"type": "response.output_text.delta", **content, "delta": word} for word in _words(answer.text)),
                {"type": "response.output_text.done", **content, "text": answer.text},
                {"type": "response.content_part.done", **content, "part": item["content"][0]},
            ]
        elif item["type"] == "function_call":
            whole = item["arguments"]
            parts += [
                {"type": "response.output_item.added", **at, "item": {**started, "arguments": ""}},
                {"type": "response.function_call_arguments.delta", **inside, "delta": whole},
                {"type": "response.function_call_arguments.done", **inside, "arguments": whole},
            ]
        else:
            parts.append({"type": "response.output_item.added", **at, "item": {**started, "input": ""}})
        parts.append({"type": "response.output_item.done", **at, "item": item})
    parts.append({"type": "response.completed", "response": response})
    return (Event({**part, "sequence_number": number}, part["type"]) for number, part in enumerate(parts))


# ── OpenAI Chat Completions ─────────────────────────────────────────────────────────────────────────────────────


def _chat_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def _chat_calls(answer: Answer) -> list[Json]:
    if not answer.call:
        return []
    function = {"name": answer.call.name, "arguments": json.dumps(answer.call.arguments)}
    return [{"id": _id("call"), "type": "function", "function": function}]


def _chat(body: Json, answer: Answer) -> Json:
    message: Json = {"role": "assistant", "content": answer.text or None}
    if calls := _chat_calls(answer):
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    whole = {"id": _id("chatcmpl"), "object": "chat.completion", "created": int(time.time())}
    return {**whole, "model": body.get("model"), "choices": [choice], "usage": _chat_usage(answer.usage)}


def _chat_events(body: Json, answer: Answer) -> Iterator[Event]:
    same = {"id": _id("chatcmpl"), "object": "chat.completion.chunk", "created": int(time.time())}
    same["model"] = body.get("model")
    calls = [{"index": index, **call} for index, call in enumerate(_chat_calls(answer))]
    deltas: list[Json] = [{"role": "assistant", "content": ""}, *({"content": word} for word in _words(answer.text))]
    deltas += [{"tool_calls": calls}] if calls else []
    for delta in deltas:
        yield Event({**same, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    reason = "tool_calls" if calls else "stop"
    yield Event({**same, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    yield Event({**same, "choices": [], "usage": _chat_usage(answer.usage)})
    yield Event("[DONE]")


def _openai_error(status: int, words: str) -> Json:
    kinds = {400: "invalid_request_error", 401: "invalid_request_error", 429: "rate_limit_exceeded"}
    code = "invalid_api_key" if status == 401 else None
    return {"error": {"message": words, "type": kinds.get(status, "server_error"), "param": None, "code": code}}


# ── Gemini generateContent ──────────────────────────────────────────────────────────────────────────────────────


def _gemini(body: Json, answer: Answer) -> Json:
    parts: list[Json] = [{"text": answer.text}] if answer.text else []
    if answer.call:
        parts.append({"functionCall": {"name": answer.call.name, "args": answer.call.arguments}})
    return _gemini_part(body, answer, parts, "STOP")


def _gemini_events(body: Json, answer: Answer) -> Iterator[Event]:
    whole = _gemini(body, answer)
    same = {key: whole[key] for key in ("responseId", "modelVersion")}
    parts: list[Json] = [{"text": word} for word in _words(answer.text)]
    parts += [part for part in whole["candidates"][0]["content"]["parts"] if "functionCall" in part]
    for part, after in itertools.pairwise([*parts, None]):
        last = after is None
        yield Event({**_gemini_part(body, answer, [part or {}], "STOP" if last else ""), **same})


def _gemini_part(body: Json, answer: Answer, parts: list[Json], reason: str) -> Json:
    usage = answer.usage
    candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
    if reason:
        candidate["finishReason"] = reason
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": usage.input,
            "candidatesTokenCount": usage.output - usage.reasoning,
            "thoughtsTokenCount": usage.reasoning,
            "cachedContentTokenCount": usage.cached,
            "totalTokenCount": usage.input + usage.output,
        },
        "modelVersion": body.get("model") or "scripted",
        "responseId": _id("gen"),
    }


def _gemini_error(status: int, words: str) -> Json:
    kinds = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
    return {"error": {"code": status, "message": words, "status": kinds.get(status, "INTERNAL")}}


APIS = (
    Api("messages", re.compile(r"/messages$"), _message, _message_events, _message_error),
    Api("responses", re.compile(r"/responses$"), _response, _response_events, _openai_error),
    Api("chat", re.compile(r"/chat/completions$"), _chat, _chat_events, _openai_error),
    Api("gemini", re.compile(r":(streamG|g)enerateContent$"), _gemini, _gemini_events, _gemini_error),
)
