"""How good a linkage is: against NHS numbers that are known for some, by the model's own word, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.keystore import Keystore
from node.linkage.bands import LINKED, machine_may
from node.persons import recognise
from privacy.canonical import JSON, Document
from privacy.identifiers import Verdict

if TYPE_CHECKING:
    from node.linkage.zone import Pairing

THRESHOLDS = (0.5, 0.9, 0.95, 0.99, 0.999)


def figures(pairing: Pairing, table: pa.Table, *, keystore: Keystore, allow_test_numbers: bool) -> Document:
    """Return exact figures, for this node's people only: counts by band, precision and recall, shares by group.

    Without known NHS numbers precision and recall are the model's own estimate: it takes columns to be independent, and
    cannot see a pair that is in no block.
    """
    bands = dict.fromkeys(("match", "clerical", "review", "refused"), 0)
    for local_band in _band_of_each(table).values():
        bands[local_band] += 1
    ids = np.unique(pairing.local)
    found: Document = {"ids": len(ids), "people": len(np.unique(pairing.people)), "ids_by_band": bands}
    found["ids_unlinked"] = len(ids) - sum(bands.values())
    found["estimated"] = _estimated(pairing, table)
    if pairing.target.known:
        truth = _truth(pairing, keystore, allow_test_numbers=allow_test_numbers)
        found["known"] = {"ids": len(truth), "at": _against(truth, pairing, table)}
    linked = {local for local, band in _band_of_each(table).items() if band in LINKED}
    found["share_linked_by"] = {
        name: _share_by(pairing.target_records.shown[heading], pairing.local, linked)
        for name, heading in pairing.target.groups
    }
    return found


def precision_recall(linked: Sequence[tuple[str, str]], truth: dict[str, str]) -> dict[str, JSON]:
    """Return precision and recall of links (id, person) over the ids whose person is known."""
    judged = [(local, person) for local, person in linked if local in truth]
    right = sum(truth[local] == person for local, person in judged)
    return {
        "precision": right / len(judged) if judged else None,
        "recall": right / len(truth) if truth else None,
    }


def _band_of_each(table: pa.Table) -> dict[str, str]:
    """Return each id's band: the strongest of its pairs."""
    strength = {"match": 3, "clerical": 3, "review": 2, "refused": 1}
    band: dict[str, str] = {}
    for local, its in zip(table["local"].to_pylist(), table["band"].to_pylist(), strict=True):
        if strength[its] > strength.get(band.get(local, ""), 0):
            band[local] = its
    return band


def _estimated(pairing: Pairing, table: pa.Table) -> dict[str, JSON]:
    """Return what the probabilities say: their mean over links, and the links' share of all that is probably true."""
    best = _best(pairing, np.ones(len(pairing.pairs), dtype=bool))
    links = {pair for band in LINKED for pair in _pairs(table, band)}
    surely = sum(p for pair, p in best.items() if pair in links)
    most: dict[str, float] = {}
    for (local, _), p in best.items():
        most[local] = max(p, most.get(local, 0.0))
    probably = sum(most.values())
    return {
        "precision": surely / len(links) if links else None,
        "recall": surely / probably if probably else None,
    }


def _against(truth: dict[str, str], pairing: Pairing, table: pa.Table) -> dict[str, JSON]:
    """Return precision and recall at several thresholds, of what a machine may link, and of the links as they are."""
    best = _best(pairing, machine_may(pairing.pairs))
    at: dict[str, JSON] = {}
    for threshold in THRESHOLDS:
        at[f"{threshold:g}"] = precision_recall([pair for pair, p in best.items() if p >= threshold], truth)
    at["links"] = precision_recall([pair for band in LINKED for pair in _pairs(table, band)], truth)
    at["links_and_review"] = precision_recall([p for band in (*LINKED, "review") for p in _pairs(table, band)], truth)
    return at


def _truth(pairing: Pairing, keystore: Keystore, *, allow_test_numbers: bool) -> dict[str, str]:
    """Return the person of each id whose NHS number is known, valid and in the reference."""
    texts = pc.fill_null(pairing.target_records.shown[pairing.target.known], "").to_pylist()
    persons = recognise(texts, keystore, allow_test_numbers=allow_test_numbers)
    known = (persons.verdicts == Verdict.OK) & np.isin(persons.pseudonyms, pairing.people)
    return dict(zip(pairing.local[known].tolist(), persons.pseudonyms[known].tolist(), strict=True))


def _best(pairing: Pairing, among: NDArray[np.bool_]) -> dict[tuple[str, str], float]:
    pairs = pairing.pairs.filter(pa.array(among))
    local = pairing.local[pairs["target"].to_numpy()].tolist()
    people = pairing.people[pairs["reference"].to_numpy()].tolist()
    best: dict[tuple[str, str], float] = {}
    for pair, p in zip(zip(local, people, strict=True), pairs["probability"].to_pylist(), strict=True):
        best[pair] = max(p, best.get(pair, 0.0))
    return best


def _pairs(table: pa.Table, band: str) -> list[tuple[str, str]]:
    found = table.filter(pc.equal(table["band"], band))
    return list(zip(found["local"].to_pylist(), found["person"].to_pylist(), strict=True))


def _share_by(texts: pa.ChunkedArray, local: NDArray[np.str_], linked: set[str]) -> dict[str, JSON]:
    """Return for each group how many ids it has and which share of them is linked; an id counts in its first row."""
    group = dict(zip(reversed(local.tolist()), reversed(texts.to_pylist()), strict=True))
    ids: dict[str, list[bool]] = {}
    for each, name in group.items():
        ids.setdefault(name or "missing", []).append(each in linked)
    return {name: {"ids": len(among), "linked": sum(among) / len(among)} for name, among in sorted(ids.items())}


__all__ = ["THRESHOLDS", "figures", "precision_recall"]
