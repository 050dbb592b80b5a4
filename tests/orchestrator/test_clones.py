"""A worker's own repository: what it does there arrives on its branches, and nowhere else."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from orchestrator.repository import clones, worktrees
from orchestrator.repository.clones import Clone
from orchestrator.repository.git import Git
from tests.stories import Story

BRANCH = "opsroom/0001/1"


class Worker:
    """Task 0001 of a story, at work in its worktree with a repository of its own."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.worktree = story.state.worktree("0001")
        self.clone = Clone(story.state.clones / "0001")
        self.begin(1)

    def begin(self, attempt: int) -> None:
        worktrees.prepare(self.story.repository, self.worktree, "0001", attempt, "main")
        self.lender = clones.make(self.worktree, self.clone)

    def git(self, *arguments: str) -> str:
        """What git prints as the worker runs it; it must end well."""
        environment = os.environ | {"GIT_DIR": str(self.clone.git), "GIT_WORK_TREE": str(self.worktree)}
        done = subprocess.run(
            ["git", *arguments], cwd=self.worktree, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, name: str, text: str = "mine\n") -> str:
        (self.worktree / name).write_text(text)
        self.git("add", "--all", "--", name)
        self.git("commit", "--quiet", "--message", f"made {name}")
        return self.git("rev-parse", "HEAD")

    def end(self, attempt: int = 1) -> str:
        return clones.collect(self.worktree, self.clone, "0001", attempt)

    def branches(self) -> list[str]:
        return self.story.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()

    def status(self) -> str:
        return self.story.git("status", "--porcelain", cwd=self.worktree)


@pytest.fixture
def worker(story: Story) -> Worker:
    return Worker(story)


def test_it_begins_as_the_worktree_stands(worker: Worker) -> None:
    assert worker.git("status", "--porcelain") == ""
    assert worker.git("symbolic-ref", "--short", "HEAD") == BRANCH
    assert worker.git("log", "--format=%s", "main") == "first"
    assert worker.lender.objects == [worker.story.repository / ".git" / "objects"]


def test_a_commit_arrives_and_nothing_is_left(worker: Worker) -> None:
    commit = worker.commit("made")
    before = worker.story.git("rev-parse", BRANCH)
    assert worker.story.git("rev-parse", "main") == before != commit
    assert worker.end() == ""
    assert worker.story.git("rev-parse", BRANCH) == commit
    assert worker.story.git("rev-parse", "HEAD", cwd=worker.worktree) == commit
    assert (worker.status(), worker.branches()) == ("", ["main", BRANCH])
    assert sorted(path.name for path in worker.clone.root.iterdir()) == [".lock", "link", "refs"]
    worker.story.git("fsck", "--strict")


def test_nothing_of_the_repository_changes_while_the_worker_works(worker: Worker) -> None:
    def whole() -> dict[str, tuple[int, int]]:
        git = worker.story.repository / ".git"
        found = {str(path): path.stat() for path in git.rglob("*") if path.is_file()}
        return {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}

    before = whole()
    worker.commit("made")
    worker.git("branch", "--force", "main")
    worker.git("checkout", "--quiet", "-b", "feature")
    worker.git("config", "core.pager", "less")
    worker.git("tag", "here")
    worker.git("gc", "--quiet", "--prune=now")
    worker.git("branch", "-D", BRANCH)
    assert whole() == before


def test_uncommitted_work_stays_uncommitted(worker: Worker) -> None:
    (worker.worktree / "notes.txt").write_text("changed\n")
    (worker.worktree / "new").touch()
    worker.git("add", "notes.txt")
    assert worker.end() == ""
    assert sorted(worker.status().splitlines()) == ["?? new", "M  notes.txt"]


def test_what_was_staged_though_it_is_ignored_stays_staged(worker: Worker) -> None:
    (worker.worktree / "opsroom.toml").write_text("forced\n")
    worker.git("add", "--force", "opsroom.toml")
    assert worker.end() == ""
    assert worker.status() == "A  opsroom.toml"
    assert worktrees.keep(worker.worktree, BRANCH, "kept")
    assert worker.story.file("opsroom.toml", BRANCH) == "forced"


