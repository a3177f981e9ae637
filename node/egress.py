"""The one door: everything that leaves this node leaves here, as a release that was paid for or a notice."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.governance import Governance
from node.sums import Sums, place_of
from privacy.computation import Finder
from privacy.errors import HedgerowError, Refusal
from privacy.logs import exchange_id
from privacy.metrics import Tally
from privacy.programme import programme
from privacy.release import Notice, Release, encode
from privacy.request import Request
from privacy.signing import PublicKey
from privacy.study import Study

Send = Callable[[bytes], None]
FAILED, PAUSED, ANSWERED = "computation-failed", "node-paused", "ok"

_log = structlog.get_logger()


@dataclass(frozen=True)
class Door:
    """Answers requests and sends notices. It is the only caller of ``send``.

    ``slot_seconds``: an answer leaves one slot after its request came, or two, four, eight … when computing took
    longer, so that its time tells at most the order of magnitude of the work, never a value.
    """

    node: str
    key: Ed25519PrivateKey
    coordinator: PublicKey
    governance: Governance
    sums: Sums
    finder: Finder
    now: Callable[[], datetime.datetime]
    slot_seconds: float
    sleep: Callable[[float], None] = time.sleep
    tally: Tally = field(default_factory=Tally)

    def answer(self, content: bytes, send: Send) -> None:
        """Answer a request with its release, or with a notice that gives a code and nothing else."""
        started = time.monotonic()
        outgoing = self._decide(content)
        self._wait(started)
        leaving = self._unless_paused(outgoing)
        self._note(leaving)
        send(encode(leaving, self.key))

    def refuse(self, code: str, send: Send) -> None:
        """Answer something that is not a request of ours, such as a message of a run that ships code."""
        started = time.monotonic()
        outgoing = Notice("refused", self.node, code=code)
        self.tally.add(code)
        self._wait(started)
        send(encode(outgoing, self.key))

    def notify(self, notice: Notice, send: Send) -> None:
        """Tell the coordinator what became of a study here."""
        send(encode(notice, self.key))

    def _decide(self, content: bytes) -> Release | Notice:
        """Return what to answer: nothing before the charge depends on patients' data; failures after it look alike."""
        study, place = "", 0
        try:
            request = Request.decode(content, self.coordinator)
            study, place, state = request.study, request.place, request.state()
            approved = self.governance.runnable(study, now=self.now())
            _check_roster(approved, request, self.node)
            plan = programme(approved, self.finder)
            asked = place_of(plan, place)
            asked.check_state(state)
            charge = self.sums.charge(plan, asked, request.hash)
        except HedgerowError as error:
            return self._refused(study, place, error.code, error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, only a code may leave
            return self._refused(study, place, FAILED, error)
        try:
            return self.sums.compute(plan, charge, state)
        except Exception as error:  # noqa: BLE001 - as above; the charge stands
            stopped = isinstance(error, Refusal) and error.code == PAUSED
            return self._refused(study, place, PAUSED if stopped else FAILED, error)

    def _unless_paused(self, outgoing: Release | Notice) -> Release | Notice:
        """Hold back a release when somebody has paused the node meanwhile: it is stored, and sent when asked again."""
        if isinstance(outgoing, Notice):
            return outgoing
        try:
            self.governance.register.check_not_paused()
        except Exception as error:  # noqa: BLE001 - a switch that cannot be read holds back too
            code = PAUSED if isinstance(error, Refusal) else FAILED
            return self._refused(outgoing.receipt.study, outgoing.receipt.place, code, error)
        return outgoing

    def _note(self, leaving: Release | Notice) -> None:
        """Count what leaves, and log a release under the name that the coordinator's log gives the exchange too."""
        if isinstance(leaving, Notice):
            self.tally.add(leaving.code)
            return
        self.tally.add(ANSWERED)
        study, place = leaving.receipt.study, leaving.receipt.place
        _log.info("answered", exchange=exchange_id(study, place), study=study, place=place)

    def _refused(self, study: str, place: int, code: str, error: Exception) -> Notice:
        exchange = exchange_id(study, place)
        _log.warning("refused", exchange=exchange, study=study, place=place, code=code, error=type(error).__name__)
        return Notice("refused", self.node, study, place, code)

    def _wait(self, started: float) -> None:
        slot = self.slot_seconds
        while (left := started + slot - time.monotonic()) < 0:
            slot *= 2
        self.sleep(left)


def _check_roster(study: Study, request: Request, node: str) -> None:
    """Return if the round's nodes were invited, are a quorum, and this node is one of them; else ``roster-wrong``."""
    invited = {i.fingerprint for i in study.invited}
    roster = set(request.roster)
    if not (node in roster and roster <= invited and len(roster) >= study.privacy.quorum):
        raise Refusal("roster-wrong")


__all__ = ["ANSWERED", "FAILED", "PAUSED", "Door", "Send"]
