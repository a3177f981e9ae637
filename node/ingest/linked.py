"""The people of a load whose rows bear local ids: who they are, a linkage says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.ingest.cells import as_texts
from node.ingest.population import NOBODY, Ids, Population
from node.keystore import Keystore
from node.linkage.bands import LINKED
from node.linkage.resolving import Linked
from node.linkage.tables import keyed
from privacy.contract import Contract
from privacy.errors import Refusal
from privacy.identifiers import Verdict
from privacy.optouts import OptOuts
from privacy.pseudonyms import Tag, bits_of


class LinkedPopulation(Population):
    """Gives the people of local ids; an id that is linked to nobody by machine or by people is ``person-unlinked``."""

    def __init__(
        self, linked: Linked, keystore: Keystore, optouts: OptOuts, tag: Tag, *, listed: NDArray[np.str_] | None = None
    ) -> None:
        super().__init__(keystore, optouts, tag, listed=listed, allow_test_numbers=False)
        links = linked.links.table
        links = links.filter(pc.is_in(links["band"], value_set=pa.array(LINKED))).combine_chunks()
        self._key = linked.links.key
        self._links = links
        self._row_of = pd.Index(links["local"].to_numpy(zero_copy_only=False))
        persons = links["person"].combine_chunks().dictionary_encode()
        self._person_of = np.append(persons.indices.to_numpy(), NOBODY).astype(np.int32)
        self._persons = persons.dictionary
        if not pc.all(pc.starts_with(self._persons, f"{tag}."), min_count=0).as_py():
            raise Refusal("linkage-absent", f"{linked.name} is of pseudonyms before those in force")
        self._first = np.unique(persons.indices.to_numpy(), return_index=True)[1]
        self._number = np.full(len(self._persons) + 1, NOBODY, np.int32)  # the last is nobody's

    def of(self, texts: pa.Array) -> tuple[Ids, NDArray[np.uint8]]:
        """Return each id's person, ``NOBODY`` where it is linked to none, and the verdict."""
        ids = keyed(as_texts(texts), self._key)
        person = self._person_of[self._row_of.get_indexer(pc.fill_null(ids, "").to_numpy(zero_copy_only=False))]
        new = np.unique(person[(person != NOBODY) & (self._number[person] == NOBODY)])
        if new.size:
            self._number[new] = np.arange(len(new), dtype=np.int32) + len(self.allowed)
            self._know(new)
        people = self._number[person]
        return people, np.where(people == NOBODY, np.uint8(Verdict.UNLINKED), np.uint8(Verdict.OK))

    def _know(self, persons: Ids) -> None:
        names = self._persons.take(pa.array(persons)).to_numpy(zero_copy_only=False).astype(np.str_)
        held = self._links["held_back"].to_numpy(zero_copy_only=False)[self._first[persons]]
        self._remember(bits_of(names, self.tag), held)


def population_of(
    contract: Contract,
    keystore: Keystore,
    optouts: OptOuts,
    tag: Tag,
    *,
    listed: NDArray[np.str_] | None,
    linked: Linked | None,
    allow_test_numbers: bool,
) -> Population:
    """Return who the rows of a contract are: by NHS number, or by the linkage that the contract names."""
    if not contract.linkage:
        return Population(keystore, optouts, tag, listed=listed, allow_test_numbers=allow_test_numbers)
    if linked is None:
        raise Refusal("linkage-absent", contract.linkage)
    return LinkedPopulation(linked, keystore, optouts, tag, listed=listed)


__all__ = ["LinkedPopulation", "population_of"]
