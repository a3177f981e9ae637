"""From the pseudonyms of one key to those of the next, inside this process: only the key in between sees a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from node.assemble import Node
from node.data_version import DataVersion
from node.persons import arrow_texts
from node.sharding import shards_for
from node.store import Store, Swap
from privacy.errors import Refusal
from privacy.identifiers import ten_digits
from privacy.optouts import OptOuts
from privacy.pseudonyms import Bits, Pseudonyms, Reversible, bits_of

PERSON = "person"
ROWS_IN_MEMORY = 4_000_000  # of a version, while it is written anew


@dataclass(frozen=True)
class Translation:
    """Gives the pseudonym after for each one before; that one must be reversible."""

    before: Reversible
    after: Pseudonyms

    def texts(self, persons: pa.ChunkedArray) -> pa.ChunkedArray:
        """Translate a column of pseudonyms, nulls kept; a foreign one is ``pseudonym-foreign``."""
        bits, places = self._named(persons)
        return pa.chunked_array([arrow_texts(bits, self.after.tag).take(places)])

    def swaps(self, node: Node) -> Iterator[Swap]:
        """Yield what takes the place of every file that names people; refuses what it cannot translate."""
        yield from self._of_data(node.store)
        for linkage in node.links.in_force():
            links = node.links.links(linkage)
            after = replace(links, table=self._translated(links.table))
            yield Swap(None, links=linkage.file, parts=[after.sealed_form()])
        if node.store.has_optouts:
            listed = node.store.optouts()
            allowed = self.texts(pa.chunked_array([pa.array(listed.allowed.tolist(), pa.string())]))
            yield Swap(None, optouts=OptOuts.of(allowed.to_numpy().astype(np.str_), listed.as_of))

    def _of_data(self, store: Store) -> Iterator[Swap]:
        for version in store.all():
            require_translatable(version)
            yield Swap(version, "records", self._records(store, version))
            yield Swap(version, "quarantine", map(self._translated, store.parts(version, "quarantine")))

    def _records(self, store: Store, version: DataVersion) -> Iterator[pa.Table]:
        """Yield the records in the order of the new pseudonyms, part by part; all are read again for each part."""
        rows = store.rows(version)
        columns, parts = [column.name for column in version.contract.stored], max(1, -(-rows // ROWS_IN_MEMORY))
        for part in range(parts):
            tables = store.people(version, columns, shards=shards_for(rows))
            kept = [self._of_part(table, part, parts) for table in tables]
            yield _in_order(pa.concat_tables(kept).unify_dictionaries().combine_chunks(), version)

    def _of_part(self, table: pa.Table, part: int, parts: int) -> pa.Table:
        """Translate the people whose new pseudonyms lie in one part of the order; leave out the others."""
        bits, places = self._named(table[PERSON])
        leading = np.ascontiguousarray(bits[:, :4]).view(">u4").reshape(-1).astype(np.uint64)
        wanted = pa.array(leading * np.uint64(parts) >> np.uint64(32) == part).take(places)
        persons = arrow_texts(bits, self.after.tag).take(places.filter(wanted))
        return table.filter(wanted).set_column(table.schema.get_field_index(PERSON), PERSON, persons)

    def _named(self, persons: pa.ChunkedArray) -> tuple[Bits, pa.Array]:
        """Return the new name of each distinct person, and which of them each row has."""
        coded = persons.cast(pa.string()).combine_chunks().dictionary_encode()
        known = coded.dictionary.to_numpy(zero_copy_only=False).astype(np.str_)
        numbers = self.before.numbers(bits_of(known, self.before.tag))
        return self.after.bits(ten_digits(numbers)), coded.indices

    def _translated(self, table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index(PERSON), PERSON, self.texts(table[PERSON]))


def require_translatable(version: DataVersion) -> None:
    """Return if a version's columns hold no keyed texts, which no key turns back; else ``pseudonyms-irreversible``."""
    keyed = [c.name for c in version.contract.columns if c.treatment == "pseudonym" and c.type == "text"]
    if keyed:
        raise Refusal("pseudonyms-irreversible", f"{version.name}: {', '.join(keyed)}")


def _in_order(records: pa.Table, version: DataVersion) -> pa.Table:
    period = version.contract.period
    return records.sort_by([(PERSON, "ascending"), *([(period, "ascending")] if period else [])])


__all__ = ["PERSON", "ROWS_IN_MEMORY", "Translation", "require_translatable"]
