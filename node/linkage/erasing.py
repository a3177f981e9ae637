"""What an erasure takes out of the linkages: a person's links, or the whole table of ids that no data set bears."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from node.linkage.agreements import Agreements
from node.linkage.tables import Links, LinkTables
from node.store import Swap


def without_people(tables: LinkTables, gone: Sequence[str]) -> Iterator[Swap]:
    """Give each linkage that knows one of these people, with all of their rows left out."""
    value_set = pa.array(gone, pa.string())
    for version in tables.in_force():
        links = tables.links(version)
        found = pc.is_in(links.table["person"], value_set=value_set)
        if pc.any(found).as_py():
            kept = Links(links.table.filter(pc.invert(found)), links.figures, links.key)
            yield Swap(None, links=version.file, parts=[kept.sealed_form()])


def of_nobody(tables: LinkTables, agreements: Agreements, data_sets: Collection[str]) -> Iterator[Swap]:
    """Give each linkage, to be erased, whose ids no data set bears once only ``data_sets`` are left."""
    for version in tables.in_force():
        served = {
            data_set
            for standing in agreements.all()
            if standing.agreement.name == version.agreement
            for target in standing.agreement.targets
            if target.name == version.target
            for data_set in target.data_sets
        }
        if not served & set(data_sets):
            yield Swap(None, links=version.file)


__all__ = ["of_nobody", "without_people"]
