"""What a worker without a sandbox writes into the repository's configuration runs no program of the orchestrator's git.

What the person configured does, and what stood there before any worker ran.
"""

import contextlib
import re
from pathlib import Path

import pytest

from orchestrator.repository import git_settings, worktrees
from orchestrator.repository.git import Git, GitError
from state.errors import BadFile
from state.layout import StateDir
from tests.stories import Story, telling

BRANCH = "opsroom/0001/1"
KEYS = (
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "filter.a=b.clean",
    "filter.Evil.Clean",
    "merge.evil.driver",
    "diff.evil.command",
    "diff.evil.textconv",
    "diff.external",
    "core.sshCommand",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "core.editor",
    "sequence.editor",
    "core.pager",
    "pager.log",
    "core.attributesFile",
    "credential.helper",
    "credential.https://example.com.helper",
    "gpg.program",
    "gpg.ssh.program",
    "gpg.ssh.defaultKeyCommand",
    "submodule.lib.update",
    "trailer.sign.command",
    "trailer.sign.cmd",
    "hook.lint.command",
    "lfs.standalonetransferagent",
    "lfs.https://example.com.standalonetransferagent",
    "lfs.customtransfer.evil.path",
    "lfs.extension.evil.clean",
    "core.fsmonitor",
    "core.hooksPath",
)


