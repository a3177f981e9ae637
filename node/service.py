"""What ``serve`` runs: the coordinator's connection, answered by the door, beside a loop that fetches offers."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import structlog

from node.assemble import Node
from node.clock import stamp
from node.contact import LOCK, Contact
from node.following import follow_offers, follow_withdrawals
from node.governance import OPEN
from node.watch import Watch
from privacy.alone import alone
from privacy.canonical import Document
from privacy.dry_run import dry_run
from privacy.errors import HedgerowError, Unreachable
from privacy.probes import Readiness

WELL = "well"  # what failed before and no longer does
LONGEST_HASH = 71  # "sha256:" and 64 digits; what a coordinator sends is not logged at any length
COMPARE_SECONDS = 0.2
FAREWELL_SECONDS = 0.5
GOODBYE_SECONDS = 1.2  # what is under way at SIGTERM may take this long to end; a charge that stands is safe
RETENTION_CHECK = datetime.timedelta(hours=1)  # contracts count in days

if TYPE_CHECKING:
    from node.federation.hub import News  # httpx: the hub itself is opened when first needed

_log = structlog.get_logger()


class Service:
    """Serves one node until ``stop`` is set; whatever fails is logged by its code and tried again."""

    def __init__(self, node: Node, stop: threading.Event) -> None:
        self._node = node
        self._stop = stop
        self._said: dict[str, str] = {}
        self._passed_over: set[str] = set()  # why offers were not kept
        self._fault: Exception | None = None
        self._checkpoint_due: datetime.datetime | None = None
        self._records_due = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        self.contact = Contact(node.home)
        self._loaded: set[str] = set()  # studies whose computations are in memory
        self._compared = threading.Event()  # with what the coordinator kept of our log; before that nothing is answered
        self._watch = Watch(node)

    def run(self, ready: Callable[[], None]) -> None:
        """Serve; returns within two seconds of ``stop``. A second service of the same node is ``node-running``."""
        with alone(self._node.home / LOCK, Unreachable("node-running", str(self._node.home))):
            self._watch.begin()
            self._node.database.fold()
            self._node.verify()  # a node whose policy nobody signed, or whose state was edited, does not even start
            _ = self._node.door
            threads = [threading.Thread(target=work, daemon=True) for work in (self._hold, self._poll)]
            with self._monitored():
                for thread in threads:
                    thread.start()
                ready()
                self._stop.wait()
            for thread in threads:
                thread.join(GOODBYE_SECONDS / len(threads))
            if self._fault is None:
                self._end()
        if self._fault is not None:
            raise self._fault

    def _monitored(self) -> AbstractContextManager[object]:
        """Answer a monitor meanwhile, where the settings name a port for it; else the node listens nowhere."""
        settings = self._node.settings
        if not settings.health_port:
            return nullcontext()
        from node.doctor.ready import Ready  # noqa: PLC0415 - uvicorn and prometheus_client, for those who ask for it
        from node.vitals import node_metrics  # noqa: PLC0415 - as above
        from node.web.health import HealthApp, answering  # noqa: PLC0415 - as above

        node, contact = self._node, self.contact
        ready = Readiness(Ready(node, contact).checks(), node.now)
        app = HealthApp(ready, lambda: node_metrics(node, contact, ready.findings()))
        return answering(app, settings.health_host, settings.health_port)

    def tick(self) -> None:
        """Do once what the loop does again and again: news, end dates, notices, checkpoint."""
        admitted = self._try("news", self._fetch)
        if not self._compared.is_set() or self._fault is not None:
            return
        if admitted:  # so our clock agrees with the coordinator's: a clock that ran ahead closes no study for good
            self._try("expiry", lambda: self._node.governance.expire(now=self._node.now()))
            self._try("retention", self._let_go)
        self._try("computations", self._make_ready)
        self._try("notices", self._tell)
        self._try("checkpoint", self._checkpoint)

    def _make_ready(self) -> None:
        """Load what approved studies compute with, so that their first request need not wait for it; torch, often."""
        for record in self._node.governance.register.all():
            if record.state in {"runnable", "running"} and record.hash not in self._loaded:
                self._loaded.add(record.hash)
                dry_run(record.study(), self._node.finder)

    def _let_go(self) -> None:
        """Remove records that their contract does not keep any longer."""
        now = self._node.now()
        if now >= self._records_due:
            from node.erasure import expire  # noqa: PLC0415 - pyarrow

            for name in expire(self._node):
                _log.info("let go", data=name)
            running = {r.hash for r in self._node.governance.register.all() if r.state in OPEN}
            self._node.masking.forget(running)
            self._records_due = now + RETENTION_CHECK

    def _poll(self) -> None:
        while not self._stop.is_set():
            self.tick()
            self._stop.wait(self._node.settings.poll_seconds)

    def _hold(self) -> None:
        """Hold Flower's connection; the door answers what comes over it, and only studies approved here."""
        from node.federation.fleet import hold_connection  # noqa: PLC0415 - flwr: after the ready line

        while not self._compared.wait(COMPARE_SECONDS):
            if self._stop.is_set():
                return
        door = self._node.door
        try:
            hold_connection(
                self._node.fleet(),
                answer=self._answer,
                refuse=door.refuse,
                stop=self._stop,
                on_state=self._connection,
            )
        except Exception as error:  # noqa: BLE001 - a node that cannot be reached must not look as if it could
            self._fault = error
            self._stop.set()

    def _answer(self, content: bytes, send: Callable[[bytes], None]) -> None:
        """Answer a request, while those who are to know how long our log is do know it."""
        if self._watch.overdue():
            self._node.door.refuse("witness-absent", send)
        else:
            self._node.door.answer(content, send)

    def _connection(self, state: str) -> None:
        self.contact.connection(state, self._node.now())
        self._say("connection", state)

    def _fetch(self) -> None:
        news = self._node.hub.news()
        self.contact.answered(self._node.now())
        self._compare(news)
        self._try("logs", partial(self._watch.look, news.logs))
        for offer in news.studies:
            try:
                self._receive(offer)
            except Exception as error:  # noqa: BLE001 - one bad offer must not stop the others
                self._ignored(offer, error.code if isinstance(error, HedgerowError) else type(error).__name__)
        register, now = self._node.governance.register, self._node.now()
        self._try("states", partial(follow_offers, register, news.studies, now=now))
        self._try("withdrawals", partial(follow_withdrawals, register, news.withdrawn, now=now))
        self._try("models", partial(self._hear, news.models))

    def _ignored(self, offer: Document, code: str) -> None:
        """Log an offer that is not kept, once for each reason: a coordinator could send a million a day."""
        if code not in self._passed_over:
            self._passed_over.add(code)
            _log.info("state", of=f"offer {offer['hash'][:LONGEST_HASH]}", is_now=code, at=stamp(self._node.now()))

    def _receive(self, offer: Document) -> None:
        known = self._node.governance.register.get(offer["hash"])
        if known is not None and known.state != "received":
            return
        record = self._node.governance.receive(offer["document"], now=self._node.now(), claimed=offer["hash"])
        self._say(f"study {record.hash}", record.code or record.state)

    def _hear(self, statements: Iterable[Document]) -> None:
        """Keep what the coordinator signed about models; anything else is ignored, and said in the log."""
        ignored = self._node.shelf.hear(statements)
        if ignored:
            raise ignored[0]

    def _tell(self) -> None:
        for notice in self._node.governance.pending_notices():
            self._node.door.notify(notice, self._node.hub.send_notice)
            self._node.governance.mark_notified(notice)
            _log.info("told", study=notice.study, kind=notice.kind, code=notice.code)

    def _compare(self, news: News) -> None:
        """Hold the log against what others kept and signed of it; an older state stops the node."""
        try:
            ignored = self._watch.hear(news)
        except HedgerowError as error:
            if error.code == "state-behind":
                self._fault = error
                self._stop.set()
            raise
        if ignored is not None:
            self._say("kept checkpoint", ignored.code)  # not our word: nobody stops a node with it
        if self._watch.admits():
            self._compared.set()
        else:
            self._say("witnesses", "witness-absent")

    def _checkpoint(self) -> None:
        """Let the coordinator keep the signature over our log, soon after it grew: a rewritten past would show.

        Now and then the whole log is verified first, and the signature kept here too.
        """
        now = self._node.now()
        if self._checkpoint_due is None or now >= self._checkpoint_due:
            self._verify()
            self._watch.tell(self._node.sign_log())
            self._checkpoint_due = now + datetime.timedelta(seconds=self._node.settings.checkpoint_seconds)
        elif self._watch.due(now):
            self._watch.tell(self._node.audit.as_it_stands())

    def _end(self) -> None:
        """Put the whole log under our signature, and tell the coordinator if it is there to hear it."""
        tell = partial(self._watch.tell, self._node.sign_log())
        telling = threading.Thread(target=lambda: self._try("checkpoint", tell), daemon=True)
        telling.start()
        telling.join(FAREWELL_SECONDS)

    def _verify(self) -> None:
        """Stop the node when its state is no longer what its log says: nothing goes on over a log that was edited."""
        try:
            self._node.verify()
        except HedgerowError as error:
            self._fault = error
            self._stop.set()
            raise

    def _try(self, what: str, work: Callable[[], None]) -> bool:
        """Do it, and say whether it went well."""
        try:
            work()
        except HedgerowError as error:
            self._say(what, error.code)
        except Exception as error:  # noqa: BLE001 - one bad study must not stop the others; no text of it is logged
            self._say(what, type(error).__name__)
        else:
            if what in self._said:
                self._say(what, WELL)
                del self._said[what]
            return True
        return False

    def _say(self, what: str, code: str) -> None:
        """Log a state when it changes: a coordinator that is away is one line, not one a second."""
        if self._said.get(what) != code:
            self._said[what] = code
            _log.info("state", of=what, is_now=code, at=stamp(self._node.now()))


__all__ = [
    "COMPARE_SECONDS",
    "FAREWELL_SECONDS",
    "GOODBYE_SECONDS",
    "LONGEST_HASH",
    "RETENTION_CHECK",
    "WELL",
    "Service",
]
