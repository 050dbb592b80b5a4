"""What a state directory says, as JSON for a program: `opsroom status --json`, `opsroom show --json`."""

from datetime import datetime
from typing import Any

from state import lease
from state.machine import Machine, Worker, stale
from state.model import AgentReport, Ticket
from state.spending import of_task, of_tasks
from state.times import rfc3339
from state.usage import Usage
from state.views import Fleet, TaskView

__all__ = ["fleet_as_json", "task_as_json", "usage_as_json"]


def fleet_as_json(fleet: Fleet, today: Usage, now: datetime) -> dict[str, Any]:
    """All that the state directory says, as `opsroom status --json` prints it."""
    return {
        "at": rfc3339(now),
        "orchestrator": {
            "alive": lease.alive(fleet.lease, now),
            "pid": fleet.lease.pid if fleet.lease else None,
            "beat": rfc3339(fleet.lease.beat) if fleet.lease else None,
            "sandbox": (fleet.lease.sandbox if fleet.lease else "") or None,
            "sandbox_why": (fleet.lease.sandbox_why if fleet.lease else "") or None,
        },
        "machine": _machine_as_json(fleet.machine, now) if fleet.machine else None,
        "holds": [
            {
                "kind": hold.kind,
                "agent": hold.agent or None,
                "why": hold.why,
                "since": rfc3339(hold.since),
                "until": rfc3339(hold.until) if hold.until else None,
                "failures": hold.failures,
            }
            for hold in fleet.holds
        ],
        "campaigns": {
            view.name: {
                "status": view.file.status if view.file else None,
                "stop_reason": view.file.headers.get("STOP_REASON", "") if view.file else None,
                "done": view.done,
                "items": len(view.file.queue) if view.file else None,
                "metric_start": view.file.metric("METRIC_START") if view.file else None,
                "metric_current": view.file.metric("METRIC_CURRENT") if view.file else None,
                "faults": [str(fault) for fault in view.faults],
            }
            for view in fleet.campaigns.values()
        },
        "usage": usage_as_json(of_tasks(fleet.tasks.values(), now)),
        "today": {key: value for key, value in usage_as_json(today).items() if key != "seconds"},
        "tasks": {view.id: task_as_json(view, fleet, now) for view in fleet.tasks.values()},
        "locks": {
            name: {
                "holder": _ticket(view.holder) if view.holder else None,
                "waiting": [_ticket(ticket) for ticket in view.waiting],
                "lasted": list(view.lasted),
            }
            for name, view in sorted(fleet.locks.items())
        },
        "faults": [str(fault) for fault in fleet.faults],
    }


def task_as_json(view: TaskView, fleet: Fleet, now: datetime) -> dict[str, Any]:
    """All that is known of one task, as `opsroom show --json` prints it."""
    return {
        "title": view.title,
        "state": view.state or None,
        "since": rfc3339(view.status.since) if view.status else None,
        "by": view.status.by if view.status else None,
        "why": view.status.why if view.status else None,
        "attempt": view.status.attempt if view.status else None,
        "sandbox": (view.run.sandbox if view.run else "") or None,
        "takes": _worker_as_json(fleet.takes(view)),
        "commit": view.status.commit if view.status else None,
        "agent": view.task.agent if view.task else None,
        "report": _report_as_json(view.report) if view.report else None,
        "usage": usage_as_json(of_task(view, now)),
        "campaign": view.campaign or None,
        "questions": [{"name": q.name, "text": q.body, "options": q.options} for q in view.questions],
        "needs_human": view.needs_human,
        "faults": [str(fault) for fault in view.faults],
    }


def usage_as_json(usage: Usage) -> dict[str, Any]:
    """What was used. `dollars` is null where no price is known, and less than the cost while `unpriced` is not 0."""
    names = ("attempts", "seconds", "tokens", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    dollars = None if usage.unpriced and not usage.dollars else usage.dollars
    return {name: getattr(usage, name) for name in names} | {"dollars": dollars, "unpriced": usage.unpriced}


def _report_as_json(report: AgentReport) -> dict[str, Any]:
    said = ("kind", "version", "model", "session", "resumed", "said", "verdict", "failure", "why")
    return {
        "at": rfc3339(report.at),
        **{name: getattr(report, name) or None for name in said},
        "until": rfc3339(report.until) if report.until else None,
        **{name: getattr(report, name) for name in ("events", "unknown", "retries")},
        "usage": usage_as_json(report.usage),
    }


def _machine_as_json(machine: Machine, now: datetime) -> dict[str, Any]:
    fields = ("host", "cores", "load", "memory_total_mib", "memory_free_mib", "disk_total_mib", "disk_free_mib")
    return {
        "at": rfc3339(machine.at),
        "stale": stale(machine, now),
        **{name: getattr(machine, name) for name in fields},
    }


def _worker_as_json(worker: Worker | None) -> dict[str, Any] | None:
    if worker is None:
        return None
    return {name: getattr(worker, name) for name in ("cpu_percent", "memory_mib", "processes")}


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return {
        "task": ticket.task or None,
        "attempt": ticket.attempt or None,
        "what": ticket.what or None,
        "since": rfc3339(ticket.since),
        "pid": ticket.pid or None,
        "host": ticket.host or None,
    }
