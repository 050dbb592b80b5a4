"""What the campaign screen says of policy, history, runs and proposals. Pure."""

from datetime import datetime
from itertools import islice

from state.campaign_file import CampaignFile
from state.envelope import Campaign, Metric, Proposal, Run
from state.times import age
from state.views import CampaignView
from tui.attention import HALTED
from tui.campaign_queue import outcome_cell, when
from tui.costs import usage_text
from tui.plot import number
from tui.summary import uptime
from tui.text import Cell, Line, block, line, pad

__all__ = [
    "LABEL",
    "field",
    "figures",
    "history",
    "policy",
    "promoted",
    "proposal_cells",
    "proposal_lines",
    "proposals",
    "runs",
    "tolerance",
]

LABEL = 12
"""Columns of a label."""
NEWEST = 1_000
"""Lines of history that are shown."""
RUNS = 100
"""Runs that are shown."""
SHOWN = frozenset({"STATUS", "STOP_REASON", "NOTES", "NEXT_INDEX", "NO_PROGRESS_COUNT", "CAUSE"}) | frozenset(
    f"{name}_{at}" for name in ("METRIC", "STRICT") for at in ("START", "CURRENT")
)
"""Headers that the screen shows elsewhere, or that say nothing to a person."""


def field(label: str, *cells: Cell) -> Line:
    """A line that begins with a label, in a column of its own."""
    return ((pad(label, LABEL), "muted"), *cells)


def tolerance(metric: Metric) -> str:
    """`, at most 2 % worse`; '' where nothing is said."""
    return "" if metric.tolerance is None else f", at most {100 * metric.tolerance:g} % worse"


def _titled(title: str, lines: list[Line]) -> list[Line]:
    return [((title, "head"),), *lines] if lines else []


# policy


def figures(view: CampaignView, file: CampaignFile | None) -> tuple[int, int, int, int, int]:
    """How much each pane has: progress, which has no figure, policy, history, runs, proposals."""
    history, lines = (len(file.history), len(file.policy) + len(file.untouchable)) if file else (0, 0)
    return 0, lines, history, len(view.runs), len(proposals(view))


def policy(view: CampaignView) -> list[Line]:
    """The envelope's limits, and the lines that workers are told and held to."""
    file, envelope = view.file, view.envelope
    lines: list[Line] = []
    if file:
        lines += _titled("Policy, told to each worker", [_bullet(one) for one in file.policy[:200]])
        lines += _gap(lines, _titled("Do not touch", [_bullet(one) for one in file.untouchable[:200]]))
        lines += _gap(
            lines, _titled("Notes", [((one, ""),) for one in block(file.headers.get("NOTES", "").strip()) if one])
        )
    if envelope:
        lines += _gap(lines, _titled("Envelope, in campaign.toml", _envelope(envelope)))
    if file:
        others = [(key, value) for key, value in islice(file.headers.items(), 60) if value and key not in SHOWN]
        shown: list[Line] = [
            ((line(key, 40).replace("_", " ").lower() + "  ", "muted"), (line(value), "")) for key, value in others
        ]
        lines += _gap(lines, _titled("Other headers", shown))
    return lines or [(("no policy yet: N adds a line, D protects a path", "muted"),)]


def _bullet(text: str) -> Line:
    return (("- ", "muted"), (line(text, 2_000), ""))


def _gap(above: list[Line], lines: list[Line]) -> list[Line]:
    return [(), *lines] if above and lines else lines


def _envelope(envelope: Campaign) -> list[Line]:
    rules = envelope.policy
    base = f" · from {line(envelope.base, 100)}" if envelope.base else ""
    lines = [
        field("agent", (f"{line(envelope.agent, 60)} · {envelope.at_once} at once{base}", "")),
        field("allow", (_listed(rules.allow) or "nothing", "")),
    ]
    lines += [
        field(label, (_listed(values), ""))
        for label, values in (("deny", rules.deny), ("forbid", rules.forbid))
        if values
    ]
    sizes = [f"{rules.max_files:,} files"] if rules.max_files else []
    sizes += [f"{rules.max_lines:,} lines"] if rules.max_lines else []
    if sizes:
        lines.append(field("at most", (" · ".join(sizes), "")))
    lines.append(field("repairs", (f"{envelope.repairs}" if envelope.repairs else "none: reverted at once", "")))
    lines += [field("check", (line(one.name, 60), ""), _command(one.command)) for one in envelope.checks[:20]]
    if envelope.metric:
        metric = line(envelope.metric.name, 80) + tolerance(envelope.metric)
        lines.append(field("metric", (metric, ""), _command(envelope.metric.command)))
    for guard in envelope.guards[:20]:
        lines.append(field("guard", (line(guard.name, 80) + (tolerance(guard) or ", never worse"), "")))
    lines.append(field("on time-out", ("the item is reverted" if envelope.on_timeout == "revert" else "it halts", "")))
    return lines


def _listed(values: list[str]) -> str:
    return "  ".join(line(one, 200) for one in values[:40])


