"""Whether a data set or a pack is whole, and its tables hold what their contracts say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from privacy.checks import BIRTH, Comparison
from privacy.contract import Contract
from privacy.contract_file import contract_of
from privacy.errors import Invalid, Tampered
from synthetic.manifest import NAME as MANIFEST
from synthetic.manifest import check_files, read_manifest
from synthetic.pack.about import PEOPLE
from synthetic.pack.answers import KEY, read_answers, read_key
from synthetic.pack.checksums import NAME as SUMS
from synthetic.pack.checksums import changed, digest, read_sums
from synthetic.pack.hold_out import numbers_of
from synthetic.pack.holding import Holding
from synthetic.pack.packing import ORGANISERS, TEAMS, Tell
from synthetic.written.reading import PLAIN, DataSet, rows_of

Batches = Callable[[], Iterator[pa.RecordBatch]]
CARD = "pack.json"
FILES = "Checking every file against its hash."


@dataclass(frozen=True)
class Validated:
    """What was found whole: a data set, a pack, or a pack with its organisers' folder, and the rows of each table.

    ``held`` says whether rows were read and held against contracts, or only the files against their hashes. ``beside``
    are files that lie there and are not of it, such as a team's own.
    """

    kind: str
    files: int
    rows: Mapping[str, int]
    held: bool
    beside: tuple[str, ...] = ()


def unheard(_: str) -> None:
    """Tell nobody how far it is."""


def validate(home: Path, contracts: Mapping[str, Contract], *, tell: Tell = unheard) -> Validated:
    """Check a data set or a pack: every file's hash, every cell, the checks of contracts, keys between tables.

    ``contracts`` are those of a data set's tables; a pack brings its own. ``tell`` hears what is looked at now.
    ``data-set-tampered`` or ``pack-tampered`` when a file is not what was written, ``data-set-faulty`` with what does
    not hold.
    """
    if (home / TEAMS).is_dir():
        return _both(home, tell)
    return _data_set(home, contracts, tell) if (home / MANIFEST).is_file() else _pack(home, tell)


def _both(home: Path, tell: Tell) -> Validated:
    teams, own = _pack(home / TEAMS, tell), home / ORGANISERS
    key = read_key(own)
    if wrong := changed(own):
        raise Tampered("answers-tampered", str(own), faults=wrong)
    if key.pack_sha256 != digest(home / TEAMS / SUMS):
        raise Tampered("answers-tampered", str(own), faults=[f"{KEY}: belongs to another pack"])
    for answered in key.answers.values():
        read_answers(own, answered)
    return replace(teams, kind="a pack with its answers")


def _data_set(home: Path, contracts: Mapping[str, Contract], tell: Tell) -> Validated:
    manifest = read_manifest(home)
    tell(FILES)
    check_files(home, manifest.files)
    held = manifest.plan.format in PLAIN
    if held:
        data = DataSet(home, manifest)
        known = {name: contracts[name] for name in data.tables() if name in contracts}
        _hold({name: (contract, _reader(data, name)) for name, contract in known.items()}, tell)
    return Validated("a data set", len(manifest.files), manifest.rows, held=held)


def _reader(data: DataSet, table: str) -> Batches:
    return lambda: data.batches(table)


def _pack(home: Path, tell: Tell) -> Validated:
    tell(FILES)
    if wrong := changed(home):
        raise Tampered("pack-tampered", str(home), faults=wrong)
    try:
        card = json.loads((home / CARD).read_bytes())
        tables = {
            name: (contract_of(card["contracts"][name]), home / table["path"]) for name, table in card["tables"].items()
        }
        rows = {name: int(table["rows"]) for name, table in card["tables"].items()}
        listed = read_sums(home)
        unlisted = [table["path"] for table in card["tables"].values() if table["path"] not in listed]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Tampered("pack-tampered", str(home), faults=[f"{CARD}: is not what a pack has"]) from error
    if unlisted:
        raise Tampered("pack-tampered", str(home), faults=[f"{CARD}: names a file that {SUMS} does not"])
    found = _hold({name: (contract, _file(path, contract)) for name, (contract, path) in tables.items()}, tell)
    if wrong := [f"{name}: has {found[name]:,} rows, not {rows[name]:,}" for name in rows if found[name] != rows[name]]:
        raise Invalid("data-set-faulty", str(home), faults=wrong)
    there = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    beside = tuple(sorted(there - {*listed, SUMS}))
    return Validated("a pack", len(there) - len(beside), rows, held=True, beside=beside)


def _file(path: Path, contract: Contract) -> Batches:
    return lambda: rows_of(path, contract)


def _hold(tables: Mapping[str, tuple[Contract, Batches]], tell: Tell) -> dict[str, int]:
    """Hold tables against their contracts, people first; ``data-set-faulty``, else each table's rows."""
    people, faults, rows = _People(), [], {}
    for name, (contract, batches) in sorted(tables.items(), key=lambda item: item[0] != PEOPLE):
        tell(f"Checking the rows of {name}.")
        holding = Holding(name, contract)
        for batch in batches():
            if name == PEOPLE:
                people.see(contract, batch)
            elif PEOPLE in tables:
                people.compare(holding, batch)
            holding.see(batch)
        faults += holding.faults()
        rows[name] = holding.rows
    if faults:
        raise Invalid("data-set-faulty", faults=faults)
    return rows


class _People:
    """Who there is, and when they were born: what rows of other tables are held against."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int32]]] = []
        self._sorted: tuple[NDArray[np.int64], NDArray[np.int32]] | None = None

    def see(self, contract: Contract, batch: pa.RecordBatch) -> None:
        """Keep a batch of people."""
        births = contract.with_role("birth")
        days = pc.cast(batch.column(births[0].name), pa.int32()) if births else pa.nulls(batch.num_rows, pa.int32())
        self._parts.append((numbers_of(batch), np.asarray(pc.fill_null(days, np.iinfo(np.int32).min), np.int32)))

    def compare(self, holding: Holding, batch: pa.RecordBatch) -> None:
        """Note the rows of nobody among them, and those before somebody's birth where the contract checks it."""
        if self._sorted is None:
            numbers, days = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
            order = np.argsort(numbers)
            self._sorted = numbers[order], days[order]
        numbers, days = self._sorted
        own = numbers_of(batch)
        places = np.minimum(np.searchsorted(numbers, own), len(numbers) - 1)
        holding.note(f"{holding.contract.person}: is nobody of the table {PEOPLE}", numbers[places] != own)
        for check in holding.contract.checks:
            if isinstance(check, Comparison) and check.other == BIRTH:
                at = pc.fill_null(pc.cast(batch.column(check.column), pa.int32()), np.iinfo(np.int32).max)
                holding.note(check.name, np.asarray(at) < days[places])


__all__ = ["CARD", "FILES", "Validated", "unheard", "validate"]
