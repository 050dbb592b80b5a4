"""A worker that fills its outbox with 50,000 files: nothing is lost, and nobody waits for it."""

import sys

from tests.e2e.terminals import PyteTerminal
from tests.stories import Story

COUNT = 50_000
WRITER = """\
import os
for number in range({count}):
    name = f"20261121T{{number // 3600:02d}}{{number // 60 % 60:02d}}{{number % 60:02d}}.000000Z-0000-note.md"
    at = "2026-11-21T10:00:00Z"
    with open(f".{{name}}", "w") as file:
        file.write(f'+++\\nkind = "note"\\nat = {{at}}\\nattempt = 1\\n+++\\nnote {{number}}')
    os.rename(f".{{name}}", name)
"""


def test_fifty_thousand_messages_keep_nobody_waiting_and_none_is_lost(story: Story) -> None:
    story.patience = 600.0  # so many files take as long as the machine has other things to do
    writer = story.folder / "writer.py"
    writer.write_text(WRITER.format(count=COUNT))
    wait = "while [ ! -e $OPSROOM_TASK_DIR/go ]; do sleep 0.05; done"
    story.agent(
        f"(cd $OPSROOM_TASK_DIR/outbox && {sys.executable} {writer}); touch $OPSROOM_TASK_DIR/written; {wait};"
        " echo there | opsroom checkpoint - > heard; opsroom ask 'And now?' > answer"
    )
    story.agent("touch $OPSROOM_TASK", name="other")
    task = story.spawn()
    folder = story.state.task(task)
    running = story.up()
    story.wait((folder.root / "written").exists, "all of the files")

    other = story.spawn(agent="other")
    story.wait(lambda: story.events("move", task=other, to="merged"), "the other task to land")
    room = PyteTerminal(
        [sys.executable, "-m", "opsroom", "tui"],
        columns=100,
        rows=30,
        cwd=story.repository,
        environment=story.environment(),
    )
    room.see("running")
    room.press("q")
    assert room.ends() == 0
    room.close()
    assert story.opsroom("tell", task, "hello").status == 0
    (folder.root / "go").touch()
    story.wait(lambda: story.events("move", task=task, to="waiting"), "the question")
    assert story.opsroom("answer", task, "stop").status == 0
    story.wait(lambda: story.events("move", task=task, to="merged"), "the task to land")
    assert (story.file("heard"), story.file("answer")) == ("message from human: hello", "stop")
    view = story.task(task)
    notes = [message for message in view.outbox if message.kind == "note"]
    assert len(notes) == COUNT
    assert {message.body for message in notes} == {f"note {number}" for number in range(COUNT)}
    assert (view.faults, view.questions, view.attempts) == ((), (), (1,))
    running.terminate()
    assert story.finish(running).status == 0