def _command(argv: list[str]) -> Cell:
    return (f"   {line(' '.join(argv))}", "muted")


# history


def history(file: CampaignFile | None) -> list[Line]:
    """The lines of the history, newest first."""
    lines: list[Line] = []
    if file is None or not file.history:
        return [(("no item has an outcome yet", "muted"),)]
    for one in file.history[: -NEWEST - 1 : -1]:
        sign, word, tone = outcome_cell(one.result)
        index = "?" if one.index is None else str(one.index)
        at = when(one.at)
        stamp = at.astimezone().strftime("%m-%d %H:%M") if at else line(one.at, 11)
        fields = one.fields
        said = [line(fields["commit"], 12)] if fields.get("commit") else []
        said += [f"metric {line(fields['metric'], 20)}"] if fields.get("metric") else []
        if (seconds := number(fields.get("seconds", ""))) is not None:
            said.append(f"took {age(seconds)}")
        said += [f"by {line(fields['by'], 40)}"] if fields.get("by") else []
        lines.append(
            (
                (f"{pad(stamp, 11)} {pad(index, 4, right=True)} ", "muted"),
                (f"{sign} {pad(word, 9)} ", tone),
                (line(fields.get("file", ""), 200), ""),
                ("  " + " · ".join(said) if said else "", "muted"),
            )
        )
        for label in ("why", "learned"):
            if text := fields.get(label):
                lines.append(((" " * 17, ""), (f"{label} ", "muted"), (line(text, 2_000), "")))
    if (more := len(file.history) - NEWEST) > 0:
        lines.append(((f"… {more:,} older lines: e opens campaign.md", "muted"),))
    return lines


# runs


def runs(view: CampaignView, now: datetime) -> list[Line]:
    """Each run, newest first."""
    lines: list[Line] = []
    for number_of, run in view.runs[: -RUNS - 1 : -1]:
        if lines:
            lines.append(())
        lines += _run(number_of, run, now)
    if (more := len(view.runs) - RUNS) > 0:
        lines += [(), ((f"… {more:,} older runs", "muted"),)]
    return lines or [(("not started yet: p starts it", "muted"),)]


def _run(number_of: int, run: Run, now: datetime) -> list[Line]:
    took = uptime(((run.ended or now) - run.started).total_seconds())
    halted = line(run.halted.replace("_", " ") or "ended", 60)
    tone = "strong" if run.ended is None or run.halted in HALTED else ""  # what needs a person is the campaign, not it
    started = run.started.astimezone().strftime("%m-%d %H:%M")
    lines: list[Line] = [
        (
            (f"{number_of} ", "accent"),
            (f"{halted} after {took}" if run.ended else f"running for {took}", tone),
            (f" · started {started}, {age((now - run.started).total_seconds())} ago", "muted"),
        )
    ]
    lines += [(("  ", ""), (one, "")) for one in block(run.why.strip(), 2_000, 20) if one]
    results = [f"{count:,} {outcome_cell(result)[1]}" for result, count in islice(run.results.items(), 20)]
    items = f"{run.items:,} items" if run.items != 1 else "1 item"
    if run.items or run.ended:
        lines.append((("  ", ""), (items + (": " + ", ".join(results) if results else ""), "")))
    before, after = line(run.metric_before, 20), line(run.metric_after, 20)
    about = [f"metric {before or '?'} → {after or '?'}"] if before or after else []
    if spent := usage_text(run.spent):
        about.append(f"spent {spent}")
    if about:
        lines.append((("  ", ""), (" · ".join(about), "muted")))
    return lines


# proposals


def proposals(view: CampaignView) -> list[Proposal]:
    """What the orchestrator proposes since the newest run that has ended."""
    return next((run.proposals for _, run in reversed(view.runs) if run.ended), [])[:200]


def promoted(view: CampaignView, proposal: Proposal) -> bool:
    """Whether the file says it already."""
    file, text = view.file, " ".join(proposal.text.split())
    return file is not None and (text in file.policy or text in file.untouchable)


def proposal_cells(view: CampaignView, proposal: Proposal, columns: int) -> Line:
    """The row of a proposal, in exactly `columns`."""
    there = promoted(view, proposal)
    kind = pad(line(proposal.kind, 20), 6)
    text = " ".join(line(proposal.text, 1_000).split())
    return (
        (" ✓ " if there else " + ", "muted" if there else "accent"),
        (kind + " ", "muted"),
        (pad(text, max(0, columns - 10)), "muted" if there else ""),
    )


def proposal_lines(view: CampaignView, proposal: Proposal) -> list[Line]:
    """A proposal in full, and what promoting it does."""
    does = "protects this path: no worker may change it" if proposal.kind == "file" else "tells it to each worker"
    word = "it stands in campaign.md" if promoted(view, proposal) else f"+ {does}"
    source = f"from {line(proposal.source, 200)} · " if proposal.source else ""
    return [*(((one, ""),) for one in block(proposal.text.strip(), 4_000, 40)), ((source, "muted"), (word, "muted"))]
