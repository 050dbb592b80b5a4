"""`opsroom status` and `opsroom log`: what they show, and of what is broken or hostile."""

import json

import pytest

from tests.stories import Said, Story

STATUS = 'state = "running"\nsince = 2026-11-21T10:00:00Z\nby = "orchestrator"\nattempt = 1\n'
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


def test_a_table_has_a_line_for_each_task_and_campaign(story: Story) -> None:
    write_task(story, "0001", title="first of all")
    write_task(story, "0002", STATUS.replace("running", "dreaming"))
    story.campaign("twos", ["a", "b"])
    lines = story.opsroom("status").out.splitlines()
    assert lines[1] == "twos  paused  0/2"
    assert lines[2].split()[:2] == ["0001", "running"]
    assert lines[2].endswith("first of all")
    assert lines[3].split()[:2] == ["0002", "dreaming"]


def test_json_is_for_programs(story: Story) -> None:
    story.agent("touch made")
    task = story.spawn("One")
    story.up_once()
    found = json.loads(story.opsroom("status", "--json").out)
    assert found["tasks"][task]["state"] == "merged"
    assert found["tasks"][task]["commit"] == story.git("rev-parse", "main")
    assert found["tasks"][task]["title"] == "One"
    assert found["orchestrator"]["alive"] is False
    assert found["faults"] == []


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
