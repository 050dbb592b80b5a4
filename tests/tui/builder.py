"""A fleet builder: writes state directories through `state`'s own functions, at a frozen time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from state import commands, event_log, files, messages
from state.agent_events import Event, Place, encode_line
from state.envelope import Campaign, Check, Metric, Run
from state.layout import StateDir
from state.machine import Hold, Holds, Machine, Worker
from state.messages import Message
from state.model import (
    LIVE,
    AgentReport,
    Attempt,
    Capture,
    Exit,
    Lease,
    Outcome,
    Record,
    Result,
    Spent,
    Status,
    Task,
    encode,
)
from state.times import stamp
from state.usage import Usage

NOW = datetime(2026, 11, 21, 10, 15, 2, tzinfo=UTC)


def ago(**span: float) -> datetime:
    """`ago(minutes=3)`: that long before `NOW`."""
    return NOW - timedelta(**span)


class FleetBuilder:
    """Writes what an orchestrator and its workers would have written. Names and times are the caller's."""

    def __init__(self, root: Path, project: str = "click") -> None:
        self.state = StateDir(root / project / ".opsroom")
        self.state.create()

    def write(self, path: Path, record: Record) -> None:
        files.replace(self.state.root, path, encode(record))

    def text(self, path: Path, text: str) -> None:
        files.replace(self.state.root, path, text.encode("utf-8", "surrogatepass"))

    def lease(self, beat: datetime = NOW, started: datetime | None = None, **fields: Any) -> None:
        self.write(
            self.state.lease,
            Lease(pid=4242, host="box", started=started or ago(hours=2, minutes=14), beat=beat, **fields),
        )

    def task(self, name: str, state: str = "queued", *, since: datetime = NOW, **fields: Any) -> None:
        """A task with its status; `fields` are those of both records, told apart by name."""
        known = set(Task.__struct_fields__) - {"extra"}
        identity = {key: value for key, value in fields.items() if key in known}
        identity.setdefault("title", name)
        identity.setdefault("created", ago(hours=2))
        self.write(self.state.task(name).task, Task(**identity))
        self.status(name, state, since=since, **{key: value for key, value in fields.items() if key not in known})

    def status(self, name: str, state: str, *, since: datetime = NOW, **fields: Any) -> None:
        fields.setdefault("by", "orchestrator")
        attempt = fields.get("attempt", 0)
        fields.setdefault("counted", max(0, attempt - 1) if state in LIVE else attempt)
        self.write(self.state.task(name).status, Status(state=state, since=since, **fields))

    def say(self, name: str, kind: str, body: str, at: datetime = NOW, **fields: Any) -> Message:
        """A message from the worker."""
        return messages.post(
            self.state.root, self.state.task(name).outbox, Message(kind=kind, at=at, body=body, **fields)
        )

    def tell(self, name: str, kind: str, body: str, at: datetime = NOW, **fields: Any) -> Message:
        """A message to the worker."""
        fields.setdefault("by", "human")
        return messages.post(
            self.state.root, self.state.task(name).inbox, Message(kind=kind, at=at, body=body, **fields)
        )

    def file_away(self, name: str, message: str, outcome: str = "accepted", why: str = "") -> None:
        """What the orchestrator does with a message that the worker has read, or that cannot reach it."""
        task = self.state.task(name)
        files.take(self.state.root, task.inbox / message, task.inbox_done / message)
        commands.conclude(
            self.state, task.inbox_done, message, Outcome(outcome=outcome, at=NOW, by="orchestrator", why=why)
        )

    def conclude(self, command: str, outcome: str = "accepted", why: str = "") -> None:
        """What the orchestrator does with a command."""
        commands.claim(self.state, command)
        commands.conclude(
            self.state, self.state.inbox_done, command, Outcome(outcome=outcome, at=NOW, by="orchestrator", why=why)
        )

    def machine(self, *workers: Worker, at: datetime = NOW, **figures: Any) -> None:
        """A sample of a machine with 14.2 GiB of 31 free, as the orchestrator writes it."""
        usual: dict[str, Any] = {"memory_total_mib": 31_744, "memory_free_mib": 14_541, "min_free_memory_mib": 512}
        usual |= {"disk_total_mib": 204_800, "disk_free_mib": 81_203, "min_free_disk_mib": 1024, "every": 5.0}
        self.write(
            self.state.machine,
            Machine(at=at, host="box", cores=8, load=2.5, workers=list(workers), **(usual | figures)),
        )

    def holds(self, *holds: Hold) -> None:
        """All that is held now."""
        self.write(self.state.holds, Holds(holds=list(holds)))

    def attempt(self, name: str, number: int = 1, started: datetime = NOW, **fields: Any) -> None:
        self.write(
            self.state.task(name).attempt(number).run,
            Attempt(supervisor=4300, supervisor_start=1, boot="b", host="box", started=started, child=4301, **fields),
        )

    def exit(self, name: str, number: int = 1, **fields: Any) -> None:
        usual: dict[str, Any] = {"reason": "exited", "started": ago(minutes=5), "ended": ago(minutes=2), "status": 0}
        self.write(self.state.task(name).attempt(number).exit, Exit(**(usual | fields)))

    def log(self, name: str, *lines: str, number: int = 1, stream: str = "stdout") -> None:
        folder = self.state.task(name).attempt(number)
        for line in lines:
            files.append(self.state.root, getattr(folder, stream), line.encode() + b"\n")

    def agent(self, name: str, number: int = 1, *events: Event, **fields: Any) -> None:
        """What the stream of an attempt has told, as `agent.toml` and as lines of `events.jsonl`."""
        folder = self.state.task(name).attempt(number)
        usual: dict[str, Any] = {"kind": "codex", "at": NOW, "events": len(events)}
        self.write(folder.report, AgentReport(**(usual | fields)))
        for seq, event in enumerate(events, 1):
            files.append(self.state.root, folder.events, encode_line(event, Place(seq, 100 * seq)))

    def result(self, name: str, outcome: str, **fields: Any) -> None:
        self.write(self.state.task(name).result, Result(outcome=outcome, at=NOW, **fields))

    def capture(self, name: str, at: datetime, png: bytes, **fields: Any) -> str:
        folder = self.state.task(name).captures
        files.replace(self.state.root, folder / f"{stamp(at)}.png", png)
        self.write(folder / f"{stamp(at)}.toml", Capture(at=at, **fields))
        return f"{stamp(at)}.png"

    def campaign(
        self,
        name: str,
        items: list[str],
        history: Sequence[str] = (),
        status: str = "running",
        *,
        envelope: Campaign | None = None,
        sections: str = "",
        **headers: Any,
    ) -> None:
        """`sections` stand between the headers and the queue."""
        folder = self.state.campaign(name)
        usual = Campaign(
            agent="codex",
            base="main",
            at_once=2,
            metric=Metric(name="files without strict types", command=["./count.sh"], goal=0.0),
            checks=[Check(name="tests", command=["make", "test"])],
        )
        self.write(folder.envelope, envelope or usual)
        fields = {
            "STATUS": status,
            "STOP_REASON": "",
            "NEXT_INDEX": len(history) + 1,
            "INVOCATIONS_STARTED": len(history),
            "NO_PROGRESS_COUNT": 0,
        } | headers
        head = "".join(f"{key}: {value}\n" for key, value in fields.items())
        queue = "".join(f"{index}. {item}\n" for index, item in enumerate(items, 1))
        self.text(
            folder.queue,
            f"# {name}\n\n{head}\n{sections}## Queue\n{queue}\n## History\n" + "".join(f"{one}\n" for one in history),
        )

    def run(self, name: str, number: int, started: datetime, **fields: Any) -> None:
        self.write(self.state.campaign(name).run(number), Run(started=started, **fields))

    def event(self, kind: str, at: datetime = NOW, **fields: Any) -> None:
        event_log.append(self.state.root, self.state.events, at, kind, **fields)


