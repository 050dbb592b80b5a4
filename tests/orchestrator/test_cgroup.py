"""In a control group the memory that is free is what its limits leave, and those of the groups above it."""

from pathlib import Path

import pytest

from orchestrator.running.cgroup import within

GIB = 1 << 30


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    """A hierarchy in which `/ci` may have 4 GiB and holds `/ci/job`, which has no limit of its own."""
    group(tmp_path / "groups", "", limit=None, used=None)
    group(tmp_path / "groups", "ci", limit="4294967296", used=3 * GIB, cached=GIB // 2)
    group(tmp_path / "groups", "ci/job", limit="max", used=2 * GIB)
    return tmp_path / "groups"


def group(mount: Path, name: str, limit: str | None, used: int | None, cached: int = 0) -> None:
    folder = mount / name
    folder.mkdir(parents=True, exist_ok=True)
    if limit is not None:
        (folder / "memory.max").write_text(f"{limit}\n")
    if used is not None:
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {cached}\nactive_file 7\n")


def member(mount: Path, text: str = "1:name=systemd:/\n0::/ci/job\n") -> Path:
    path = mount.parent / "cgroup"
    path.write_text(text)
    return path


def test_a_limit_above_is_what_counts(mount: Path) -> None:
    assert within(64 * GIB, 40 * GIB, member(mount), mount) == (4 * GIB, GIB + GIB // 2)


def test_the_tightest_limit_counts(mount: Path) -> None:
    group(mount, "ci/job", limit=str(2 * GIB), used=2 * GIB - 4096)
    assert within(64 * GIB, 40 * GIB, member(mount), mount) == (2 * GIB, 4096)


def test_a_limit_that_is_larger_than_the_machine_is_none(mount: Path) -> None:
    assert within(2 * GIB, GIB, member(mount), mount) == (2 * GIB, GIB)


def test_more_than_the_limit_leaves_nothing(mount: Path) -> None:
    group(mount, "ci", limit=str(4 * GIB), used=5 * GIB)
    assert within(64 * GIB, 40 * GIB, member(mount), mount) == (4 * GIB, 0)


@pytest.mark.parametrize("text", ["", "4:memory:/ci\n", "0::/nowhere\n", "0::/\n", "\xff\n"])
def test_who_is_in_no_limited_group_has_the_whole_machine(mount: Path, text: str) -> None:
    assert within(64 * GIB, 40 * GIB, member(mount, text), mount) == (64 * GIB, 40 * GIB)


def test_a_system_without_groups_has_the_whole_machine(tmp_path: Path) -> None:
    assert within(64 * GIB, 40 * GIB, tmp_path / "none", tmp_path) == (64 * GIB, 40 * GIB)
