"""Parquet files that are ciphertext from the first byte on (modular encryption, one key a file)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from privacy.atomic import appear
from privacy.errors import Invalid, Tampered, Unreachable

SUFFIX = ".parquet"
ROWS_IN_A_GROUP = 1 << 18
Compression = Literal["zstd", "lz4"]
SMALL: Compression = "zstd"  # what stays
QUICK: Compression = "lz4"  # what goes again in a minute


def seal(
    tables: Iterable[pa.Table],
    path: Path,
    key: bytes,
    *,
    rows_in_a_group: int = ROWS_IN_A_GROUP,
    compression: Compression = SMALL,
) -> None:
    """Write at least one table, all of one schema, so that only ``key`` can read them, or write nothing.

    AES-256-GCM over pages, statistics, schema and footer. A key is for one file; the file's name is authenticated too,
    so that one file cannot be passed off as another. Each table begins a row group. A disk that does not take it is
    ``store-unwritable``.
    """
    properties = pe.create_encryption_properties(key, aad_prefix=path.name.encode(), store_aad_prefix=False)
    given = iter(tables)
    first = next(given)  # outside: a fault of what is written is not the disk's

    def write(file: BinaryIO) -> None:
        options = {"compression": compression, "use_dictionary": _texts(first.schema), "write_statistics": ["person"]}
        with pq.ParquetWriter(file, first.schema, encryption_properties=properties, **options) as writer:
            for table in chain([first], given):
                writer.write_table(table, row_group_size=rows_in_a_group)

    try:
        appear(path, write)
    except OSError as error:
        raise Unreachable("store-unwritable", str(path.parent)) from error


def _texts(schema: pa.Schema) -> list[str]:
    """Return the columns whose values repeat: numbers and days are smaller and faster as they are."""
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_dictionary(field.type)]


@contextmanager
def unsealed(path: Path, key: bytes, *, dictionaries: Sequence[str] = ()) -> Iterator[Any]:
    """Open a sealed file to read some of it; one that is gone, changed or swapped is ``store-tampered``."""
    properties = pe.create_decryption_properties(key, aad_prefix=path.name.encode())
    try:
        with pq.ParquetFile(path, decryption_properties=properties, read_dictionary=list(dictionaries)) as file:
            yield file
    except (OSError, pa.ArrowException):
        raise Tampered("store-tampered", path.name) from None


def unseal(path: Path, key: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Read whole columns back, as ``unsealed`` does; a column that is not there is ``variable-unknown``."""
    with unsealed(path, key) as file:
        if unknown := sorted(set(columns or ()) - set(file.schema_arrow.names)):
            raise Invalid("variable-unknown", ", ".join(unknown))
        return file.read(columns=columns)


__all__ = ["QUICK", "ROWS_IN_A_GROUP", "SMALL", "SUFFIX", "Compression", "seal", "unseal", "unsealed"]
