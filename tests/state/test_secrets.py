"""No key gets through, however it is cut, and nothing else is touched."""

import json
import random
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from state import secrets
from state.secrets import MASK, Masker

WORD = string.ascii_letters + string.digits + "_-"
ALNUM = string.ascii_letters + string.digits


def drawn(alphabet: str, count: int) -> str:
    """`count` characters of `alphabet`, the same each time: a key's body must look like one, and be nobody's."""
    return "".join(random.Random(count).choices(alphabet, k=count))


PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
    "{}=\n-----END RSA PRIVATE KEY-----"
)
KEYS = [
    "sk-" + drawn(ALNUM, 48),
    "sk-proj-" + drawn(WORD, 156),
    "sk-svcacct-" + drawn(WORD, 100),
    "sk-admin-" + drawn(ALNUM, 90),
    "sk-or-v1-" + drawn("0123456789abcdef", 64),
    "sk-ant-api03-" + drawn(WORD, 95),
    "sk-ant-oat01-" + drawn(WORD, 95),
    "AIza" + drawn(WORD, 35),
    "ya29." + drawn(WORD, 120),
    *(f"gh{letter}_" + drawn(ALNUM, 36) for letter in "pousr"),
    "github_pat_" + drawn(ALNUM, 22) + "_" + drawn(ALNUM, 59),
    "glpat-" + drawn(WORD, 20),
    "AKIA" + drawn(string.ascii_uppercase + "234567", 16),
    "ASIA" + drawn(string.ascii_uppercase + "234567", 16),
    "xoxb-" + drawn(string.digits, 12) + "-" + drawn(ALNUM, 24),
    "xapp-1-" + drawn(ALNUM, 60),
    "npm_" + drawn(ALNUM, 36),
    "hf_" + drawn(string.ascii_letters, 34),
    "sk_live_" + drawn(ALNUM, 24),
    "rk_live_" + drawn(ALNUM, 24),
    f"eyJ{drawn(ALNUM, 33)}.eyJ{drawn(WORD, 200)}.{drawn(WORD, 43)}",
    PEM.format(drawn(ALNUM + "+/", 1600)),
]
VALUES = ["correct horse battery", 'a "quoted"\\value\nof two lines', "ünïcödé-wörd", "correct horse battery staple"]
INNOCENT = [
    "task-0001-decomposition2-of-internationalization3 on disk-1234567890abcdefghij",
    "self_test_of_the_thing; shelf_abcdefghijklmnopqrstuvwxyz",
    "commit 3f2a9c0d1e2b3a4c5d6e7f8091a2b3c4d5e6f708, sha256:" + "9f" * 32,
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "eyJhbGciOiJIUzI1NiJ9 alone",
    "sk-SK, ask-me-anything, AKIA, xoxb-, ghp_, sk-ant-, npm_install",
    '{"id":"call_abcdefghijklmnopqrstuvwx","type":"item.completed"}',
]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:11])
@pytest.mark.parametrize(
    "around", ["{}", "key={}", "\n{}\n", "'{}',", "\x1b[31m{}\x1b[0m", "Bearer {} ok", "a={}&b=1", "é{}é"]
)
def test_a_key_is_masked_whole_whatever_stands_around_it(key: str, around: str) -> None:
    before, after = around.split("{}")
    assert Masker().text(around.format(key)) == f"{before}{MASK.decode()}{after}"


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[:11])
def test_a_line_of_json_stays_one(key: str) -> None:
    event = {"text": f"the key is:\n{key}\nand = {key}", "more": [key, {"again": json.dumps({"inner": key})}]}
    for ascii_only in (True, False):
        masked = Masker().text(json.dumps(event, ensure_ascii=ascii_only))
        assert json.loads(masked)["more"][0] == MASK.decode()
        assert json.loads(json.loads(masked)["more"][1]["again"]) == {"inner": MASK.decode()}
        assert key[-12:-1] not in masked


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_a_little_like_a_key_stays(text: str) -> None:
    assert Masker(VALUES).text(text) is text


def test_values_are_masked_as_they_are_and_as_json_writes_them() -> None:
    masker = Masker(VALUES)
    for value in VALUES:
        for form in (value, json.dumps(value), json.dumps(value, ensure_ascii=False)):
            assert value not in masker.text(f"<{form}>")
            assert MASK.decode() in masker.text(f"<{form}>")
    assert masker.text("correct horse battery staples") == "[masked]s"
    assert masker.text("correct horse batteries") == "correct horse batteries"


