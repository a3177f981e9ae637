"""What went into a result, by the receipts that nodes signed: who released, and what a person paid for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from privacy import accountant
from privacy.computation import PARTS, Finder
from privacy.errors import Invalid, Tampered
from privacy.programme import NODES_A_PERSON, OBSERVERS, Observer, Programme, own_place, programme
from privacy.release import Receipt, SignedReceipt
from privacy.signing import PublicKey
from privacy.study import Study


def verify_lineage(study: Study, signed: Sequence[SignedReceipt], keys: Mapping[str, str]) -> None:
    """Return if a quorum of invited nodes released each sum to this study, and each one's signature holds.

    ``keys`` are the nodes' public keys by fingerprint. ``receipt-unsigned`` for a signature that does not hold,
    ``message-malformed`` for receipts that are too few, there twice, or of another study or node.
    """
    invited = {organisation.fingerprint for organisation in study.invited}
    receipts = [each.receipt for each in signed]
    nodes = Counter(receipt.place for receipt in receipts)
    if min(nodes.values(), default=0) < study.privacy.quorum:
        raise Invalid("message-malformed", "fewer releases than the study's quorum")
    if len({(r.node, r.place) for r in receipts}) != len(receipts):
        raise Invalid("message-malformed", "a node's release is there twice")
    for each in signed:
        receipt = each.receipt
        if receipt.study != study.hash or receipt.node not in invited:
            raise Invalid("message-malformed", "a receipt is of another study or node")
        key = PublicKey(keys.get(receipt.node, ""))
        if not key.sound:
            raise Tampered("receipt-unsigned", f"node {receipt.node[:16]}: no key")
        each.verify(key)


def releases_by_node(study: Study, receipts: Iterable[Receipt]) -> dict[str, list[Receipt]]:
    """Return the receipts of each organisation, by its key's fingerprint, in the order of the study's invitations."""
    found: dict[str, list[Receipt]] = {i.fingerprint: [] for i in study.invited}
    for receipt in receipts:
        found[receipt.node].append(receipt)
    return {node: theirs for node, theirs in found.items() if theirs}


def epsilons(study: Study, receipts: Sequence[Receipt]) -> Mapping[Observer, Mapping[int, float]]:
    """Return the epsilon proven for what was released, by who looks, to a person known to one, two or three nodes.

    To the person who paid most, at the node that charged most; each node's own look at its cohort is in it, though it
    sends no receipt of that. No software of a step is needed: a receipt says what its noise was.
    """
    own, delta = own_place(study), study.privacy.delta
    shares_of = Programme(study, (own,)).shares

    def proven(observer: Observer, m: int) -> float:
        shares = shares_of(observer)
        paid = (
            (r.node, r.people, accountant.cost_at(m, total=_price(r, shares), alone=r.cost_coordinator))
            for r in receipts
        )
        return accountant.epsilon(m * own.mechanism.cost + _most(paid), delta)

    return {observer: {m: proven(observer, m) for m in NODES_A_PERSON} for observer in OBSERVERS}


def check_plan(study: Study, receipts: Sequence[Receipt], finder: Finder) -> tuple[int, int] | None:
    """Return how many sums went in and how many were planned, each receipt being for a sum of the plan.

    Its place, people, noise and cost must be those that the study's plan gives, and no planned sum may be missing
    altogether: ``receipt-unplanned``. None where other software planned it, so that nobody here can tell.
    """
    uses = {step.use for step in study.steps}
    if not uses <= set(finder.names()):
        return None
    if study.software is not None and {u: finder.find(u).version for u in uses} != dict(study.software.computations):
        return None
    places = {place.index: place for place in programme(study, finder).places[1:]}
    answered = {receipt.place for receipt in receipts}
    for receipt in receipts:
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


__all__ = ["check_plan", "epsilons", "releases_by_node", "verify_lineage"]
