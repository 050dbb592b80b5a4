r"""Masks keys in what is about to be written: known formats, and the values of variables that were named.

Standard library only, and nothing is compiled before it is needed: a worker's verb and the supervisor import this.

A format is known by its prefix and so many characters of the alphabet that its provider uses:

- OpenAI `sk-…`, `sk-proj-…`, `sk-svcacct-…`, `sk-admin-…`: platform.openai.com/docs/api-reference/authentication;
  those of DeepSeek, Moonshot and OpenRouter (`sk-or-v1-…`) look alike
- Anthropic `sk-ant-…`: docs.claude.com, "API overview"
- Google `AIza…` (API keys) and `ya29.…` (OAuth access tokens): cloud.google.com/docs/authentication/api-keys
- GitHub `ghp_`, `gho_`, `ghu_`, `ghs_`, `ghr_`, `github_pat_`: github.blog, "Behind GitHub's new authentication token
  formats"
- GitLab `glpat-…`: docs.gitlab.com/security/tokens, "Token prefixes"
- AWS access key ids `AKIA…`, `ASIA…`: docs.aws.amazon.com/IAM, "IAM identifiers", "Unique identifiers"
- Slack `xoxb-…` and its kin, `xapp-…`: docs.slack.dev/authentication/tokens
- npm `npm_…`: github.blog, "Announcing npm's new access token format"
- Hugging Face `hf_…`: huggingface.co/docs/hub/security-tokens
- Stripe `sk_live_…`, `rk_live_…`: docs.stripe.com/keys
- JSON Web Tokens, RFC 7519: three parts of base64url, of which the first two are JSON objects and so begin with `eyJ`
- PEM blocks of private keys, RFC 7468, with line ends as they are or as JSON escapes them
"""

import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

__all__ = ["MASK", "VARIABLE", "Masker", "Stream", "known", "learn", "name_variables", "names"]

MASK = b"[masked]"
"""What stands in the place of a key. Neither a quote nor a backslash: a line of JSON stays one."""
SHORTEST = 8
"""Bytes that the value of a variable must have: what is shorter stands by chance in any text."""
VARIABLE = "OPSROOM_SECRETS"
"""The variable that names, with commas between them, the variables whose values this process masks."""

_WORD = rb"[A-Za-z0-9_-]"


class _Format(NamedTuple):
    """What follows the character by which a format is searched for."""

    pattern: bytes
    before: int
    """How many characters of the key stand before that one."""
    rest: bytes
    """What the key may go on with."""


