"""The scripted model, asked as agents ask it."""

import http.client
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.agents.model_script import FOR_GOOD, Script, ScriptError, Step, Usage, load, read
from tests.agents.model_server import ModelServer
from tests.agents.model_tools import Json
from tests.stories import CHECKOUT, DEADLINE

PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
LIST = Step(say="I look.", shell="ls -l")
USED = Usage(input=1000, output=50, cached=200, reasoning=10)


def ask(url: str, body: Json) -> Any:
    """The reply as JSON."""
    return json.loads(sent(url, body))


def sent(url: str, body: Json) -> str:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=DEADLINE) as reply:
        return str(reply.read().decode())


def events(url: str, body: Json) -> list[Any]:
    """The data of each event of a reply that is streamed."""
    lines = sent(url, body).splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ") and line != "data: [DONE]"]


def messages_tool(name: str = "Bash") -> Json:
    return {"model": "m", "tools": [{"name": name, "input_schema": PARAMETERS}]}


def chat_tool() -> Json:
    return {"model": "m", "tools": [{"type": "function", "function": {"name": "bash", "parameters": PARAMETERS}}]}


def responses_tool() -> Json:
    return {"model": "m", "tools": [{"type": "function", "name": "shell", "parameters": PARAMETERS}]}


def gemini_tool() -> Json:
    declared = [{"name": "run_shell_command", "parametersJsonSchema": PARAMETERS}]
    return {"tools": [{"functionDeclarations": declared}]}


def test_anthropic_messages(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(LIST,) * 2, usage=USED)) + "/v1/messages"
    whole = ask(url, messages_tool())
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]
    assert whole["content"][1]["input"] == {"command": "ls -l"}
    assert whole["usage"]["input_tokens"] + whole["usage"]["cache_read_input_tokens"] == 1000
    streamed = events(url, messages_tool() | {"stream": True})
    assert [event["type"] for event in streamed][-2:] == ["message_delta", "message_stop"]
    assert streamed[-2]["usage"] == whole["usage"]
    said = [event["delta"] for event in streamed if event["type"] == "content_block_delta"]
    assert "".join(delta.get("text", "") for delta in said) == "I look."
    assert json.loads(said[-1]["partial_json"]) == {"command": "ls -l"}


def test_openai_responses(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(LIST,) * 2, usage=USED)) + "/v1/responses"
    whole = ask(url, responses_tool())
    assert [item["type"] for item in whole["output"]] == ["message", "function_call"]
    assert json.loads(whole["output"][1]["arguments"]) == {"command": "ls -l"}
    streamed = events(url, responses_tool() | {"stream": True})
    assert [event["sequence_number"] for event in streamed] == list(range(len(streamed)))
    assert streamed[-1]["type"] == "response.completed"
    assert streamed[-1]["response"]["usage"] == whole["usage"]
    assert whole["usage"]["input_tokens_details"] == {"cached_tokens": 200}


def test_openai_chat_completions(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(LIST,) * 2, usage=USED)) + "/v1/chat/completions"
    whole = ask(url, chat_tool())
    assert whole["choices"][0]["finish_reason"] == "tool_calls"
    streamed = events(url, chat_tool() | {"stream": True})
    deltas = [event["choices"][0]["delta"] for event in streamed if event["choices"]]
    assert "".join(delta.get("content", "") for delta in deltas) == "I look."
    assert json.loads(deltas[-2]["tool_calls"][0]["function"]["arguments"]) == {"command": "ls -l"}
    assert streamed[-1]["usage"] == whole["usage"]
    assert whole["usage"]["total_tokens"] == 1050


def test_gemini_generate_content(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(LIST,) * 2, usage=USED)) + "/v1beta/models/g-1:"
    whole = ask(url + "generateContent", gemini_tool())
    assert whole["candidates"][0]["content"]["parts"][1]["functionCall"]["args"] == {"command": "ls -l"}
    streamed = events(url + "streamGenerateContent?alt=sse", gemini_tool())
    parts = [part for event in streamed for part in event["candidates"][0]["content"]["parts"]]
    assert "".join(part.get("text", "") for part in parts) == "I look."
    assert parts[-1] == whole["candidates"][0]["content"]["parts"][1]
    assert [event["candidates"][0].get("finishReason") for event in streamed] == [None, None, "STOP"]
    used = streamed[-1]["usageMetadata"]
    assert used["candidatesTokenCount"] + used["thoughtsTokenCount"] == 50
    assert model.requests("a")[0].model == "g-1"


