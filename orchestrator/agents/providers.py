"""What a provider fails by, told from its status and its words, and for how long it says that it will. Pure."""

import re

from state.agent_events import Failed

__all__ = ["failed", "failure_of", "wait_of"]

STATUSES = {
    **{401: "authentication", 403: "authentication", 402: "rate_limit", 407: "connection"},
    **{408: "connection", 429: "rate_limit", 502: "overload", 503: "overload", 504: "overload", 529: "overload"},
}
WORDS = (
    (
        "rate_limit",
        r"rate.?limit|too many requests|quota|usage limit|resource.?exhausted|limit reached|insufficient.?credit",
    ),
    ("overload", r"overload|high demand|at capacity|temporarily unavailable|service unavailable|server busy"),
    (
        "authentication",
        r"api.?key|unauthori[sz]ed|authenticat|not logged in|log ?in|sign ?in|permission.?denied|forbidden|credential"
        r"|token (?:has )?expired|invalid.?grant",
    ),
    (
        "connection",
        r"econn|enotfound|eai_again|etimedout|connection (?:refused|reset|error|closed)|connect error|unable to connect"
        r"|error sending request|fetch failed|network|getaddrinfo|socket|timed? ?out|stream (?:disconnected|closed)",
    ),
    ("server", r"internal.?(?:server.?)?error|server.?error|bad gateway|api.?error.{0,8}5\d\d|status.{0,8}5\d\d"),
)
_WORDS = [(failure, re.compile(words, re.IGNORECASE)) for failure, words in WORDS]
_STATUS = re.compile(r"\b(?:status(?: code)?|http|error|code)\D{0,4}([45]\d\d)\b|^\W*([45]\d\d)\b", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:try again|retry|available|reset\w*|wait)\D{0,24}?(\d+(?:\.\d+)?) ?"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b",
    re.IGNORECASE,
)
UNITS = {"ms": 0.001, "mi": 60.0, "m": 60.0, "s": 1.0, "h": 3600.0}
LONGEST = 4_000
"""Characters of a provider's words that are looked at."""


def failure_of(text: str, status: int | None = None) -> str:
    """Whose failure it is that is told by a status of HTTP, or by words: one of `state.agent_events.FAILURES`."""
    text = text[:LONGEST]
    if status is None and (match := _STATUS.search(text)):
        status = int(match[1] or match[2])
    if status is not None and status in STATUSES:
        return STATUSES[status]
    if status is not None and 400 <= status < 500:
        return "agent"  # what was asked was wrong, and would be again
    for failure, words in _WORDS:
        if words.search(text):
            return failure
    return "server" if status is not None and status >= 500 else "agent"


def wait_of(text: str) -> float | None:
    """The seconds after which a provider says to come again; None where it doesn't."""
    match = _WAIT.search(text[:LONGEST])
    if match is None:
        return None
    unit = match[2].lower()
    return float(match[1]) * UNITS.get(unit[:2], UNITS[unit[0]])


def failed(text: str, *, fatal: bool, status: int | None = None, wait: float | None = None) -> Failed:
    """The event for what a provider said, or the agent of it."""
    failure = failure_of(text, status)
    return Failed(text=text, fatal=fatal, failure=failure, wait=wait_of(text) if wait is None else wait)
