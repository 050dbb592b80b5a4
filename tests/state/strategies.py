"""Hypothesis strategies for what files of the protocol hold."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from state import envelope, machine, model
from state.messages import Message
from state.usage import Usage

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
"""Anything that UTF-8 can carry, control characters and line ends of all kinds among it."""

zones = st.one_of(
    st.just(UTC), st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
times = st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=zones)
counts = st.integers(0, 2**63 - 1)

_leaves = st.one_of(
    text,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    times,
    st.dates(date(1970, 1, 1)),
    st.times().filter(lambda at: at.tzinfo is None),
)
values: st.SearchStrategy[Any] = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
extra = st.dictionaries(text.map(lambda name: f"x-{name}"), values, max_size=3)

checks = st.builds(envelope.Check, name=text, command=st.lists(text, max_size=3), extra=extra)
metrics = st.builds(
    envelope.Metric, name=text, command=st.lists(text, max_size=3), goal=st.none() | st.floats(-9e9, 9e9), extra=extra
)
workers = st.builds(
    machine.Worker, task=text, attempt=counts, cpu_percent=st.floats(0, 1e6), memory_mib=counts, extra=extra
)
holds = st.builds(
    machine.Hold, kind=text, why=text, since=times, agent=text, until=st.none() | times, failures=counts, extra=extra
)

usages = st.builds(
    Usage, attempts=counts, seconds=st.floats(0, 9e9), tokens=counts, dollars=st.floats(0, 9e9), extra=extra
)

records: dict[str, st.SearchStrategy[Any]] = {
    "task": st.builds(model.Task, title=text, created=times, parent=text, index=counts, cause=text, extra=extra),
    "status": st.builds(
        model.Status,
        state=text,
        since=times,
        by=text,
        attempt=counts,
        why=text,
        not_before=st.none() | times,
        usage=usages,
        extra=extra,
    ),
    "result": st.builds(model.Result, outcome=text, at=times, commits=st.lists(text, max_size=3), extra=extra),
    "exit": st.builds(
        model.Exit, reason=text, started=times, ended=times, status=st.none() | st.integers(-64, 255), extra=extra
    ),
    "lease": st.builds(model.Lease, pid=counts, host=text, started=times, beat=times, ended=st.none() | times),
    "ticket": st.builds(model.Ticket, since=times, task=text, attempt=counts, what=text, pid=counts, extra=extra),
    "holder": st.builds(model.Holder, since=times, task=text, token=text, waited=st.floats(0, 9e9), extra=extra),
    "command": st.builds(model.Command, verb=text, at=times, by=text, text=text, extra=extra),
    "campaign": st.builds(
        envelope.Campaign,
        agent=text,
        at_once=st.integers(1, 99),
        metric=st.none() | metrics,
        checks=st.lists(checks, max_size=2),
        extra=extra,
    ),
    "machine": st.builds(
        machine.Machine,
        at=times,
        every=st.floats(0, 1e6),
        host=text,
        cores=counts,
        load=st.floats(0, 1e6),
        memory_total_mib=counts,
        memory_free_mib=counts,
        disk_total_mib=counts,
        disk_free_mib=counts,
        min_free_disk_mib=counts,
        workers=st.lists(workers, max_size=2),
        extra=extra,
    ),
    "holds": st.builds(machine.Holds, holds=st.lists(holds, max_size=2), extra=extra),
}

bodies = st.lists(
    st.sampled_from(["+++", "+++\n", "+++\r\n", "\r\n", "\n", "\r", "\u2028", "\x1b[31m", "\x07", "words", "kind = 1"])
    | text.map(lambda body: body.replace("\0", "")),
    max_size=8,
).map("".join)

messages = st.builds(
    Message,
    kind=st.sampled_from(["question", "note", "stop", "handoff", "ack", "answer", "message"]),
    at=times,
    body=bodies,
    by=text,
    attempt=counts,
    options=st.lists(text, max_size=4),
    blocking=st.booleans(),
    deadline=st.none() | times,
    default=text,
    reply_to=text,
    of=text,
    extra=extra,
)
