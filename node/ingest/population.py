"""The people of one load: each NHS number becomes a person once, however many rows and batches it is in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.ingest.cells import as_texts
from node.keystore import Keystore
from node.persons import arrow_texts, checked, persons_of
from privacy.members import Members
from privacy.optouts import OptOuts
from privacy.pseudonyms import Bits, Tag, bits_of

Ids = NDArray[np.int32]
NOBODY = -1


class Population:
    """Gives people small numbers in the order in which they come; knows each one's pseudonym, part and permission.

    ``leading`` is the first byte of the pseudonym's digits. Memory grows with people and never with rows.
    """

    def __init__(
        self,
        keystore: Keystore,
        optouts: OptOuts,
        tag: Tag,
        *,
        listed: NDArray[np.str_] | None = None,
        allow_test_numbers: bool,
    ) -> None:
        optouts.require_key_of([f"{tag}."])
        self._keystore = keystore
        self.tag = tag
        self._allowed = optouts.members
        self._listed = None if listed is None else Members(bits_of(listed, tag))
        self._allow_test_numbers = allow_test_numbers
        self._index = pd.Index(np.zeros(0, np.int64))
        self.pseudonyms: pa.Array = pa.array([], pa.string())
        self.held_back = np.zeros(0, bool)
        self.allowed = np.zeros(0, bool)
        self.listed = np.zeros(0, bool)
        self.leading = np.zeros(0, np.uint8)
        self._rank: Ids | None = None

    def of(self, texts: pa.Array) -> tuple[Ids, NDArray[np.uint8]]:
        """Return each text's person, ``NOBODY`` where its ``Verdict`` is not OK, and the verdict."""
        judged = checked(as_texts(texts), allow_test_numbers=self._allow_test_numbers)
        numbers = pd.Index(judged.values[judged.ok])  # noqa: PD011 - its numbers
        ids = self._index.get_indexer(numbers)
        if (unknown := ids == NOBODY).any():
            self._add(np.unique(numbers.to_numpy()[unknown]))
            ids = self._index.get_indexer(numbers)
        people = np.full(len(texts), NOBODY, np.int32)
        people[judged.ok] = ids
        return people, judged.verdicts

    def may_be_used(self, people: Ids) -> NDArray[np.bool_]:
        """Say whose rows may be looked at: ``NOBODY``'s too, since nobody can tell whose they are."""
        return np.append(self.allowed, True)[people]

    def are_listed(self, people: Ids) -> NDArray[np.bool_]:
        """Say who is in the data set of people that the contract names; ``NOBODY`` has faults enough."""
        return np.append(self.listed, True)[people]

    def rank(self) -> Ids:
        """Return everybody's place in the order of pseudonyms."""
        if self._rank is None:
            by_pseudonym = pc.array_sort_indices(self.pseudonyms).to_numpy()
            self._rank = np.empty(len(by_pseudonym), np.int32)
            self._rank[by_pseudonym] = np.arange(len(by_pseudonym), dtype=np.int32)
        return self._rank

    def _add(self, numbers: NDArray[np.int64]) -> None:
        persons = persons_of(numbers, self._keystore, tag=self.tag)
        self._index = self._index.append(pd.Index(numbers))
        self._remember(persons.bits, persons.held_back)

    def _remember(self, bits: Bits, held_back: NDArray[np.bool_]) -> None:
        """Give the next numbers to these people."""
        self.pseudonyms = pa.concat_arrays([self.pseudonyms, arrow_texts(bits, self.tag)])
        self.held_back = np.append(self.held_back, held_back)
        self.allowed = np.append(self.allowed, self._allowed.have(bits))
        listed = np.ones(len(bits), bool) if self._listed is None else self._listed.have(bits)
        self.listed = np.append(self.listed, listed)
        self.leading = np.append(self.leading, bits[:, 0])
        self._rank = None


__all__ = ["NOBODY", "Ids", "Population"]
