"""Rows that were set aside and are mended, judged again as at a load, and put back among the good ones; or nothing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.data_version import DataVersion
from node.formulas import unguarded
from node.ingest.load import KEY_REPEATED, Accepted, Load, batches_of
from node.ingest.population import NOBODY, Population
from node.keystore import Keystore
from node.linkage.resolving import Linked
from node.persons import source_key
from node.quality.births import births_for
from node.quality.partial import completed
from node.quality.quarantine import LINE, PERSON, REASONS
from node.quality.rules import Rules
from node.sharding import shards_for
from node.sources.opening import open_source
from node.sources.source import Rows, Source, check_header
from node.store import Store
from privacy.contract import Contract
from privacy.errors import Invalid, Refusal
from privacy.optouts import OptOuts


@dataclass(frozen=True)
class Replay:
    """What a replay did, for the people at this node: its counts are exact and never leave."""

    version: DataVersion
    rows_repaired: int
    rows_waiting: int


def replay(
    *,
    version: DataVersion,
    file: Path,
    store: Store,
    keystore: Keystore,
    optouts: OptOuts,
    now: datetime.datetime,
    allow_test_numbers: bool,
    accepted: Accepted = frozenset(),
    linked: Linked | None = None,
) -> Replay:
    """Make the next version of a data set: the good rows of its newest one and the mended rows of its quarantine.

    ``file`` is CSV with ``line``, which says what row of the quarantine a row takes the place of, and the contract's
    columns, identifiers included; ``reasons`` may be there and is not read. The rows go the way of a load: opt-outs,
    undeclared identifiers, cells, checks, key. One that is not good, is of a line that does not wait, or of another
    person than the row it stands for, refuses them all, and so does another linkage than the version's. Who has opted
    out since is in neither rows nor quarantine.
    """
    contract = version.contract
    _require_possible(store, version, linked)
    batches = batches_of(contract, store, keystore, optouts, now, allow_test_numbers=allow_test_numbers, linked=linked)
    opened = open_source(file, contract=None, key=source_key(keystore), format="csv")
    with opened as source, store.loading(contract) as loading:
        load = Load(loading, batches, "line", accepted, now)
        claims = _Claims(quarantine := store.read_quarantine(version))
        for rows in _as_loaded(source, contract):
            claims.check(rows, batches.population, contract.person)
            load.take(rows)
        rest = quarantine.filter(pa.array(claims.left(optouts)))
        made = loading.commit(
            records=_merged(store, version, _all_good(load), optouts),
            quarantine=[rest],
            source_sha256=source.digest(),
            optouts_version=optouts.version,
            linkage=version.linkage,
            now=now,
        )
    return Replay(made, rows_repaired=load.rows_kept, rows_waiting=rest.num_rows)


def _require_possible(store: Store, version: DataVersion, linked: Linked | None) -> None:
    contract = version.contract
    if version.linkage and (linked is None or linked.name != version.linkage):
        raise Refusal("linkage-moved", version.linkage)
    if store.latest(version.data_set).version != version.version:
        raise Refusal("replay-not-newest", version.name)
    kept = {contract.person, *(column.name for column in contract.stored)}
    if lost := [name for name in contract.key if name not in kept]:
        raise Refusal("replay-key-not-kept", ", ".join(lost))


class _Claims:
    """Which rows of the quarantine a file's rows take the place of."""

    def __init__(self, quarantine: pa.Table) -> None:
        self._lines: NDArray[np.int64] = quarantine[LINE].to_numpy()
        self._persons = quarantine[PERSON].to_numpy(zero_copy_only=False)
        self._place = {int(line): i for i, line in enumerate(self._lines)}
        self._taken = np.zeros(len(self._lines), dtype=bool)

    def check(self, rows: Rows, population: Population, person_column: str) -> None:
        """Take note of rows; one of a line that does not wait, waits no more, or is another person's, has its code."""
        people, _ = population.of(rows.cells[person_column])
        persons = population.pseudonyms.take(pa.array(people, mask=people == NOBODY)).to_pylist()
        strange, others = [], []
        for line, person in zip(rows.numbers.tolist(), persons, strict=True):
            place = self._place.get(line)
            if place is None or self._taken[place]:
                strange.append(f"line {line}")
                continue
            self._taken[place] = True
            if self._persons[place] is not None and person != self._persons[place]:
                others.append(f"line {line}")
        if strange:
            raise Invalid("replay-line-unknown", faults=strange)
        if others:
            raise Invalid("replay-person-differs", faults=others)

    def left(self, optouts: OptOuts) -> NDArray[np.bool_]:
        """Say which rows still wait: not taken, and of nobody who has opted out."""
        unknown = np.array([person is None for person in self._persons], dtype=bool)
        allowed = unknown | optouts.keep(np.where(unknown, "", self._persons).astype(str))
        return ~self._taken & allowed