def test_an_amended_and_rebased_history_arrives_as_it_ended(worker: Worker) -> None:
    worker.commit("one")
    worker.commit("two")
    worker.git("commit", "--quiet", "--amend", "--message", "both")
    worker.git("rebase", "--quiet", "--root")
    commit = worker.git("rev-parse", "HEAD")
    assert worker.end() == ""
    assert worker.story.git("rev-parse", BRANCH) == commit
    assert worker.story.subjects(BRANCH) == ["both", "made one", "first"]


def test_a_branch_of_another_name_is_followed(worker: Worker) -> None:
    worker.git("checkout", "--quiet", "-b", "feature/x")
    commit = worker.commit("made")
    assert worker.end() == ""
    assert worktrees.keep(worker.worktree, BRANCH, "kept") == commit
    assert worker.branches() == ["main", BRANCH]


def test_other_branches_and_stashes_are_kept_beside_it(worker: Worker) -> None:
    worker.git("checkout", "--quiet", "-b", "idea/one")
    idea = worker.commit("idea")
    worker.git("checkout", "--quiet", BRANCH)
    for text in ("first\n", "second\n"):
        (worker.worktree / "notes.txt").write_text(text)
        worker.git("stash", "push", "--quiet")
    worker.commit("made")
    worker.git("branch", "contained")
    assert worker.end() == ""
    assert worker.branches() == ["main", BRANCH, f"{BRANCH}-idea-one", f"{BRANCH}-stash-1", f"{BRANCH}-stash-2"]
    assert worker.story.git("rev-parse", f"{BRANCH}-idea-one") == idea
    assert worker.story.file("notes.txt", f"{BRANCH}-stash-1") == "second"


def test_main_that_the_worker_moved_or_removed_is_where_it_was(worker: Worker) -> None:
    main = worker.story.git("rev-parse", "main")
    worker.git("checkout", "--quiet", "main")
    commit = worker.commit("made")
    assert worker.end() == ""
    assert worker.story.git("rev-parse", "main") == main
    assert worktrees.keep(worker.worktree, BRANCH, "kept") == commit


def test_a_second_attempt_goes_on_where_the_first_one_ended(worker: Worker) -> None:
    first = worker.commit("one")
    (worker.worktree / "lying").write_text("about\n")
    worker.end()
    worker.begin(2)
    assert worker.git("rev-parse", "HEAD") == first
    assert worker.git("status", "--porcelain") == "?? lying"
    second = worker.commit("two")
    assert worker.end(2) == ""
    assert worker.story.git("rev-parse", "opsroom/0001/2") == second
    assert worker.story.git("rev-parse", BRANCH) == first


@pytest.mark.parametrize("operation", ["rebase", "merge", "cherry-pick", "revert"])
def test_the_worktree_is_in_the_middle_of_what_the_worker_was_in(worker: Worker, operation: str) -> None:
    worker.commit("notes.txt", "ours\n")
    worker.git("checkout", "--quiet", "-b", "other", "HEAD~1")
    worker.commit("notes.txt", "theirs\n")
    with pytest.raises(AssertionError):
        worker.git(operation, BRANCH)
    assert worker.end() == ""
    assert worktrees.unfinished(Git(worker.worktree, linked=True)) == operation
    worktrees.prepare(worker.story.repository, worker.worktree, "0001", 2, "main")
    assert worktrees.unfinished(Git(worker.worktree, linked=True)) == ""
    assert "<<<<<<<" in worker.story.file("notes.txt", f"{BRANCH}-unfinished")


