"""Parquet files that are ciphertext from the first byte on (modular encryption, one key a file)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe

from privacy.atomic import appear
from privacy.errors import Invalid, Tampered, Unreachable

SUFFIX = ".parquet"
ROWS_IN_A_GROUP = 1 << 18


def seal(table: pa.Table, path: Path, key: bytes) -> None:
    """Write a table that only ``key`` can read, whole or not at all; else ``store-unwritable``.

    AES-256-GCM over pages, statistics, schema and footer. A key is for one file; the file's name is authenticated too,
    so that one file cannot be passed off as another.
    """
    properties = pe.create_encryption_properties(key, aad_prefix=path.name.encode(), store_aad_prefix=False)
    try:
        appear(
            path,
            lambda file: pq.write_table(
                table,
                file,
                row_group_size=ROWS_IN_A_GROUP,
                compression="zstd",
                encryption_properties=properties,
            ),
        )
    except OSError as error:
        raise Unreachable("store-unwritable", str(path.parent)) from error


def unseal(path: Path, key: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Read whole columns back; a file that is gone, changed or swapped is ``store-tampered``."""
    properties = pe.create_decryption_properties(key, aad_prefix=path.name.encode())
    try:
        with pq.ParquetFile(path, decryption_properties=properties) as file:
            if unknown := sorted(set(columns or ()) - set(file.schema_arrow.names)):
                raise Invalid("variable-unknown", ", ".join(unknown))
            return file.read(columns=columns)
    except (OSError, pa.ArrowException):
        raise Tampered("store-tampered", path.name) from None


__all__ = ["ROWS_IN_A_GROUP", "SUFFIX", "seal", "unseal"]