# Each group of formats is searched for by one character that they share and that is not frequent, which is what makes
# it fast: 2 GB/s for each group where the character is rare. What stands before it is looked back at, first roughly.
_NO_VOWEL = rb"(?:(?<![AEIOUaeiou]sk-)|(?<=\\u00[0-9A-Fa-f]{2}sk-)|(?<=%[0-9A-Fa-f]{2}sk-))"  # neither task- nor disk-
_GROUPS: dict[bytes, list[_Format]] = {
    rb"-(?:(?=----B)|(?<=[apsx][abcekoprst]-))": [
        _Format(rb"(?<=sk-)(?:ant|proj|svcacct|or-v1)-[A-Za-z0-9_-]{16}", 2, _WORD),
        _Format(rb"(?<=sk-)%b(?:[A-Za-z0-9]{20}|(?=[A-Za-z_-]{0,19}[0-9])[A-Za-z0-9_-]{32})" % _NO_VOWEL, 2, _WORD),
        _Format(rb"(?<=glpat-)[A-Za-z0-9_-]{20}", 5, rb"[A-Za-z0-9_.-]"),
        _Format(rb"(?<=xox[abceoprs]-)[A-Za-z0-9-]{10}", 4, rb"[A-Za-z0-9-]"),
        _Format(rb"(?<=xapp-)[A-Za-z0-9-]{10}", 4, rb"[A-Za-z0-9-]"),
        _Format(rb"----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY-----", 0, b""),
    ],
    rb"_(?<=[ahpv][efmoprstu]_)": [
        _Format(rb"(?<=gh[pousr]_)[A-Za-z0-9]{20}", 3, rb"[A-Za-z0-9_]"),
        _Format(rb"(?<=github_pat_)[A-Za-z0-9_]{22}", 10, rb"[A-Za-z0-9_]"),
        _Format(rb"(?<=npm_)[A-Za-z0-9]{30}", 3, rb"[A-Za-z0-9]"),
        _Format(rb"(?<=hf_)[A-Za-z0-9]{30}", 2, rb"[A-Za-z0-9]"),
        _Format(rb"(?<=[sr]k_live_)[A-Za-z0-9]{16}", 7, rb"[A-Za-z0-9]"),
    ],
    b"A": [
        _Format(rb"Iza[A-Za-z0-9_-]{35}", 0, _WORD),
        _Format(rb"[KS]IA[A-Z0-9]{16}", 0, rb"[A-Z0-9]"),
    ],
    b"y": [
        _Format(rb"a29\.[A-Za-z0-9_-]{20}", 0, rb"[A-Za-z0-9_.-]"),
        _Format(rb"J(?<=eyJ)[A-Za-z0-9_-]{8,2000}+\.eyJ[A-Za-z0-9_-]{8}", 1, rb"[A-Za-z0-9_.-]"),
    ],
}
_MARKS = (
    *(b"sk-", b"glpat-", b"xox", b"xapp-", b"-----BEGIN ", b"github_pat_", b"npm_", b"hf_", b"sk_live_", b"rk_live_"),
    *(b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"AIza", b"AKIA", b"ASIA", b"ya29.", b"eyJ"),
)
"""What keys of the known formats begin with."""
_FEW = 4096
"""Bytes up to which it is cheaper to look for each of `_MARKS`, and compiles nothing."""
_JWT = 2024
"""Bytes within which a JSON Web Token is known for one."""
_LONGEST = 80
"""The same for every other format."""
_LAST = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-. ")
"""What the beginning of a key of a known format can end with."""
_CONTEXT = 16
"""Bytes before a place that are looked back at."""
_PEM_LIMIT = 64 * 1024
"""Bytes that the block of a private key may have; the longest RSA key that OpenSSL makes has 13 KiB."""


def _shorter(prefix: bytes) -> bytes:
    """A pattern of what `prefix` begins with and that is shorter: `a(?:b)?` of `abc`."""
    found = b""
    for number in reversed(prefix[:-1]):
        character = re.escape(bytes([number]))
        found = character + (b"(?:%b)?" % found if found else b"")
    return found


@cache
def _formats() -> list[tuple[re.Pattern[bytes], list[_Format]]]:
    return [
        (re.compile(sought + b"(?:%b)" % b"|".join(b"(%b)" % each.pattern for each in group)), group)
        for sought, group in _GROUPS.items()
    ]


@cache
def _rest(characters: bytes) -> re.Pattern[bytes]:
    return re.compile(characters + b"*")


@cache
def _beginning() -> re.Pattern[bytes]:
    """The beginning, at the end of some bytes, of what may become a key that takes at most `_LONGEST` bytes to know."""
    bodies = (
        rb"sk-(?:(?:ant|proj|svcacct|or-v1)-[A-Za-z0-9_-]{0,15}|[a-z]{0,7}|or-v?|%b[A-Za-z0-9_-]{0,31})" % _NO_VOWEL,
        rb"glpat-[A-Za-z0-9_-]{0,19}",
        rb"xox[abceoprs]?",
        rb"(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{0,9}",
        rb"-----BEGIN [A-Z0-9 ]{0,50}-{0,4}",
        rb"gh[pousr](?:_[A-Za-z0-9]{0,19})?",
        rb"github_pat_[A-Za-z0-9_]{0,21}",
        rb"(?:npm|hf)_[A-Za-z0-9]{0,29}",
        rb"[sr]k_live_[A-Za-z0-9]{0,15}",
        rb"AIza[A-Za-z0-9_-]{0,34}",
        rb"A[KS]IA[A-Z0-9]{0,15}",
        rb"ya29\.[A-Za-z0-9_-]{0,19}",
    )
    return re.compile(b"(?:%b)\\Z" % b"|".join([*bodies, *map(_shorter, _MARKS)]))


@cache
def _token() -> re.Pattern[bytes]:
    """The beginning of what may become a JSON Web Token."""
    return re.compile(rb"eyJ[A-Za-z0-9_-]{0,2000}+(?:\.(?:e(?:y(?:J[A-Za-z0-9_-]{0,7})?)?)?)?\Z")