class Trap:
    """A program that leaves a mark where it was run."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "sprung"
        self.program = folder / "trap"
        self.program.write_text(f"#!/bin/sh\ntouch {self.mark}\ncat\n")
        self.program.chmod(0o755)

    def sprung(self) -> bool:
        found = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return found


@pytest.fixture
def trap(story: Story) -> Trap:
    return Trap(story.folder)


@pytest.fixture
def worktree(story: Story) -> Path:
    """A worktree of a task, which the orchestrator has looked at before any worker did."""
    path = story.state.worktree("0001")
    worktrees.prepare(story.repository, path, "0001", 1, "main")
    return path


def attribute(worktree: Path, text: str) -> None:
    (worktree / ".gitattributes").write_text(f"{text}\n")


@pytest.mark.parametrize("key", KEYS)
def test_a_program_that_a_worker_names_is_put_back(story: Story, worktree: Path, trap: Trap, key: str) -> None:
    story.git("config", key, str(trap.program))
    assert story.git("config", "--get", key) == str(trap.program)
    for folder in (worktree, story.repository):
        assert Git(folder).ask("config", "--get", key) != str(trap.program)


def test_every_key_is_one_that_names_a_program() -> None:
    assert [key for key in KEYS if git_settings.harmless(key) is None] == ["core.fsmonitor", "core.hooksPath"]
    assert [git_settings.harmless(key) for key in ("user.name", "remote.origin.url", "core.bare", "alias.x")] == [
        None
    ] * 4


@pytest.mark.parametrize("kind", ["clean", "process"])
def test_a_filter_of_the_workers_does_not_run_when_its_work_is_kept(
    story: Story, worktree: Path, trap: Trap, kind: str
) -> None:
    attribute(worktree, "* filter=evil")
    (worktree / "made").write_text("mine\n")
    story.git("config", f"filter.evil.{kind}", str(trap.program))
    Path(worktree, "made").write_text("mine too\n")
    assert trap_works(story, worktree, trap)
    worktrees.keep(worktree, BRANCH, "kept")
    assert not trap.sprung()
    assert story.file("made", BRANCH) == "mine too"


def trap_works(story: Story, worktree: Path, trap: Trap) -> bool:
    """Whether git as a person runs it there springs the trap; what that put into the index is taken back."""
    with contextlib.suppress(AssertionError):  # a program that speaks no protocol
        story.git("add", "--all", cwd=worktree)
    story.git("read-tree", "HEAD", cwd=worktree)
    return trap.sprung()


def test_a_filter_of_the_workers_does_not_run_when_files_are_checked_out(
    story: Story, worktree: Path, trap: Trap
) -> None:
    attribute(worktree, "* filter=evil")
    worktrees.keep(worktree, BRANCH, "attributes")
    story.git("config", "filter.evil.smudge", str(trap.program))
    story.git("worktree", "add", "--quiet", str(story.folder / "other"), BRANCH + "^{commit}")
    assert trap.sprung()
    with worktrees.scratch(story.repository, story.state.worktrees / "scratch", BRANCH):
        assert (story.state.worktrees / "scratch" / "notes.txt").read_text() == "one\ntwo\nthree\n"
    assert not trap.sprung()


def test_a_merge_driver_of_the_workers_makes_a_conflict_and_runs_nothing(
    story: Story, worktree: Path, trap: Trap
) -> None:
    attribute(worktree, "* merge=evil")
    (worktree / "notes.txt").write_text("mine\n")
    worktrees.keep(worktree, BRANCH, "mine")
    (story.repository / "notes.txt").write_text("theirs\n")
    story.git("commit", "--quiet", "--all", "--message", "theirs")
    story.git("config", "merge.evil.driver", f"{trap.program} %A")
    with pytest.raises(GitError):
        Git(worktree).run("rebase", "--quiet", "main")
    assert "<<<<<<<" in (worktree / "notes.txt").read_text() or Git(worktree).run("ls-files", "--unmerged")
    assert not trap.sprung()


def test_what_an_include_brings_in_does_not_run(story: Story, worktree: Path, trap: Trap) -> None:
    attribute(worktree, "* filter=evil")
    included = story.folder / "included"
    story.git("config", "include.path", str(included))
    assert Git(worktree).is_clean() is False
    included.write_text(f'[filter "evil"]\nclean = {trap.program}\n')  # after the file that names it was read
    (worktree / "made").write_text("mine\n")
    assert trap_works(story, worktree, trap)
    worktrees.keep(worktree, BRANCH, "kept")
    assert not trap.sprung()


def test_a_configuration_of_the_worktree_alone_does_not_run(story: Story, worktree: Path, trap: Trap) -> None:
    attribute(worktree, "* filter=evil")
    story.git("config", "extensions.worktreeConfig", "true")
    story.git("config", "--worktree", "filter.evil.clean", str(trap.program), cwd=worktree)
    (worktree / "made").write_text("mine\n")
    assert trap_works(story, worktree, trap)
    worktrees.keep(worktree, BRANCH, "kept")
    assert not trap.sprung()


def test_a_repository_within_the_worktree_runs_nothing_of_its_own(story: Story, worktree: Path, trap: Trap) -> None:
    inner = worktree / "inner"
    story.git("init", "--quiet", str(inner))
    (inner / "a").write_text("1\n")
    attribute(inner, "* filter=evil")
    story.git("add", "--all", cwd=inner)
    story.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "inner", cwd=inner)
    story.git("init", "--quiet", str(worktree / "empty"))
    story.git("config", "filter.evil.clean", str(trap.program), cwd=inner)
    story.git("config", "core.fsmonitor", str(trap.program), cwd=inner)
    worktrees.keep(worktree, BRANCH, "with an inner one")
    (inner / "a").write_text("2\n")
    story.git("status", cwd=worktree)
    assert trap.sprung()
    (inner / "a").write_text("3\n")
    (worktree / "notes.txt").write_text("mine\n")
    story.git("commit", "--quiet", "--allow-empty", "--message", "other")
    worktrees.keep(worktree, BRANCH, "kept")
    Git(worktree).run("rebase", "--quiet", "main")
    worktrees.restore(worktree, BRANCH, Git(worktree).run("rev-parse", "HEAD"))
    worktrees.prepare(story.repository, worktree, "0001", 2, "main")
    assert not trap.sprung()
    assert story.git("ls-tree", "-r", "--name-only", BRANCH).splitlines() == [".gitignore", "inner", "notes.txt"]


def test_the_working_tree_stays_where_it_is(story: Story) -> None:
    elsewhere = story.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    assert Git(story.repository).is_clean()
    story.git("config", "core.worktree", str(elsewhere))
    assert Git(story.repository).is_clean()
    Git(story.repository).run("clean", "--quiet", "-d", "--force")
    assert (elsewhere / "precious").exists()


def test_nothing_is_fetched_from_where_a_worker_says(story: Story, worktree: Path, trap: Trap) -> None:
    trap.program.write_text(f"#!/bin/sh\ntouch {trap.mark}\n")
    missing = story.git("rev-parse", "HEAD:notes.txt")
    (story.repository / ".git" / "objects" / missing[:2] / missing[2:]).unlink()
    story.git("config", "core.repositoryFormatVersion", "1")
    story.git("config", "extensions.partialClone", "evil")
    story.git("config", "remote.evil.promisor", "true")
    story.git("config", "remote.evil.url", str(story.folder))
    story.git("config", "remote.evil.uploadpack", str(trap.program))
    with pytest.raises(AssertionError):
        story.git("cat-file", "-p", missing)
    assert trap.sprung()
    assert Git(worktree).ask("cat-file", "-p", missing) is None
    assert not trap.sprung()


def test_a_filter_of_the_persons_own_works(story: Story, worktree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = story.folder / "gitconfig"
    own.write_text('[filter "loud"]\nclean = tr a-z A-Z\nrequired = true\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    attribute(worktree, "made filter=loud")
    (worktree / "made").write_text("mine\n")
    story.git("config", "filter.loud.clean", "tr a-z b-za")
    worktrees.keep(worktree, BRANCH, "kept")
    assert story.file("made", BRANCH) == "MINE"


def test_the_persons_attributes_count_though_a_worker_names_others(
    story: Story, worktree: Path, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(story.folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(story.folder / "gitconfig"))
    (story.folder / "gitconfig").write_text('[filter "loud"]\nclean = tr a-z A-Z\n')
    (story.folder / "git").mkdir()
    (story.folder / "git" / "attributes").write_text("made filter=loud\n")
    (story.folder / "planted").write_text("made -filter\n")
    story.git("config", "core.attributesFile", str(story.folder / "planted"))
    (worktree / "made").write_text("mine\n")
    worktrees.keep(worktree, BRANCH, "kept")
    assert story.file("made", BRANCH) == "MINE"


def test_a_required_filter_that_a_worker_changed_keeps_nothing_rather_than_the_plain_text(
    story: Story, worktree: Path
) -> None:
    attribute(worktree, "made filter=crypt")
    (worktree / "made").write_text("plain\n")
    story.git("config", "filter.crypt.clean", "rot13")
    story.git("config", "filter.crypt.required", "true")
    with pytest.raises(GitError, match="clean filter 'crypt' failed"):
        worktrees.keep(worktree, BRANCH, "kept")


def test_what_stood_there_first_runs_in_every_later_life_and_nothing_else(tmp_path: Path) -> None:
    with telling(tmp_path) as story:
        record = story.state.root / "orchestrator" / "git.toml"
        story.git("config", "filter.loud.clean", "tr a-z A-Z")
        told = kept_by(story, record, "0001")
        assert told == "MINE"
        assert re.fullmatch(
            r'since = [^\n]+\n\n\[trusted\]\n"filter.loud.clean" = \[\n    "[0-9a-f]{64}",\n\]\n', record.read_text()
        )
        story.git("config", "filter.loud.clean", "tr a-z 0-9")
        assert kept_by(story, record, "0002") == "mine"
        record.unlink()
        story.git("config", "filter.loud.clean", "tr a-z A-Z")
        assert kept_by(story, record, "0003") == "MINE"


def kept_by(story: Story, record: Path, task: str) -> str:
    """What an orchestrator that begins now keeps of a file with a filter."""
    Git(story.repository).trust(story.state.root, record)
    worktree = story.state.worktree(task)
    worktrees.prepare(story.repository, worktree, task, 1, "main")
    attribute(worktree, "made filter=loud")
    (worktree / "made").write_text("mine\n")
    worktrees.keep(worktree, f"opsroom/{task}/1", "kept")
    return story.file("made", f"opsroom/{task}/1")


def test_a_record_that_cannot_be_read_is_an_error(story: Story) -> None:
    record = story.state.root / "orchestrator" / "git.toml"
    record.write_text("trusted = 1\n")
    with pytest.raises(BadFile, match=r"orchestrator/git\.toml"):
        Git(story.repository).trust(story.state.root, record)


def test_a_folder_without_a_repository_has_nothing_to_put_back(tmp_path: Path) -> None:
    assert git_settings.overrides(tmp_path, {}) == {}
    git_settings.trust(tmp_path, StateDir(tmp_path).root, tmp_path / "git.toml", {})
    assert not (tmp_path / "git.toml").exists()
