from collections.abc import Callable
from pathlib import Path

import pytest

from opsroom.demo.codemod import migrate
from opsroom.demo.failures import DemoError
from opsroom.demo.history import metric_history, originals
from opsroom.demo.package import measure, read, write

Git = Callable[..., str]


def commit_migrated(root: Path, name: str, git: Git) -> int:
    path = root / "src/click" / name
    source, encoding = read(path)
    write(path, migrate(source), encoding)
    git("commit", "--quiet", "--all", "--message", name)
    return measure(root)


def test_the_history_is_the_metric_after_each_commit(repository: Path, git: Git) -> None:
    values = [measure(repository)]
    values += [commit_migrated(repository, name, git) for name in ("globals.py", "core.py", "utils.py")]

    assert metric_history(repository) == values
    assert metric_history(repository, limit=2) == values[1:]


def test_commits_that_touch_nothing_of_it_and_merges_do_not_disturb_it(repository: Path, git: Git) -> None:
    before = measure(repository)
    git("checkout", "--quiet", "-b", "side")
    after = commit_migrated(repository, "globals.py", git)
    git("checkout", "--quiet", "main")
    (repository / "README").write_text("hello\n")
    git("add", "README")
    git("commit", "--quiet", "--message", "readme")
    git("merge", "--quiet", "--no-ff", "--message", "merge", "side")

    assert metric_history(repository) == [before, after]


def test_a_change_that_is_not_committed_is_no_history(repository: Path) -> None:
    before = measure(repository)
    (repository / "src/click/core.py").write_text("")

    assert metric_history(repository) == [before]


def test_the_originals_are_the_files_as_they_came(repository: Path, git: Git) -> None:
    source = (repository / "src/click/core.py").read_bytes()
    commit_migrated(repository, "core.py", git)

    assert originals(repository)["src/click/core.py"] == source


def test_without_a_repository_it_says_so(copied: Path) -> None:
    with pytest.raises(DemoError, match=r"git in .*not a git repository"):
        metric_history(copied)
