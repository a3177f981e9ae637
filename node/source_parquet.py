"""A Parquet file as the CSV of the same rows would have come: all cells text, each row with its number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from node.parquet import SUFFIX
from node.source import Source, check_header, without_empty_rows
from privacy.contract import Contract
from privacy.errors import Invalid

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
# Of text, decoded. A small file can stand for any number of rows: what does not fit a node is not begun.
LARGEST_BYTES = 8 * 2**30
OFFSET_BYTES = 4  # that each cell takes at least


def is_parquet(file: Path, content: bytes) -> bool:
    """Say whether a file is meant as Parquet, by its name or its first bytes."""
    return file.suffix == SUFFIX or content[:4] in (MAGIC, ENCRYPTED)


def read_parquet(content: bytes, contract: Contract) -> Source:
    """Return the rows; null and NaN become the contract's first text for missing, typed cells their plain text.

    ``parquet-malformed``, ``parquet-encrypted``, ``parquet-column-type`` (nested, or without a text) and
    ``parquet-too-large`` show no value; wrong columns are refused as for CSV. A row with nothing in it is left out.
    """
    if ENCRYPTED in (content[:4], content[-4:]):
        raise Invalid("parquet-encrypted")
    try:
        with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True) as file:
            check_header(file.schema_arrow.names, contract)
            _check_types(file.schema_arrow)
        texts = _texts(content, contract)
    except (OSError, pa.ArrowException, ValueError, TypeError, OverflowError, MemoryError):
        raise Invalid("parquet-malformed") from None  # arrow's message would show a value
    return without_empty_rows(Source(texts, np.arange(1, texts.num_rows + 1, dtype=np.int64), "row"))


def _texts(content: bytes, contract: Contract) -> pa.Table:
    missing = "" if "" in contract.missing or not contract.missing else contract.missing[0]
    names = [column.name for column in contract.columns]
    # dictionaries stay encoded until their decoded size is known: one long text may stand in a million rows
    options = {"page_checksum_verification": True, "read_dictionary": names}
    columns: dict[str, list[pa.Array]] = {name: [] for name in names}
    left = LARGEST_BYTES
    with pq.ParquetFile(pa.BufferReader(content), **options) as file:
        _check_size(file.metadata, len(names))
        for group in range(file.metadata.num_row_groups):
            for name in names:
                table = file.read_row_group(group, columns=[name], use_threads=False)
                for chunk in table.column(name).chunks:
                    chunk.validate(full=True)
                    left -= _decoded_bytes(chunk)
                    if left < 0:
                        raise Invalid("parquet-too-large")
                    columns[name].append(pc.fill_null(_text(chunk), missing))
    return pa.table({name: pa.chunked_array(chunks, pa.string()) for name, chunks in columns.items()})


def _text(chunk: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(chunk.type):
        return _text(chunk.dictionary).take(chunk.indices)
    if pa.types.is_floating(chunk.type):
        chunk = pc.if_else(pc.is_nan(chunk), pa.scalar(None, chunk.type), chunk)
    return pc.cast(chunk, pa.string())


def _decoded_bytes(chunk: pa.Array) -> int:
    if pa.types.is_dictionary(chunk.type):
        lengths = pc.binary_length(pc.cast(chunk.dictionary, pa.string())).take(chunk.indices)
        return int(pc.sum(lengths.cast(pa.int64())).as_py() or 0) + OFFSET_BYTES * len(chunk)
    return int(chunk.nbytes)


def _check_types(schema: pa.Schema) -> None:
    if faults := list(_type_faults(schema)):
        raise Invalid("parquet-column-type", faults=faults)


def _type_faults(schema: pa.Schema) -> Iterator[str]:
    for field in schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_nested(kind):
            yield f"{field.name}: is nested"
        elif not any(has_text(kind) for has_text in _WITH_TEXT):
            yield f"{field.name}: is of a type that has no plain text"


_WITH_TEXT = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_null,
)


def _check_size(metadata: pq.FileMetaData, columns: int) -> None:
    """Refuse by what the file says of itself, before a page of it is read."""
    claimed = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if max(claimed, metadata.num_rows * columns * OFFSET_BYTES) > LARGEST_BYTES:
        raise Invalid("parquet-too-large")


__all__ = ["ENCRYPTED", "LARGEST_BYTES", "MAGIC", "OFFSET_BYTES", "is_parquet", "read_parquet"]