def test_collecting_twice_or_after_a_crash_takes_it_once(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = worker.commit("made")
    with monkeypatch.context() as patched:
        patched.setattr(clones, "_mark_unfinished", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            worker.end()
    assert worker.end() == ""
    assert worker.end() == ""
    assert (worker.story.git("rev-parse", BRANCH), worker.status()) == (commit, "")


def test_a_clone_of_an_attempt_whose_start_was_cut_off_leaves_the_worktree_on_its_branch(worker: Worker) -> None:
    commit = worker.commit("made")
    worker.end(1)
    worker.begin(2)
    assert worker.end(1) == ""  # of the second one there is nothing yet but this
    assert worker.story.git("symbolic-ref", "--short", "HEAD", cwd=worker.worktree) == "opsroom/0001/2"
    assert [worker.story.git("rev-parse", f"opsroom/0001/{number}") for number in (1, 2)] == [commit, commit]


def test_a_clone_that_was_half_made_is_nothing_to_collect(worker: Worker) -> None:
    worker.clone.made.unlink()
    assert worker.end() == ""
    worker.begin(1)
    assert worker.git("status", "--porcelain") == ""


def test_a_repository_that_the_worker_destroyed_is_put_aside_and_its_files_are_there(worker: Worker) -> None:
    worker.commit("made")
    for folder, _, names in os.walk(worker.clone.git / "objects"):
        for name in names:
            Path(folder, name).unlink()
    trouble = worker.end()
    assert "could not be taken, and was put aside as" in trouble
    assert worker.status() == "?? made"
    clones.forget(worker.clone)
    assert [path.name for path in worker.clone.root.glob("aside-1-*")]
    assert worker.story.git("fsck", "--strict") == ""


def test_an_object_that_is_not_what_its_name_says_is_not_taken(worker: Worker) -> None:
    worker.commit("made", "good\n")
    blob = worker.git("rev-parse", "HEAD:made")
    (worker.worktree / "evil").write_text("evil\n")
    evil = worker.git("hash-object", "-w", "evil")
    objects = worker.clone.git / "objects"
    place = objects / blob[:2] / blob[2:]
    place.chmod(0o600)
    place.write_bytes((objects / evil[:2] / evil[2:]).read_bytes())
    assert "could not be taken" in worker.end()
    assert worker.story.git("rev-parse", BRANCH) == worker.story.git("rev-parse", "main")
    assert worker.story.git("fsck", "--strict") == ""


def test_no_link_that_the_worker_planted_is_followed(worker: Worker) -> None:
    other = worker.story.folder / "secret"
    worker.story.git("init", "--quiet", str(other))
    (other / "key").write_text("secret\n")
    worker.story.git("add", "--all", cwd=other)
    worker.story.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "secret", cwd=other)
    commit = worker.story.git("rev-parse", "HEAD", cwd=other)
    objects = worker.clone.git / "objects"
    for entry in (other / ".git" / "objects").iterdir():
        if entry.name not in ("info", "pack") and not (objects / entry.name).exists():
            (objects / entry.name).symlink_to(entry)
    (objects / "info" / "alternates").write_text(f"{other / '.git' / 'objects'}\n")
    (worker.clone.git / "refs" / "heads" / "stolen").write_text(f"{commit}\n")
    (worker.clone.git / "HEAD").write_text(f"{commit}\n")
    assert "could not be taken" in worker.end()
    assert worker.story.git("cat-file", "--batch-check", "--batch-all-objects").count("\n") == 3
    assert sorted(path.name for path in other.iterdir()) == [".git", "key"]


@pytest.mark.parametrize(
    "place", ["HEAD", "refs/heads", "refs", "packed-refs", "objects", "index", "config", "modules"]
)
def test_a_clone_whose_parts_are_links_is_read_as_if_they_were_not_there(worker: Worker, place: str) -> None:
    victim = worker.story.folder / "victim"
    victim.mkdir()
    (victim / "precious").write_text("precious\n")
    path = worker.clone.git / place
    if path.is_dir():
        path.rename(path.with_name("moved"))
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(victim)
    worker.end()
    assert (victim / "precious").read_text() == "precious\n"
    assert [path.name for path in victim.iterdir()] == ["precious"]
    assert worker.branches() == ["main", BRANCH]


def test_a_pipe_in_the_place_of_a_reference_holds_nobody_up(worker: Worker) -> None:
    os.mkfifo(worker.clone.git / "refs" / "heads" / "pipe")
    commit = worker.commit("made")
    os.mkfifo(worker.clone.git / "objects" / "pipe")
    assert worker.end() == ""
    assert worker.story.git("rev-parse", BRANCH) == commit


def test_secrets_of_the_configuration_stay_outside(story: Story) -> None:
    story.git("config", "http.https://example.com/.extraHeader", "Authorization: basic c2VjcmV0")
    story.git("config", "credential.helper", "!echo password=secret")
    story.git("config", "remote.origin.url", "https://me:secret@example.com/x.git")
    story.git("config", "url.https://me:secret@example.com/.insteadOf", "https://example.com/")
    story.git("config", "alias.tell", '!printf "%s\\n" "a\tb"')
    worker = Worker(story)
    text = (worker.clone.git / "config").read_text()
    assert "secret" not in text and "c2VjcmV0" not in text
    assert worker.git("config", "remote.origin.url") == "https://example.com/x.git"
    assert worker.git("tell") == "a\tb"


def test_the_settings_of_a_sparse_worktree_hold_in_the_clone(story: Story) -> None:
    for name in ("a", "b"):
        (story.repository / name).mkdir()
        (story.repository / name / "file").touch()
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "folders")
    worktree = story.state.worktree("0001")
    worktrees.prepare(story.repository, worktree, "0001", 1, "main", ["a"])
    worker = Worker(story)
    assert worker.git("status", "--porcelain") == ""
    commit = worker.commit("a/new")
    assert worker.end() == ""
    assert story.git("ls-tree", "-r", "--name-only", commit).splitlines()[1:] == [
        "a/file",
        "a/new",
        "b/file",
        "notes.txt",
    ]
    assert worker.status() == ""


