"""The SuperLink embedded in the coordinator: Flower's link state in memory, and its Fleet protocol over TLS.

Nothing of it is kept on disk. After a restart the coordinator registers its nodes again, they reconnect by
themselves, and a study resumes from our own checkpoint as a new Flower run.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import uvicorn

from coordinator.federation.fleet_api import FleetApi
from coordinator.federation.flower_grid import FlowerGrid
from coordinator.federation.switchboard import Switchboard
from privacy.errors import Invalid, Unreachable

IDLE_CONNECTION_SECONDS: Final = 120  # a node that computes keeps its connection, and need not shake hands again
STOP_SECONDS: Final = 2


class SuperLink:
    """Serves the registered nodes from ``start`` to ``stop``, or as a context manager.

    ``on_tls`` hears, in the event loop that serves, with which TLS context. Raises Invalid when the certificate or
    its key cannot be used, Unreachable when the port cannot be had.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        certificate: Path,
        private_key: Path,
        home: Path,
        on_tls: Callable[[ssl.SSLContext], None] = lambda _: None,
    ) -> None:
        os.environ["FLWR_HOME"] = str(home)
        self._address = (host, port)
        self._switchboard = Switchboard()
        self._on_tls = on_tls
        self._config = uvicorn.Config(
            FleetApi(self._switchboard),
            ssl_certfile=certificate,
            ssl_keyfile=private_key,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=IDLE_CONNECTION_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        try:
            self._config.load()
        except (OSError, ssl.SSLError):
            raise Invalid("certificate-unusable") from None
        if self._config.ssl is not None:
            self._config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
        self._server = uvicorn.Server(self._config)
        self._thread = threading.Thread(target=self._serve, name="superlink", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        try:
            self._socket = socket.create_server(self._address, backlog=1024)
        except OSError:
            raise Unreachable("port-unavailable", f"{self._address[0]}:{self._address[1]}") from None
        self._thread.start()

    def stop(self) -> None:
        """Let go of every node and of the port."""
        self._server.should_exit = True
        self._switchboard.close()
        self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """Return the port being listened on, which the system chose if it was given as 0."""
        port: int = self._socket.getsockname()[1]
        return port

    def register(self, fingerprint: str, flower_public_key_pem: bytes) -> None:
        """Let the holder of this key, and nobody else, connect as ``fingerprint``; a no-op when it is so.

        A node that is registered with another key stays connected, and goes on with this one.
        """
        self._switchboard.admit(fingerprint, flower_public_key_pem)

    def retire(self, fingerprint: str, flower_public_key_pem: bytes) -> None:
        """Remember a key that no longer serves, so that whoever calls with it is known to us."""
        self._switchboard.retire(fingerprint, flower_public_key_pem)

    def unregister(self, fingerprint: str) -> None:
        """Cut this node off at once; a no-op when it is not registered."""
        self._switchboard.dismiss(fingerprint)

    def grid(self, study: str) -> FlowerGrid:
        """Return a grid over a new Flower run for this study."""
        return FlowerGrid(self._switchboard, study)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=self._config.get_loop_factory()) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        if self._config.ssl is not None:
            self._on_tls(self._config.ssl)
        await self._server.serve(sockets=[self._socket])


__all__ = ["SuperLink"]
