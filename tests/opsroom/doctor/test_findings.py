"""Findings as lines of text, and for programs."""

from opsroom.doctor.findings import as_json, as_lines, fail, ok, warn

FOUND = [ok("git", "git version 2.39.5"), warn("git", "no repository", "go to one"), fail("agents", "a\x1b[2J", "b")]


def test_each_group_has_a_heading_and_each_finding_a_sign_and_a_word() -> None:
    assert as_lines(FOUND) == [
        "git",
        "  ✓ ok    git version 2.39.5",
        "  ! warn  no repository; go to one",
        "agents",
        "  ✗ fail  a\ufffd[2J; b",
    ]


def test_a_terminal_without_such_signs_gets_others() -> None:
    assert all(line.isascii() for line in as_lines(FOUND[:2], plain=True))


def test_a_program_is_told_whether_something_is_missing() -> None:
    assert as_json(FOUND)["ok"] is False
    assert as_json(FOUND[:2])["ok"] is True
    assert as_json(FOUND)["findings"][1] == {
        "group": "git",
        "verdict": "warn",
        "text": "no repository",
        "todo": "go to one",
    }