def test_what_a_borrowed_repository_borrows_is_borrowed_too(story: Story) -> None:
    borrowing = story.folder / "borrowing"
    story.git("clone", "--quiet", "--shared", str(story.repository), str(borrowing))
    worktree = story.folder / "worktree"
    story.git("worktree", "add", "--quiet", "-b", BRANCH, str(worktree), cwd=borrowing)
    clone = Clone(story.state.clones / "0001")
    objects = clones.make(worktree, clone).objects
    assert objects == [borrowing / ".git" / "objects", story.repository / ".git" / "objects"]
    assert story.git("--git-dir", str(clone.git), "log", "--format=%s") == "first"


def test_a_hook_of_the_repository_is_the_workers_to_run(story: Story) -> None:
    hook = story.repository / ".git" / "hooks" / "commit-msg"
    hook.write_text('#!/bin/sh\necho "with a hook" >> "$1"\n')
    hook.chmod(0o755)
    worker = Worker(story)
    worker.commit("made")
    assert worker.git("log", "-1", "--format=%b") == ""
    assert worker.git("log", "-1", "--format=%s") == "made made with a hook"


def test_large_files_are_taken_if_they_are_what_they_are_called(worker: Worker) -> None:
    content = b"large\n"
    digest = hashlib.sha256(content).hexdigest()
    for name in (digest, "0" * 64):
        place = worker.clone.git / "lfs" / "objects" / name[:2] / name[2:4] / name
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
    assert worker.end() == ""
    kept = worker.story.repository / ".git" / "lfs" / "objects"
    assert [path.name for path in kept.rglob("*") if path.is_file()] == [digest]


def test_repositories_of_submodules_are_there_again_for_the_next_attempt(worker: Worker) -> None:
    (worker.clone.git / "modules" / "lib").mkdir(parents=True)
    worker.end()
    assert not worker.clone.git.exists()
    worker.begin(2)
    assert (worker.clone.git / "modules" / "lib").is_dir()