@cache
def _block() -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Of the block of a private key: what stands in it, its end, and what may become its end."""
    return (
        re.compile(rb"(?:[A-Za-z0-9+/=,:\s]|\\[\\nrt])*"),
        re.compile(rb"-----END [A-Z0-9 ]{0,50}-----"),
        re.compile(rb"(?:-{1,4}|-----(?:E(?:N(?:D(?: [A-Z0-9 ]{0,50}-{0,4})?)?)?)?|\\)\Z"),
    )


class _Found(NamedTuple):
    """A key: where it begins, where what is known of it ends, and what it may go on with."""

    place: int
    end: int
    rest: bytes = b""
    block: int = 0
    """Bytes that it may go on for where it is the block of a private key."""


def _beginnings(data: bytes, value: bytes, place: int) -> Iterator[int]:
    """The places from `place` on from which to its end `data` is the beginning of `value`."""
    at = data.find(value[:1], max(place, 0))
    while at >= 0:
        if value.startswith(data[at:]):
            yield at
        at = data.find(value[:1], at + 1)


class Masker:
    """Masks keys of the known formats, and `values` of at least `SHORTEST` bytes, also as JSON writes them."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        found = set()
        for value in values:
            for form in _forms(value):
                data = form.encode("utf-8", "surrogateescape")
                if len(data.strip()) >= SHORTEST:
                    found.add(data)
        self._values = sorted(found, key=lambda data: (-len(data), data))

    def text(self, text: str) -> str:
        """`text` with each key replaced by `MASK`."""
        data = text.encode("utf-8", "surrogatepass")
        masked = self.data(data)
        if masked == data:
            return text
        try:
            return masked.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # a value that is no text itself
            return masked.decode("utf-8", "replace")

    def data(self, data: bytes) -> bytes:
        """`data` with each key replaced by `MASK`."""
        return self.stream().last(data)

    def stream(self) -> "Stream":
        """What masks bytes that come in pieces."""
        return Stream(self._values)


def _forms(value: str) -> set[str]:
    """`value` as it is and as JSON writes it, with other than ASCII characters as they are or escaped."""
    if value.isascii() and value.isprintable() and not {'"', "\\"} & set(value):
        return {value}
    import json

    return {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}


