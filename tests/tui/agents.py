"""Three agents whose streams are read: codex at work, claude that nobody has signed in, gemini that is done."""

from datetime import timedelta
from pathlib import Path

from state.agent_events import Event, Failed, Finished, Message, SessionStarted, ToolCall, ToolResult, Unknown, Used
from state.machine import Hold
from state.usage import Usage
from tests.tui.builder import NOW, FleetBuilder, ago, silence

SESSION = "01a1fc01-d7cd-7492-ade1-c66a2b8dd189"
SAYS = "Invalid API key · Please run /login"
NOT_LET_IN = f"the provider did not let it in: {SAYS}"
HAS_USED = Usage(
    tokens=41_210, input_tokens=38_000, cached_tokens=12_000, output_tokens=3_210, reasoning_tokens=1_000, dollars=0.31
)
OUTPUT = "src/click/parser.py:211: error: Missing type parameters\n" + "\n".join(f"line {n}" for n in range(2, 31))
EVENTS: tuple[Event, ...] = (
    SessionStarted(session=SESSION, model="gpt-5.2-codex", version="0.169.0"),
    Failed(text="Model metadata for `gpt-5.2-codex` not found. Defaulting to fallback metadata."),
    Message(text="The imports in parser.py come first.", thinking=True),
    Message(text="I will make the imports of parser.py explicit.\nThen I run the checks."),
    ToolCall(id="item_2", tool="shell", input='/bin/bash -lc "sed -i s/typing.List/list/ src/click/parser.py"'),
    ToolResult(id="item_2", ok=True, status=0),
    ToolCall(id="item_3", tool="shell", input="/bin/bash -lc 'make typecheck'"),
    ToolResult(id="item_3", ok=False, status=2, output=OUTPUT),
    ToolCall(id="item_4", tool="edit", input='{"path": "src/click/parser.py", "change": "add type parameters"}'),
    ToolResult(id="item_4", ok=True),
    Failed(text="Reconnecting... 1/5 (stream disconnected)", failure="connection", wait=4.0),
    Unknown(type="item.thought", raw='{"type":"item.thought","item":{"id":"item_5"}}'),
    Used(usage=HAS_USED),
    Message(text="Line 211 is fixed; the checks run again."),
)


def real_agents(root: Path) -> FleetBuilder:
    """The fleet of the three."""
    fleet = FleetBuilder(root)
    fleet.lease()
    fleet.task("0001", "running", since=ago(minutes=4), attempt=1, title="Strict parser", agent="codex", base="main")
    fleet.attempt("0001", started=ago(minutes=4), sandbox="bubblewrap")
    fleet.agent(
        "0001",
        1,
        *EVENTS,
        at=ago(seconds=3),
        session=SESSION,
        model="gpt-5.2-codex",
        version="0.169.0",
        usage=HAS_USED,
        retries=1,
        unknown=1,
        said="Line 211 is fixed; the checks run again.",
    )
    fleet.log("0001", '{"type":"thread.started","thread_id":"01a1fc01"}', '{"type":"turn.started"}')
    fleet.log("0001", "2026-11-21T10:12:00Z  WARN codex_core: a retry", stream="stderr")

    fleet.task(
        "0002",
        "queued",
        since=ago(minutes=2),
        attempt=2,
        title="Strict utils",
        agent="claude",
        base="main",
        usage=Usage(attempts=2, seconds=31.0, tokens=2_400, dollars=0.02, unpriced=1_200),
        why=NOT_LET_IN,
        failure="provider",
    )
    fleet.attempt("0002", 2, started=ago(minutes=3))
    fleet.exit("0002", 2, started=ago(minutes=3), ended=ago(minutes=2), status=1)
    fleet.agent(
        "0002",
        2,
        SessionStarted(session="7b436034-8299-4f96-a1d7-7a6a4193cf42", version="2.1.329"),
        Failed(text=SAYS, fatal=True, failure="authentication"),
        Finished(ok=False, text=SAYS),
        kind="claude",
        at=ago(minutes=2),
        session="7b436034-8299-4f96-a1d7-7a6a4193cf42",
        resumed="7b436034-8299-4f96-a1d7-7a6a4193cf42",
        version="2.1.329",
        verdict="failed",
        failure="authentication",
        why=SAYS,
        until=NOW + timedelta(minutes=30),
    )
    fleet.holds(Hold(kind="provider", agent="claude", why=NOT_LET_IN, since=ago(minutes=2), failures=2))

    used = Usage(tokens=9_000, input_tokens=8_000, output_tokens=1_000, unpriced=9_000)
    fleet.task(
        "0003",
        "merged",
        since=ago(minutes=50),
        attempt=1,
        title="Strict types",
        agent="gemini",
        base="main",
        usage=used.plus(Usage(attempts=1, seconds=300.0)),
    )
    fleet.attempt("0003", started=ago(minutes=56))
    fleet.exit("0003", started=ago(minutes=56), ended=ago(minutes=51))
    fleet.agent(
        "0003",
        1,
        SessionStarted(session="9", model="gemini-3-pro"),
        Message(text="Done."),
        Used(usage=used),
        Finished(ok=True),
        kind="gemini",
        at=ago(minutes=51),
        session="9",
        model="gemini-3-pro",
        usage=used,
        verdict="success",
    )
    silence(fleet.state, "0001")
    return fleet
