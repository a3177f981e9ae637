"""A serving coordinator's figures for a monitor: of the program, its runs and its nodes; never of people."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from coordinator.hub import Hub
from coordinator.runs import RunState
from privacy.durable import Database
from privacy.health import Finding
from privacy.metrics import Metric, Tally, about_program, counter, gauge, process_metrics

RUNS = "SELECT state, count(*) AS runs FROM run GROUP BY state"


def coordinator_metrics(hub: Hub, database: Database, answers: Tally, findings: Sequence[Finding]) -> list[Metric]:
    """Return all of a coordinator's figures; no study, node or person is named in one."""
    runs = dict.fromkeys(get_args(RunState), 0.0) | {row["state"]: row["runs"] for row in database.rows(RUNS)}
    nodes = {"enrolled": float(len(hub.register.nodes())), "online": float(len(hub.presence.online()))}
    models = database.one("SELECT count(*) AS models FROM model")
    samples = [("hedgerow_runs", "Runs of studies, by state.", "state", runs)]
    samples += [("hedgerow_nodes", "Nodes that are enrolled, and of these online.", "state", nodes)]
    return [
        *about_program("hedgerow-coordinator", findings),
        *(_gauges(*sample) for sample in samples),
        gauge("hedgerow_models", "Models kept.", models["models"] if models else 0),
        counter("hedgerow_requests", "Requests to the API (not people), by HTTP status.", "status", answers.counts()),
        *process_metrics(Path("/proc/self/status").read_text(encoding="ascii"), sum(os.times()[:2])),
    ]


def _gauges(name: str, about: str, label: str, values: Mapping[str, float]) -> Metric:
    return Metric(name, about, "gauge", tuple(({label: key}, values[key]) for key in sorted(values)))


__all__ = ["RUNS", "coordinator_metrics"]
