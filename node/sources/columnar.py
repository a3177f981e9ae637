"""Parquet files, one or a directory of parts: typed cells row group by row group, each row with its number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from node.sources.cell_types import check_types, plain, plain_type
from node.sources.held import Held, digest_of
from node.sources.source import BATCH_BYTES, BATCH_ROWS, Rows, Source, check_header, filled_only, named
from privacy.contract import Contract
from privacy.errors import Invalid

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
# A small file can stand for any number of rows and of texts: what unpacks to more than this is not a table of records.
LARGEST_BYTES = 8 * 2**30
LARGEST_RATIO = 200  # of what is unpacked to the files' bytes, beyond LARGEST_BYTES
OFFSET_BYTES = 4  # that each cell takes at least
LONG_TEXT = 1 << 16  # bytes; a column with longer entries in its dictionaries is never unpacked from them
_BUFFER_BYTES = 1 << 20
_FAULTS = (OSError, pa.ArrowException, ValueError, TypeError, OverflowError, MemoryError)


class Columnar(Source):
    """Parquet parts of one table, in order; rows are counted through all of them.

    ``parquet-malformed``, ``parquet-encrypted``, ``column-type-unread`` (nested, or without a text),
    ``parquet-too-large`` and ``parts-differ`` show no value; wrong columns are refused as for CSV.
    """

    unit = "row"

    def __init__(self, paths: Sequence[Path], *, contract: Contract | None, key: bytes) -> None:
        self._key = key
        self._contract = contract
        self._held: list[Held] = []
        self._numbers = 0
        try:
            for path in paths:
                self._held.append(Held(path, key))
            self._left = LARGEST_BYTES + LARGEST_RATIO * sum(held.before.st_size for held in self._held)
            self._headings = self._checked(contract)
            self.names = named(self._headings, contract)
        except BaseException:
            self.close()
            raise

    def read(self) -> Iterator[Rows]:
        """Give the rows once, in order."""
        yield from filled_only(self._batches())

    def digest(self) -> str:
        """Return the keyed hash of the file's bytes, or of the parts' hashes."""
        return digest_of(self._held, self._key)

    def close(self) -> None:
        """Let go of the files."""
        for held in self._held:
            held.close()

    def _checked(self, contract: Contract | None) -> tuple[str, ...]:
        """Check every part by its footer before a row of any is read; return the headings of its columns."""
        kinds: dict[str, pa.DataType] = {}
        for held in self._held:
            _check_is_open(held.path)
            try:
                with self._opened(held) as file:
                    schema, metadata = file.schema_arrow, file.metadata
                    check_header(named(schema.names, contract), contract)
                    check_types(schema)
                    self._check_size(metadata)
            except _FAULTS:
                raise Invalid("parquet-malformed", held.path.name) from None  # arrow's message would show a value
            found = {field.name: plain_type(field.type) for field in schema}
            kinds = kinds or found
            if found != kinds:
                raise Invalid("parts-differ", faults=[held.path.name])
        return tuple(kinds)

    def _opened(self, held: Held, as_dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
        return pq.ParquetFile(
            held.path,
            page_checksum_verification=True,
            pre_buffer=False,  # which would hold a whole row group
            buffer_size=_BUFFER_BYTES,
            read_dictionary=list(as_dictionaries),
        )

    def _check_size(self, metadata: pq.FileMetaData) -> None:
        """Refuse by what the file says of itself, before a page of it is read."""
        claimed = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        if max(claimed, metadata.num_rows * metadata.num_columns * OFFSET_BYTES) > self._left:
            raise Invalid("parquet-too-large")

    def _batches(self) -> Iterator[Rows]:
        for held in self._held:
            try:
                for cells in self._cells(held):
                    numbers = np.arange(self._numbers + 1, self._numbers + 1 + cells.num_rows, dtype=np.int64)
                    self._numbers += cells.num_rows
                    yield Rows(cells, numbers)
            except _FAULTS:
                held.check_unchanged()  # else what is wrong is that it changed
                raise Invalid("parquet-malformed", held.path.name) from None
            held.rest()

    def _cells(self, held: Held) -> Iterator[pa.RecordBatch]:
        with self._opened(held) as file, self._opened(held, self._headings) as encoded:
            as_dictionaries, longest = _as_dictionaries(file, encoded)
            rows = min(_batch_rows(file.metadata), BATCH_BYTES // max(1, longest))
        with self._opened(held, as_dictionaries) as file:
            for batch in file.iter_batches(batch_size=rows, columns=list(self._headings)):
                for column in batch.columns:
                    column.validate(full=True)
                    self._left -= _decoded_bytes(column)
                if self._left < 0:
                    raise Invalid("parquet-too-large")
                columns = [plain(batch.column(heading)) for heading in self._headings]
                yield pa.record_batch(columns, names=list(self.names))


_PEEK = 4096  # rows


def is_parquet(path: Path) -> bool:
    """Say whether a file is meant as Parquet, by its name or its first bytes."""
    if path.suffix == ".parquet" or not path.is_file():
        return path.suffix == ".parquet"
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) in (MAGIC, ENCRYPTED)
    except OSError:
        return False


def _check_is_open(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(MAGIC))
        file.seek(-min(len(MAGIC), path.stat().st_size), 2)
        if ENCRYPTED in (head, file.read()):
            raise Invalid("parquet-encrypted", path.name)


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """Return how many rows make about ``BATCH_BYTES``, in the row group with the longest rows."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    longest = max((group.total_byte_size / max(1, group.num_rows) for group in groups), default=1)
    cells = metadata.num_columns * OFFSET_BYTES
    return int(min(BATCH_ROWS, max(1, BATCH_BYTES // max(1, longest, cells))))


def _as_dictionaries(file: pq.ParquetFile, encoded: pq.ParquetFile) -> tuple[list[str], int]:
    """Return the columns of text to read as dictionaries, and the longest entry of the dictionaries of the others.

    To number the texts of a column costs more than to read them, unless they repeat. But one long text may stand in
    a million rows: how many rows are unpacked at once goes by the longest, and by far too long ones none is.
    """
    as_dictionaries, longest = [], 0
    for name in (field.name for field in file.schema_arrow if _is_text(field.type)):
        peeks = list(_peeks(encoded, name))
        length = max((_longest(texts) for texts, _ in peeks), default=0)
        if length > LONG_TEXT or (peeks and all(repeats for _, repeats in peeks)):
            as_dictionaries.append(name)
        else:
            longest = max(longest, length)
    return as_dictionaries, longest


def _is_text(kind: pa.DataType) -> bool:
    return bool(plain_type(kind) == pa.string() and not pa.types.is_null(kind))


def _peeks(file: pq.ParquetFile, name: str) -> Iterator[tuple[pa.Array, bool]]:
    """Yield, for each row group, the dictionary that comes with its first rows, and whether texts repeat in it.

    A column that was written with a dictionary brings all of it, any other that of the rows that were looked at. What
    the footer says of single columns is not asked: one that is damaged there ends the process.
    """
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        first = next(file.iter_batches(batch_size=_PEEK, row_groups=[group], columns=[name]), None)
        if first is not None:
            texts = first.column(0).dictionary
            seen = rows if len(texts) > first.num_rows else first.num_rows
            yield texts, 2 * len(texts) <= seen


def _longest(texts: pa.Array) -> int:
    return int(pc.max(pc.binary_length(texts)).as_py() or 0)


def _decoded_bytes(column: pa.Array) -> int:
    if pa.types.is_dictionary(column.type):
        if _longest(column.dictionary) * len(column) <= BATCH_BYTES:
            return int(column.nbytes) - int(column.dictionary.nbytes)
        lengths = pc.binary_length(column.dictionary).take(column.indices)
        return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0) + OFFSET_BYTES * len(column)
    return int(column.nbytes)


__all__ = [
    "ENCRYPTED",
    "LARGEST_BYTES",
    "LARGEST_RATIO",
    "LONG_TEXT",
    "MAGIC",
    "OFFSET_BYTES",
    "Columnar",
    "is_parquet",
]
