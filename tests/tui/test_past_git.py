"""What git knows of campaigns, in real repositories."""

import importlib
import os
import threading
from pathlib import Path

import pytest

from tests.stories import wait
from tests.tui.builder import NOW, ago
from tests.tui.repositories import Repository, trailers
from tui.past_git import GitHistory, GitUnread


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one commit that is of no campaign."""
    found = Repository(tmp_path / "repository")
    found.commit("first")
    return found


def told(repository: Repository) -> list[tuple[str, int | None]]:
    commits = GitHistory(repository.folder).campaigns().commits
    return [(one.campaign, one.index) for one in commits]


# campaigns


def test_commits_are_found_wherever_they_landed_and_once_each(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "campaign/typing")
    repository.land("typing", 1, "a.py", ago(hours=3))
    second = repository.land("typing", 2, "b.py", ago(hours=2))
    repository.git("switch", "--quiet", "main")
    repository.commit("a person's own")
    repository.git("merge", "--quiet", "--no-ff", "--no-edit", "campaign/typing")
    repository.land("other", 1, "c.py", ago(hours=1))
    assert told(repository) == [("other", 1), ("typing", 2), ("typing", 1)]
    (newest, found, _) = GitHistory(repository.folder).campaigns().commits
    assert (found.id, found.at, found.author, found.subject) == (second, ago(hours=2), "A Person", "typing: b.py")
    repository.git("branch", "--delete", "--force", "campaign/typing")
    assert len(told(repository)) == 3
    assert newest.item == "c.py"


def test_a_tag_keeps_a_campaign_whose_branch_is_gone(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "campaign/typing")
    repository.land("typing", 1, "a.py", NOW)
    repository.git("tag", "kept")
    repository.git("switch", "--quiet", "main")
    repository.git("branch", "--delete", "--force", "campaign/typing")
    assert told(repository) == [("typing", 1)]


def test_the_branches_of_attempts_and_what_was_stashed_are_not_looked_at(repository: Repository) -> None:
    for branch in ("refs/heads/opsroom/typing-0001/1", "refs/stash", "refs/notes/x"):
        commit = repository.git(
            "commit-tree", "HEAD^{tree}", "-p", "HEAD", text=f"x\n\n{trailers('typing', 1, branch)}"
        )
        repository.git("update-ref", branch, commit)
    assert told(repository) == []


def test_words_in_a_message_are_no_trailers(repository: Repository) -> None:
    repository.commit("about Opsroom-Campaign: x\n\nOpsroom-Campaign: in the middle\n\nand more words")
    assert told(repository) == []


def test_the_newest_are_read_and_it_says_that_there_are_more(repository: Repository) -> None:
    repository.many("long", 12, ago(days=1))
    found = GitHistory(repository.folder).campaigns(limit=10)
    assert [one.index for one in found.commits] == list(range(12, 2, -1))
    assert found.cut == "older ones than the newest 10 commits are not shown"
    assert GitHistory(repository.folder).campaigns(limit=12).cut == ""


def test_an_empty_repository_knows_nothing(tmp_path: Path) -> None:
    assert told(Repository(tmp_path / "new")) == []


def test_without_a_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(GitUnread, match="there is no git repository here"):
        GitHistory(tmp_path).campaigns()
    with pytest.raises(GitUnread, match="nowhere is gone"):
        GitHistory(tmp_path / "nowhere").campaigns()


def test_subjects_that_are_no_text_are_read_all_the_same(repository: Repository) -> None:
    repository.git("config", "i18n.logOutputEncoding", "latin1")
    repository.land("typing", 1, "ä.py", NOW, subject="\udcff\udcfe and ä" + "x" * 300_000)
    repository.land("typing", 2, "b.py", NOW)
    first, second = sorted(GitHistory(repository.folder).campaigns().commits, key=lambda one: one.item == "ä.py")
    assert (first.index, second.index, second.item) == (2, 1, "ä.py")
    assert second.subject.startswith("ÿþ and ä")
    assert len(second.subject) == 4_000


# one commit


def test_a_commit_is_told_with_its_diff(repository: Repository) -> None:
    repository.commit("before", "a.py", "one\ntwo\n")
    commit = repository.land("typing", 1, "a.py", ago(hours=1), text="one\nzwei\n")
    found = GitHistory(repository.folder).change(commit[:9])
    assert (found.id, found.author, found.at, found.cut) == (commit, "A Person", ago(hours=1), "")
    assert found.message == f"typing: a.py\n\n{trailers('typing', 1, 'a.py')}"
    assert found.lines[0] == " a.py | 2 +-"
    assert found.lines[-3:] == [" one", "-two", "+zwei"]


def test_the_first_commit_and_a_merge_are_told_too(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("switch", "--quiet", "--create", "side")
    repository.commit("on the side", "side.py")
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "--message=merged", "side")
    history = GitHistory(repository.folder)
    assert "+first" in history.change(first).lines
    merged = history.change(repository.git("rev-parse", "HEAD"))
    assert (merged.message, merged.lines[-1]) == ("merged", "+on the side")
    empty = repository.git("commit-tree", "HEAD^{tree}", "-p", "HEAD", text="nothing")
    assert history.change(empty).lines == []


def test_a_large_diff_is_cut(repository: Repository) -> None:
    commit = repository.commit("large", "large.txt", "a line of text\n" * 100_000)
    found = GitHistory(repository.folder).change(commit)
    assert found.cut == "cut after 256 KiB"
    assert 10_000 < len(found.lines) < 20_000
    assert found.lines[-1] == "+a line of text"


@pytest.mark.parametrize("commit", ["", "HEAD", "--output=x", "main", "abc", "g" * 40, "../../x"])
def test_only_the_id_of_a_commit_is_asked_for(repository: Repository, commit: str) -> None:
    with pytest.raises(GitUnread, match="is not the id of a commit"):
        GitHistory(repository.folder).change(commit)


def test_a_commit_that_is_gone_is_said(repository: Repository) -> None:
    with pytest.raises(GitUnread, match="git: bad revision"):
        GitHistory(repository.folder).change("deadbeef")


# what is not run, and how long it takes


def test_nothing_that_the_repository_configures_is_run(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {ran}\ncat\n')
    program.chmod(0o755)
    repository.commit("attributes", ".gitattributes", "*.py diff=x filter=x\n")
    repository.land("typing", 1, "a.py", NOW)
    signed = f"{repository.git('cat-file', 'commit', 'HEAD')}\n".replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n", 1
    )
    commit = repository.git("hash-object", "-t", "commit", "-w", "--stdin", text=signed)
    repository.git("update-ref", "HEAD", commit)
    for key in (
        *("diff.external", "diff.x.command", "diff.x.textconv", "filter.x.smudge", "filter.x.clean", "core.pager"),
        *("pager.log", "core.fsmonitor", "gpg.program", "core.editor", "core.sshCommand", "trailer.x.command"),
    ):
        repository.git("config", key, str(program))
    for key, value in (("log.showSignature", "true"), ("trailer.x.key", "Opsroom-Item"), ("diff.submodule", "log")):
        repository.git("config", key, value)
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        (repository.folder / ".git" / "hooks").mkdir(exist_ok=True)
        (repository.folder / ".git" / "hooks" / hook).symlink_to(program)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(program))
    monkeypatch.setenv("GIT_PAGER", str(program))
    monkeypatch.setenv("PAGER", str(program))
    history = GitHistory(repository.folder)
    assert [one.id for one in history.campaigns().commits] == [commit]
    assert "+typing: a.py" in history.change(commit).lines
    assert not ran.exists(), ran.read_text()


def test_the_environment_of_another_repository_is_not_taken(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.land("typing", 1, "a.py", NOW)
    other = Repository(tmp_path / "other")
    for name, value in (("GIT_DIR", other.folder / ".git"), ("GIT_WORK_TREE", other.folder), ("GIT_NAMESPACE", "x")):
        monkeypatch.setenv(name, str(value))
    assert told(repository) == [("typing", 1)]


@pytest.fixture
def slow_git(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of git one that says one commit and is never done; the file in which it writes its process."""
    assert repository.folder.is_dir()  # made by the real one
    importlib.import_module("git")  # which asks the real one for its version, and would wait for this one
    begun = tmp_path / "begun"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    fields = "\\000".join(("a" * 40, NOW.isoformat(), "A", "s", "Opsroom-Campaign: typing", ""))
    program.write_text(f"#!/bin/sh\nprintf '{fields}'\necho $$ > {begun}\nexec sleep 300\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return begun


@pytest.mark.usefixtures("slow_git")
def test_a_git_that_is_not_done_in_time_is_ended_and_what_it_said_is_kept(repository: Repository) -> None:
    found = GitHistory(repository.folder).campaigns(seconds=5.0)
    assert found.cut == "cut: git was not done after 5 s"
    assert [one.campaign for one in found.commits] == ["typing"]


def test_closing_ends_what_is_being_read(repository: Repository, slow_git: Path) -> None:
    history = GitHistory(repository.folder)
    ended = threading.Event()

    def read() -> None:
        try:
            history.campaigns()
        except GitUnread:
            ended.set()

    thread = threading.Thread(target=read)
    thread.start()
    pid = wait(lambda: slow_git.read_text().strip() if slow_git.exists() else "", lambda: "git to begin")
    history.close()
    thread.join(60)
    assert ended.is_set()
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(GitUnread, match="nobody wants to know"):
        history.campaigns()
