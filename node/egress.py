"""The one door: everything that leaves this node leaves here, as a release that was paid for or a notice."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.governance import Governance
from node.masking import Mask, Masking
from node.sums import Sums, place_of
from privacy.computation import Finder
from privacy.errors import HedgerowError, Invalid, Refusal
from privacy.logs import exchange_id
from privacy.metrics import Tally
from privacy.programme import Programme, programme
from privacy.protocol import Call, is_call, read_input
from privacy.release import Notice, Protocol, Release, encode
from privacy.request import Request
from privacy.secure_aggregation import Dealt
from privacy.signing import PublicKey
from privacy.study import Study
from privacy.witnessing import Word

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
    masking: Masking
    finder: Finder
    now: Callable[[], datetime.datetime]
    slot_seconds: float
    sleep: Callable[[float], None] = time.sleep
    tally: Tally = field(default_factory=Tally)

    def answer(self, content: bytes, send: Send) -> None:
        """Answer a request with its release, or with a notice that gives a code and nothing else.

        A stage of secure aggregation is answered at once: nothing in it was computed from a record.
        """
        started = time.monotonic()
        outgoing = self._decide(content)
        if not isinstance(outgoing, Protocol):
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

    def notify(self, notice: Notice | Word, send: Send, seen: bytes = b"") -> None:
        """Tell the coordinator what became of a study here, or how long a log is: ``seen`` is another node's word."""
        send(encode(notice, self.key, seen))

    def _decide(self, content: bytes) -> Release | Notice | Protocol:
        """Return what to answer: nothing before the charge depends on patients' data; failures after it look alike."""
        study, place = "", 0
        try:
            call = Call.decode(content, self.coordinator) if is_call(content) else None
            if call is not None and call.stage != "input":
                study, place = call.study, min(call.places, default=0)
                return self._stage(call)
            request, dealt = self._requested(content, call)
            study, place, state = request.study, request.place, request.state()
            approved = self.governance.runnable(study, now=self.now())
            _check_roster(approved, request.roster, self.node)
            plan = programme(approved, self.finder)
            asked = place_of(plan, place)
            asked.check_state(state)
            mask = self._mask(plan, request, dealt)
            charge = self.sums.charge(plan, asked, request.hash)
            if mask and charge.released is None:
                mask.keep()
        except HedgerowError as error:
            return self._refused(study, place, error.code, error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, only a code may leave
            return self._refused(study, place, FAILED, error)
        try:
            return self.sums.compute(plan, charge, state, mask.apply if mask else None)
        except Exception as error:  # noqa: BLE001 - as above; the charge stands
            stopped = isinstance(error, Refusal) and error.code == PAUSED
            return self._refused(study, place, PAUSED if stopped else FAILED, error)

    def _requested(self, content: bytes, call: Call | None) -> tuple[Request, Mapping[str, Dealt] | None]:
        """Return a request, and the letters it came with where it was called for as a stage of secure aggregation."""
        if call is None:
            return Request.decode(content, self.coordinator), None
        content, dealt = read_input(call.content, self.node, call.nodes)
        request = Request.decode(content, self.coordinator)
        if (request.study, (request.place,), request.roster) != (call.study, call.places, call.nodes):
            raise Invalid("message-malformed")
        return request, dealt

    def _mask(self, plan: Programme, request: Request, dealt: Mapping[str, Dealt] | None) -> Mask | None:
        """Return what an approved study's answer is masked with; a request that comes otherwise is refused."""
        if not plan.study.privacy.masked:
            if dealt is not None:
                raise Refusal("masking-not-asked")
            return None
        if dealt is None:
            raise Refusal("round-not-dealt", str(request.place))
        return self.masking.begin(plan.study, request.place, request.hash, dealt, request.roster)

    def _stage(self, call: Call) -> Protocol:
        """Answer a stage of secure aggregation of a study that runs here; what it says depends on no record."""
        study = self.governance.runnable(call.study, now=self.now())
        if not study.privacy.masked:
            raise Refusal("masking-not-asked")
        if call.stage == "advertise":
            return Protocol(self.node, call.study, "advertise", 0, self.masking.advertise(study))
        _check_roster(study, call.nodes, self.node)
        plan = programme(study, self.finder)
        place = min(place_of(plan, index).index for index in call.places)
        if call.stage == "share":
            return Protocol(self.node, call.study, "share", place, self.masking.share(study, call))
        if call.stage == "confirm":
            return Protocol(self.node, call.study, "confirm", place, self.masking.confirm(study, call))
        return Protocol(self.node, call.study, "unmask", place, self.masking.unmask(study, call))

    def _unless_paused(self, outgoing: Release | Notice | Protocol) -> Release | Notice | Protocol:
        """Hold back a release when somebody has paused the node meanwhile: it is stored, and sent when asked again."""
        if not isinstance(outgoing, Release):
            return outgoing
        try:
            self.governance.register.check_not_paused()
        except Exception as error:  # noqa: BLE001 - a switch that cannot be read holds back too
            code = PAUSED if isinstance(error, Refusal) else FAILED
            return self._refused(outgoing.receipt.study, outgoing.receipt.place, code, error)
        return outgoing

    def _note(self, leaving: Release | Notice | Protocol) -> None:
        """Count what leaves, and log a release under the name that the coordinator's log gives the exchange too."""
        if isinstance(leaving, Notice):
            self.tally.add(leaving.code)
            return
        self.tally.add(ANSWERED)
        if isinstance(leaving, Protocol):
            _log.info("stage", stage=leaving.stage, study=leaving.study, place=leaving.place)
            return
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


def _check_roster(study: Study, nodes: Collection[str], node: str) -> None:
    """Return if the round's nodes were invited, are a quorum, and this node is one of them; else ``roster-wrong``."""
    invited = {i.fingerprint for i in study.invited}
    roster = set(nodes)
    if not (node in roster and roster <= invited and len(roster) >= study.privacy.quorum):
        raise Refusal("roster-wrong")


__all__ = ["ANSWERED", "FAILED", "PAUSED", "Door", "Send"]
