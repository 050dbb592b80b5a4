"""What an item's change may be: the rules by themselves, and what git says of a change that hides what it does."""

import itertools

import pytest

from orchestrator import policy
from orchestrator.policy import Line
from orchestrator.repository import diffs
from orchestrator.repository.git import Git
from state.envelope import Policy
from tests.stories import Story


def violation(given: Policy, *paths: str, item: str = "src/a.py", untouchable: tuple[str, ...] = ()) -> str:
    """What a change of `paths` violates."""
    return policy.of_paths(policy.rules(given, item, untouchable), paths)


def lines_violate(given: Policy, *lines: Line) -> str:
    return policy.of_lines(policy.rules(given, "a.luau"), lines)


def test_by_itself_only_the_item_may_change() -> None:
    assert violation(Policy(), "src/a.py") == ""
    assert violation(Policy(), "src/a.py", "src/b.py") == "policy: src/b.py was changed, and what may be is src/a.py"
    assert violation(Policy(), "other/src/a.py") == "policy: other/src/a.py was changed, and what may be is src/a.py"


def test_an_item_that_is_a_folder_has_all_that_is_in_it() -> None:
    assert violation(Policy(), "src/deep/a.py", item="src/") == ""
    assert violation(Policy(), "src/deep/a.py", item="src") == ""


@pytest.mark.parametrize(
    "item", ["src/[a].py", "a*b.py", "!important.py", "#1.py", "what is.py", "back\\slash.py", "?"]
)
def test_an_item_is_a_path_and_no_pattern(item: str) -> None:
    assert violation(Policy(), item, item=item) == ""
    assert violation(Policy(), "src/a.py", item=item) != ""
    assert violation(Policy(), "axb.py", item=item) != ""


def test_patterns_are_those_of_gitignore() -> None:
    allowing = Policy(allow=["{item}", "tests/**", "*.md", "!README.md"])
    assert violation(allowing, "src/a.py", "tests/deep/test_a.py", "docs/a.md") == ""
    assert violation(allowing, "README.md").startswith(
        "policy: README.md was changed, and what may be is src/a.py, tests"
    )


def test_what_is_not_to_be_touched_is_not_whatever_is_allowed() -> None:
    denying = Policy(allow=["*"], deny=["/generated/", "*.lock"])
    assert violation(denying, "src/a.py") == ""
    assert violation(denying, "generated/x.py") == "policy: generated/x.py is not to be touched (/generated/)"
    assert violation(denying, "deep/uv.lock") == "policy: deep/uv.lock is not to be touched (*.lock)"
    assert violation(Policy(allow=["*"]), "src/a.py", untouchable=("src/",)).endswith("is not to be touched (src/)")


def test_the_size_of_a_change_is_bounded() -> None:
    bounded = Policy(allow=["*"], max_files=2, max_lines=2)
    assert violation(bounded, "a", "b") == ""
    assert violation(bounded, "a", "b", "c") == "policy: 3 files were changed, and at most 2 may be"
    lines = [Line("a", 0, "old"), Line("a", 1, "new"), Line("a", 2, "newer")]
    assert lines_violate(bounded, *lines[:2]) == ""
    assert lines_violate(bounded, *lines) == "policy: 3 lines were added or removed, and at most 2 may be"


def test_nothing_may_change_where_nothing_is_allowed() -> None:
    assert violation(Policy(allow=[]), "src/a.py") == "policy: src/a.py was changed, and what may be is nothing"


def test_a_forbidden_pattern_names_file_line_and_text() -> None:
    given = Policy(forbid=[r"::\s*any\b", "TODO"])
    lines = [Line("a.luau", 0, "was :: any"), Line("a.luau", 3, "x: number"), Line("a.luau", 4, "y = z :: any")]
    said = "policy: a.luau, line 4 adds ':: any', which is forbidden (::\\s*any\\b)"
    assert lines_violate(given, *lines) == said
    assert lines_violate(given, *lines[:2]) == ""


def test_a_policy_that_cannot_be_kept_says_why() -> None:
    assert policy.fault(Policy(forbid=["(unclosed"])).startswith("'(unclosed' is no regular expression: ")
    assert policy.fault(Policy(forbid=["fine"], allow=["src/**"])) == ""


# ── what git says ───────────────────────────────────────────────────────────────────────────────────────────────


def changed(story: Story) -> list[str]:
    return diffs.changed_paths(Git(story.repository), "HEAD~1", "HEAD")


def lines_of(story: Story) -> list[Line]:
    return list(diffs.changed_lines(Git(story.repository), "HEAD~1", "HEAD"))


def commit(story: Story) -> None:
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "a change")


def test_files_and_lines_of_a_commit(story: Story) -> None:
    top = story.repository
    (top / "notes.txt").write_text("one\nTWO\nthree\nfour\n+++ b/not a file\n-- neither\n")
    (top / "naïve name.txt").write_text("x")
    (top / "sub").mkdir()
    (top / "sub" / "new.txt").write_text("1\n2\n")
    commit(story)
    assert changed(story) == ["naïve name.txt", "notes.txt", "sub/new.txt"]
    assert lines_of(story) == [
        Line("naïve name.txt", 1, "x"),
        Line("notes.txt", 0, "two"),
        Line("notes.txt", 2, "TWO"),
        Line("notes.txt", 4, "four"),
        Line("notes.txt", 5, "+++ b/not a file"),
        Line("notes.txt", 6, "-- neither"),
        Line("sub/new.txt", 1, "1"),
        Line("sub/new.txt", 2, "2"),
    ]


def test_a_file_that_moved_is_two(story: Story) -> None:
    (story.repository / "notes.txt").rename(story.repository / "moved.txt")
    commit(story)
    assert changed(story) == ["moved.txt", "notes.txt"]


def test_attributes_and_settings_of_a_worker_hide_nothing(story: Story) -> None:
    story.git("config", "diff.hidden.textconv", "true")
    story.git("config", "diff.hidden.command", "true")
    story.git("config", "diff.noprefix", "true")
    story.git("config", "diff.renames", "copies")
    (story.repository / ".gitattributes").write_text("*.txt binary\n*.md diff=hidden\n")
    commit(story)
    (story.repository / "notes.txt").write_text("secretly :: any\n")
    (story.repository / "a.md").write_text("openly :: any\n")
    commit(story)
    added = [(line.path, line.text) for line in lines_of(story) if line.number]
    assert added == [("a.md", "openly :: any"), ("notes.txt", "secretly :: any")]


def test_lines_are_read_no_further_than_they_are_wanted(story: Story) -> None:
    (story.repository / "large.txt").write_text("line\n" * 2_000_000)
    commit(story)
    lines = diffs.changed_lines(Git(story.repository), "HEAD~1", "HEAD")
    assert [line.number for line in itertools.islice(lines, 3)] == [1, 2, 3]
    del lines  # and git is ended with it


def test_what_git_refuses_is_said(story: Story) -> None:
    with pytest.raises(Exception, match="no-such-commit"):
        list(diffs.changed_lines(Git(story.repository), "HEAD", "no-such-commit"))
