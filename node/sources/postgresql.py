"""A PostgreSQL table or query, read through ADBC in one read-only transaction, as typed batches."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import adbc_driver_manager
import numpy as np
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from node.sources.cell_types import check_types, plain
from node.sources.source import BATCH_ROWS, Rows, Source, check_header, filled_only
from privacy.contract import Contract
from privacy.errors import Invalid, Refusal, Unreachable

BATCH_HINT = str(1 << 24)  # bytes of a batch: "adbc.postgresql.batch_size_hint_bytes"
_READ_ONLY = "-c default_transaction_read_only=on"
_IN_CLEAR = ("disable", "allow", "prefer")  # modes that go on in clear when the server wants it so
_FAULTS = (adbc_driver_manager.Error, pa.ArrowException, OSError, ValueError, TypeError, OverflowError)


class Address:
    """Where a database is, without its password: that comes from a file, and no text of this shows it.

    A password in the address is ``address-holds-password``: the list of processes would show it to everybody.
    Another machine is spoken to only over TLS with its name checked, unless the address says ``sslmode=require``;
    less is ``database-unencrypted``.
    """

    def __init__(self, location: str, password_file: Path | None = None) -> None:
        try:
            parts = urlsplit(location)
            host, options = parts.hostname or "", dict(parse_qsl(parts.query))
            holds_password = parts.password is not None or "password" in options
        except ValueError:
            raise Invalid("address-malformed") from None
        if holds_password:
            raise Refusal("address-holds-password")
        host = options.get("hostaddr", options.get("host", host))
        if not _is_here(host) and options.setdefault("sslmode", "verify-full") in _IN_CLEAR:
            raise Refusal("database-unencrypted", f"sslmode={options['sslmode']}")
        options["options"] = f"{options.get('options', '')} {_READ_ONLY}".strip()
        if password_file is not None:
            options["password"] = _password(password_file)
        # to the driver only, in memory: what libpq reads from an address is percent-coded
        self._uri = location.partition("?")[0] + "?" + urlencode(options, quote_via=quote)

    def __repr__(self) -> str:
        return "Address(...)"

    def connect(self) -> dbapi.Connection:
        """Return an open connection whose transactions are read-only; else ``database-unreachable``."""
        try:
            return dbapi.connect(self._uri)
        except _FAULTS:
            raise Unreachable("database-unreachable") from None


class Postgresql(Source):
    """The rows of a table, or of one ``SELECT``: of a table only the contract's columns are asked for.

    ``query-failed`` and ``source-interrupted`` say the five letters of the server's SQLSTATE and nothing of its words,
    which may hold values. Cells are typed; exact decimals come as their text.
    """

    unit = "row"

    def __init__(self, address: Address, sql: str, *, contract: Contract | None, key: bytes) -> None:
        self._sql = sql
        self._hash = hmac.new(key, digestmod="sha256")
        self._connection = address.connect()
        self._cursor = self._connection.cursor(adbc_stmt_kwargs={"adbc.postgresql.batch_size_hint_bytes": BATCH_HINT})
        try:
            with _told("query-failed"):
                schema = self._cursor.adbc_execute_schema(sql)
            _check_selects(schema)
            check_header(schema.names, contract)
            check_types(schema)
            self.names = tuple(schema.names)
        except BaseException:
            self.close()
            raise

    def read(self) -> Iterator[Rows]:
        """Give the rows once, in the order that the server gives them."""
        yield from filled_only(self._batches())

    def digest(self) -> str:
        """Return the keyed hash of the cells that were read."""
        return "hmac-sha256:" + self._hash.hexdigest()

    def close(self) -> None:
        """Give back the connection."""
        for held in (self._cursor, self._connection):
            try:
                held.close()
            except _FAULTS:  # a server that went away cannot be told goodbye
                continue

    def _batches(self) -> Iterator[Rows]:
        with _told("query-failed"):
            self._cursor.execute(self._sql)
            reader = self._cursor.fetch_record_batch()
        schema = pa.schema([(field.name, plain(pa.nulls(0, field.type)).type) for field in reader.schema])
        number = 1
        with pa.ipc.new_stream(pa.PythonFile(_Hashing(self._hash), "w"), schema) as hashed:
            while (batch := _next(reader)) is not None:
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    piece = batch.slice(start, BATCH_ROWS)
                    cells = pa.record_batch([plain(column) for column in piece.columns], schema=schema)
                    hashed.write_batch(cells)
                    yield Rows(cells, np.arange(number, number + cells.num_rows, dtype=np.int64))
                    number += cells.num_rows


class _Hashing:
    """A file that keeps nothing but the hash of what is written to it."""

    closed = False

    def __init__(self, hashed: hmac.HMAC) -> None:
        self._hash = hashed

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        return len(content)

    def flush(self) -> None:
        return

    def writable(self) -> bool:
        return True


def table_query(table: str, contract: Contract | None) -> str:
    """Return the statement that reads a ``schema.table``: the contract's columns, or all where there is none."""
    name = ".".join(map(_quoted, table.split(".")))
    columns = "*" if contract is None else ", ".join(_quoted(column.name) for column in contract.columns)
    return f"SELECT {columns} FROM {name}"  # noqa: S608 - names, each in quotes


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    with _told("source-interrupted"):
        return next(reader, None)


def _check_selects(schema: pa.Schema) -> None:
    """Return if a statement returns columns; a DROP, say, does not, and the transaction would not let it through."""
    if not schema.names:
        raise Invalid("query-absent", "what was given returns no columns")


@contextmanager
def _told(code: str) -> Iterator[None]:
    """Turn what the driver or the server says into a code, with the SQLSTATE and without the words."""
    try:
        yield
    except _FAULTS as error:
        state = getattr(error, "sqlstate", None)
        detail = f"SQLSTATE {state}" if state else ""
    else:
        return
    if code == "query-failed":
        raise Invalid("query-failed", detail) from None
    raise Unreachable("source-interrupted", detail) from None


def _is_here(host: str) -> bool:
    """Say whether a host is this machine: a socket's directory, or an address that loops back.

    An address without a host may get one from a service file or PGHOST; of a socket, libpq ignores what TLS is asked.
    """
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _password(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreachable("file-unreadable", str(file)) from error


__all__ = ["BATCH_HINT", "Address", "Postgresql", "table_query"]
