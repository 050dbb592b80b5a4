"""What is read in the streams that the real CLIs printed: each scenario of each, as a table."""

import pytest

from state.agent_events import Failed, Finished, Message, SessionStarted, ToolCall, ToolResult
from state.usage import Usage
from tests.orchestrator.agents.recorded import ALL, FAILED, WHOLE, Recorded, judged, read, recorded

CLIS = ("claude", "codex", "copilot", "gemini", "opencode", "pi", "qwen")
each = pytest.mark.parametrize("cli", CLIS)


@pytest.mark.parametrize("run", ALL, ids=str)
def test_every_line_of_every_stream_is_known_and_whole(run: Recorded) -> None:
    told, _ = read(run.cli, run.stream)
    assert (told.unknown, told.damaged) == (0, 0)


@pytest.mark.parametrize("run", WHOLE, ids=str)
def test_what_succeeded_is_a_success(run: Recorded) -> None:
    assert judged(run.cli, run.stream, status=run.status, errors=run.errors).success


VERDICTS = {
    ("claude", "err500"): ("server", "API Error: 500 mock internal error."),
    ("claude", "auth"): ("authentication", "Failed to authenticate. API Error: 401 Incorrect API key provided"),
    ("claude", "rate"): ("rate_limit", "API Error: Request rejected (429) · Rate limit reached for mock-model"),
    ("claude", "kill"): ("interrupted", "it was ended by a signal (143)"),
    ("codex", "err500"): ("overload", "We’re currently experiencing high demand"),
    ("codex", "auth"): ("authentication", "unexpected status 401 Unauthorized: Incorrect API key provided"),
    ("codex", "rate"): ("rate_limit", "exceeded retry limit, last status: 429 Too Many Requests"),
    ("codex", "kill"): ("interrupted", "it was ended by a signal (-15)"),
    ("copilot", "err500"): ("server", "Failed to get response from the AI model; retried 5 times"),
    ("copilot", "auth"): ("authentication", "Authentication failed with provider at http://127.0.0.1"),
    ("copilot", "rate"): ("rate_limit", "Failed to get response from the AI model; retried 5 times"),
    ("copilot", "kill"): ("interrupted", "aborted: user_abort"),
    ("gemini", "err500"): ("interrupted", "it was ended by a signal (-9)"),
    ("gemini", "auth"): ("authentication", '[API Error: {"error":{"code":401,"message":"Incorrect API key provided'),
    ("opencode", "auth"): ("authentication", "Incorrect API key provided"),
    ("opencode", "rate"): ("rate_limit", "Rate limit reached for mock-model on tokens per min"),
    ("opencode", "err500"): ("server", "mock internal error"),
    ("opencode", "kill"): ("interrupted", "it was ended by a signal (-15)"),
    ("pi", "err500"): ("server", "500 mock internal error"),
    ("pi", "auth"): ("authentication", "401 Incorrect API key provided"),
    ("pi", "rate"): ("rate_limit", "429 Rate limit reached for mock-model on tokens per min"),
    ("pi", "kill"): ("interrupted", "it was ended by a signal (143)"),
    ("qwen", "err500"): ("server", "[API Error: 500 mock internal error]"),
    ("qwen", "auth"): ("authentication", "[API Error: 401 Incorrect API key provided"),
    ("qwen", "kill"): ("interrupted", "it was ended by a signal (-15)"),
}


@pytest.mark.parametrize("run", FAILED, ids=str)
def test_what_failed_is_classed_and_has_the_words_of_who_said_so(run: Recorded) -> None:
    verdict = judged(run.cli, run.stream, status=run.status, errors=run.errors)
    failure, words = VERDICTS[run.cli, run.scenario]
    assert (verdict.success, verdict.failure) == (False, failure)
    assert verdict.why.startswith(words)
    # "Please try again in 20s", said the provider; codex doesn't pass it on
    assert verdict.wait == (20.0 if run.scenario == "rate" and run.cli != "codex" else None)


@pytest.mark.parametrize("run", FAILED, ids=str)
def test_what_failed_is_none_by_an_exit_status_of_0_either(run: Recorded) -> None:
    assert not judged(run.cli, run.stream, status=0).success


def test_gemini_that_ended_by_itself_is_judged_by_what_it_said_on_standard_error() -> None:
    run = recorded("gemini", "err500")
    verdict = judged("gemini", run.stream, status=244, errors=run.errors)
    assert (verdict.failure, verdict.success) == ("server", False)
    assert "500" in verdict.why


