"""What of a system other users cannot read, found by its modes."""

from pathlib import Path

from orchestrator.sandboxes.private import LOGS, Place, look


def laid_out(top: Path) -> None:
    """Files and folders of each kind, as a system has them."""
    for name, mode in {
        "passwd": 0o644,
        "shadow": 0o640,
        "app/conf": 0o644,
        "app/key": 0o600,
        "app/deep/key": 0o400,
        "closed/key": 0o600,
        "group/key": 0o640,
        "listed-by-nobody/conf": 0o644,
    }.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    for name, mode in {"closed": 0o700, "group": 0o750, "listed-by-nobody": 0o711}.items():
        (top / name).chmod(mode)
    (top / "link").symlink_to(top / "shadow")


def test_files_and_folders_that_others_cannot_get_at_are_found(tmp_path: Path) -> None:
    laid_out(tmp_path)
    found = look([Place(tmp_path, 9, files=True)])
    assert sorted(found.folders) == sorted([LOGS, tmp_path / "closed", tmp_path / "group"])
    assert sorted(found.files) == [tmp_path / "app/deep/key", tmp_path / "app/key", tmp_path / "shadow"]


def test_only_folders_are_looked_at_where_files_come_and_go(tmp_path: Path) -> None:
    laid_out(tmp_path)
    found = look([Place(tmp_path, 9, files=False)])
    assert (len(found.folders), found.files) == (3, ())


def test_it_looks_as_deep_as_it_is_told(tmp_path: Path) -> None:
    laid_out(tmp_path / "app")
    assert look([Place(tmp_path, 1, files=True)]) == ((LOGS,), ())
    assert (tmp_path / "app/closed") in look([Place(tmp_path, 2, files=True)]).folders
    assert look([Place(tmp_path / "nowhere", 2, files=True)]) == ((LOGS,), ())
