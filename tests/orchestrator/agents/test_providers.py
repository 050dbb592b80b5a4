"""The words of providers, as they were really said: whose failure it is, and for how long to wait."""

import pytest

from orchestrator.agents.providers import failed, failure_in_log, failure_of, wait_of, wait_of_header
from state.agent_events import TEXT

SAID = [
    # OpenAI
    ("Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, Requested"
     " 5000. Please try again in 20s.", "rate_limit", 20.0),
    ("Rate limit reached for gpt-5 on requests per day. Please try again in 1m26.4s.", "rate_limit", 86.4),
    ("Rate limit reached. Please try again in 820ms.", "rate_limit", 0.82),
    ("You exceeded your current quota, please check your plan and billing details.", "rate_limit", None),
    ("Incorrect API key provided: sk-none. You can find your API key at https://platform.example.com.",
     "authentication", None),
    ("The server had an error while processing your request. Sorry about that!", "server", None),
    ("We’re currently experiencing high demand, which may cause temporary errors.", "overload", None),
    ("exceeded retry limit, last status: 429 Too Many Requests, request id: 9f1", "rate_limit", None),
    ("unexpected status 401 Unauthorized: Incorrect API key provided", "authentication", None),
    ("You've hit your usage limit. Upgrade to Plus to continue, or try again in 3 days 2 hours 5 minutes.",
     "rate_limit", 266_700.0),
    ("stream disconnected before completion: error sending request for url (http://127.0.0.1:1/v1/responses)",
     "connection", None),
    # Anthropic
    ('API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "overload", None),
    ("overloaded_error: Overloaded", "overload", None),
    ("API Error: 500 mock internal error. This is a server-side issue, usually temporary", "server", None),
    ("Claude AI usage limit reached|1760000000", "rate_limit", None),
    ("You've hit your limit · resets 3pm (Europe/Berlin)", "rate_limit", None),
    ("Credit balance is too low", "rate_limit", None),
    ("Invalid API key · Please run /login", "authentication", None),
    ("Missing environment variable: `OPENAI_API_KEY`.", "authentication", None),
    ("OAuth token has expired. Please obtain a new token.", "authentication", None),
    ("Unable to connect to API (ConnectionRefused)", "connection", None),
    # Google
    ('{"error":{"code":429,"message":"You exceeded your current quota. Please retry in 38.5s.",'
     '"status":"RESOURCE_EXHAUSTED"}}', "rate_limit", 38.5),
    ('"reason":"RATE_LIMIT_EXCEEDED","retryDelay":"38s"', "rate_limit", 38.0),
    ("You have exhausted your capacity on this model. Your quota will reset after 1h12m30s.", "rate_limit", 4350.0),
    ('{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}',
     "authentication", None),
    ('{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}', "overload", None),
    # the way there
    ("connect ECONNREFUSED 127.0.0.1:443", "connection", None),
    ("getaddrinfo EAI_AGAIN api.example.com", "connection", None),
    ("fetch failed", "connection", None),
    ("Request timed out.", "connection", None),
    ("socket hang up", "connection", None),
    # an agent's own
    ("Maximum session turns exceeded", "limit", None),
    ("Reached max session turns for this session.", "limit", None),
    ("No auth type is selected. Please configure an auth type", "authentication", None),
    ("404 The model `gpt-9` does not exist", "agent", None),
    ('{"error":{"code":400,"message":"The input has more tokens than the model takes; network of 3"}}', "agent", None),
    ("a plan for designing and assigning tasks", "agent", None),
    ("", "agent", None),
]  # fmt: skip


@pytest.mark.parametrize(("words", "failure", "wait"), SAID)
def test_whose_failure_it_is_and_for_how_long_to_wait(words: str, failure: str, wait: float | None) -> None:
    assert (failure_of(words), wait_of(words)) == (failure, wait)


@pytest.mark.parametrize(
    "words",
    [
        "Failed to get response from the AI model; retried 5 times (total retry wait time: 15.42 seconds)",
        "Attempt 3 failed with status 500. Retrying with backoff...",
        "Retrying in 4s",
        "timed out after waiting 30s",
        "Request timed out after 600 seconds",
        "Reconnecting... 1/2",
        "max retries reached after 5 seconds",
        "try again in a moment",
        "Limit 30000 s, Used 29000",
        "your retry budget of 3 m",
    ],
)
def test_nobody_is_said_to_ask_for_a_wait_who_does_not(words: str) -> None:
    assert wait_of(words) is None


def test_a_status_says_more_than_words() -> None:
    assert failure_of("mock internal error", 500) == "server"
    assert failure_of("the network said so", 429) == "rate_limit"
    assert failure_of("Forbidden by the network", 403) == "authentication"
    assert failure_of("no such model on this network", 404) == "agent"
    assert failure_of("credit balance is too low", 400) == "rate_limit"
    assert failure_of("nothing to say", 599) == "server"


def test_a_header_asks_by_seconds_or_not_at_all() -> None:
    assert wait_of_header("30") == 30.0
    assert wait_of_header(" 1.5 ") == 1.5
    for value in ("", "Sat, 21 Nov 2026 01:47:16 GMT", "soon", "-5", "30x"):
        assert wait_of_header(value) is None


def test_no_wait_is_longer_than_a_month() -> None:
    assert wait_of("Please try again in 999999999 days") == 30 * 86_400.0


def test_long_words_are_cut() -> None:
    words = "try again in " + "1" * 2_000_000
    event = failed(words, fatal=True)
    assert (len(event.text), event.fatal, event.failure, event.wait) == (TEXT, True, "agent", None)


def test_words_that_happen_to_be_in_another_are_none() -> None:
    assert failure_of("ModuleNotFoundError: No module named 'yaml'") == "agent"


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("    at TLSSocket.socketOnEnd (node:_http_client:524:9) { status: 503 }", "agent"),
        ("TypeError: Cannot read properties of undefined (reading 'network')", "agent"),
        ("error: unknown option '--network'", "agent"),
        ("Error: command timed out", "agent"),
        ("fatal: could not open log: Permission denied", "agent"),
        ("FileNotFoundError: credentials.py", "agent"),
        ("error TS2769: No overload matches this call.", "agent"),
        ("Error: connect ECONNREFUSED 127.0.0.1:1", "connection"),
        ("TypeError: fetch failed", "connection"),
        ("Attempt 7 failed with status 429. Retrying with backoff...", "rate_limit"),
        ("Incorrect API key provided: sk-none.", "authentication"),
        ("Missing environment variable: `OPENAI_API_KEY`.", "authentication"),
        ("Invalid API key · Please run /login", "authentication"),
        ("Please set an Auth method in your settings.json", "authentication"),
        ("No auth type is selected.", "authentication"),
        ("Error: No authentication information found.", "authentication"),
        ("OpenAI API key is missing.", "authentication"),
        ("We're experiencing high demand", "overload"),
        ("unexpected status 500 Internal Server Error", "server"),
    ],
)
def test_a_line_of_a_log_has_to_speak_for_itself(line: str, failure: str) -> None:
    assert failure_in_log(line) == failure