CLICK = ("globals", "utils", "types", "parser", "formatting", "termui", "exceptions", "decorators", "testing", "core")
QUESTION = (
    "`ParamType.convert` is overridden with three different signatures in types.py.\n"
    "Strict promotion needs either one Protocol for all of them, which touches core.py,\n"
    "or `Any` in two places here, which the policy forbids without a word from you."
)


def typing_imports(root: Path) -> FleetBuilder:
    """A campaign in the middle of its work, on click's own files, with everything that can need a person."""
    fleet = FleetBuilder(root)
    fleet.lease()
    items = [f"src/click/{name}.py" for name in CLICK]
    history = [
        f"2026-11-21T09:{20 + 9 * index}:11+00:00 | index={index + 1} | file={items[index]} | result=success"
        f" | commit={commit} | learned={learned}"
        for index, (commit, learned) in enumerate(
            [("3f0ac41", "typing.cast is imported lazily here"), ("9d11b2e", "use collections.abc, not typing")]
        )
    ]
    fleet.campaign("typing-imports", items, history, METRIC_START=27, METRIC_CURRENT=19, NOTES="Static checks only.")
    fleet.run("typing-imports", 1, ago(hours=2, minutes=10), items=5, metric_before="27")

    def item(index: int, state: str, since: datetime, **fields: Any) -> str:
        name = f"typing-imports-{index:03}"
        agent = fields.pop("agent", "codex")
        title = items[index - 1]
        common = {"campaign": "typing-imports", "item": title, "index": index, "base": "main", "agent": agent}
        fleet.task(name, state, since=since, title=title, **common, **fields)
        fleet.text(fleet.state.task(name).spec, f"# {title}\n\nMake the imports of `{title}` explicit and strict.\n")
        return name

    item(1, "merged", ago(minutes=52), attempt=1, commit="3f0ac41", usage=Usage(tokens=18_220, dollars=0.11))
    item(2, "merged", ago(minutes=31), attempt=2, commit="9d11b2e", usage=Usage(tokens=40_911, dollars=0.27))
    asks = item(
        3,
        "waiting",
        ago(minutes=3),
        attempt=1,
        branch="opsroom/typing-imports-003",
        waiting_on="an answer",
        usage=Usage(tokens=41_210, dollars=0.31),
    )
    fleet.attempt(asks, started=ago(minutes=9))
    fleet.exit(asks, started=ago(minutes=9), ended=ago(minutes=3), max_rss_kib=212_000)
    fleet.say(asks, "note", "types.py: 14 of 17 converters are strict now.", ago(minutes=5), attempt=1)
    fleet.say(
        asks,
        "question",
        QUESTION,
        ago(minutes=3),
        options=["defer", "allow here"],
        default="leave it",
        deadline=NOW + timedelta(minutes=27),
        attempt=1,
    )
    fleet.text(
        fleet.state.task(asks).checkpoint,
        "## Where I am\n14 of 17 converters are strict. `Tuple`, `Choice` and `File` are left.\n\n"
        "## Next\nWait for the answer, then finish `Choice`.\n",
    )
    working = item(
        4,
        "running",
        ago(minutes=2, seconds=12),
        attempt=1,
        branch="opsroom/typing-imports-004",
    )
    fleet.write(fleet.state.task(working).spent, Spent(attempt=1, at=ago(seconds=20), tokens=12_804, dollars=0.09))
    fleet.attempt(working, started=ago(minutes=2, seconds=12), sandbox="bubblewrap")
    fleet.log(
        working,
        "reading src/click/parser.py",
        "replaced 3 imports of typing.List",
        "running make typecheck",
        'src/click/parser.py:211: error: Missing type parameters for generic type "Deque"',
        "fixing line 211",
    )
    second = item(5, "running", ago(seconds=41), attempt=1, agent="claude", branch="opsroom/typing-imports-005")
    fleet.attempt(second, started=ago(seconds=41))
    fleet.log(second, "reading src/click/formatting.py")
    failed = item(6, "failed", ago(minutes=14), attempt=3, failures=3, why="check `tests` failed: 2 failed, 581 passed")
    fleet.attempt(failed, 3, started=ago(minutes=21))
    fleet.exit(failed, 3, started=ago(minutes=21), ended=ago(minutes=15), status=1)
    fleet.log(failed, "FAILED tests/test_termui.py::test_progressbar_strings", number=3, stream="stderr")
    item(7, "queued", ago(minutes=6))
    stopped = item(8, "stopped", ago(minutes=20), attempt=1, why="the worker stopped for a human")
    fleet.say(
        stopped,
        "stop",
        "decorators.py re-exports `typing.overload` as public API; removing it is a breaking change.\n"
        "The policy says nothing about public API.",
        ago(minutes=20),
        attempt=1,
    )
    fleet.task(
        "0042", "paused", since=ago(minutes=44), title="Port the docs to MyST", attempt=1, agent="codex", base="main"
    )
    fleet.task(
        "0041",
        "failed",
        since=ago(minutes=26),
        title="Pin sphinx for the docs",
        attempt=2,
        agent="codex",
        base="main",
        why="check `docs` failed: sphinx-build exited with 2",
    )
    fleet.machine(
        Worker(task=working, attempt=1, cpu_percent=187.4, memory_mib=1_290, processes=9),
        Worker(task=second, attempt=1, cpu_percent=3.0, memory_mib=412, processes=4),
    )
    for name in (asks, working, second, stopped):
        silence(fleet.state, name)
    return fleet


def silence(state: StateDir, name: str, at: datetime = NOW) -> None:
    """Sets the times of what a worker wrote: the disk's clock is not the test's."""
    import os

    folder = state.task(name)
    for path in (folder.checkpoint, *folder.outbox.glob("*"), *folder.attempts.glob("*/*.log")):
        if path.exists():
            os.utime(path, (at.timestamp(), at.timestamp()))