def test_steps_are_taken_in_turn_and_then_the_model_is_done(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(Step(say="one"), Step(say="two", usage=Usage(7, 3))))) + "/v1/messages"
    said = [ask(url, messages_tool()) for _ in range(3)]
    assert [reply["content"][0]["text"] for reply in said] == ["one", "two", "Done."]
    assert [reply["usage"]["input_tokens"] for reply in said] == [1000, 7, 1000]
    assert [request.step for request in model.requests("a")] == [0, 1, 2]


def test_each_run_has_a_count_of_its_own(model: ModelServer) -> None:
    script = Script(steps=(Step(say="one"), Step(say="two")))
    urls = [model.play(name, script) + "/v1/messages" for name in ("a", "b", "a~2.x-y")]
    assert [ask(url, messages_tool())["content"][0]["text"] for url in urls] == ["one"] * 3


def test_agents_that_share_a_run_are_told_apart_by_what_they_were_told(model: ModelServer) -> None:
    script = Script(steps=(Step(say="one"), Step(say="two")), per=r"item (\d+)")
    url = model.play("a", script) + "/v1/messages"
    texts = ["item 1 of 2", "item 2 of 2", "again item 1"]
    said = [ask(url, messages_tool() | {"messages": [{"role": "user", "content": text}]}) for text in texts]
    assert [reply["content"][0]["text"] for reply in said] == ["one", "one", "two"]


def test_what_offers_no_shell_takes_no_step_and_costs_nothing(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(Step(say="one"),))) + "/v1/messages"
    title = ask(url, {"model": "m", "messages": [{"role": "user", "content": "a title for this"}]})
    assert (title["content"][0]["text"], title["usage"]["output_tokens"]) == ("ok", 0)
    assert ask(url, messages_tool())["content"][0]["text"] == "one"
    assert [request.step for request in model.requests("a")] == [None, 0]


def test_it_fails_as_often_as_it_is_to_in_the_providers_words(model: ModelServer) -> None:
    failing = Step(error=429, message="slow down", headers={"retry-after": "7"}, times=2)
    url = model.play("a", Script(steps=(failing, Step(say="well again")))) + "/v1/messages"
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, messages_tool())
        with refused.value as error:
            assert (error.code, error.headers["retry-after"]) == (429, "7")
            assert json.load(error)["error"] == {"type": "rate_limit_error", "message": "slow down"}
    assert ask(url, messages_tool())["content"][0]["text"] == "well again"


def test_it_fails_for_good(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(Step(error=500, times=FOR_GOOD), Step(say="never")))) + "/v1/responses"
    for _ in range(20):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, responses_tool())
        refused.value.close()
    assert {request.step for request in model.requests("a")} == {0}


def test_a_stream_that_is_cut_has_no_end(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(Step(say="a long story of many words", cut=True),) * 2))
    text = sent(url + "/v1/messages", messages_tool() | {"stream": True})
    assert "message_start" in text
    assert "message_stop" not in text
    with pytest.raises(http.client.IncompleteRead):
        sent(url + "/v1/messages", messages_tool())


def test_a_tool_that_takes_programs_gets_one(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(LIST,))) + "/v1/responses"
    whole = ask(url, {"model": "m", "tools": [{"type": "custom", "name": "exec"}]})
    assert whole["output"][1]["type"] == "custom_tool_call"
    assert '"cmd": "ls -l"' in whole["output"][1]["input"]


def test_what_a_tool_requires_besides_the_command_is_made_up(model: ModelServer) -> None:
    properties = {"cmd": {"type": "array"}, "why": {"type": "string"}, "wait": {"type": "boolean"}}
    schema = {"properties": properties | {"yield_time_ms": {"type": "number"}}, "required": ["cmd", "why", "wait"]}
    url = model.play("a", Script(steps=(LIST,))) + "/v1/messages"
    whole = ask(url, {"tools": [{"name": "exec_command", "input_schema": schema}]})
    assert whole["content"][1]["input"] == {
        "cmd": ["bash", "-lc", "ls -l"],
        "why": "a step of a script",
        "wait": False,
        "yield_time_ms": 30000,
    }


