"""From probable pairs to links: which a machine may make, which people decide, each id at most one person."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from node.linkage.matching import LEVELS
from privacy.linkage import Agreement, Extract

LINKED = ("match", "clerical")
NEARLY = 2  # the least level of given names: one is misspelt; on level 1 many a twin stands, such as MEI and AMELIA
SAME_SHARED_ID = len(LEVELS["shared_id"])  # the level of equal ids


def banded(
    pairs: pa.Table,
    *,
    local: NDArray[np.str_],
    person: NDArray[np.str_],
    agreement: Agreement,
    target: Extract,
    refused: Collection[tuple[str, str]] = (),
) -> pa.Table:
    """Return ``local``, ``person``, ``band``: at most one ``match`` an id, and all that people should look at.

    ``local`` names each target row, ``person`` each reference row; the best pair of rows speaks for an id and a person.
    A machine links where the pair is at ``match_at``, may be linked by a machine (``machine_may``), no other person
    is as good a candidate for the id and, unless ``several_ids``, no other id is a better one for the person. Whatever
    else is at ``review_from`` or above is for people. Pairs that people ``refused`` are candidates no more.
    """
    best = _best(pairs, local, person, agreement.match_at)
    if refused:
        both = zip(best["local"].to_pylist(), best["person"].to_pylist(), strict=True)
        best = best.filter(pa.array([pair not in refused for pair in both]))
    sure = best["sure"].to_numpy(zero_copy_only=False)
    ids, people = _numbered(best["local"]), _numbered(best["person"])
    match = sure & (np.bincount(ids[sure], minlength=ids.max(initial=0) + 1)[ids] == 1)
    if not target.several_ids:
        match &= _first_of(people, best["probability"].to_numpy(), match)
    settled = np.zeros(ids.max(initial=0) + 1, dtype=bool)
    settled[ids[match]] = True
    kept = match | (~settled[ids] & (best["probability"].to_numpy() >= agreement.review_from))
    band = pa.array(np.where(match, "match", "review").tolist(), pa.string())
    return pa.table({"local": best["local"], "person": best["person"], "band": band}).filter(pa.array(kept))


def machine_may(pairs: pa.Table) -> NDArray[np.bool_]:
    """Say which pairs a machine may link: given name and date of birth agree, at least nearly, and sex does not differ.

    Whoever shares surname, address and date of birth may be a twin; whoever shares both names and address, a parent.
    Probabilities take columns to be independent, which in one household they are not, so this is a rule and no weight.
    An id that both sides keep, and that is equal, says more than a name.
    """
    level = {name: pairs[name].to_numpy() for name in LEVELS}
    alike = (level["given_name"] >= NEARLY) & (level["date_of_birth"] > 0) & (level["sex"] != 0)
    return np.asarray(alike | (level["shared_id"] == SAME_SHARED_ID))


def _best(pairs: pa.Table, local: NDArray[np.str_], person: NDArray[np.str_], match_at: float) -> pa.Table:
    """Return one row an id and person: the best probability, and whether any of their pairs is a machine's to link."""
    probability = pairs["probability"].to_numpy()
    rows = pa.table(
        {
            "local": pa.array(local[pairs["target"].to_numpy()].tolist(), pa.string()),
            "person": pa.array(person[pairs["reference"].to_numpy()].tolist(), pa.string()),
            "probability": probability,
            "sure": (probability >= match_at) & machine_may(pairs),
        }
    )
    best = rows.group_by(["local", "person"], use_threads=False).aggregate([("probability", "max"), ("sure", "any")])
    named = best.rename_columns({"probability_max": "probability", "sure_any": "sure"})
    return named.sort_by([("local", "ascending"), ("person", "ascending")])


def _numbered(texts: pa.ChunkedArray) -> NDArray[np.int64]:
    encoded = texts.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(), dtype=np.int64)


def _first_of(
    group: NDArray[np.int64], probability: NDArray[np.float64], among: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Say which rows are, alone, the most probable of their group; two that are equal are both not."""
    top = np.zeros(group.max(initial=0) + 1)
    np.maximum.at(top, group[among], probability[among])
    first = among & (probability == top[group])
    return np.asarray(first & (np.bincount(group[first], minlength=len(top))[group] == 1))


__all__ = ["LINKED", "NEARLY", "SAME_SHARED_ID", "banded", "machine_may"]
