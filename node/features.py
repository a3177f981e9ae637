"""Works out a study's features from this node's events, some of the people at a time, and keeps the last in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from models.features.compiler import Layout, columns_read
from models.features.engine import Shard, compute
from node.data_version import DataVersion
from node.store import Store
from privacy.feature_fit import date_column
from privacy.features import FeatureSet
from privacy.study import Study

ROWS_A_SHARD = 1_000_000  # of the largest data set: some 100 MB in memory with ten columns
MOST_SHARDS = 256
MOST_EVENTS = 100_000  # of one person in one data set: far above any history, far below what fills the engine's memory


@dataclass(frozen=True)
class Computed:
    """Features of everybody in the study's data set, opt-outs not yet applied, and the versions they were made of."""

    table: pa.Table
    events: tuple[DataVersion, ...]


class Features:
    """The features of the study that was asked last: forty sums of one study work them out once.

    They are kept in memory only, for one study, and made anew when any of the files that they were made of has another
    in its place: so a person who was erased is in no later sum, and no file has to be found and erased.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: tuple[str, ...] = ()
        self._computed: Computed | None = None

    def of(
        self, study: Study, store: Store, people: DataVersion, between: Callable[[], None] = lambda: None
    ) -> Computed | None:
        """Return the features of all people in ``people``, made of the newest events; None where a study has none.

        ``between`` is called before each shard: a pause ends the work by raising.
        """
        if study.features is None:
            return None
        declared = study.features
        events = tuple(store.latest(name) for name in declared.data_sets)
        key = (declared.hash, *(version.file for version in (people, *events)))
        with self._lock:
            if self._computed is None or self._key != key:
                self._computed = None  # not two at once in memory
                self._computed, self._key = _compute(declared, store, people, events, between), key
            return self._computed


def _compute(
    declared: FeatureSet,
    store: Store,
    people: DataVersion,
    events: tuple[DataVersion, ...],
    between: Callable[[], None],
) -> Computed:
    layout = Layout(people.data_set, {version.data_set: date_column(version.contract) for version in events})
    read = columns_read(declared, layout)

    def shards() -> Iterator[Shard]:
        """Yield all rows of some people at a time; the same number of shards holds the same people everywhere."""
        versions = (people, *events)
        number = min(1 + max(store.rows(version) for version in versions) // ROWS_A_SHARD, MOST_SHARDS)
        tables = [
            store.people(version, read[version.data_set], shards=number, at_most=MOST_EVENTS) for version in versions
        ]
        for parts in zip(*tables, strict=True):
            between()
            yield {version.data_set: part for version, part in zip(versions, parts, strict=True)}

    return Computed(compute(declared, layout, shards()), events)


__all__ = ["MOST_EVENTS", "MOST_SHARDS", "ROWS_A_SHARD", "Computed", "Features"]
