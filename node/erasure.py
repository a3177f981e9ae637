"""What leaves the store for good: a data set, one person everywhere, or what was kept long enough; each with proof."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from node.assemble import Node
from node.consent import both_sign
from node.data_version import COLUMN_OF, DATA_ERASED, PERSON_ERASED, DataVersion
from node.linkage.erasing import of_nobody, without_people
from node.persons import recognise
from node.reasons import stated
from node.store import Store, Swap
from privacy.canonical import JSON, Document
from privacy.errors import Invalid, Refusal
from privacy.identifiers import Verdict
from privacy.optouts import OptOuts
from privacy.signing import sign

ERASURE, CERTIFICATE = "erasure", "erasure-certificate"  # the contexts of the signatures
EVENTS = (DATA_ERASED, PERSON_ERASED)
RETENTION = "retention"  # the reason that the log gives where the contract decided, and nobody signed


@dataclass(frozen=True)
class Held:
    """One version of a data set, and the moment at which its contract lets it go, if it does."""

    version: DataVersion
    until: datetime.datetime | None


def erase_person(node: Node, *, numbers: Sequence[str], keys: Mapping[str, Ed25519PrivateKey], reason: str) -> int:
    """Take all rows of these people out of every version, quarantine, linkage and opt-out list; return the leaf.

    The leaf says which files took the place of which, who signed and why, and nothing about whom. Where nothing is
    found it says so, which is a proof too. Spent budget stays spent: the ledger holds no person.
    """
    policy = node.policy
    persons = recognise(numbers, node.keystore, allow_test_numbers=policy.allow_test_numbers)
    if not numbers or (persons.verdicts != Verdict.OK).any():
        wrong = np.flatnonzero(persons.verdicts != Verdict.OK)
        raise Invalid("number-wrong", faults=[f"line {i + 1}: {Verdict(persons.verdicts[i]).code}" for i in wrong])
    facts = _agreed(node, keys, "people", reason)
    gone = np.unique(persons.pseudonyms)
    return node.store.change(PERSON_ERASED, facts, lambda: _everywhere(node, gone), now=node.now())


def erase_data(node: Node, *, name: str, keys: Mapping[str, Ed25519PrivateKey], reason: str) -> int:
    """Remove a data set, ``visits``, or one version of it, ``visits@2``; return the leaf that proves it.

    A linkage goes with the last data set whose ids it knows.
    """
    versions = _named(node.store, name)
    facts = _agreed(node, keys, name, reason)
    return node.store.change(DATA_ERASED, facts, lambda: _with_links(node, versions), now=node.now())


def expire(node: Node) -> list[str]:
    """Remove what is past the time, or beyond the number of versions, that its contract keeps; return their names."""
    now = node.now()
    due = [h.version for h in held(node.store, now) if h.until is not None and h.until <= now]
    if due:
        facts: dict[str, JSON] = {"what": [v.name for v in due], "reason": RETENTION, "signed_by": {}}
        node.store.change(DATA_ERASED, facts, lambda: _all_of(due), now=now)
    return [version.name for version in due]


def held(store: Store, now: datetime.datetime) -> list[Held]:
    """Return every version here and until when its newest contract keeps it: ``now`` for one version too many."""
    found = []
    for name in dict.fromkeys(version.data_set for version in store.all()):
        versions = store.versions(name)
        contract = versions[-1].contract
        for newer, version in enumerate(reversed(versions)):
            until = None
            if contract.keep_days is not None:
                loaded = datetime.datetime.fromisoformat(version.loaded_at)
                until = loaded + datetime.timedelta(days=contract.keep_days)
            if contract.keep_versions is not None and newer >= contract.keep_versions:
                until = now if until is None else min(until, now)
            found.append(Held(version, until))
    return sorted(found, key=lambda h: (h.version.data_set, h.version.version))


def certificate(node: Node, leaf: int) -> Document:
    """Return what the log says of one erasure, signed by this node; another leaf is ``leaf-unknown``."""
    for event in node.audit.events():
        if event["position"] == leaf and event["event"] in EVENTS:
            said: Document = {name: event[name] for name in ("event", "at", "facts")}
            said |= {"node": node.fingerprint, "leaf": leaf}
            return {**said, "signature": sign(node.key, CERTIFICATE, said)}
    raise Refusal("leaf-unknown", str(leaf))


def _agreed(node: Node, keys: Mapping[str, Ed25519PrivateKey], what: str, reason: str) -> dict[str, JSON]:
    statement: dict[str, JSON] = {"what": what, "reason": stated(reason)}
    signed = both_sign(node.policy, keys, ERASURE, {**statement, "node": node.fingerprint})
    return {**statement, "signed_by": signed}


def _named(store: Store, name: str) -> list[DataVersion]:
    versions = [version for version in store.all() if name in (version.data_set, version.name)]
    if not versions:
        raise Refusal("data-set-unknown", name)
    return versions


def _all_of(versions: Iterable[DataVersion]) -> Iterator[Swap]:
    for version in versions:
        for kind in COLUMN_OF:
            yield Swap(version, kind)


def _with_links(node: Node, versions: Sequence[DataVersion]) -> Iterator[Swap]:
    yield from _all_of(versions)
    if any(version.contract.linkage for version in versions):
        gone = {version.name for version in versions}
        left = {version.data_set for version in node.store.all() if version.name not in gone}
        yield from of_nobody(node.links, node.agreements, left)


def _everywhere(node: Node, gone: NDArray[np.str_]) -> Iterator[Swap]:
    yield from _without(node.store, gone)
    yield from without_people(node.links, gone.tolist())


def _without(store: Store, gone: NDArray[np.str_]) -> Iterator[Swap]:
    store.require_in_force(gone.tolist())  # else nothing would be found, and the leaf would prove it
    theirs = partial(pc.is_in, value_set=pa.array(gone.tolist(), pa.string()))
    for version in store.all():
        for kind in COLUMN_OF:
            if any(pc.any(theirs(part["person"])).as_py() for part in store.parts(version, kind, ["person"])):
                parts = store.parts(version, kind)
                yield Swap(version, kind, (_encoded_anew(p.filter(pc.invert(theirs(p["person"])))) for p in parts))
    try:
        listed = store.optouts()
    except Refusal:
        return  # no list was ever loaded
    kept = listed.allowed[~np.isin(listed.allowed, gone)]
    if len(kept) < len(listed.allowed):
        yield Swap(None, optouts=OptOuts.of(kept, listed.as_of))


def _encoded_anew(table: pa.Table) -> pa.Table:
    """Return the table with dictionaries of what is left: one of the table before would keep the texts that went."""
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            texts = table.column(i).cast(field.type.value_type).combine_chunks()
            table = table.set_column(i, field.name, texts.dictionary_encode())
    return table


__all__ = [
    "CERTIFICATE",
    "ERASURE",
    "EVENTS",
    "RETENTION",
    "Held",
    "certificate",
    "erase_data",
    "erase_person",
    "expire",
    "held",
]
