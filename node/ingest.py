"""From an extract to the store: opt-outs first, then every row judged, then all of it or nothing."""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from node.cells import Fault, Judged, as_stored, judge
from node.data_version import DataVersion
from node.keystore import Keystore
from node.persons import PSEUDONYM_KEY, Persons, recognise
from node.source import Source, check_header, header_of, read_bytes, read_rows
from node.source_parquet import is_parquet, read_parquet
from node.store import Store
from privacy.columns import Column
from privacy.contract import Contract
from privacy.errors import Invalid
from privacy.identifiers import Verdict, looks_like_nhs_numbers
from privacy.optouts import OptOuts

KEY_REPEATED = "key-repeated"
LOOKED_AT = 10_000  # distinct texts of a column; the rule is certain from 50 on (privacy.identifiers)

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """One reason for quarantine in one column: how many rows have it, and the line, or row, of the first."""

    reason: str
    column: str
    rows: int
    first_line: int
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.reason} in {self.column}: {self.rows} rows, the first at {self.unit} {self.first_line}"


@dataclass(frozen=True)
class LoadReport:
    """What a load did, for the people at this node only: its counts are exact and never leave."""

    version: DataVersion
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    people_kept: int
    people_left_out: int
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> Mapping[str, int]:
        """Return how often each reason was found, by its code."""
        codes = sorted({finding.reason for finding in self.findings})
        return {code: sum(f.rows for f in self.findings if f.reason == code) for code in codes}


def ingest(
    *,
    contract: Contract,
    file: Path,
    store: Store,
    keystore: Keystore,
    optouts: OptOuts,
    now: datetime.datetime,
    allow_test_numbers: bool,
) -> LoadReport:
    """Load a CSV or Parquet file as the next version of the contract's data set, or change nothing and say why.

    People who are not on the allow-list are gone before anything else is looked at. A bad row goes to
    quarantine with all its reasons; too many of them refuse the load (``too-many-bad-rows``). ``optouts``
    comes from ``node.optouts.current_optouts``, which refuses a stale list.
    """
    content = read_bytes(file)
    source = _source(file, content, contract)
    load = _Load(contract, source, keystore, optouts, allow_test_numbers=allow_test_numbers)
    load.check_undeclared_identifiers()
    load.judge_columns()
    load.judge_key()
    load.check_enough_is_good()
    version = store.save(
        contract=contract,
        records=load.records(),
        quarantine=load.quarantine(),
        source_sha256=_keyed_hash(content, keystore),
        optouts_version=optouts.version,
        now=now,
    )
    return load.report(version, rows_read=len(source.lines))


def _source(file: Path, content: bytes, contract: Contract) -> Source:
    if is_parquet(file, content):
        return read_parquet(content, contract)
    header = header_of(content)
    check_header(header, contract)
    return read_rows(content, header, header_lines=1)


class _Column:
    """A column's distinct texts, and which of them each row has."""

    def __init__(self, texts: pa.ChunkedArray) -> None:
        encoded = texts.combine_chunks().dictionary_encode()
        self.texts: pa.Array = encoded.dictionary
        self.rows: NDArray[np.int64] = encoded.indices.to_numpy()


