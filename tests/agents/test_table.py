"""What a run of the tests of real agents saw, as a table."""

import subprocess
import sys
from pathlib import Path

from tests.agents.install import pinned
from tests.agents.table import rows, table
from tests.stories import CHECKOUT, DEADLINE

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite>
<testcase name="test_a_provider_fails_once[codex]" time="2.34">
 <properties><property name="agent" value="codex"/><property name="verdicts" value="success"/></properties></testcase>
<testcase name="test_a_provider_stays_away[claude-limits the rate]" time="3">
 <properties><property name="agent" value="claude"/><property name="verdicts" value="failed rate_limit"/></properties>
 <failure message="no"/></testcase>
<testcase name="test_of_something_else" time="1"/>
</testsuite></testsuites>
"""


def test_each_scenario_is_a_row_with_what_was_seen(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text(REPORT)
    claude, codex = pinned("claude")[1], pinned("codex")[1]
    assert table(list(rows(tmp_path / "report.xml"))).splitlines()[2:] == [
        f"| claude | {claude} | a provider stays away: limits the rate | failed rate_limit | **wrong** | 3.0 |",
        f"| codex | {codex} | a provider fails once | success | right | 2.3 |",
    ]


def test_a_report_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text("<testsuites>")
    argv = [sys.executable, "-m", "tests.agents.table", str(tmp_path / "report.xml")]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"table: {tmp_path / 'report.xml'}: no element found: line 1")
