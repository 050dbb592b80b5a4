"""Files of a state directory as the parties of the protocol write them, short and with a size of their own.

A scan tells files apart by inode, time and size. A test writes faster than the clock of a file system ticks, so
each file gets another size here.
"""

from itertools import count
from pathlib import Path

from state import files

_number = count(1)
NOW = "2026-11-21T10:15:02Z"


def padding() -> str:
    """A comment of TOML that is longer than the one before."""
    return "#" * next(_number) + "\n"


def status(state: str = "running", **keys: object) -> bytes:
    """A status.toml that says `state`."""
    more = "".join(f"{key} = {value!r}\n" for key, value in keys.items())
    return f'state = "{state}"\nsince = {NOW}\nby = "loop"\n{more}{padding()}'.encode()


def task(title: str = "a task", **keys: object) -> bytes:
    """A task.toml with that title."""
    more = "".join(f"{key} = {value!r}\n" for key, value in keys.items())
    return f'title = "{title}"\ncreated = {NOW}\n{more}{padding()}'.encode()


def message(kind: str, body: str = "", **keys: str) -> bytes:
    """A message of that kind."""
    more = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    return f'+++\nkind = "{kind}"\nat = {NOW}\n{more}{padding()}+++\n{body}'.encode()


def run() -> bytes:
    """An attempt's run.toml."""
    numbers = f"supervisor = {next(_number)}\nsupervisor_start = 1\nchild = 3\n"
    return f'{numbers}boot = "b"\nhost = "h"\nstarted = {NOW}\n{padding()}'.encode()


def exit(status: int = 0) -> bytes:
    """An attempt's exit.toml."""
    return f'reason = "exited"\nstarted = {NOW}\nended = {NOW}\nstatus = {status}\n{padding()}'.encode()


def result(outcome: str = "success") -> bytes:
    """A worker's result.toml."""
    return f'outcome = "{outcome}"\nat = {NOW}\n{padding()}'.encode()


def lease(pid: int = 7) -> bytes:
    """An orchestrator's lease.toml."""
    return f'pid = {pid}\nhost = "h"\nstarted = {NOW}\nbeat = {NOW}\n{padding()}'.encode()


def machine(memory_free_mib: int = 900, every: float = 5.0) -> bytes:
    """An orchestrator's machine.toml, with one worker, of task t1."""
    left = f"memory_total_mib = 8000\nmemory_free_mib = {memory_free_mib}\ndisk_total_mib = 9000\ndisk_free_mib = 90"
    worker = '[[workers]]\ntask = "t1"\nattempt = 1\ncpu_percent = 50.0\nmemory_mib = 20\nprocesses = 2'
    head = f'at = {NOW}\nevery = {every}\nhost = "h"\ncores = 2\nload = 0.5'
    return f"{head}\n{left}\n{worker}\n{padding()}".encode()


def holds(*whys: str) -> bytes:
    """An orchestrator's holds.toml, with one hold for each of `whys`."""
    held = "".join(f'[[holds]]\nkind = "provider"\nagent = "x"\nwhy = "{why}"\nsince = {NOW}\n' for why in whys)
    return f"{held}{padding()}".encode()


def campaign() -> bytes:
    """A campaign.toml."""
    return f'agent = "x"\n{padding()}'.encode()


def queue() -> bytes:
    """A campaign.md with two items, one of them done."""
    text = f"# T\n\nSTATUS: running\nNEXT_INDEX: 2\n\n## Queue\n1. a\n2. b\n\n## Notes\n{padding()}"
    return f"{text}\n## History\n{NOW} | index=1 | result=success\n".encode()


def campaign_run() -> bytes:
    """A campaign's runs/<n>.toml."""
    return f"started = {NOW}\n{padding()}".encode()


def ticket(task: str = "0001") -> bytes:
    """Who waits for a lock."""
    return f'since = {NOW}\ntask = "{task}"\n{padding()}'.encode()


def holder(task: str = "0001") -> bytes:
    """A lock's holder.toml."""
    return f'since = {NOW}\ntask = "{task}"\ntoken = "t"\n{padding()}'.encode()


def history(held: float = 1.5) -> bytes:
    """A lock's history.jsonl of one line."""
    return f'{{"at": "{NOW}", "kind": "held", "held": {held}, "what": "{padding()[:-1]}"}}\n'.encode()


def put(root: Path, path: str, data: bytes) -> None:
    """Writes `data` as everyone should: whole, under its name below `root`."""
    files.replace(root, root / path, data)
