import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from opsroom.demo.codemod import references
from opsroom.demo.failures import DemoError
from opsroom.demo.job import Job
from opsroom.demo.package import measure
from opsroom.demo.verbs import Verbs
from opsroom.demo.worker import Worker
from state import messages
from state.layout import StateDir, TaskDir

Git = Callable[..., str]
TOP = Path(__file__).parents[3]
ASKING = "src/click/shell_completion.py"
KEPT = '_ValueT_co = t.TypeVar("_ValueT_co", covariant=True)'
RENAMED = '_ValueT_co = _TypeVar("_ValueT_co", covariant=True)'


class Recording(Protocol):
    argv: list[str]
    calls: list[dict[str, list[str]]]

    def will_say(self, verb: str, words: str, status: int = 0) -> None: ...
    def arguments(self, verb: str) -> list[list[str]]: ...
    def texts(self, verb: str) -> list[str]: ...


class Run:
    """One run of a worker in this process, with a recorded `opsroom` and no waiting."""

    def __init__(self, root: Path, item: str, recorder: Recording, prompt: str = "", attempt: int = 1) -> None:
        self.said: list[str] = []
        self.pauses: list[float] = []
        job = Job(root, item, prompt, attempt=attempt, answer_seconds=30, task_dir=root)
        self.status = Worker(job, Verbs(root, recorder.argv), self.said.append, self.pauses.append).run()


def test_it_migrates_its_file_and_no_other(repository: Path, recorder: Recording, git: Git) -> None:
    before = measure(repository)

    run = Run(repository, "src/click/globals.py", recorder)

    assert run.status == 0
    assert git("status", "--porcelain") == "M src/click/globals.py"
    assert f"metric: {before} to {before - 5}" in run.said
    assert recorder.arguments("result") == [
        [
            "success",
            "--summary",
            f"5 references rewritten, {before - 5} left in the package",
            "--learned",
            "TYPE_CHECKING guards the imports below, so the new import belongs above them",
        ]
    ]


def test_it_says_where_it_is_before_and_after_each_edit(repository: Path, recorder: Recording) -> None:
    run = Run(repository, "src/click/core.py", recorder)

    checkpoints = recorder.texts("checkpoint")
    assert len(checkpoints) == 5
    assert "**Where I am:** read it; 206 references to 9 names; no edit yet" in checkpoints[0]
    assert "edit 2 of 3 written; 201 of 206 references moved" in checkpoints[2]
    assert "- `import typing as t` is gone" in checkpoints[3]
    assert all("**Next:**" in text for text in checkpoints)
    assert 1.2 < sum(run.pauses) < 3


def test_it_leaves_a_picture_and_a_remark(repository: Path, recorder: Recording) -> None:
    before = measure(repository)
    Run(repository, "src/click/utils.py", recorder)

    picture, *rest = recorder.arguments("capture")[0]
    assert not Path(picture).exists()
    assert rest == ["--of", "metric", "--note", f"{before} to {measure(repository)} by src/click/utils.py"]
    assert next(call["pictures"] for call in recorder.calls if call["pictures"]) == ["PNG"]
    assert recorder.arguments("note") == [["4 references stand in quoted types: quoted or not, a type is code"]]


@pytest.mark.parametrize(
    ("answer", "line", "left"), [("import it as _TypeVar", RENAMED, 0), ("leave t.TypeVar as it is", KEPT, 2)]
)
def test_it_asks_and_does_as_the_answer_says(
    answer: str, line: str, left: int, repository: Path, recorder: Recording
) -> None:
    recorder.will_say("ask", answer)

    run = Run(repository, ASKING, recorder)

    text = (repository / ASKING).read_text()
    assert f"    {line}\n" in text
    assert references(text) == left
    assert f"answer: {answer}" in run.said
    assert recorder.arguments("ask")[0][1:] == [
        *["--option", "import it as _TypeVar", "--option", "leave t.TypeVar as it is"],
        *["--default", "leave t.TypeVar as it is", "--deadline", "30", "--wait", "35"],
    ]


def test_without_an_answer_it_leaves_everything_as_it_was(repository: Path, recorder: Recording, git: Git) -> None:
    recorder.will_say("ask", "no answer within 35 s", status=3)

    assert Run(repository, ASKING, recorder).status == 0

    assert git("status", "--porcelain") == ""
    assert "start again with the answer" in recorder.texts("checkpoint")[-1]
    assert recorder.arguments("result") == []


def test_started_again_it_goes_on_with_the_answer_of_its_prompt(repository: Path, recorder: Recording) -> None:
    recorder.will_say("ask", "", status=3)
    Run(repository, ASKING, recorder)
    asked = recorder.arguments("ask")[0][0]
    (repository / "worker").mkdir()
    (repository / "worker" / "checkpoint.md").write_text(recorder.texts("checkpoint")[-1])

    run = Run(repository, ASKING, recorder, f"do it\n\n## Answers\nQ: {asked}\nA: import it as TV\n", attempt=2)

    assert run.said[0] == "attempt 2: asked, no answer yet; no edit yet"
    assert len(recorder.arguments("ask")) == 1
    assert '    _ValueT_co = TV("_ValueT_co", covariant=True)\n' in (repository / ASKING).read_text()


