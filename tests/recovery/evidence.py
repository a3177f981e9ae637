"""What must hold of a study after whatever happened: paid once, answered once, logged, and the result of its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from coordinator.home import MODELS
from coordinator.registry import ENDING
from models.version import ModelVersion
from privacy.computation import PARTS
from privacy.envelope import Envelope
from privacy.errors import HedgerowError
from privacy.private_sum import total
from privacy.programme import Programme
from privacy.signing import PublicKey
from tests.recovery.federation import HUB, Federation

Spent = Mapping[tuple[str, str, str], int]  # node, part, view → units


@dataclass(frozen=True)
class Evidence:
    """The charges too many and too few, over all nodes, and every other thing that does not hold."""

    double_charges: int
    lost_charges: int
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Say whether all is as it must be."""
        return not (self.double_charges or self.lost_charges or self.faults)


def spent(federation: Federation) -> Spent:
    """Return what every account of every node has spent."""
    query = "SELECT part, view, spent FROM account"
    return {(n, part, view): s for n in federation.nodes for part, view, s in federation.rows(n, query)}


def gather(federation: Federation, plan: Programme, asked: tuple[int, ...], before: Spent) -> Evidence:
    """Return the evidence on a finished study, of which the places ``asked`` are all that should have been paid."""
    paid = _paid(federation, plan, asked, before)
    faults = [*_books(federation, plan, asked), *_answers(federation, plan), *_wire(federation, plan.study.hash)]
    faults += [*_logs(federation), *_result(federation, plan, asked)]
    return Evidence(sum(d for d in paid if d > 0), -sum(d for d in paid if d < 0), tuple(faults))


def _paid(federation: Federation, plan: Programme, asked: tuple[int, ...], before: Spent) -> Iterator[int]:
    """Yield, for each node, by how many charges its accounts moved too far or not far enough."""
    for name in federation.nodes:
        wrong = []
        for (node, part, view), now in spent(federation).items():
            paid_for = [p.mechanism for i in asked if part in PARTS[(p := plan.places[i]).people]]
            costs = [drawn.cost if view == "outside" else drawn.cost_unmasked for drawn in paid_for]
            if node == name and (off := now - before[node, part, view] - sum(costs)):
                wrong.append(round(off / min(costs)) or (1 if off > 0 else -1))
        yield max(wrong, key=abs, default=0)


def _books(federation: Federation, plan: Programme, asked: tuple[int, ...]) -> Iterator[str]:
    """Each planned place is in the ledger once, with its answer."""
    query = """SELECT place, released.charge IS NOT NULL FROM charge LEFT JOIN released ON released.charge = charge.id
               WHERE study = ? ORDER BY place"""
    for name in federation.nodes:
        if (found := federation.rows(name, query, plan.study.hash)) != [(place, 1) for place in asked]:
            yield f"{name}: (place, answered) in its ledger are {found}"


def _answers(federation: Federation, plan: Programme) -> Iterator[str]:
    """What the hub kept of a node is what that node stored."""
    kept = federation.rows(HUB, "SELECT node, place, content FROM answer WHERE study = ?", plan.study.hash)
    if len(kept) != len(federation.nodes) * (len(plan.places) - 1):
        yield f"the hub kept {len(kept)} answers"
    for node, place, content in kept:
        name = next(n for n, fingerprint in federation.fingerprints.items() if fingerprint == node)
        stored = _released(federation, name, plan.study.hash).get(place)
        if Envelope.decode(content).payload != stored:
            yield f"{name}: the hub's answer to place {place} is not the one stored there"


def _released(federation: Federation, name: str, study: str) -> dict[int, bytes]:
    query = "SELECT place, content FROM released JOIN charge ON charge.id = released.charge WHERE study = ?"
    return dict(federation.rows(name, query, study))


def _wire(federation: Federation, study: str) -> Iterator[str]:
    """No place had two different answers, and nobody was asked again for what the hub had kept."""
    sent: dict[tuple[str, int], set[str]] = defaultdict(set)
    kept: dict[tuple[str, int], float] = {}
    for at, _, what, *details in federation.noted():
        if what == "sent" and details[0] == study:
            sent[details[2], details[1]].add(details[3])
        if what == "kept" and details[0] == study:
            kept.setdefault((details[2], details[1]), at)
        if what == "asked" and details[0] == study and kept.get((details[2], details[1]), at) < at:
            yield f"{details[2][:8]} was asked place {details[1]} again after its answer was kept"
    for (node, place), answers in sent.items():
        if len(answers) > 1:
            yield f"{node[:8]} gave {len(answers)} different answers to place {place}"


def _logs(federation: Federation) -> Iterator[str]:
    """Every node's log, ledger, policy, studies and store verify."""
    for name in federation.nodes:
        with federation.opened(name) as node:
            try:
                node.verify()
            except HedgerowError as error:
                yield f"{name}: {error.code} {error.detail}"


def _result(federation: Federation, plan: Programme, asked: tuple[int, ...]) -> Iterator[str]:
    """The model holds, to the last bit, the totals of what the nodes stored: as if nothing had happened."""
    stored = [_released(federation, name, plan.study.hash) for name in federation.nodes]
    ((version,),) = federation.rows(HUB, "SELECT version FROM model WHERE study = ?", plan.study.hash) or [("",)]
    file = federation.place(HUB) / MODELS / (version.removeprefix("sha256:") + ENDING)
    if not file.is_file():
        yield "the hub has no model"
        return
    model = ModelVersion.open(file.read_bytes(), PublicKey.of(federation.hub().identity))
    for row, place in enumerate(asked[1:]):
        if all(place in node for node in stored):
            shares = [np.frombuffer(node[place], "<u8").astype(np.uint64) for node in stored]
            if not np.array_equal(
                total(shares, plan.places[place].mechanism).values, model.results["heads"].arrays["totals"][row]
            ):
                yield f"the model's total of place {place} is not that of the stored answers"


__all__ = ["Evidence", "Spent", "gather", "spent"]
