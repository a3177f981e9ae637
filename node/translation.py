"""From the pseudonyms of one key to those of the next, inside this process: only the key in between sees a number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from node.assemble import Node
from node.data_version import COLUMN_OF, DataVersion
from node.persons import arrow_texts
from node.store import Store, Swap
from privacy.errors import Refusal
from privacy.identifiers import ten_digits
from privacy.optouts import OptOuts
from privacy.pseudonyms import Pseudonyms, Reversible, bits_of

PERSON = "person"


@dataclass(frozen=True)
class Translation:
    """Gives the pseudonym after for each one before; that one must be reversible."""

    before: Reversible
    after: Pseudonyms

    def texts(self, persons: pa.ChunkedArray) -> pa.ChunkedArray:
        """Translate a column of pseudonyms, nulls kept; a foreign one is ``pseudonym-foreign``."""
        coded = persons.cast(pa.string()).combine_chunks().dictionary_encode()
        known = coded.dictionary.to_numpy(zero_copy_only=False).astype(np.str_)
        numbers = self.before.numbers(bits_of(known, self.before.tag))
        after = arrow_texts(self.after.bits(ten_digits(numbers)), self.after.tag)
        return pa.chunked_array([after.take(coded.indices)])

    def swaps(self, node: Node) -> Iterator[Swap]:
        """Yield what takes the place of every file that names people; refuses what it cannot translate."""
        yield from self._of_data(node.store)
        for linkage in node.links.in_force():
            links = node.links.links(linkage)
            after = replace(links, table=self._translated(links.table))
            yield Swap(None, links=linkage.file, table=after.sealed_form())
        if node.store.has_optouts:
            listed = node.store.optouts()
            allowed = self.texts(pa.chunked_array([pa.array(listed.allowed.tolist(), pa.string())]))
            yield Swap(None, optouts=OptOuts.of(allowed.to_numpy().astype(np.str_), listed.as_of))

    def _of_data(self, store: Store) -> Iterator[Swap]:
        for version in store.all():
            require_translatable(version)
            for kind in COLUMN_OF:
                table = self._translated(store.read_whole(version, kind))
                yield Swap(version, kind, _in_order(table, version) if kind == "records" else table)

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


__all__ = ["PERSON", "Translation", "require_translatable"]
