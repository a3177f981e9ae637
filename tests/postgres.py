"""A PostgreSQL server of a test's own: on loopback, in a temporary directory, under a user without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import adbc_driver_postgresql.dbapi
import pyarrow as pa

USER, PASSWORD = "reader", "a password, with %&?' signs"
LONGEST_START_SECONDS = 60


def binaries() -> Path:
    """Return where PostgreSQL's programs are; Debian's package is installed when they are not."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        subprocess.run(["apt-get", "install", "-qq", "-y", "postgresql"], check=True, stdout=subprocess.DEVNULL)
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent


class Server:
    """A running server; whoever logs in over the network needs the password, its owner on the socket does not."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._data = directory / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._as_owner = []
        if os.geteuid() == 0:  # postgres refuses to be root
            owner = pwd.getpwnam("postgres")
            self._as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
            os.chown(directory, owner.pw_uid, owner.pw_gid)

    def __enter__(self) -> Self:
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256")
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self._directory), "fsync": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [*self._as_owner, binaries() / "postgres", "-D", self._data, "-p", str(self.port), *options]
        with (self._directory / "log").open("wb") as log:
            self._server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, cwd=self._directory)
        self._wait()
        self.do(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
        self.do(f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {USER}")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.send_signal(signal.SIGINT)  # fast: whoever is connected is cut off
        self._server.wait()
        shutil.rmtree(self._data)

    @property
    def address(self) -> str:
        """Return the address over the network, without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def do(self, *statements: str, rows: tuple[str, pa.Table] | None = None, schema: str = "public") -> None:
        """Do statements as the owner; ``rows`` go into a new table of that name, in that schema."""
        address = f"postgresql://postgres@/postgres?host={self._directory}&port={self.port}"
        with adbc_driver_postgresql.dbapi.connect(address, autocommit=True) as owner, owner.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            if rows:
                cursor.adbc_ingest(rows[0], rows[1], mode="create", db_schema_name=schema)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_owner, binaries() / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._directory)

    def _wait(self) -> None:
        until = time.monotonic() + LONGEST_START_SECONDS
        ready = [binaries() / "pg_isready", "-q", "-h", self._directory, "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            assert self._server.poll() is None, (self._directory / "log").read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
