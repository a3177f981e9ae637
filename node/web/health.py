"""Health over plain HTTP, for a monitor on this machine or its own network: three paths, GET only, nothing read."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from privacy.errors import Unreachable
from privacy.metrics import Metric
from privacy.probes import ALIVE, METRICS, READY, Answer, Readiness, alive, not_offered, readiness

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
AT_ONCE, STOP_SECONDS = 16, 1


class HealthApp:
    """An ASGI application that answers a monitor; the work is done in one thread, one question after the other."""

    def __init__(self, ready: Readiness, metrics: Callable[[], Iterable[Metric]]) -> None:
        self._ready, self._metrics = ready, metrics
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="health")

    async def __call__(self, scope: Scope, receive: Receive, reply: Send) -> None:
        """Answer one request; its headers and body are not looked at."""
        del receive
        if scope["type"] != "http":
            return
        answer = await self._answer(scope["method"], scope["path"])
        headers = [(b"content-type", answer.media_type.encode()), (b"cache-control", b"no-store")]
        await reply({"type": "http.response.start", "status": answer.status, "headers": headers})
        await reply({"type": "http.response.body", "body": answer.body})

    async def _answer(self, method: str, path: str) -> Answer:
        loop = asyncio.get_running_loop()
        if method != "GET" or path not in {ALIVE, READY, METRICS}:
            return not_offered(method)
        if path == ALIVE:
            return alive()
        if path == READY:
            return readiness(await loop.run_in_executor(self._worker, self._ready.findings))
        return Answer(200, TEXT_TYPE, await loop.run_in_executor(self._worker, self._text))

    def _text(self) -> bytes:
        return exposition(self._metrics())


def exposition(metrics: Iterable[Metric]) -> bytes:
    """Return figures in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Given(list(metrics)))
    return generate_latest(registry)


class _Given(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        for metric in self._metrics:
            kind = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
            names = sorted(metric.samples[0][0]) if metric.samples else []
            family = kind(metric.name, metric.help, labels=names)
            for labels, value in metric.samples:
                family.add_metric([labels[name] for name in names], value)
            yield family


@contextmanager
def answering(app: ASGIApp, host: str, port: int) -> Iterator[int]:
    """Answer a monitor on this address meanwhile, and give the port; 0 stands for any that is free."""
    try:
        listening = socket.create_server((host, port), backlog=AT_ONCE)
    except OSError:
        raise Unreachable("port-unavailable", f"{host}:{port}") from None
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=STOP_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=_serve, args=(server, listening), name="health", daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(2 * STOP_SECONDS)
        listening.close()


def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    """Serve in a thread; signals stay with the program."""
    with asyncio.Runner() as runner:
        runner.run(server.serve(sockets=[listening]))


__all__ = ["AT_ONCE", "STOP_SECONDS", "TEXT_TYPE", "HealthApp", "answering", "exposition"]
