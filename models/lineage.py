"""What went into a model, added up from its receipts: by organisation, and as the price to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.version import ModelVersion
from privacy import accountant
from privacy.computation import PARTS, Finder
from privacy.programme import NODES_A_PERSON, programme
from privacy.release import Receipt


def releases_by_node(model: ModelVersion) -> dict[str, list[Receipt]]:
    """Return the receipts of each organisation, by its key's fingerprint, in the order of the study's invitations."""
    found: dict[str, list[Receipt]] = {i.fingerprint: [] for i in model.study.invited}
    for receipt in model.receipts:
        found[receipt.node].append(receipt)
    return {node: receipts for node, receipts in found.items() if receipts}


def epsilons(model: ModelVersion, finder: Finder) -> Mapping[str, Mapping[int, float]]:
    """Return the epsilon proven for what was released, in both views, to a person known to one, two or three nodes.

    To the person who paid most, at the node that charged most; each node's own look at its cohort is in it, though it
    sends no receipt of that. Another node's costs add up, since each adds its own full noise.
    """
    own, delta = programme(model.study, finder).places[0].mechanism.cost, model.study.privacy.delta
    outside = own + _most((r.node, r.people, r.cost_outside) for r in model.receipts)
    coordinator = own + _most((r.node, r.people, r.cost_coordinator) for r in model.receipts)
    views = {"outside": outside, "coordinator": coordinator}
    return {view: {m: accountant.epsilon(m * units, delta) for m in NODES_A_PERSON} for view, units in views.items()}


def _most(charges: Iterable[tuple[str, str, int]]) -> int:
    paid: dict[tuple[str, str], int] = {}
    for node, people, cost in charges:
        for part in (p for k, parts in PARTS.items() if k == people for p in parts):
            paid[node, part] = paid.get((node, part), 0) + cost
    return max(paid.values(), default=0)


__all__ = ["epsilons", "releases_by_node"]
