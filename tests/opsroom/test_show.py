"""`opsroom status` and `opsroom log`: what they show, and of what is broken or hostile."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from state.lease import Holding
from state.machine import Hold, Holds, Machine, Worker
from state.model import AgentReport, Attempt, Lease, encode
from state.times import rfc3339, utc_now
from state.usage import Usage
from tests.stories import CHECKOUT, Said, Story
from tui.event_text import EventText
from tui.text import plain

STATUS = 'state = "running"\nsince = 2026-11-21T10:00:00Z\nby = "orchestrator"\nattempt = 1\n'
EVERY = 60.0
"""Seconds between two signs of life: so long that a busy machine takes nobody for dead."""
TASK = 'title = "{title}"\ncreated = 2026-11-21T10:00:00Z\n'


def write_task(story: Story, name: str, status: str = STATUS, title: str = "a title", out: bytes | None = None) -> None:
    folder = story.state.task(name)
    folder.root.mkdir()
    folder.task.write_text(TASK.format(title=title))
    folder.status.write_text(status)
    if out is not None:
        attempt = folder.attempt(1)
        attempt.root.mkdir(parents=True)
        attempt.stdout.write_bytes(out)
        attempt.stderr.write_bytes(b"oh\n")


def test_an_empty_directory_has_a_status(story: Story) -> None:
    assert story.opsroom("status") == Said(0, "orchestrator: never started\n", "")


def test_an_orchestrator_that_runs_and_writes_nothing_is_told_from_one_that_is_gone(story: Story) -> None:
    with Holding(story.state) as held:
        held.lease.beat = utc_now() - timedelta(minutes=40)
        story.state.lease.write_bytes(encode(held.lease))
        lines = story.opsroom("status").out.splitlines()
    assert re.fullmatch(r"orchestrator: not running, last seen 4\dm ago", lines[0])
    assert lines[1].startswith(f"! an orchestrator (pid {held.lease.pid} on ")
    assert re.search(r"\) runs, but has written nothing for 4\dm$", lines[1])
    assert len(story.opsroom("status").out.splitlines()) == 1


def test_a_table_has_a_line_for_each_task_and_campaign(story: Story) -> None:
    write_task(story, "0001", title="first of all")
    write_task(story, "0002", STATUS.replace("running", "dreaming"))
    story.campaign("twos", ["a", "b"])
    lines = story.opsroom("status").out.splitlines()
    assert lines[1] == "twos  paused  0/2"
    assert lines[2].split()[:2] == ["0001", "running"]
    assert lines[2].endswith("first of all")
    assert lines[3].split()[:2] == ["0002", "dreaming"]


def write_machine(story: Story, since: datetime) -> None:
    story.state.lease.write_bytes(
        encode(
            Lease(
                pid=7, host="here", started=since, beat=since, every=EVERY, sandbox="none", sandbox_why="no namespaces"
            )
        )
    )
    worker = Worker(task="0001", attempt=1, cpu_percent=187.4, memory_mib=1290, processes=9)
    left: dict[str, Any] = {
        "memory_total_mib": 31_744,
        "memory_free_mib": 14_541,
        "disk_total_mib": 204_800,
        "disk_free_mib": 81_203,
    }
    sample = Machine(at=since, every=EVERY, host="here", cores=8, load=2.5, workers=[worker], **left)
    story.state.machine.write_bytes(encode(sample))
    held = Hold(kind="provider", agent="codex\u202e", why="rate limit\x1b[2J", since=since, failures=2)
    story.state.holds.write_bytes(encode(Holds(holds=[held])))


def test_the_machine_and_what_is_held_come_before_the_tasks(story: Story) -> None:
    write_task(story, "0001", title="first of all")
    write_machine(story, utc_now())
    lines = story.opsroom("status").out.splitlines()
    assert re.match(r"orchestrator: up \d+s, pid 7 on here", lines[0])
    assert lines[1] == "machine: 14.2G of 31G memory free, 79G of 200G disk free, load 2.5 on 8 cores"
    assert lines[2] == "sandbox: none: no namespaces"
    assert re.match("held: codex\ufffd for \\d+s: rate limit\ufffd", lines[3])
    assert lines[4].endswith("  187% 1.3G  first of all")


def test_a_sample_that_is_old_says_so_and_is_not_shown_of_a_worker(story: Story) -> None:
    write_task(story, "0001", title="first of all")
    write_machine(story, utc_now() - timedelta(minutes=4))
    out = story.opsroom("status").out
    assert "load 2.5 on 8 cores, 4m ago\n" in out
    assert "187%" not in out


def test_json_has_the_machine_and_what_is_held(story: Story) -> None:
    write_task(story, "0001")
    write_machine(story, now := utc_now())
    found = json.loads(story.opsroom("status", "--json").out)
    assert (found["orchestrator"]["sandbox"], found["orchestrator"]["sandbox_why"]) == ("none", "no namespaces")
    assert (found["machine"]["memory_free_mib"], found["machine"]["stale"]) == (14_541, False)
    assert found["tasks"]["0001"]["takes"] == {"cpu_percent": 187.4, "memory_mib": 1290, "processes": 9}
    (hold,) = found["holds"]
    assert (hold["kind"], hold["since"], hold["until"], hold["failures"]) == ("provider", rfc3339(now), None, 2)


def test_json_is_for_programs(story: Story) -> None:
    story.agent("touch made")
    task = story.spawn("One")
    story.up_once()
    found = json.loads(story.opsroom("status", "--json").out)
    assert found["tasks"][task]["state"] == "merged"
    assert found["tasks"][task]["commit"] == story.git("rev-parse", "main")
    assert found["tasks"][task]["title"] == "One"
    assert found["orchestrator"]["alive"] is False
    assert found["machine"]["memory_total_mib"] > 0
    assert (found["holds"], found["faults"]) == ([], [])


USED = Usage(tokens=3_150, input_tokens=3_000, cached_tokens=600, output_tokens=150, dollars=0.02, unpriced=150)


def write_report(story: Story, name: str, **fields: Any) -> None:
    now = utc_now()
    usual: dict[str, Any] = {"kind": "codex", "version": "0.169.0", "model": "gpt-5.2-codex", "usage": USED}
    usual |= {"session": "01a1fc01-d7cd-7492-ade1-c66a2b8dd189", "events": 12, "unknown": 2, "retries": 3}
    folder = story.state.task(name).attempt(1)
    folder.root.mkdir(parents=True, exist_ok=True)
    run = Attempt(supervisor=1, supervisor_start=1, boot="b", host="h", started=now - timedelta(minutes=3))
    folder.run.write_bytes(encode(run))
    folder.report.write_bytes(encode(AgentReport(at=now, **(usual | fields))))


def test_what_everything_used_and_what_of_it_today(story: Story) -> None:
    write_task(story, "0001")
    assert "used:" not in story.opsroom("status").out
    write_report(story, "0001")
    line = next(line for line in story.opsroom("status").out.splitlines() if line.startswith("used:"))
    assert line == "used: 3,150 tokens, $0.02+?; today: 3,150 tokens, $0.02+?"


def test_json_has_the_agent_its_usage_and_what_is_not_known_of_it(story: Story) -> None:
    write_task(story, "0001")
    write_report(story, "0001", verdict="failed", failure="authentication", why="Please run /login")
    write_task(story, "0002")
    write_report(story, "0002", usage=Usage(tokens=70, unpriced=70))
    found = json.loads(story.opsroom("status", "--json").out)
    report = found["tasks"]["0001"]["report"]
    assert (report["kind"], report["version"], report["unknown"], report["retries"]) == ("codex", "0.169.0", 2, 3)
    assert (report["verdict"], report["failure"], report["why"]) == ("failed", "authentication", "Please run /login")
    usage = found["tasks"]["0001"]["usage"]
    assert (usage["cached_tokens"], usage["dollars"], usage["unpriced"]) == (600, 0.02, 150)
    assert found["tasks"]["0002"]["usage"]["dollars"] is None
    assert (found["usage"]["tokens"], found["usage"]["dollars"], found["today"]["unpriced"]) == (3_220, 0.02, 220)


def test_a_task_is_shown_as_in_the_control_room(story: Story) -> None:
    write_task(story, "0001", title="first of all")
    write_report(story, "0001", verdict="failed", failure="rate_limit", why="429 \x1b[2J slow down")
    said = story.opsroom("show", "0001")
    assert (said.status, said.err) == (0, "")
    lines = [line.strip() for line in said.out.splitlines()]
    assert "runs       codex 0.169.0 · gpt-5.2-codex · session 01a1fc01-d7cd" in lines
    assert any(re.fullmatch(r"verdict    failed: rate limit  from its stream, \d+s ago", line) for line in lines)
    assert "it said    429 \ufffd[2J slow down" in lines
    assert "unknown    2 of 12 events are not understood, shown in the log" in lines
    assert "tokens     3,000 in (600 cached) · 150 out" in lines
    assert "usage      3,150 tokens · $0.02+? · 3m in 1 attempt" in lines
    assert json.loads(story.opsroom("show", "0001", "--json").out)["report"]["failure"] == "rate_limit"


def test_what_the_stream_of_an_agent_told_is_shown_when_it_is_done(story: Story) -> None:
    stream = CHECKOUT / "tests" / "streams" / "codex" / "success.jsonl"
    story.agent(f"cat >/dev/null; cat {stream}; touch made", name="codex", kind="codex")
    task = story.spawn("One", agent="codex")
    story.up_once()
    assert story.states() == {task: "merged"}
    out = story.opsroom("show", task).out
    assert "runs       codex" in out and "session 01a1fc01-d7cd" in out
    assert "verdict    success  from its stream, " in out
    assert "it said" not in out
    assert "tokens     3,000 in (600 cached) · 150 out\n" in out
    assert "usage      3,150 tokens · $? · " in out
    assert "used: 3,150 tokens, $?; today: 3,150 tokens, $?\n" in story.opsroom("status").out
    text = EventText()
    events = story.state.task(task).attempt(1).events.read_bytes().splitlines()
    assert "$ printf 'hello from agent\\n' > hello.txt && cat hello.txt" in [
        plain(line) for event in events for line in text.lines(event)
    ]


def test_a_task_that_is_not_there_is_exit_status_1(story: Story) -> None:
    for arguments in (("0007",), ("0007", "--json")):
        said = story.opsroom("show", *arguments)
        assert (said.status, said.out) == (1, "")
        assert said.err == "opsroom: there is no task '0007'; 'opsroom status' lists them\n"


def test_faults_are_shown_and_hide_nothing_else(story: Story) -> None:
    write_task(story, "0001")
    write_task(story, "0002", "state = \n")
    write_task(story, "0003", "\xff\x00")
    (story.state.tasks / "0004").mkdir()
    (story.state.tasks / "no name").mkdir()
    (story.state.tasks / "0005").symlink_to("/etc")
    story.state.lease.parent.mkdir(exist_ok=True)
    story.state.lease.write_text("pid = 'x'\n")
    said = story.opsroom("status")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["0001", "running"],
        ["0002", "fault"],
        ["0003", "fault"],
        ["0004", "fault"],
    ]
    faults = [line for line in lines if line.startswith("! ")]
    assert any(line.startswith("! tasks/0002/status.toml: line 1: not TOML") for line in faults)
    assert any(line.startswith("! orchestrator/lease.toml: line 1: ") for line in faults)
    assert any("no name" in line for line in faults)
    assert json.loads(story.opsroom("status", "--json").out)["tasks"]["0002"]["state"] is None


def test_nothing_that_a_terminal_obeys_gets_through(story: Story) -> None:
    write_task(story, "0001", title="\\u001b]52;c;AAAA\\u0007 \\u202e title", out=b"\x1b[2J\x9b31m gone \x07\n")
    for arguments in (("status",), ("log", "0001")):
        said = story.opsroom(*arguments)
        assert said.status == 0
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said.out)
        assert "\ufffd" in said.out


def test_a_log_is_what_the_worker_printed(story: Story) -> None:
    write_task(story, "0001", out="one\nzwö\n".encode())
    assert story.opsroom("log", "0001") == Said(0, "one\nzwö\n", "")
    assert story.opsroom("log", "0001", "--errors") == Said(0, "oh\n", "")


@pytest.mark.parametrize("arguments", [(), ("--attempt", "7")])
def test_a_log_that_is_not_there_is_exit_status_1(story: Story, arguments: tuple[str, ...]) -> None:
    write_task(story, "0001", out=None if not arguments else b"one\n")
    said = story.opsroom("log", "0001", *arguments)
    assert said == Said(1, "", f"opsroom: task 0001 has no attempt{' 7' if arguments else ''} yet\n")


def test_a_large_log_is_printed_whole(story: Story) -> None:
    text = "".join(f"line {number}\n" for number in range(300_000))
    write_task(story, "0001", out=text.encode())
    assert story.opsroom("log", "0001").out == text


def test_a_line_that_has_no_end_yet_is_printed_unless_the_log_is_followed(story: Story) -> None:
    write_task(story, "0001", out=b"one\nand then")
    assert story.opsroom("log", "0001").out == "one\nand then\n"
