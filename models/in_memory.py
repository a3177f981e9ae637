"""DuckDB as an engine in memory: it touches no disk, loads no extension and reads no file; no record escapes by it."""

from __future__ import annotations

import duckdb

OutOfMemory = duckdb.OutOfMemoryException
MEMORY = "2GB"  # a query that needs more fails: it may not write what does not fit to a disk in clear
CLOSED = {
    "allow_community_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "python_scan_all_frames": "false",
    "temp_directory": "",
}


def connect(*, memory: str = MEMORY, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Return an empty database that lives in memory; hand it Arrow data by ``register``. Its settings are locked."""
    settings = {**CLOSED, "memory_limit": memory, **({} if threads is None else {"threads": str(threads)})}
    connection = duckdb.connect(":memory:", config=settings)  # type: ignore[arg-type]  # too narrow there
    connection.execute("SET lock_configuration = true")
    return connection


__all__ = ["CLOSED", "MEMORY", "OutOfMemory", "connect"]