def _all_good(load: Load) -> list[pa.Table]:
    load.check_undeclared_identifiers()
    repaired = list(load.records())
    if load.rows_bad:
        raise Invalid("replay-rows-bad", faults=[str(found) for found in load.findings.all()])
    return repaired


def _as_loaded(source: Source, contract: Contract) -> Iterator[Rows]:
    """Give a file's rows under the contract's columns, numbered by the lines that they stand for."""
    check_header([name for name in source.names if name not in (LINE, REASONS)], contract)
    if LINE not in source.names:
        raise Invalid("column-absent", faults=[f"{LINE}: not in the file"])
    for rows in source.read():
        said = pc.utf8_trim_whitespace(rows.cells[LINE].cast(pa.string()))
        whole = pc.fill_null(pc.match_substring_regex(said, r"^[0-9]{1,15}$"), fill_value=False)
        if not pc.all(whole).as_py():
            wrong = rows.numbers[~whole.to_numpy(zero_copy_only=False)]
            raise Invalid("replay-line-unknown", faults=[f"line {n} of the file: its line is no number" for n in wrong])
        cells = [completed(column, unguarded(rows.cells[column.name])) for column in contract.columns]
        names = [column.name for column in contract.columns]
        yield Rows(pa.record_batch(cells, names=names), said.cast(pa.int64()).to_numpy())


def _merged(store: Store, version: DataVersion, repaired: Sequence[pa.Table], optouts: OptOuts) -> Iterator[pa.Table]:
    """Yield the rows of a version and the repaired ones, in the order of pseudonyms, each person's together."""
    contract = version.contract
    names = [column.name for column in contract.stored]
    by = [(PERSON, "ascending"), *([(contract.period, "ascending")] if contract.period else [])]
    waiting = pa.concat_tables([_plain(table) for table in repaired])
    rules, births = Rules(contract), births_for(contract, store)
    for table in chain(store.people(version, names, shards=shards_for(store.rows(version))), [None]):
        old = waiting.slice(0, 0) if table is None else _plain(table.filter(_allowed(table[PERSON], optouts)))
        mine = waiting if table is None else waiting.filter(_up_to(waiting[PERSON], old))
        waiting = waiting.filter(pc.invert(pc.is_in(waiting[PERSON], value_set=pc.unique(mine[PERSON]))))
        both = pa.concat_tables([old.select(mine.column_names), mine])
        if mine.num_rows:
            touched = both.filter(pc.is_in(both[PERSON], value_set=pc.unique(mine[PERSON])))
            touched = births.beside(touched, touched[PERSON].combine_chunks()) if births else touched
            _require_good(touched, contract, rules)
            both = both.sort_by(by)
        if both.num_rows:
            yield _encoded(both)


def _require_good(rows: pa.Table, contract: Contract, rules: Rules) -> None:
    """Return if all rows of these people together keep the contract's key and its checks of whole people."""
    key = [PERSON if name == contract.person else name for name in contract.key]
    faults = []
    if not contract.may_repeat:
        counts = rows.group_by(key, use_threads=False).aggregate([([], "count_all")])["count_all"]
        if (pc.max(counts).as_py() or 0) > 1:
            faults.append(f"{KEY_REPEATED} in {'+'.join(contract.key)}, with rows that are loaded already")
    faults += [f"{reason} in {name}, with rows that are loaded already" for reason, name, _ in rules.judge_people(rows)]
    if faults:
        raise Invalid("replay-rows-bad", faults=faults)


def _allowed(persons: pa.ChunkedArray, optouts: OptOuts) -> pa.ChunkedArray:
    return pc.is_in(persons.cast(pa.string()), value_set=pa.array(optouts.allowed.tolist(), pa.string()))


def _up_to(persons: pa.ChunkedArray, old: pa.Table) -> pa.ChunkedArray:
    """Say whose rows belong before or among ``old``, which is sorted by person."""
    last = old[PERSON][-1] if old.num_rows else pa.scalar("")
    return pc.less_equal(persons, last)


def _plain(table: pa.Table) -> pa.Table:
    fields = [f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields))


def _encoded(table: pa.Table) -> pa.Table:
    whole = table.combine_chunks()
    columns = zip(whole.column_names, whole.columns, strict=True)
    return pa.table({n: c.dictionary_encode() if pa.types.is_string(c.type) else c for n, c in columns})


__all__ = ["Replay", "replay"]
