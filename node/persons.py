"""Where an NHS number becomes a person: the one place at the node that turns numbers into pseudonyms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.keystore import Keystore
from privacy.identifiers import check_nhs_numbers
from privacy.pseudonyms import Domain, Pseudonyms, held_back

PSEUDONYM_KEY, SPLIT_KEY = "pseudonym@1", "split@1"
RECORDS = Domain("records", "nhs_number", epoch=1)  # one for all data sets of a node, so that its tables join


@dataclass(frozen=True, eq=False)
class Persons:
    """For each text: a ``Verdict``, a pseudonym (empty unless the verdict is OK), held back or not."""

    verdicts: NDArray[np.uint8]
    pseudonyms: NDArray[np.str_]
    held_back: NDArray[np.bool_]


def recognise(texts: Sequence[str], keystore: Keystore, *, allow_test_numbers: bool) -> Persons:
    """Return the persons behind these texts; give distinct ones: two HMACs cost a microsecond each."""
    checked = check_nhs_numbers(texts, allow_test_numbers=allow_test_numbers)
    numbers = checked.numbers[checked.ok]
    names = Pseudonyms.under(keystore.secret(PSEUDONYM_KEY), RECORDS).of(numbers)
    pseudonyms = np.zeros(len(texts), dtype=names.dtype)
    pseudonyms[checked.ok] = names
    held = np.zeros(len(texts), dtype=bool)
    held[checked.ok] = held_back(keystore.secret(SPLIT_KEY), numbers)
    return Persons(checked.verdicts, pseudonyms, held)


__all__ = ["PSEUDONYM_KEY", "RECORDS", "SPLIT_KEY", "Persons", "recognise"]
