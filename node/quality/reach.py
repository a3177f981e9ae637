"""Of the people of each group, how many an event data set holds anything of: who is missing from it shows here."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from node.data_version import DataVersion
from node.quality.profile import in_order
from node.quality.profile import people_of as of_groups
from node.sharding import shards_for
from node.store import Store
from privacy.canonical import Document
from privacy.columns import GROUPS
from privacy.errors import Refusal


def reach(store: Store, version: DataVersion) -> list[Document]:
    """Return, for each group of the newest people that the contract names, its people and those with an event.

    Empty where the contract names no people, or they are not here any more. Worked out when asked, of shards that hold
    the same people of both data sets: memory does not grow with people.
    """
    people = _people(store, version)
    if people is None:
        return []
    columns = {column.name: role for role in GROUPS for column in people.contract.with_role(role)}
    everybody: dict[str, Counter[str]] = {name: Counter() for name in columns}
    reached: dict[str, Counter[str]] = {name: Counter() for name in columns}
    shards = shards_for(store.rows(people) + store.rows(version))
    both = zip(
        store.people(people, list(columns), shards=shards), store.people(version, [], shards=shards), strict=True
    )
    for persons, events in both if columns else ():
        known = pc.is_in(persons["person"].cast(pa.string()), value_set=pc.unique(events["person"].cast(pa.string())))
        for name in columns:
            everybody[name].update(of_groups(persons[name], persons["person"]))
            reached[name].update(of_groups(persons[name].filter(known), persons["person"].filter(known)))
    return [
        {
            "column": name,
            "role": role,
            "groups": [
                {"group": group, "people": n, "with_events": reached[name][group], "share": reached[name][group] / n}
                for group, n in sorted(everybody[name].items(), key=in_order)
            ],
        }
        for name, role in columns.items()
    ]


def _people(store: Store, version: DataVersion) -> DataVersion | None:
    if version.contract.people is None:
        return None
    try:
        return store.latest(version.contract.people)
    except Refusal:
        return None


__all__ = ["reach"]
