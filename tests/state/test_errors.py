"""Each error ends a command with the status that its class says, and tells what to do."""

import pytest

from state import errors
from state.errors import BadFile, Fault, OpsroomError

STATUSES = {
    "BadFile": 2,
    "BadName": 2,
    "CannotWrite": 2,
    "NotThere": 1,
    "OpsroomError": 2,
    "Refused": 1,
    "Unavailable": 3,
}


@pytest.mark.parametrize(("name", "status"), STATUSES.items())
def test_an_error_has_the_exit_status_of_its_class(name: str, status: int) -> None:
    assert getattr(errors, name).exit_status == status


def test_every_error_has_a_title_of_its_own() -> None:
    titles = {getattr(errors, name).title for name in STATUSES}
    assert len(titles) == len(STATUSES)


def test_an_error_says_what_to_do() -> None:
    assert str(OpsroomError("the disk is full", todo="free space")) == "the disk is full; free space"


@pytest.mark.parametrize(("line", "text"), [(None, "a.toml: missing"), (3, "a.toml: line 3: missing")])
def test_a_fault_names_file_and_line(line: int | None, text: str) -> None:
    assert str(BadFile(Fault("a.toml", line, "missing"))) == text