def test_it_is_recorded_what_an_agent_was_told_but_no_key(model: ModelServer) -> None:
    url = model.play("a", Script(steps=(LIST,), watch=('the "red" wall', "a lesson"))) + "/v1/messages"
    body = messages_tool() | {"system": 'paint the "red" wall'}
    request = urllib.request.Request(url, json.dumps(body).encode(), {"x-api-key": "sk-ant-secret"})
    urllib.request.urlopen(request, timeout=DEADLINE).close()
    (recorded,) = model.requests("a")
    assert (recorded.path, recorded.api, recorded.watched) == ("/v1/messages", "messages", ('the "red" wall',))
    assert "secret" not in repr(recorded)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{not json", {}),
        (b"[1]", {}),
        (b"x", {"content-encoding": "gzip"}),
        (b"xyz\r\n", {"transfer-encoding": "chunked"}),
        (b"", {"content-length": "99999999999"}),
    ],
    ids=["no JSON", "no object", "no gzip", "no chunks", "too long"],
)
def test_a_request_that_cannot_be_read_is_refused(model: ModelServer, body: bytes, headers: dict[str, str]) -> None:
    model.play("a", Script(steps=(LIST,)))
    connection = http.client.HTTPConnection("127.0.0.1", model.server_address[1], timeout=DEADLINE)
    connection.putrequest("POST", "/run/a/v1/messages")
    for name, value in ({"content-length": str(len(body))} | headers).items():
        connection.putheader(name, value)
    connection.endheaders(body)
    assert connection.getresponse().status == 400
    connection.close()


def test_a_path_that_nothing_was_given_to_is_not_there(model: ModelServer) -> None:
    for path in ("/run/nobody/v1/messages", "/v1/messages"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(model.url("x").removesuffix("/run/x") + path, messages_tool())
        assert refused.value.code == 404
        refused.value.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"steps": [{"sya": "hello"}]}', "steps[0]: unknown key 'sya'; known: say, shell, "),
        ('[{"error": "500"}]', "steps[0]: error is '500', which is not of type int"),
        ('[{"delay": "long"}]', "steps[0]: delay is 'long', which is no number"),
        ('{"step": []}', "the script: unknown key 'step'"),
        ("{}", "steps: not a list"),
        ('[{"usage": {"in": 1}}]', "steps[0].usage: unknown key 'in'"),
        ('{"steps": [], "per": "("}', "per: "),
        ("[\n{", "line 2: "),
        ("7", "the script: not an object"),
    ],
)
def test_a_script_that_nobody_could_follow_is_refused_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "script.json"
    file.write_text(text)
    with pytest.raises(ScriptError) as refused:
        load(file)
    assert str(refused.value).startswith(f"{file}: {why}")


def test_a_script_is_the_same_as_data_and_as_json() -> None:
    as_json = [{"say": "a", "shell": "b"}, {"error": 500, "times": -1, "usage": {"input": 1}}]
    assert read(as_json) == Script(
        steps=(Step(say="a", shell="b"), Step(error=500, times=FOR_GOOD, usage=Usage(input=1)))
    )


def test_by_hand_it_says_where_it_is_and_follows_one_script_for_every_name(tmp_path: Path) -> None:
    (tmp_path / "script.json").write_text('[{"say": "one"}]')
    argv = [sys.executable, "-m", "tests.agents.model_server", "--script", str(tmp_path / "script.json")]
    log = tmp_path / "log.jsonl"
    server = subprocess.Popen([*argv, "--log", str(log)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[0]
        assert url.endswith("/run/agent")
        for name in (url, url.replace("/agent", "/other")):
            assert ask(f"{name}/v1/messages", messages_tool())["content"][0]["text"] == "one"
        assert [json.loads(line)["run"] for line in log.read_text().splitlines()] == ["agent", "other"]
    finally:
        server.terminate()
        server.communicate(timeout=DEADLINE)


def test_by_hand_a_script_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.agents.model_server", "--script", str(tmp_path / "none.json")]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert done.returncode == 2
    assert done.stderr == f"model_server: {tmp_path / 'none.json'}: No such file or directory\n"
