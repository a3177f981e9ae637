"""Who decides what runs here: two people of this node, whose signatures are verified again at every request."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.intake import Intake
from node.people import require_person
from node.policy import APPROVALS_NEEDED, Policy
from node.register import Decision, Record, Register, Signed, State
from privacy.canonical import JSON, Document, canonical
from privacy.errors import HedgerowError, Invalid, Refusal, Tampered
from privacy.release import Notice, NoticeKind
from privacy.signing import PublicKey, sign
from privacy.study import Study, from_document

LARGEST_STUDY = 2**20  # bytes; the frailty index's 36 code lists, with what each code means, are a fifth of that
APPROVAL = "approval"  # the context of the signatures
NOT_YET = ("data-set-unknown",)  # what a later load mends: the study stays received, and is checked again
WAITING: tuple[State, ...] = ("awaiting-first-approval", "awaiting-second-approval")
OPEN: tuple[State, ...] = ("received", *WAITING, "runnable", "running")
TOLD_AS: Mapping[State, NoticeKind] = {
    "runnable": "approved",
    "running": "approved",
    "finished": "approved",
    "refused": "refused",
    "withdrawn": "withdrawn",
}


class Governance:
    """Receives, checks and decides on studies; ``runnable`` is what the door asks before every answer.

    ``policy`` gives the signed policy in force, ``judge_cohort`` says once, on noisy figures charged to the study,
    whether enough people are here and their records are complete enough: an empty text, or the code that says why not.
    ``controllers`` gives whose approval a study of linked records needs as well, by the linkage agreement.
    """

    def __init__(
        self,
        register: Register,
        intake: Intake,
        *,
        policy: Callable[[], Policy],
        judge_cohort: Callable[[Study], str],
        controllers: Callable[[Study], Collection[str]] = lambda _: (),
    ) -> None:
        self.register = register
        self._intake = intake
        self._policy = policy
        self._judge_cohort = judge_cohort
        self._controllers = controllers

    def receive(self, document: Mapping[str, Any], *, now: datetime.datetime, claimed: str | None = None) -> Record:
        """Take in an offered study and check it by machine; ``claimed`` is the hash it was offered under.

        The hash is recomputed: a document that is not what it was offered as is ``study-changed`` and not kept. A
        study that breaks a floor is kept as refused, with its code; one whose data set is not loaded waits.
        """
        study = from_document(document)
        if claimed is not None and claimed != study.hash:
            raise Tampered("study-changed", study.name)
        if len(canonical(study.document())) > LARGEST_STUDY:
            raise Invalid("study-malformed", f"larger than {LARGEST_STUDY} bytes")
        policy = self._policy()
        self.register.add(study, at=stamp(now))
        record = self._record(study.hash)
        if record.state == "received":
            self._check(record, study, policy, now)
        return self._record(study.hash)

    def approve(self, name: str, *, person: str, key: Ed25519PrivateKey, now: datetime.datetime) -> Record:
        """Approve a study as ``person``, who signs its hash; the second approval makes it runnable, or refused.

        With it all that the study can charge is set aside, so that no study approved later can take it.
        A study of linked records waits until somebody of each controller is among those who approved it.
        If the second approval was kept and judging the cohort then failed (a stale opt-out list), approving again
        goes on from there; the figure is charged and drawn once.
        """
        record, study, policy = self._to_decide(name, (*WAITING, "runnable", "running"))
        signed = self._signed(record, policy, person, key, "approve", "", now)
        self.register.check_not_paused()
        self._intake.check_standing(study, policy, now.astimezone(datetime.UTC).date())
        given = self._approvals(record, policy)
        lacking = self.lacking(study, given)
        if record.state not in WAITING and person not in lacking:  # a later agreement may name another controller
            raise Refusal("study-not-waiting", f"{record.name} is {record.state}")
        if len(given) < APPROVALS_NEEDED or person in lacking:
            self._keep_approval(record, study, policy, signed, now)
        elif lacking:
            raise Refusal("controller-approval-missing", ", ".join(lacking))
        elif person not in given:
            raise Refusal("study-not-waiting", record.name)
        given = self._approvals(record, policy)
        if len(given) >= APPROVALS_NEEDED and not self.lacking(study, given):
            self._judge(self._record(record.hash), study, now)
        return self._record(record.hash)

    def refuse(self, name: str, *, person: str, key: Ed25519PrivateKey, reason: str, now: datetime.datetime) -> Record:
        """Refuse a study as ``person``; one that was approved is withdrawn. The reason stays at this node."""
        record, _, policy = self._to_decide(name, OPEN)
        signed = self._signed(record, policy, person, key, "refuse", reason, now)
        state: State = "withdrawn" if record.state in ("runnable", "running") else "refused"
        code = "study-withdrawn" if state == "withdrawn" else "study-refused"
        facts = {"person": person, "role": signed.role, "reason": reason}
        with self.register.database.transaction() as connection:
            self.register.sign(connection, signed)
            self.register.move(connection, record, state, at=signed.at, code=code, facts=facts)
        return self._record(record.hash)

    def runnable(self, study_hash: str, *, now: datetime.datetime) -> Study:
        """Return the study if it may be answered now; the first time, it becomes running.

        Everything is verified again, nothing is remembered: policy, pause, document, both signatures, end date, floors
        and software. No refusal depends on a record.
        """
        policy = self._policy()
        self.register.check_not_paused()
        record = self.register.get(study_hash)
        if record is None:
            raise Refusal("study-not-approved")
        if record.state in ("expired", "finished"):
            raise Refusal("study-expired")
        if record.state not in ("runnable", "running"):
            raise Refusal("study-not-approved")
        study = record.study()
        if len(self._approvals(record, policy)) < APPROVALS_NEEDED or self._refused(record):
            raise Refusal("study-not-approved")
        self._intake.check_standing(study, policy, now.astimezone(datetime.UTC).date())
        if self.lacking(study, self._approvals(record, policy)):
            raise Refusal("controller-approval-missing")
        if record.state == "runnable":
            self._start(record, now)
        return study

    def lacking(self, study: Study, given: Collection[str]) -> list[str]:
        """Return the controllers' people of linked records whose approval is still missing; ``linkage-expired``."""
        return [name for name in self._controllers(study) if name not in given]

    def expire(self, *, now: datetime.datetime) -> None:
        """Close every open study whose end date has passed."""
        today = now.astimezone(datetime.UTC).date()
        for record in self.register.all():
            if record.state in OPEN:
                try:
                    record.study().check_not_ended(today)
                except Refusal as error:
                    closed: State = "finished" if record.state == "running" else "expired"
                    self._move(record, closed, now, code=error.code)

    def pending_notices(self) -> list[Notice]:
        """Return what the coordinator has not been told yet: approved, refused or withdrawn, a code, nothing else."""
        notices = []
        for record in self.register.all():
            kind = TOLD_AS.get(record.state)
            if kind and kind != record.told:
                code = record.code if kind != "approved" else ""
                notices.append(Notice(kind, self._intake.node, record.hash, code=code))
        return notices

    def mark_notified(self, notice: Notice) -> None:
        """Note that a notice was delivered."""
        self.register.told(notice.study, notice.kind)

    def verify(self) -> None:
        """Check each study's hash and state and each decision's signature; ``study-changed`` or ``signature-wrong``."""
        self.register.verify()
        for record in self.register.all():
            record.study()
            for signed in self.register.decisions(record.hash):
                statement = self._statement(signed.study, signed.decision)
                PublicKey(signed.public_key).verify(APPROVAL, statement, signed.signature)

    def _check(self, record: Record, study: Study, policy: Policy, now: datetime.datetime) -> None:
        try:
            priced = self._intake.check(study, policy, now.astimezone(datetime.UTC).date())
            self._intake.try_on_nobody(study)
        except (Invalid, Refusal) as error:
            if error.code in NOT_YET:
                self.register.hold_up(record, error.code, at=stamp(now))
            else:
                self._move(record, "refused", now, code=error.code)
            return
        facts: Document = {"checked_against": policy.hash, "cost": priced.cost_to_a_person}
        self._move(record, WAITING[0], now, facts=facts)

    def _to_decide(self, name: str, states: tuple[State, ...]) -> tuple[Record, Study, Policy]:
        policy = self._policy()
        record = self.register.find(name)
        study = record.study()
        if record.state not in states:
            raise Refusal("study-not-waiting", f"{record.name} is {record.state}")
        return record, study, policy

    def _signed(  # noqa: PLR0917 - all of them are what a signature is about
        self,
        record: Record,
        policy: Policy,
        person: str,
        key: Ed25519PrivateKey,
        decision: Decision,
        reason: str,
        now: datetime.datetime,
    ) -> Signed:
        who = policy.approver(person)
        require_person(who, key)
        signature = sign(key, APPROVAL, self._statement(record.hash, decision))
        return Signed(record.hash, person, decision, who.role, who.public_key, signature, reason, stamp(now))

    def _keep_approval(
        self, record: Record, study: Study, policy: Policy, signed: Signed, now: datetime.datetime
    ) -> None:
        """Keep an approval; before the second one, what can be checked without a record is checked once more."""
        if record.state == WAITING[1] and signed.person not in self._approvals(record, policy):
            self._intake.check(study, policy, now.astimezone(datetime.UTC).date())
        facts: Document = {"person": signed.person, "role": signed.role, "approved": True}
        given = {*self._approvals(record, policy), signed.person}
        enough, lacking = len(given) >= APPROVALS_NEEDED, self.lacking(study, given)
        code = "controller-approval-missing" if enough and lacking else ""
        with self.register.database.transaction() as connection:
            self.register.sign(connection, signed)
            self.register.move(connection, record, WAITING[1], at=signed.at, code=code, facts=facts)
            if enough and not lacking:
                self._intake.set_aside(connection, study, policy, signed.at)

    def _judge(self, record: Record, study: Study, now: datetime.datetime) -> None:
        code = self._judge_cohort(study)
        self._move(record, "refused" if code else "runnable", now, code=code)

    def _start(self, record: Record, now: datetime.datetime) -> None:
        """Note that a study runs; of several first requests at once, one writes it and none is refused for that."""
        try:
            self._move(record, "running", now)
        except Refusal:
            if self._record(record.hash).state != "running":
                raise

    def _approvals(self, record: Record, policy: Policy) -> dict[str, Signed]:
        """Return the approvals that hold under the policy in force, by person; others do not count."""
        holding = {}
        for signed in self.register.decisions(record.hash):
            try:
                key = PublicKey(policy.approver(signed.person).public_key)
                key.verify(APPROVAL, self._statement(record.hash, "approve"), signed.signature)
            except HedgerowError:
                continue
            holding[signed.person] = signed
        return holding

    def _refused(self, record: Record) -> bool:
        return any(signed.decision == "refuse" for signed in self.register.decisions(record.hash))

    def _statement(self, study_hash: str, decision: Decision) -> Document:
        return {"study": study_hash, "node": self._intake.node, "decision": decision}

    def _move(
        self,
        record: Record,
        state: State,
        now: datetime.datetime,
        *,
        code: str = "",
        facts: Mapping[str, JSON] | None = None,
    ) -> None:
        with self.register.database.transaction() as connection:
            self.register.move(connection, record, state, at=stamp(now), code=code, facts=facts)

    def _record(self, study_hash: str) -> Record:
        record = self.register.get(study_hash)
        if record is None:
            raise Refusal("study-unknown", study_hash)
        return record


__all__ = ["APPROVAL", "LARGEST_STUDY", "NOT_YET", "OPEN", "TOLD_AS", "WAITING", "Governance"]
