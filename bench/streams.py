"""How fast the streams of the agents are read, and in how much memory: MB/s of one core, by its own time.

    python bench/streams.py [MB] [CLI ...]

Takes the recorded run of each CLI in which it edits and commits, repeats what lies between its beginning and its end
until it has MB (200) megabytes, and reads that in pieces of 1 MiB, as the orchestrator does; then once more with every
event written as a line of `events.jsonl`. The shorter the lines the more it takes, for what a line costs is the most.
Each CLI is read in a process of its own, so that its memory is its own.
"""

import multiprocessing
import resource
import sys
import time
from pathlib import Path

from orchestrator.agents import KINDS, adapter
from orchestrator.agents.reading import Reading
from state.agent_events import encode_line

STREAMS = Path(__file__).parents[1] / "tests" / "streams"
PIECE = 1024 * 1024
AT = "2026-11-21T12:00:00.000000Z"


def peak() -> float:
    """MB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measure(cli: str, megabytes: int) -> None:
    first, *middle, last = (STREAMS / cli / "success.jsonl").read_bytes().splitlines(keepends=True)
    if cli == "copilot":  # it begins with what it has loaded, once
        first, middle = b"".join([first, *middle[:3]]), middle[3:]
    body = b"".join(middle)
    repeated = body * (PIECE // len(body) + 1)
    rounds = megabytes * 1_000_000 // len(repeated)

    def run(*, written: bool) -> tuple[float, int]:
        reading, events = Reading(adapter(cli).parser()), 0
        began = time.process_time()
        for piece in [first, *[repeated] * rounds, last]:
            for at in range(0, len(piece), PIECE):
                found = reading.feed(piece[at : at + PIECE])
                events += len(found)
                if written:
                    b"".join([encode_line(event, place, AT) for event, place in found])
        reading.end()
        assert reading.told.finished is not None
        assert not reading.told.unknown
        return reading.read / 1e6 / (time.process_time() - began), events

    before = peak()
    alone, events = run(written=False)
    held = peak() - before
    with_lines, _ = run(written=True)
    lines = body.count(b"\n")
    print(
        f"{cli:9} {len(body) / lines:6.0f} bytes a line  {events:9,} events  {alone:5.0f} MB/s read"
        f"  {with_lines:5.0f} MB/s with events.jsonl  {held:5.1f} MB more memory"
    )


def main(megabytes: int, clis: list[str]) -> None:
    for cli in clis:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(cli, megabytes))
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 200, sys.argv[2:] or list(KINDS))