class _Load:
    """One load at work: the rows of people who may be used, and what was found about them so far."""

    def __init__(
        self,
        contract: Contract,
        source: Source,
        keystore: Keystore,
        optouts: OptOuts,
        *,
        allow_test_numbers: bool,
    ) -> None:
        self.contract = contract
        people = _Column(source.texts[contract.person])
        persons = recognise(people.texts.to_pylist(), keystore, allow_test_numbers=allow_test_numbers)
        known = persons.verdicts == Verdict.OK
        left_out = known & ~optouts.keep(persons.pseudonyms)
        self.people_left_out = len(np.unique(persons.pseudonyms[left_out]))
        kept = ~left_out[people.rows]
        self.source = source.only(kept)
        self.person_rows = people.rows[kept]
        self.persons = persons
        self.judged: dict[str, tuple[Judged, NDArray[np.int64]]] = {}
        self.findings: list[tuple[str, str, Flags]] = []
        self.bad = np.zeros(len(self.source.lines), dtype=bool)
        self._judge_persons(people.texts, persons)

    def check_undeclared_identifiers(self) -> None:
        """Return if no column that would be stored looks like NHS numbers; else name all that do."""
        suspects = [
            column.name
            for column in self.contract.stored
            if looks_like_nhs_numbers(map(as_stored, _some_of(pc.unique(self.source.texts[column.name]))))
        ]
        if suspects:
            raise Invalid("identifier-undeclared", faults=suspects)

    def judge_columns(self) -> None:
        """Judge every cell that will be stored, and the cells of the key."""
        others = [c for c in self.contract.columns if c.name in self.contract.key and c.treatment == "drop"]
        for column in (*self.contract.stored, *others):
            distinct = _Column(self.source.texts[column.name])
            judged = judge(column, distinct.texts, self.contract.missing)
            self.judged[column.name] = (judged, distinct.rows)
            for fault in Fault:
                if fault:
                    self._find(fault.code, column.name, (judged.faults == fault)[distinct.rows])

    def judge_key(self) -> None:
        """Find all rows that share the contract's key, in the canonical form of its values."""
        whole = self.persons.verdicts[self.person_rows] == Verdict.OK
        _, person = np.unique(self.persons.pseudonyms, return_inverse=True)
        codes: NDArray[np.int64] = person[self.person_rows]
        for name in self.contract.key:
            if name != self.contract.person:
                judged, rows = self.judged[name]
                whole &= (judged.faults == Fault.NONE)[rows]
                value = judged.values.dictionary_encode().indices.fill_null(0).to_numpy()
                # numbered anew after each column, so that the product stays below rows squared
                _, codes = np.unique(codes * (value.max(initial=0) + 1) + value[rows], return_inverse=True)
        shared = np.bincount(codes[whole], minlength=codes.max(initial=0) + 1)[codes] > 1
        self._find(KEY_REPEATED, "+".join(self.contract.key), shared & whole)

    def check_enough_is_good(self) -> None:
        """Return if good rows are left and the bad ones are within the contract's share."""
        total, bad = len(self.bad), int(self.bad.sum())
        if total and bad > self.contract.bad_rows_at_most * total:
            share = f"{bad} of {total} rows, at most {self.contract.bad_rows_at_most:.2%}"
            raise Invalid("too-many-bad-rows", share, faults=[str(f) for f in self._findings()])
        if bad == total:
            raise Invalid("no-rows-left")

    def records(self) -> pa.Table:
        """Return the good rows, typed, with their person in place of every direct identifier."""
        good = ~self.bad
        person = self.person_rows[good]
        table = {
            "person": pa.array(self.persons.pseudonyms[person]),
            "held_back": pa.array(self.persons.held_back[person]),
        }
        for column in self.contract.stored:
            judged, rows = self.judged[column.name]
            values = judged.values.take(pa.array(rows[good]))
            # encoded only now: a dictionary of the whole file would keep texts of people who were left out
            table[column.name] = values.dictionary_encode() if pa.types.is_string(values.type) else values
        return pa.table(table)

    def quarantine(self) -> pa.Table:
        """Return the bad rows: line, reasons, person, and the raw texts of the columns that are stored.

        No direct identifier is kept: the line leads back to the source. Where the number does not say whose
        row it is, nobody can tell whether that person opted out, so its texts are not kept either.
        """
        rows = self.source.only(self.bad)
        person = self.persons.pseudonyms[self.person_rows[self.bad]]
        known = pa.array(person != "")
        table = {
            "line": pa.array(rows.lines),
            "reasons": self._reasons(),
            "person": pc.if_else(known, pa.array(person), None),
        }
        for column in self.contract.stored:
            table[column.name] = pc.if_else(known, rows.texts[column.name], None)
        return pa.table(table)

    def report(self, version: DataVersion, *, rows_read: int) -> LoadReport:
        """Return the counts, for the people at this node."""
        kept = self.persons.pseudonyms[self.person_rows[~self.bad]]
        return LoadReport(
            version=version,
            rows_read=rows_read,
            rows_kept=len(kept),
            rows_quarantined=int(self.bad.sum()),
            people_kept=len(np.unique(kept)),
            people_left_out=self.people_left_out,
            findings=self._findings(),
        )

    def _judge_persons(self, texts: pa.Array, persons: Persons) -> None:
        column = Column(self.contract.person, "direct-identifier", "text")
        missing = judge(column, texts, self.contract.missing).faults == Fault.VALUE_MISSING
        self._find(Fault.VALUE_MISSING.code, column.name, missing[self.person_rows])
        for verdict in Verdict:
            if verdict:
                wrong = (persons.verdicts == verdict) & ~missing
                self._find(verdict.code, column.name, wrong[self.person_rows])

    def _find(self, reason: str, column: str, rows: Flags) -> None:
        if rows.any():
            self.findings.append((reason, column, rows))
            self.bad |= rows

    def _findings(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(reason, column, int(rows.sum()), int(self.source.lines[rows].min()), self.source.unit)
            for reason, column, rows in self.findings
        )

    def _reasons(self) -> pa.Array:
        """Return each bad row's reasons as one text, as ``code-unknown in sex; value-missing in age``."""
        found = [(np.flatnonzero(rows), f"{reason} in {column}") for reason, column, rows in self.findings]
        rows = np.concatenate([where for where, _ in found]) if found else np.zeros(0, dtype=np.int64)
        texts = [pa.array([text]).take(pa.array(np.zeros(len(where), dtype=np.int64))) for where, text in found]
        long = pa.table({"row": rows, "text": pa.chunked_array(texts, pa.string())})
        joined = long.group_by("row", use_threads=False).aggregate([("text", "list")]).sort_by("row")
        return pc.binary_join(joined["text_list"].combine_chunks(), "; ")


def _some_of(distinct: pa.Array) -> list[str]:
    """Return at most twice ``LOOKED_AT`` texts from all over a column: enough to tell what it holds."""
    every = max(1, len(distinct) // LOOKED_AT)
    return list(distinct.take(pa.array(np.arange(0, len(distinct), every))).to_pylist())


def _keyed_hash(content: bytes, keystore: Keystore) -> str:
    """Return a hash by which this node knows the file again, and nobody else can test a guess at it."""
    key = keystore.derive(PSEUDONYM_KEY, purpose="source")
    return "hmac-sha256:" + hmac.digest(key, content, "sha256").hex()


__all__ = ["KEY_REPEATED", "LOOKED_AT", "Finding", "LoadReport", "ingest"]
