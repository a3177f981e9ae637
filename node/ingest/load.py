"""The load of one source: batch after batch judged, put in order, and committed whole or not at all."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.data_version import DataVersion
from node.ingest.ahead import ahead
from node.ingest.aside import Aside
from node.ingest.batches import Batch, Batches
from node.ingest.cells import Judge, as_texts
from node.ingest.linked import population_of
from node.ingest.order import BAD, KEY, LINE, PERSON, Runs, combined
from node.ingest.report import Findings, LoadReport
from node.ingest.writing import as_quarantined, of_people, quarantine_schema
from node.keystore import Keystore
from node.linkage.resolving import Linked
from node.loading import Loading
from node.parquet import ROWS_IN_A_GROUP
from node.persons import keyed_texts, source_key, tag_in_force
from node.quality.births import births_for
from node.quality.kept import as_note
from node.quality.profile import Profiler
from node.sources.opening import open_source
from node.sources.source import Rows
from node.store import Store
from privacy.arrays import Flags
from privacy.canonical import Document
from privacy.contract import Contract
from privacy.discovery.discovery import Discovery
from privacy.errors import Invalid
from privacy.flows import check_registered
from privacy.optouts import OptOuts

KEY_REPEATED = "key-repeated"

LOOKED_AT = 10_000  # cells of each column of the first batch, that discovery sees
Accepted = Collection[tuple[str, str]]
Tell = Callable[[int], None]


def ingest(
    *,
    contract: Contract,
    location: str | Path,
    store: Store,
    keystore: Keystore,
    optouts: OptOuts,
    now: datetime.datetime,
    allow_test_numbers: bool,
    accepted: Accepted = frozenset(),
    linked: Linked | None = None,
    options: Mapping[str, Any] | None = None,
    tell: Tell = lambda _rows: None,
) -> LoadReport:
    """Load a source as the next version of the contract's data set, or change nothing and say why.

    A contract that does not say for what and for whom is refused first (``flow-unregistered``). People who are not on
    the allow-list are gone before anything else is looked at. A bad row goes to quarantine with all its reasons; too
    many of them refuse the load (``too-many-bad-rows``). ``optouts`` comes from ``node.optouts.current_optouts``, which
    refuses a stale list; ``options`` are ``open_source``'s; ``linked`` says whose rows with a ``linked-id`` are;
    ``accepted`` are findings that a person has answered for. ``tell`` hears of rows. Memory grows with people only.
    """
    check_registered(contract)
    batches = batches_of(contract, store, keystore, optouts, now, allow_test_numbers=allow_test_numbers, linked=linked)
    opened = open_source(location, contract=contract, key=source_key(keystore), **(options or {}))
    with opened as source, store.loading(contract) as loading:
        load = Load(loading, batches, source.unit, accepted, now)
        for rows in ahead(source.read()):
            tell(load.take(rows))
        load.check_undeclared_identifiers()
        version = loading.commit(
            records=ahead(load.records()),
            quarantine=load.quarantine(),
            source_sha256=source.digest(),
            optouts_version=optouts.version,
            linkage=linked.name if linked else "",
            now=now,
            note=lambda: as_note(load.profile()),
        )
    return load.report(version)


def batches_of(
    contract: Contract,
    store: Store,
    keystore: Keystore,
    optouts: OptOuts,
    now: datetime.datetime,
    *,
    allow_test_numbers: bool,
    linked: Linked | None = None,
) -> Batches:
    """Return what judges the rows of one load of a data set, as of now."""
    tag = tag_in_force(keystore)  # of the whole load; the commit refuses it should it not be in force any more
    listed = _persons_of(contract.people, store) if contract.people else None
    population = population_of(
        contract, keystore, optouts, tag, listed=listed, linked=linked, allow_test_numbers=allow_test_numbers
    )
    judge = Judge(contract.missing, now.date(), lambda column, texts: keyed_texts(texts, keystore, column.name, tag))
    return Batches(contract, population, judge, births_for(contract, store))


class Load:
    """One load at work: what was read so far, what waits to be put in order, and what was found."""

    def __init__(
        self, loading: Loading, batches: Batches, unit: str, accepted: Accepted, now: datetime.datetime
    ) -> None:
        self._batches = batches
        self.contract = batches.contract
        self.findings = Findings(unit)
        self.rows_read = self.rows_kept = self.rows_bad = 0
        self.people_kept = np.zeros(0, bool)
        self._population = batches.population
        self._runs = Runs(loading, self._population, period=self.contract.period)
        self._aside = Aside(loading, quarantine_schema(self.contract))
        self._discovery = Discovery(self.contract.stored)
        self._batches_seen = 0
        self._rules = batches.rules
        self._accepted = accepted
        self._profiler = Profiler(self.contract, now)
        self._births = batches.births

    def take(self, rows: Rows) -> int:
        """Judge some rows, and keep them for the order; return how many were read so far."""
        self.rows_read += len(rows.numbers)
        batch = self._batches.batch(rows)
        self._look(batch)
        for reason, column, found in batch.faults:
            self.findings.add(reason, column, batch.lines[found])
        if batch.bad.any():
            self._set_aside(batch.quarantined(self._population))
        self._runs.add(batch.sortable())
        return self.rows_read

    def check_undeclared_identifiers(self) -> None:
        """Return if no column that would be stored looks like an identifier; else name all that do, and how."""
        suspects = [s for s in self._discovery.findings() if (s.column, s.kind) not in self._accepted]
        if suspects:
            under = f"{self.contract.name}, contract version {self.contract.version}"
            raise Invalid("identifier-undeclared", under, faults=[str(suspect) for suspect in suspects])

    def _look(self, batch: Batch) -> None:
        """Show discovery texts from all over a batch: many of the first ones, some of those after them."""
        every = max(1, len(batch.lines) * (1 + self._batches_seen) // LOOKED_AT)
        self._batches_seen += 1
        for column in self.contract.stored:
            distinct = pc.unique(as_texts(batch.cells[column.name][::every]))
            self._discovery.look(column.name, [text for text in distinct.to_pylist() if text])

    def records(self) -> Iterator[pa.Table]:
        """Yield the good rows in order, typed, with their person in place of every direct identifier."""
        self.people_kept = np.zeros(len(self._population.allowed), bool)
        waiting: list[pa.Table] = []
        for shard in self._runs.shards():
            waiting.append(self._good(shard))
            if sum(table.num_rows for table in waiting) >= ROWS_IN_A_GROUP:
                yield self._finished(waiting)
                waiting = []
        if waiting or not self.rows_kept:
            yield self._finished(waiting)

    def quarantine(self) -> Iterator[pa.Table]:
        """Yield the bad rows, if they are few enough and good ones are left: asked for after ``records``."""
        total = self.rows_kept + self.rows_bad
        if self.rows_bad > self.contract.bad_rows_at_most * total:
            share = f"{self.rows_bad} of {total} rows, at most {self.contract.bad_rows_at_most:.2%}"
            raise Invalid("too-many-bad-rows", share, faults=[str(f) for f in self.findings.all()])
        if not self.rows_kept:
            raise Invalid("no-rows-left")
        yield from self._aside.tables()

    def profile(self) -> Document:
        """Return how good the rows are, once all of them have been yielded: exact figures too."""
        self._profiler.faults({(found.reason, found.column): found.rows for found in self.findings.all()})
        return self._profiler.profile()

    def report(self, version: DataVersion) -> LoadReport:
        """Return the counts, for the people at this node."""
        return LoadReport(
            version=version,
            rows_read=self.rows_read,
            rows_kept=self.rows_kept,
            rows_quarantined=self.rows_bad,
            people_kept=int(self.people_kept.sum()),
            people_left_out=int((~self._population.allowed).sum()),
            findings=self.findings.all(),
        )

    def _good(self, shard: pa.Table) -> pa.Table:
        """Find what only shows where all rows of a person are together, and keep the rows that are good."""
        bad = shard[BAD].to_numpy()
        for reason, place, rows in self._of_whole_people(shard):
            self.findings.add(reason, place, shard[LINE].to_numpy()[rows])
            if (newly := rows & ~bad).any():
                found = shard.filter(pa.array(newly))
                self._set_aside(as_quarantined(found, f"{reason} in {place}", self._population, self.contract))
            bad = bad | rows
        return shard.filter(pa.array(~bad)) if bad.any() else shard

    def _of_whole_people(self, shard: pa.Table) -> Iterator[tuple[str, str, Flags]]:
        if (repeated := _repeated(shard)).any() and not self.contract.may_repeat:
            yield KEY_REPEATED, "+".join(self.contract.key), repeated  # in the canonical form of its values
        if self._births is not None:
            persons = self._population.pseudonyms.take(shard[PERSON].combine_chunks())
            shard = self._births.beside(shard, persons)
        yield from self._rules.judge_people(shard)

    def _finished(self, tables: list[pa.Table]) -> pa.Table:
        table = combined(tables).drop_columns([LINE, KEY, BAD])
        self.people_kept[table[PERSON].to_numpy()] = True
        self.rows_kept += table.num_rows
        finished = of_people(table, self._population)
        self._profiler.see(finished)
        return finished

    def _set_aside(self, rows: pa.Table) -> None:
        self.rows_bad += rows.num_rows
        self._aside.add(rows)


def _persons_of(data_set: str, store: Store) -> NDArray[np.str_]:
    persons = store.read(store.latest(data_set), [])["person"].unique()
    return np.asarray(persons.to_numpy(zero_copy_only=False), np.str_)


def _repeated(shard: pa.Table) -> Flags:
    """Say which rows of a shard have a person and a key in common: equal 64-bit hashes of both."""
    person = shard[PERSON].to_numpy().astype(np.uint64)
    key = shard[KEY].to_numpy() ^ ((person + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    return np.asarray(count[inverse] > 1)


__all__ = ["KEY_REPEATED", "LOOKED_AT", "Accepted", "Load", "Tell", "batches_of", "ingest"]
