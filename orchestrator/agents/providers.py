"""What a provider fails by, told from its status and its words, and for how long it says that it will. Pure."""

import re

from state.agent_events import TEXT, Failed

__all__ = ["failed", "failure_in_log", "failure_of", "wait_of", "wait_of_header"]

STATUSES = {
    **{401: "authentication", 403: "authentication", 402: "rate_limit", 407: "connection"},
    **{408: "connection", 429: "rate_limit", 502: "overload", 503: "overload", 504: "overload", 529: "overload"},
}
WORDS = (
    ("limit", r"max(?:imum)?[ _](?:session[ _])?turns|turn limit|max[ _]budget"),
    (
        "rate_limit",
        r"rate.?limit|too many requests|\bquota|usage limit|hit your (?:\w+ )?limit|resource.?exhausted|limit reached"
        r"|insufficient.?credit|credit balance",
    ),
    ("overload", r"overload|high demand|at capacity|temporarily unavailable|service unavailable|server busy"),
    (
        "authentication",
        r"(?:\b|_)api.?key\b|unauthori[sz]ed|authenticat|no auth type|not logged in|\blog ?in\b|\bsign ?in\b"
        r"|permission.?denied|\bforbidden\b|\bcredentials?\b|token (?:has )?expired|invalid.?grant",
    ),
    (
        "connection",
        r"\beconn|\benotfound|eai_again|etimedout|connection.?(?:refused|reset|error|closed|lost)|connect error"
        r"|unable to connect|error sending request|fetch failed|\bnetwork\b|getaddrinfo|\bsocket|timed? ?out"
        r"|stream (?:disconnected|closed)",
    ),
    (
        "server",
        r"internal.?(?:server.?)?error|server.?error|server had an error|bad gateway|api.?error.{0,8}5\d\d"
        r"|status.{0,8}5\d\d",
    ),
)
SURE = (
    ("limit", WORDS[0][1]),
    ("rate_limit", WORDS[1][1]),
    ("overload", r"overloaded|high demand|at capacity|temporarily unavailable|service unavailable|server busy"),
    (
        "authentication",
        r"(?:invalid|incorrect|missing|wrong|no|set an?)\b.{0,30}\bapi.?key"
        r"|api.?key\b.{0,30}(?:invalid|missing|required|not )"
        r"|missing environment variable|unauthori[sz]ed|no auth|invalid auth|an auth method"
        r"|authentication.?(?:failed|error|required)|not (?:logged|signed) in|please (?:log|sign) ?in"
        r"|\brun\b.{0,30}\blogin\b|token (?:has )?expired|invalid.?grant",
    ),
    (
        "connection",
        r"\beconn(?:refused|reset|aborted)|\benotfound|eai_again|etimedout|getaddrinfo"
        r"|connection.?(?:refused|reset|error)|fetch failed|error sending request|unable to connect"
        r"|(?:connect|connection|request) timed? ?out|stream (?:disconnected|closed)",
    ),
    ("server", r"internal server error|bad gateway|api.?error.{0,8}5\d\d"),
)
"""What says the same for itself in a log, where much else stands: who speaks of a socket is no provider."""
ASKED_WRONG = ("limit", "rate_limit", "authentication")
"""What else a provider may mean by a status of 4xx than that it was asked for what it doesn't do."""
_WORDS = [(failure, re.compile(words, re.IGNORECASE)) for failure, words in WORDS]
_SURE = [(failure, re.compile(words, re.IGNORECASE)) for failure, words in SURE]
_FRAME = re.compile(r"\s*at \S")
"""A line of a stack trace of node's."""
_STATUS = re.compile(r"\b(?:status(?: code)?|http|error|code)\D{0,4}([45]\d\d)\b|^\W*([45]\d\d)\b", re.IGNORECASE)
_UNIT = r"(?:milliseconds?|ms|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])"
_TIME = rf"\d{{1,9}}(?:\.\d{{1,9}})? ?{_UNIT}"
# only what is said to whoever asks: agents tell of the time that they have waited, too
_WAIT = re.compile(
    r"(?:\b(?:try again|retry|come back|wait|available|resets?)(?: again)?(?: (?:in|after|for))?(?: about| another)? "
    rf"|retry-?(?:delay|after)[\"':= ]{{1,8}})({_TIME}(?:(?:, | and |, and | )?{_TIME}){{0,4}})",
    re.IGNORECASE,
)
_HEADER = re.compile(r"retry-after[\"':= ]{1,8}(\d{1,9}(?:\.\d{1,9})?)(?![\w.])", re.IGNORECASE)
_TIMES = re.compile(rf"(\d+(?:\.\d+)?) ?({_UNIT})", re.IGNORECASE)
UNITS = {"ms": 0.001, "milli": 0.001, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
"""Seconds, by how the unit's name begins."""
LONGEST_WAIT = 30 * 86_400.0
"""Seconds; nobody means to wait for longer."""
LONGEST = 4_000
"""Characters of a provider's words that are looked at."""


def failure_of(text: str, status: int | None = None) -> str:
    """Whose failure it is that is told by a status of HTTP, or by words: one of `state.agent_events.FAILURES`."""
    text = text[:LONGEST]
    if status is None and (match := _STATUS.search(text)):
        status = int(match[1] or match[2])
    if status is not None and status in STATUSES:
        return STATUSES[status]
    asked_wrong = status is not None and 400 <= status < 500
    for failure, words in _WORDS:
        if (not asked_wrong or failure in ASKED_WRONG) and words.search(text):
            return failure
    return "server" if status is not None and status >= 500 else "agent"


def failure_in_log(line: str) -> str:
    """The same of a line of a log, which nobody says to be of a provider: `agent` unless it speaks for itself."""
    if _FRAME.match(line):
        return "agent"
    line = line[:LONGEST]
    if match := _STATUS.search(line):
        status = int(match[1] or match[2])
        if status in STATUSES or status >= 500:
            return STATUSES.get(status, "server")
    return next((failure for failure, words in _SURE if words.search(line)), "agent")


def wait_of(text: str) -> float | None:
    """The seconds after which a provider says to come again; None where it doesn't."""
    text = text[:LONGEST]
    if match := _WAIT.search(text):
        found = sum(float(many) * _seconds(unit.lower()) for many, unit in _TIMES.findall(match[1]))
    elif match := _HEADER.search(text):
        found = float(match[1])
    else:
        return None
    return min(round(found, 3), LONGEST_WAIT)


def wait_of_header(value: str) -> float | None:
    """The seconds that a `Retry-After` of HTTP asks for; None for a date and for anything else."""
    return wait_of(f"retry-after: {value.strip()}")


def _seconds(unit: str) -> float:
    return next(seconds for name, seconds in UNITS.items() if unit.startswith(name))


def failed(text: str, *, fatal: bool, status: int | None = None, wait: float | None = None) -> Failed:
    """The event for what a provider said, or the agent of it."""
    wait = wait_of(text) if wait is None else wait
    return Failed(text=text[:TEXT], fatal=fatal, failure=failure_of(text, status), wait=wait)