def test_started_again_in_the_middle_it_does_the_rest(repository: Path, recorder: Recording, git: Git) -> None:
    item, path = "src/click/utils.py", repository / "src/click/utils.py"
    Run(repository, item, recorder)
    whole = path.read_text()
    git("checkout", "--quiet", item)
    pauses: list[float] = []

    def lose_power(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Worker(Job(repository, item, ""), Verbs(repository, recorder.argv), lambda line: None, lose_power).run()
    assert 0 < references(path.read_text()) < 37

    assert Run(repository, item, recorder, attempt=2).status == 0
    assert path.read_text() == whole


def test_what_only_windows_can_import_stops_it_for_a_human(repository: Path, recorder: Recording, git: Git) -> None:
    run = Run(repository, "src/click/_winconsole.py", recorder)

    assert run.status == 0
    (reason,) = recorder.arguments("stop")[0]
    assert re.match(r'only Windows can import this file \(line \d+: assert sys.platform == "win32"\), so', reason)
    assert git("status", "--porcelain") == ""
    assert recorder.arguments("result") == []


def test_a_file_that_it_does_not_understand_is_left_as_it_was(repository: Path, recorder: Recording) -> None:
    path = repository / "src/click/globals.py"
    path.write_text("import typing as t\nx: t.Any\nt = 1\n")

    assert Run(repository, "src/click/globals.py", recorder).status == 1
    assert path.read_text() == "import typing as t\nx: t.Any\nt = 1\n"
    assert recorder.arguments("result")[0][0] == "failure"


def test_a_message_that_comes_meanwhile_is_in_the_log(repository: Path, recorder: Recording) -> None:
    recorder.will_say("checkpoint", "message from human: well done")

    assert "message from human: well done" in Run(repository, "src/click/globals.py", recorder).said


def test_a_picture_that_is_not_taken_is_no_reason_to_give_up(repository: Path, recorder: Recording) -> None:
    recorder.will_say("capture", "disk full", status=2)

    run = Run(repository, "src/click/globals.py", recorder)

    assert run.status == 0
    assert "  opsroom capture left with exit status 2: disk full" in run.said


def test_a_checkpoint_that_is_not_taken_ends_it(repository: Path, recorder: Recording) -> None:
    recorder.will_say("checkpoint", "disk full", status=2)

    with pytest.raises(DemoError, match="opsroom checkpoint left with exit status 2: disk full"):
        Run(repository, "src/click/globals.py", recorder)


# As the orchestrator starts it: a process of its own, with the real `opsroom`


def start(repository: Path, item: str, **more: str) -> "tuple[subprocess.CompletedProcess[str], StateDir, TaskDir]":
    state = StateDir(repository / ".opsroom")
    state.create()
    task = state.task("one")
    for folder in (task.inbox, task.outbox, task.captures):
        folder.mkdir(parents=True)
    environment = os.environ | {
        "PYTHONPATH": str(TOP),
        "OPSROOM_STATE_DIR": str(state.root),
        "OPSROOM_TASK": "one",
        "OPSROOM_TASK_DIR": str(task.root),
        "OPSROOM_ATTEMPT": "1",
        "OPSROOM_ITEM": item,
        "OPSROOM_DEMO_SPEED": "100",
        **more,
    }
    argv = [sys.executable, "-m", "opsroom.demo.worker"]
    done = subprocess.run(
        argv, cwd=repository, env=environment, input="do it", capture_output=True, text=True, check=False
    )
    return done, state, task


def test_the_real_opsroom_takes_all_that_it_says(repository: Path) -> None:
    done, state, task = start(repository, "src/click/_termui_impl.py")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("read src/click/_termui_impl.py: ")
    assert "  opsroom " not in done.stdout
    assert task.checkpoint.read_text().startswith("# src/click/_termui_impl.py\n\n**Where I am:** done; metric ")
    assert 'outcome = "success"' in task.result.read_text()
    assert sorted(path.suffix for path in task.captures.iterdir()) == [".png", ".toml"]
    assert [message.kind for message in messages.pending(state.root, task.outbox)[0]] == ["note"]


def test_the_real_opsroom_takes_its_question(repository: Path, git: Git) -> None:
    done, state, task = start(repository, ASKING, OPSROOM_DEMO_ANSWER_SECONDS="0.01")

    assert done.returncode == 0
    (asked,) = messages.pending(state.root, task.outbox)[0]
    assert asked.options == ["import it as _TypeVar", "leave t.TypeVar as it is"]
    assert asked.default == asked.options[1]
    assert git("status", "--porcelain") == ""


def test_the_real_opsroom_takes_its_stop(repository: Path) -> None:
    done, state, task = start(repository, "src/click/_winconsole.py")

    assert done.returncode == 0
    (stop,) = messages.pending(state.root, task.outbox)[0]
    assert stop.kind == "stop"
    assert "no check here can tell whether a change to it works" in stop.body


def test_wrong_use_is_one_line_and_two(repository: Path) -> None:
    done, _, _ = start(repository, "src/click/nothing.py")

    assert done.returncode == 2
    assert done.stderr == "worker: OPSROOM_ITEM: src/click/nothing.py is no Python file of src/click\n"


def test_starting_it_loads_nothing_heavy() -> None:
    program = "import sys, opsroom.demo.worker; print(*{'PIL', 'click', 'textual', 'git'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
