"""The API over TLS 1.3, from a ready line to a clean end."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from privacy.errors import Invalid, Unreachable

STOP_SECONDS = 2


def serve_api(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    certificate: Path,
    private_key: Path,
    ready: Callable[[], None],
    on_tls: Callable[[ssl.SSLContext], None] = lambda _: None,
) -> None:
    """Listen until SIGTERM or SIGINT, then end within seconds; ``ready`` is called once requests are served.

    ``on_tls`` hears, in the event loop that serves, with which TLS context.
    """
    config = uvicorn.Config(
        app,
        ssl_certfile=certificate,
        ssl_keyfile=private_key,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError):
        raise Invalid("certificate-unusable", str(certificate)) from None
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        listening = socket.create_server((host, port), backlog=1024)
    except OSError:
        raise Unreachable("port-unavailable", f"{host}:{port}") from None
    with listening:
        server = _Server(config, ready, on_tls)
        _quiet(server)
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Says when it is ready. uvicorn raises a caught signal again once it has ended: here that does nothing."""

    def __init__(
        self, config: uvicorn.Config, ready: Callable[[], None], on_tls: Callable[[ssl.SSLContext], None]
    ) -> None:
        super().__init__(config)
        self._ready, self._on_tls = ready, on_tls

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.config.ssl is not None:
            self._on_tls(self.config.ssl)
        await super().startup(sockets)
        self._ready()


def _quiet(server: uvicorn.Server) -> None:
    """Let signals end the server and not the process."""

    def end(*_: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


__all__ = ["STOP_SECONDS", "serve_api"]
