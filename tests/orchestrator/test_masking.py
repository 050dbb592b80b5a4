"""A worker that spills keys wherever it can: none of them comes to stand in the state directory, or in what lands."""

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.running import attempts
from state.layout import AttemptDir
from state.model import Exit, Launch, decode
from tests.stories import Story

KEY = "sk-ant-api03-" + "Zx9_aB-" * 12 + "Q"
TOKEN = "correct/horse\\battery-staple"
SPILLS = f"""
printf 'the key is sk-a'; sleep 0.1; printf 'nt-api03-{"Zx9_aB-" * 12}'; sleep 0.1; printf 'Q and that was it\\n'
printf '%s\\n' "$STORY_TOKEN"; printf '%s\\n' "$STORY_TOKEN" >&2
printf '{{"text":"%s"}}\\n' '{KEY}' >&2
env
opsroom note "a note with {KEY}"
opsroom note "a note with $STORY_TOKEN"
printf 'so far: %s %s' '{KEY}' "$STORY_TOKEN" | opsroom checkpoint -
printf 'take %s' '{KEY}' | opsroom handoff -
opsroom lock build -- echo {KEY}
[ $OPSROOM_ATTEMPT = 1 ] && exec opsroom unavailable "the login with {KEY} was refused" --for 0.1
opsroom ask "is {KEY} right?" --option "$STORY_TOKEN" --option "no" --default no --deadline 0.1 --wait 60
opsroom ask "is {KEY} right?" --option "$STORY_TOKEN" --option "no" --wait 60
echo made > made; git add made; git commit --quiet --message "made with {KEY}"
opsroom result success --summary "with {KEY}" --learned "it is $STORY_TOKEN"
"""


def spilled(folder: Path, *keys: str) -> dict[str, str]:
    """The files below `folder` in which one of `keys` stands, or its greater part, each with the first of them."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            for key in keys:
                if key[len(key) // 3 :].encode() in data or json.dumps(key)[1:-1].encode() in data:
                    found[str(path.relative_to(folder))] = key
    return found


@pytest.mark.parametrize("sandbox", ["none", "bubblewrap"])
def test_no_key_comes_to_stand_in_the_state_directory(
    story: Story, monkeypatch: pytest.MonkeyPatch, sandbox: str
) -> None:
    monkeypatch.setenv("STORY_TOKEN", TOKEN)
    story.configure(checks=(f"sh -c 'echo {KEY}; printenv STORY_TOKEN; test -e made'",))
    story.sandbox(sandbox, keep=["STORY_TOKEN"])
    story.agent(SPILLS)
    path = story.repository / "opsroom.toml"
    path.write_text(f'{path.read_text()}\n[secrets]\nvariables = ["STORY_TOKEN"]\n')
    story.campaign("keys", [f"the file with {KEY}"], envelope='message = "made {item}"\n')
    story.opsroom("campaign", "note", "keys", f"the policy has {KEY}")
    story.opsroom("spawn", "--title", f"use {KEY}", "--spec=-", stdin=f"The key is {KEY}, the token {TOKEN}.")
    up = story.up()
    story.send("campaign-start", campaign="keys")
    task = "0001"
    story.wait(lambda: "running" in story.moves(task), "the task to run")
    assert story.opsroom("tell", task, f"use {TOKEN}").status == 0
    story.wait_for_state(task, "merged", "failed", "stopped")
    story.wait_for_state("keys-0001", "merged", "failed", "stopped")
    up.terminate()
    said = story.finish(up)

    assert (story.task(task).state, story.task("keys-0001").state) == ("merged", "merged"), story.why(task)
    own = {"campaigns/keys/campaign.toml"}  # a person wrote it by hand, and nobody writes it but a person
    there = {name for name in spilled(story.state.root, KEY, TOKEN) if name not in own}
    assert there == set()
    assert KEY not in said.out + said.err
    first = story.state.task(task).attempt(1).stdout.read_bytes()
    assert first.startswith(b"the key is [masked] and that was it\n[masked]\n")
    assert b"STORY_TOKEN=[masked]\n" in first
    assert story.state.task(task).attempt(1).stderr.read_bytes().startswith(b'[masked]\n{"text":"[masked]"}\n')
    assert story.state.task(task).spec.read_text() == "The key is [masked], the token [masked]."
    (log,) = story.state.task(task).attempt(2).root.glob("checks/*.log")
    assert log.read_bytes() == b"[masked]\n[masked]\n"
    assert KEY not in story.git("log", "--format=%B", "campaign/keys")


def start(story: Story, script: str, **launch: Any) -> AttemptDir:
    """Starts a shell with `script` as attempt 1 of task 0001."""
    attempt = story.state.task("0001").attempt(1)
    environment = {"OPSROOM_TASK_DIR": str(story.state.task("0001").root), "OPSROOM_ATTEMPT": "1"}
    chosen: dict[str, Any] = {"seconds": 600.0, "grace": 5.0, "environment": environment}
    attempts.start(
        story.state.root, attempt, Launch(argv=["sh", "-c", script], cwd=str(story.folder), **chosen | launch), b""
    )
    return attempt


def test_a_word_without_a_newline_is_there_at_once(story: Story) -> None:
    attempt = start(story, "printf 'go on? (y)'; sleep 600")
    story.wait(lambda: attempt.stdout.read_bytes() == b"go on? (y)", "what is printed")


def test_what_is_held_back_is_written_when_the_worker_ends(story: Story) -> None:
    attempt = start(story, "printf 'unfinished sk-ant-api03-'")
    story.wait(attempt.exit.exists, "the exit record")
    assert attempt.stdout.read_bytes() == b"unfinished sk-ant-api03-"


def test_half_a_value_is_no_less_secret_where_the_worker_was_killed_at_it(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORY_TOKEN", TOKEN)
    attempt = start(story, f"printf %s 'it is {TOKEN[:16]}'; kill -KILL $$", secrets=["STORY_TOKEN", "NOT_THERE"])
    story.wait(attempt.exit.exists, "the exit record")
    assert attempt.stdout.read_bytes() == b"it is [masked]"


def test_whoever_keeps_the_pipe_open_keeps_nobody_waiting(story: Story) -> None:
    attempt = start(story, "touch on; until [ -e go ]; do sleep 0.05; done; echo the last")
    story.wait((story.folder / "on").exists, "the worker")
    with open(f"/proc/{story.processes('0001').child}/fd/1", "wb", buffering=0):
        (story.folder / "go").touch()
        story.wait(attempt.exit.exists, "the exit record")
        assert attempt.stdout.read_bytes() == b"the last\n"
    record = decode(Exit, attempt.exit.read_text(), "exit.toml")
    assert (record.reason, record.status) == ("exited", 0)


def test_all_that_was_printed_before_the_end_is_there(story: Story) -> None:
    attempt = start(story, "seq 1 200000; seq 1 20000 >&2; kill -KILL $$")
    story.wait(attempt.exit.exists, "the exit record")
    assert attempt.stdout.read_bytes().split() == [str(number).encode() for number in range(1, 200_001)]
    assert attempt.stderr.read_bytes().count(b"\n") == 20_000


def test_a_key_in_what_is_run_is_refused(story: Story) -> None:
    story.agent("true", args=["--key", KEY])
    said = story.opsroom("up", "--once")
    assert said.status == 2
    assert "opsroom.toml: line " in said.err
    assert "looks like a key" in said.err
    assert KEY not in said.err