class Stream:
    """Masks bytes that come in pieces, cut anywhere: what it gives is the same for every cut.

    It holds back no more than what may be the beginning of a key: nothing after a newline, as a rule.
    """

    def __init__(self, values: list[bytes]) -> None:
        self._values = values
        self._before = b""
        """What has been given last, as it was, to look back at."""
        self._held = b""
        self._rest = b""
        """What the key that was masked may go on with."""
        self._block = 0
        """Bytes that the block of a private key which has begun may still have."""

    def feed(self, piece: bytes) -> bytes:
        """What can be given of all that came, now that `piece` has come."""
        return self._take(piece, more=True)

    def end(self) -> bytes:
        """What was held back, now that nothing more comes. Half of a value, if it stands there, is masked, too."""
        return self.last(b"")

    def last(self, piece: bytes) -> bytes:
        """`feed` and `end` in one."""
        given = self._take(piece, more=False)
        for value in self._values:  # who was cut off, was cut off anywhere
            for place in _beginnings(given, value, len(given) - len(value) + 1):
                if len(given) - place >= max(SHORTEST, len(value) // 2):
                    return given[:place] + MASK
        return given

    def _take(self, piece: bytes, more: bool) -> bytes:
        """What can be given; what may be the beginning of a key is held back if there is to be more."""
        start = len(self._before)
        data = b"".join((self._before, self._held, piece)) if start or self._held else piece
        given: list[bytes] = []
        place, end = start, len(data)
        ahead: dict[int, _Found | None] = {}
        while place < end:
            if self._block or self._rest:
                place = self._swallow(data, place)
                if self._block or self._rest:
                    break
                continue
            found = self._next(data, place, ahead)
            held = self._beginning(data, place, end if found is None else found.place) if more else None
            if held is not None:
                given.append(data[place:held])
                place = held
                break
            if found is None:
                given.append(data[place:] if place else data)
                place = end
                break
            given += (data[place : found.place], MASK)
            place, self._rest, self._block = found.end, found.rest, found.block
        if more:
            self._before, self._held = data[max(0, place - _CONTEXT) : place], data[place:]
        return given[0] if len(given) == 1 else b"".join(given)

    def _next(self, data: bytes, place: int, ahead: dict[int, _Found | None]) -> _Found | None:
        """The first key from `place` on. `ahead` holds, by what was searched for, what was found in `data` before."""
        if not ahead and len(data) <= _FEW and not any(mark in data for mark in _MARKS):
            ahead |= dict.fromkeys(range(len(_GROUPS)))
        for index in range(len(_GROUPS) + len(self._values)):
            known = ahead.get(index)
            if index not in ahead or (known is not None and known.place < place):
                ahead[index] = self._search(data, place, index)
        # the format before a value that begins at the same place: it knows where the key ends
        return min(filter(None, ahead.values()), key=lambda found: found.place, default=None)

    def _search(self, data: bytes, place: int, index: int) -> _Found | None:
        """The first key from `place` on of the group of formats `index`, or of the values, which come after them."""
        if index >= len(_GROUPS):
            value = self._values[index - len(_GROUPS)]
            at = data.find(value, place)
            return None if at < 0 else _Found(at, at + len(value))
        pattern, group = _formats()[index]
        match = pattern.search(data, place)
        while match is not None:
            form = group[(match.lastindex or 1) - 1]
            at = match.start() - form.before
            if at >= place:
                return _Found(at, match.end(), form.rest, 0 if form.rest else _PEM_LIMIT)
            match = pattern.search(data, match.start() + 1)  # it begins before `place`, in what was masked
        return None

    def _beginning(self, data: bytes, place: int, limit: int) -> int | None:
        """Where, from `place` to `limit`, the first thing begins that more bytes may make a key; None for nowhere."""
        end, found = len(data), []
        if data[-1] in _LAST:
            match = _beginning().search(data, max(place, end - _LONGEST))
            if match is not None:
                found.append(match.start())
            token = data.find(b"eyJ", max(place, end - _JWT))
            while token >= 0 and not _token().match(data, token):
                token = data.find(b"eyJ", token + 1)
            if token >= 0:
                found.append(token)
        for value in self._values:
            found += islice(_beginnings(data, value, max(place, end - len(value) + 1)), 1)
        first = min(found, default=None)
        return first if first is not None and first <= limit else None

    def _swallow(self, data: bytes, place: int) -> int:
        """Where, from `place` on, the key ends of which the beginning was masked; it goes on if `_rest` is kept."""
        if self._rest:
            match = _rest(self._rest).match(data, place)
            place = match.end() if match else place
            if place < len(data):
                self._rest = b""
            return place
        body, closing, perhaps = _block()
        begin, limit = place, place + self._block
        while True:
            match = body.match(data, place, limit)
            place = match.end() if match else place
            if place >= limit:
                self._block = 0
                return place
            if place == len(data):
                break
            if match := closing.match(data, place):
                self._block = 0
                return match.end()
            if perhaps.match(data, place):
                break
            if data[place] != ord("-"):
                self._block = 0
                return place
            place += 1  # as in the head of an encrypted block: AES-128-CBC
        self._block -= place - begin
        return place


_NAMED: set[str] = set()


def name_variables(variables: Iterable[str]) -> None:
    """Has `known` mask the values of `variables`, names of this process's environment, as well."""
    _NAMED.update(variables)
    known.cache_clear()


def learn(folder: str | os.PathLike[str]) -> None:
    """The same for those that `[secrets]` of `opsroom.toml` in `folder` names, as far as that can be read."""
    import tomllib

    try:
        with open(os.path.join(folder, "opsroom.toml"), "rb") as file:
            found = tomllib.load(file)["secrets"]["variables"]
        name_variables(name for name in found if isinstance(name, str))
    except (OSError, ValueError, KeyError, TypeError):  # whoever goes by the file says what is wrong with it
        return


def names() -> list[str]:
    """The variables that were named to this process, by itself or by who started it."""
    return sorted({*os.environ.get(VARIABLE, "").split(","), *_NAMED} - {""})


@cache
def known() -> Masker:
    """What masks for this process: known formats, and the values of the variables that were named to it."""
    return Masker(os.environ[name] for name in names() if name in os.environ)