# (input, of it cached, output): three calls of the model of 1,000 and 50, 200 of them from the cache; then two without
FIRST, SECOND, BOTH = (3000, 600, 150), (2000, 0, 100), (5000, 600, 250)
USAGE = {
    "claude": ((3600, 600, 150), SECOND, False),  # the API counts what was cached apart
    "codex": (FIRST, BOTH, True),
    "copilot": (FIRST, BOTH, True),
    "gemini": (FIRST, SECOND, False),
    "opencode": (FIRST, SECOND, False),
    "pi": (FIRST, SECOND, False),
    "qwen": (FIRST, SECOND, False),
}
PRICES = {"opencode": 0.0027, "pi": 0.00276}
"""Dollars of the first run, for those whose configuration knew the price of the model."""


@each
def test_tokens_of_a_run_and_of_a_session_that_goes_on(cli: str) -> None:
    first, second, of_session = USAGE[cli]
    for scenario, expected in (("resume-1", first), ("resume", second)):
        run = recorded(cli, scenario)
        told, _ = read(cli, run.stream, usage_file=run.usage_file)
        usage = told.usage
        assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == expected
        assert usage.tokens == usage.input_tokens + usage.output_tokens
        assert usage.reasoning_tokens == 0
        assert told.of_session is of_session


@each
def test_a_price_is_the_agents_own_or_unknown(cli: str) -> None:
    usage = read(cli, recorded(cli, "success").stream, usage_file=recorded("copilot", "resume-1").usage_file)[0].usage
    assert usage.dollars == PRICES.get(cli, 0.0)
    assert usage.unpriced == (0 if cli in PRICES else usage.tokens)


@each
def test_a_session_that_is_gone_on_with_has_the_same_name(cli: str) -> None:
    names = {read(cli, recorded(cli, scenario).stream)[0].session for scenario in ("resume-1", "resume")}
    # copilot's is the one that it was given on its command line
    assert len(names) == 1
    assert (names == {""}) == (cli == "copilot")


@each
def test_a_run_reads_as_a_story(cli: str) -> None:
    _, events = read(cli, recorded(cli, "success").stream)
    kinds = [
        type(event) for event, _ in events if type(event) in (SessionStarted, Message, ToolCall, ToolResult, Finished)
    ]
    assert kinds == [SessionStarted, Message, ToolCall, ToolResult, ToolCall, ToolResult, Message, Finished]
    said = [event.text for event, _ in events if isinstance(event, Message)]
    assert said == ["I will write the file.", "All done: hello.txt is committed."]
    calls = [event for event, _ in events if isinstance(event, ToolCall)]
    assert "printf 'hello from agent" in calls[0].input
    assert "git add hello.txt && git commit" in calls[1].input
    results = [event for event, _ in events if isinstance(event, ToolResult)]
    assert [result.id for result in results] == [call.id for call in calls]
    assert "hello from agent" in results[0].output


FAILED_COMMAND = {
    "claude": (False, None),
    "codex": (False, 1),
    "copilot": (False, 1),
    "gemini": (None, None),  # it says that it was a success
    "opencode": (False, 1),
    "pi": (False, None),
    "qwen": (None, None),  # the same
}


@each
def test_a_command_that_failed_did_and_the_run_did_not(cli: str) -> None:
    run = recorded(cli, "toolfail")
    _, events = read(cli, run.stream)
    first = next(event for event, _ in events if isinstance(event, ToolResult))
    assert (first.ok, first.status) == FAILED_COMMAND[cli]
    assert "err-text" in first.output
    assert judged(cli, run.stream, status=run.status).success


RETRIES = {"claude": 1, "codex": 3, "copilot": 7, "pi": 3, "qwen": 1}


@each
def test_what_is_tried_again_is_counted_where_it_is_told(cli: str) -> None:
    assert read(cli, recorded(cli, "err500").stream)[0].retries == RETRIES.get(cli, 0)


def test_numbers_count_up_and_places_are_where_lines_begin() -> None:
    for run in ALL:
        _, events = read(run.cli, run.stream)
        assert [place.seq for _, place in events] == list(range(1, len(events) + 1))
        begins = {0, len(run.stream)} | {at + 1 for at, byte in enumerate(run.stream) if byte == 0x0A}
        assert {place.offset for _, place in events} <= begins
        offsets = [place.offset for _, place in events]
        assert offsets == sorted(offsets)


def test_the_models_and_versions_that_are_told() -> None:
    told = {cli: read(cli, recorded(cli, "success").stream)[0] for cli in CLIS}
    models = {"claude": "mock-model", "copilot": "mock-model", "gemini": "gemini-2.5-pro", "qwen": "mock-model"}
    assert {cli: told[cli].model for cli in CLIS if told[cli].model} == models
    assert {cli: told[cli].version for cli in CLIS if told[cli].version} == {"claude": "2.1.329", "qwen": "0.15.10"}


def test_nothing_is_used_where_nothing_was_answered() -> None:
    for cli in CLIS:
        told, events = read(cli, recorded(cli, "err500").stream)
        assert told.usage == Usage()
        assert any(isinstance(event, Failed) for event, _ in events) is (cli != "gemini")
