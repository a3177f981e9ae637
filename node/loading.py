"""One load at work: it holds the store's lock, spills only into sealed scratch files, and commits all or nothing."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from node import epochs
from node.clock import stamp
from node.data_version import DATA_LOADED, DataVersion
from node.files import Files
from node.parquet import QUICK, unsealed
from node.vault import FileKey
from privacy.audit import AuditLog
from privacy.contract import Contract
from privacy.durable import Database

INSERT = "INSERT INTO data_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Scratch:
    """A sealed file whose key only this process has: when the process ends, nobody can read it any more."""

    directory: Path
    key: FileKey

    def opened(self) -> AbstractContextManager[Any]:
        """Return the file, to read row groups of."""
        return unsealed(self.directory / self.key.file, self.key.secret)


class Loading:
    """What ``Store.loading`` hands out; the scratch files go when it ends, however it ends."""

    def __init__(
        self,
        files: Files,
        database: Database,
        audit: AuditLog,
        contract: Contract,
        *,
        number: int,
        meanwhile: ThreadPoolExecutor,
    ) -> None:
        self._files = files
        self.meanwhile = meanwhile.submit  # work beside the load, at an end before the store is let go
        self._database = database
        self._audit = audit
        self._contract = contract
        self._number = number
        self._stem = f"{contract.name}.{number}"

    def scratch(self, tables: Iterable[pa.Table], *, rows_in_a_group: int) -> Scratch:
        """Write tables where they lie as ciphertext while the load is at work; each begins a row group."""
        key = self._files.seal(tables, self._stem, "scratch", rows_in_a_group=rows_in_a_group, compression=QUICK)
        return Scratch(self._files.directory, key)

    def commit(
        self,
        *,
        records: Iterable[pa.Table],
        quarantine: Iterable[pa.Table],
        source_sha256: str,
        optouts_version: str,
        linkage: str = "",
        now: datetime.datetime,
        note: Callable[[], bytes | None] = lambda: None,
    ) -> DataVersion:
        """Keep the load as the data set's next version: files, their keys, row and audit leaf, in one transaction.

        ``records`` are tables with ``person`` (pseudonyms), ``held_back`` and the contract's stored columns, in the
        order of their pseudonyms. ``quarantine`` is taken only after them: the last bad rows are found among them.
        Pseudonyms of a key that is not in force any more are ``pseudonyms-rotated``. ``note`` is asked last, for what
        is kept beside the records under their key.
        """
        named = _Named(records)
        keys = [self._files.seal(named, self._stem, "records")]
        keys.append(self._files.seal(quarantine, self._stem, "quarantine"))
        version = DataVersion(
            data_set=self._contract.name,
            version=self._number,
            contract=self._contract,
            loaded_at=stamp(now),
            source_sha256=source_sha256,
            optouts_version=optouts_version,
            file=keys[0].file,
            quarantine=keys[1].file,
            linkage=linkage,
        )
        with self._database.transaction() as connection:
            epochs.require_in_force(connection, named.first)
            connection.execute(INSERT, version.row())
            self._files.vault.keep(connection, keys)
            if (content := note()) is not None:
                self._files.vault.keep_note(connection, keys[0].file, keys[0].secret, content)
            self._audit.append(connection, DATA_LOADED, version.facts(), at=version.loaded_at)
        return version


class _Named:
    """Passes tables on, and keeps the first person of each."""

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        self._tables = tables
        self.first: list[str] = []

    def __iter__(self) -> Iterator[pa.Table]:
        for table in self._tables:
            self.first += table["person"][:1].cast(pa.string()).to_pylist()
            yield table


__all__ = ["INSERT", "Loading", "Scratch"]
