"""The documents name tests and files that exist."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md")])


def test_each_promise_of_safety_names_a_test_that_exists() -> None:
    named = re.findall(r"`([\w/]+/test_\w+\.py)(?:::(\w+))?`", (CHECKOUT / "docs" / "safety.md").read_text())
    assert len(named) > 40
    for path, name in named:
        text = (CHECKOUT / "tests" / path).read_text()
        assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{path}::{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_each_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"