def test_a_value_that_is_too_short_to_be_known_for_one_is_left() -> None:
    assert Masker(["short", "", "       \n "]).text("a short word       \n ") == "a short word       \n "


def test_of_a_value_that_was_cut_off_at_the_end_no_half_is_left() -> None:
    assert Masker(["correct-horse-battery"]).text("it is correct-horse-ba") == "it is [masked]"
    assert Masker(["correct-horse-battery"]).text("it is correct") == "it is correct"


def test_the_block_of_a_key_that_does_not_end_takes_nothing_else_along() -> None:
    begun = "-----BEGIN PRIVATE KEY-----"
    assert Masker().text(f'{{"a":"{begun}\\nMIIE","b":1}}') == '{"a":"[masked]","b":1}'
    many = "x" * 1_000_000
    assert len(Masker().text(f"{begun}\n{many}")) > 900_000


pieces = st.one_of(
    st.sampled_from([*KEYS, *VALUES, *INNOCENT]),
    st.sampled_from([*KEYS, *VALUES]).flatmap(lambda key: st.integers(1, len(key)).map(lambda end: key[:end])),
    st.sampled_from(["\n", " ", "s", "sk-", "-----", "\\u003d", "a", "eyJ", ".", '"', "\\", "\\n", "%3D"]),
    st.text(max_size=8),
)


@given(st.lists(pieces, max_size=8), st.lists(st.integers(1, 60), min_size=1, max_size=12))
@example([KEYS[0]], [1])
@example([PEM], [1])
@example(["correct horse battery", "staple"], [5])
def test_any_cutting_gives_the_same_as_the_whole(parts: list[str], sizes: list[int]) -> None:
    data = "".join(parts).encode("utf-8", "replace")
    masker = Masker(VALUES)
    stream = masker.stream()
    given_, place, turn = b"", 0, 0
    while place < len(data):
        size = sizes[turn % len(sizes)]
        given_ += stream.feed(data[place : place + size])
        place, turn = place + size, turn + 1
    assert given_ + stream.end() == masker.data(data)


@given(st.sampled_from([*KEYS, *VALUES]), st.text(max_size=20), st.text(max_size=20))
def test_no_key_gets_through(key: str, before: str, after: str) -> None:
    masked = Masker(VALUES).text(f"{before}\n{key}\n{after}")
    assert key not in masked
    assert key[len(key) // 2 :] not in masked or key[len(key) // 2 :] in before + after


@given(st.binary(max_size=400))
def test_whatever_the_bytes_are_they_come_through(data: bytes) -> None:
    stream = Masker(VALUES).stream()
    assert b"".join(stream.feed(data[n : n + 1]) for n in range(len(data))) + stream.end() == data


def test_what_cannot_become_a_key_is_given_at_once() -> None:
    stream = Masker(VALUES).stream()
    assert stream.feed(b"a line\n") == b"a line\n"
    assert stream.feed(b"50 % done:") == b"50 % done:"
    assert stream.feed(b" a task") == b" a ta"
    assert stream.feed(b" or sk-ant-api03-") == b"sk or "
    assert stream.feed(b"or-not") == b""
    assert stream.feed(b".\n") == b"sk-ant-api03-or-not.\n"
    assert stream.feed(KEYS[5].encode()) == MASK
    assert stream.feed(b"more-of-it") == b""
    assert stream.feed(b" over\n") == b" over\n"


def test_memory_is_bounded_whatever_never_ends() -> None:
    for begun in ("eyJ", "sk-ant-api03-", "-----BEGIN PRIVATE KEY-----\n", "correct horse"):
        stream = Masker(VALUES).stream()
        stream.feed(begun.encode())
        given_ = b"".join(stream.feed(b"A" * 4096) for _ in range(100))
        assert len(stream._held) < 4096
        assert len(given_) < 500_000


def test_the_variables_of_this_process_are_masked_once_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "abcdefgh-1234")
    monkeypatch.setenv("ANOTHER", "ijklmnop-5678")
    monkeypatch.setenv(secrets.VARIABLE, "A_TOKEN,NOT_THERE")
    secrets.known.cache_clear()
    try:
        assert secrets.known().text("abcdefgh-1234 ijklmnop-5678") == "[masked] ijklmnop-5678"
        secrets.name_variables(["ANOTHER"])
        assert secrets.known().text("abcdefgh-1234 ijklmnop-5678") == "[masked] [masked]"
    finally:
        secrets._NAMED.clear()
        secrets.known.cache_clear()
