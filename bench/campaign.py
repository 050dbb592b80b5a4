"""What a campaign costs beyond its workers, beside a plain shell loop that does the same.

    python bench/campaign.py [ITEMS] [SECONDS] [AT_ONCE …]

Both go through ITEMS (60) files of one repository with the same worker, which sleeps SECONDS (0) and changes its file,
the same check, and a commit an item with the same message and trailers, on a branch of its own. The loop is what a
person would write: it reads the next item from a Markdown file by `sed`, runs the worker under `timeout` in one
worktree, looks by git that only the item has changed, runs the check, commits or resets, and writes a line of history.
Opsroom runs without a sandbox, as the loop does, once for each AT_ONCE (1 2 4); what it does besides (an attempt's own
worktree, supervisor, files, adoption, budgets, locks) is in its figure.

Prints seconds an item for each, of which beyond the worker's own, the ratio of those, and commits an hour.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.stories import Story, telling

WORKER = "sleep {seconds}; sed -i s/one/two/ $OPSROOM_ITEM"
CHECK = ["sh", "-c", "! grep -q bad src/*"]
LOOP = """\
set -eu
queue=$1 worker=$2 worktree=$3
cd "$worktree"
while :; do
    index=$(sed -n 's/^NEXT_INDEX: //p' "$queue")
    item=$(sed -n "s/^$index\\. //p" "$queue")
    [ -n "$item" ] || break
    result=failure_reverted commit=
    if OPSROOM_ITEM=$item timeout 600 "$worker" > /dev/null 2>&1 &&
        [ "$(git status --porcelain --untracked-files=all)" = " M $item" ] &&
        sh -c '! grep -q bad src/*'
    then
        git add --all
        git commit --quiet --no-verify --message "bench: $item

Opsroom-Task: bench-$index
Opsroom-Campaign: bench
Opsroom-Item: $item"
        result=success commit=$(git rev-parse --short=12 HEAD)
    else
        git reset --quiet --hard && git clean --quiet -d --force
    fi
    echo "$(date --iso-8601=seconds) | index=$index | file=$item | result=$result | commit=$commit" >> "$queue"
    sed -i "s/^NEXT_INDEX: .*/NEXT_INDEX: $((index + 1))/" "$queue"
done
"""


def lay(story: Story, items: list[str]) -> None:
    """Commits the files that the items name."""
    (story.repository / "src").mkdir()
    for item in items:
        (story.repository / item).write_text("one\n" + "line\n" * 100)
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "files")


def by_loop(folder: Path, items: list[str], seconds: float) -> float:
    """Seconds that the shell loop takes for all items."""
    with telling(folder) as story:
        lay(story, items)
        worktree = folder / "worktree"
        story.git("worktree", "add", "--quiet", "-b", "campaign/bench", str(worktree))
        queue = folder / "campaign.md"
        lines = "".join(f"{number}. {item}\n" for number, item in enumerate(items, 1))
        queue.write_text(f"# bench\n\nNEXT_INDEX: 1\n\n## Queue\n{lines}\n## History\n")
        for name, text in (("loop", LOOP), ("worker", WORKER.format(seconds=seconds))):
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        begin = time.perf_counter()
        subprocess.run([folder / "loop", queue, folder / "worker", worktree], check=True)
        taken = time.perf_counter() - begin
        assert len(story.subjects("campaign/bench")) == len(items) + 2
        return taken


def by_opsroom(folder: Path, items: list[str], seconds: float, at_once: int) -> float:
    """Seconds that a campaign takes for all items, from the start of the orchestrator to its end."""
    with telling(folder) as story:
        lay(story, items)
        story.configure(max_workers=at_once, min_free_disk_mib=0, min_free_memory_mib=0)
        story.agent(WORKER.format(seconds=seconds))
        check = f'[[checks]]\nname = "no bad"\ncommand = {str(CHECK).replace(chr(39), chr(34))}\n'
        policy = '[policy]\nallow = ["{item}"]\n'
        story.campaign("bench", items, envelope=f"at_once = {at_once}\n{check}{policy}")
        story.send("campaign-start", campaign="bench")
        begin = time.perf_counter()
        story.up_once()
        taken = time.perf_counter() - begin
        assert len(story.subjects("campaign/bench")) == len(items) + 2
        return taken


def main(count: int, seconds: float, several: list[int]) -> None:
    items = [f"src/file{number:04d}.txt" for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        loop = by_loop(Path(folder, "loop"), items, seconds) / count
        print(f"{count} items, a worker of {seconds:g} s, {os.cpu_count()} cores")
        print(f"{'':22}seconds an item   beyond the worker   ratio   commits an hour")
        print(f"{'shell loop':22}{loop:15.3f}{loop - seconds:20.3f}{1:8.2f}{3600 / loop:18,.0f}")
        for at_once in several:
            taken = by_opsroom(Path(folder, f"opsroom-{at_once}"), items, seconds, at_once) / count
            beyond = taken - seconds / at_once
            ratio = taken / loop
            print(f"{f'opsroom, at once {at_once}':22}{taken:15.3f}{beyond:20.3f}{ratio:8.2f}{3600 / taken:18,.0f}")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 60,
        float(sys.argv[2]) if len(sys.argv) > 2 else 0.0,
        [int(word) for word in sys.argv[3:]] or [1, 2, 4],
    )
