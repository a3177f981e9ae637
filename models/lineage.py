"""What went into a model, added up from its receipts: by organisation, and as the price to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.version import ModelVersion
from privacy import accountant
from privacy.computation import PARTS, Finder
from privacy.errors import Tampered
from privacy.programme import NODES_A_PERSON, OBSERVERS, Observer, programme
from privacy.release import Receipt


def releases_by_node(model: ModelVersion) -> dict[str, list[Receipt]]:
    """Return the receipts of each organisation, by its key's fingerprint, in the order of the study's invitations."""
    found: dict[str, list[Receipt]] = {i.fingerprint: [] for i in model.study.invited}
    for receipt in model.receipts:
        found[receipt.node].append(receipt)
    return {node: receipts for node, receipts in found.items() if receipts}


def epsilons(model: ModelVersion, finder: Finder) -> Mapping[Observer, Mapping[int, float]]:
    """Return the epsilon proven for what was released, by who looks, to a person known to one, two or three nodes.

    To the person who paid most, at the node that charged most; each node's own look at its cohort is in it, though it
    sends no receipt of that.
    """
    plan, delta = programme(model.study, finder), model.study.privacy.delta

    def proven(observer: Observer, m: int) -> float:
        shares = plan.shares(observer)
        paid = (
            (r.node, r.people, accountant.cost_at(m, total=_price(r, shares), alone=r.cost_coordinator))
            for r in model.receipts
        )
        return accountant.epsilon(m * plan.places[0].mechanism.cost + _most(paid), delta)

    return {observer: {m: proven(observer, m) for m in NODES_A_PERSON} for observer in OBSERVERS}


def check_plan(model: ModelVersion, finder: Finder) -> tuple[int, int] | None:
    """Return how many sums went in and how many were planned, each receipt being for a sum of the plan.

    Its place, people, noise and cost must be those that the study's plan gives, and no planned sum may be missing
    altogether: ``receipt-unplanned``. None where other software planned it, so that nobody here can tell.
    """
    study = model.study
    installed = finder.names()
    versions = {step.use: finder.find(step.use).version for step in study.steps if step.use in installed}
    if study.software is not None and versions != dict(study.software.computations):
        return None
    places = {place.index: place for place in programme(study, finder).places[1:]}
    answered = {receipt.place for receipt in model.receipts}
    for receipt in model.receipts:
        place = places.get(receipt.place)
        paid = (receipt.people, dict(receipt.mechanism), receipt.cost_outside, receipt.cost_coordinator)
        if place is None or (place.people, (m := place.mechanism).document(), m.cost, m.cost_unmasked) != paid:
            raise Tampered("receipt-unplanned", f"node {receipt.node[:16]}, place {receipt.place}")
    missing = {(p.step, p.sum) for p in places.values()} - {(places[i].step, places[i].sum) for i in answered}
    if missing:
        raise Tampered("receipt-unplanned", "no release for " + ", ".join(sorted(": ".join(m) for m in missing)))
    spares = study.privacy.spares * len({(p.step, p.sum) for p in places.values()})
    return len(answered), len(places) - spares


def _price(receipt: Receipt, shares: int) -> int:
    """Return what a release costs behind so many shares of noise: what its receipt says, where it says it."""
    drawn = receipt.mechanism
    said = {1: receipt.cost_coordinator, drawn.get("honest", 1): receipt.cost_outside}
    if shares in said:
        return said[shares]
    return accountant.cost(drawn["clip_units"], drawn["sigma_squared"], shares=shares, width=drawn["width"])


def _most(charges: Iterable[tuple[str, str, int]]) -> int:
    paid: dict[tuple[str, str], int] = {}
    for node, people, cost in charges:
        for part in (p for k, parts in PARTS.items() if k == people for p in parts):
            paid[node, part] = paid.get((node, part), 0) + cost
    return max(paid.values(), default=0)


__all__ = ["check_plan", "epsilons", "releases_by_node"]
