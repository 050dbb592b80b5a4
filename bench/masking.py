"""How fast output without keys passes the masker, and what one line costs.

    python bench/masking.py [TURNS]

In pieces of 64 KiB, as a supervisor reads a pipe, the best of TURNS (5), in MB/s: source code, lines of JSON as an
agent prints them, the same short line again and again, and a line without end; with no values of variables to look for
besides the known formats, with three, and with ten. Beside it, in the same run, what one search for a word of four
letters takes.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from state.secrets import Masker

PIECE = 64 * 1024
SIZE = 8 * 1024 * 1024
VALUES = (0, 3, 10)


def texts() -> dict[str, bytes]:
    """What is masked, by what it is."""
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parents[1].glob("*/*.py")))
    item = {
        "type": "command_execution",
        "id": "item_41",
        "status": "in_progress",
        "exit_code": None,
        "cached_tokens": 9,
    }
    lines = b"".join(
        json.dumps(
            {"type": "item.completed", "item": item | {"aggregated_output": line.decode("utf-8", "replace")}}
        ).encode()
        + b"\n"
        for line in code.splitlines()[:20_000]
    )
    found = {"code": code, "JSON": lines, "yes": b"a line of a worker\n", "no end": b"x"}
    return {name: (text * (SIZE // len(text) + 1))[:SIZE] for name, text in found.items()}


def fastest(turns: int, text: bytes, act: Callable[[bytes], object]) -> float:
    """MB/s of `act` on the pieces of `text`."""
    pieces = [text[place : place + PIECE] for place in range(0, len(text), PIECE)]
    best = float("inf")
    for _ in range(turns):
        begin = time.perf_counter()
        for piece in pieces:
            act(piece)
        best = min(best, time.perf_counter() - begin)
    return len(text) / best / 1e6


def main(turns: int) -> None:
    print(f"MB/s, best of {turns}".ljust(24) + "".join(f"{count:>4} values" for count in VALUES) + "  one search")
    for name, text in texts().items():
        found = []
        for count in VALUES:
            masker = Masker(f"{number}-not-a-key-of-anybody-{number * 7919:032x}" for number in range(count))
            found.append(fastest(turns, text, masker.stream().feed))
        alone = fastest(turns, text, lambda piece: piece.find(b"AIza"))
        print(name.ljust(24) + "".join(f"{figure:11.0f}" for figure in found) + f"{alone:12.0f}")
    stream, line, count = Masker().stream(), b"a line of a worker, printed alone\n", 20_000
    begin = time.perf_counter()
    for _ in range(count):
        stream.feed(line)
    print(f"one line alone: {(time.perf_counter() - begin) / count * 1e6:.1f} microseconds")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
