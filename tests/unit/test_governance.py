"""The life of a study at a node: nothing runs but what two people signed, as they signed it."""

import dataclasses
import datetime
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.clock import stamp
from node.governance import Governance
from node.people import Person, open_key
from node.register import Signed
from privacy.errors import HedgerowError
from privacy.signing import PublicKey, sign
from privacy.study import from_document
from tests.approved import PASSPHRASE, a_node, document
from tests.nodes import NOW

OTHERS = ("1" * 40, "2" * 40)


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


class Desk:
    """A node with records, its people's keys, and a judge of cohorts that the test sets."""

    def __init__(self, tmp_path):
        self.node = a_node(tmp_path, Ed25519PrivateKey.generate())
        self.judged: list[str] = []
        self.against: str | HedgerowError = ""
        self.governance = Governance(
            self.node.governance.register,
            self.node.governance._intake,
            policy=self.node.policies.current,
            judge_cohort=self._judge,
        )
        self.keys = {name: self.key(tmp_path, name) for name in ("ada", "ben")}
        self.now = NOW

    def key(self, tmp_path, name):
        return open_key(tmp_path / "keys" / f"{name}.key", PASSPHRASE, home=self.node.home)

    def _judge(self, study):
        self.judged.append(study.hash)
        if isinstance(self.against, HedgerowError):
            raise self.against
        return self.against

    def offer(self, **changes):
        return self.governance.receive(document(self.node, OTHERS, **changes), now=self.now)

    def approve(self, study, person):
        return self.governance.approve(study, person=person, key=self.keys[person], now=self.now)

    def refuse(self, study, person, reason="no DPIA"):
        return self.governance.refuse(study, person=person, key=self.keys[person], reason=reason, now=self.now)

    def approved(self, **changes):
        record = self.offer(**changes)
        self.approve(record.hash, "ada")
        return self.approve(record.hash, "ben")

    def run(self, study):
        return self.governance.runnable(study, now=self.now)

    def events(self):
        return [event["event"] for event in self.node.audit.events()]

    def execute(self, statement, *values):
        with self.node.database.transaction() as connection:
            connection.execute(statement, values)

    def change_policy(self, **changes):
        policy = dataclasses.replace(self.node.policy, **changes)
        self.node.policies.accept(policy, {name: self.keys[name] for name in ("ada", "ben")}, now=stamp(NOW))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_a_study_lives_from_offer_to_running_and_each_step_is_in_the_log(desk):
    record = desk.offer()
    assert record.state == "awaiting-first-approval"
    assert desk.approve("heads", "ada").state == "awaiting-second-approval"
    assert desk.judged == []
    assert desk.approve("heads", "ben").state == "runnable"
    assert desk.judged == [record.hash]
    assert desk.run(record.hash) == from_document(document(desk.node, OTHERS))
    assert desk.governance.register.find("heads").state == "running"
    assert desk.run(record.hash).hash == record.hash
    states = ["received", "awaiting-first-approval", "awaiting-second-approval", "awaiting-second-approval"]
    assert [e for e in desk.events() if e.startswith("study-")] == [
        f"study-{s}" for s in [*states, "runnable", "running"]
    ]
    desk.node.audit.verify()
    desk.governance.verify()


def test_the_same_offer_again_changes_nothing(desk):
    desk.approved()
    before = desk.events()
    assert desk.offer().state == "runnable"
    assert desk.events() == before


def test_a_document_that_is_not_what_it_was_offered_as_is_not_kept(desk):
    offered = document(desk.node, OTHERS)
    claimed = from_document(offered).hash
    offered["question"] = "How many more?"
    assert code_of(lambda: desk.governance.receive(offered, now=NOW, claimed=claimed)) == "study-changed"
    assert desk.governance.register.all() == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": "marketing"}, "purpose-not-allowed"),
        ({"privacy": {"epsilon": 3.5}}, "epsilon-above-policy"),
        ({"privacy": {"quorum": 2}}, "quorum-below-policy"),
        ({"privacy": {"minimum_cohort": 10}}, "cohort-floor-below-policy"),
        ({"ends": "2027-02-28"}, "study-expired"),
        ({"software": {"package": "0" * 64, "computations": {"head-count": 1}}}, "software-differs"),
        ({"invited": [{"name": f, "fingerprint": f * 40} for f in "123"]}, "not-invited"),
        ({"variables": [{"name": "x", "column": "height", "low": 0, "high": 1}]}, "variable-unknown"),
        ({"variables": [{"name": "x", "column": "nhs_number", "low": 0, "high": 1}]}, "variable-unknown"),
        ({"variables": [{"name": "x", "column": "ward", "low": 0, "high": 1}]}, "variable-unknown"),
        ({"variables": [{"name": "x", "column": "age", "low": 0, "high": 121}]}, "variable-bounds"),
        ({"variables": [{"name": "x", "column": "sex", "low": 0, "high": 2}]}, "variable-bounds"),
    ],
)
def test_what_breaks_a_floor_is_refused_by_machine_and_nobody_is_asked(desk, changes, code):
    record = desk.offer(**changes)
    assert (record.state, record.code) == ("refused", code)
    assert code_of(lambda: desk.approve(record.hash, "ada")) == "study-not-waiting"
    assert [(n.kind, n.code) for n in desk.governance.pending_notices()] == [("refused", code)]


def test_software_without_a_name_is_refused(desk):
    unsaid = document(desk.node, OTHERS)
    del unsaid["software"]
    assert desk.governance.receive(unsaid, now=NOW).code == "software-differs"


def test_a_study_that_costs_more_than_is_left_is_refused(desk):
    desk.execute("UPDATE account SET spent = ceiling - 1000")
    record = desk.offer()
    assert (record.state, record.code) == ("refused", "budget-too-small")


def test_a_study_of_data_that_is_not_loaded_waits_for_it(desk):
    record = desk.offer(data_set="births")
    assert (record.state, record.code) == ("received", "data-set-unknown")
    before = desk.events()
    assert desk.offer(data_set="births").state == "received"
    assert desk.events() == before
    assert desk.governance.pending_notices() == []


def test_one_person_cannot_approve_twice(desk):
    record = desk.offer()
    desk.approve(record.hash, "ada")
    assert code_of(lambda: desk.approve(record.hash, "ada")) == "same-person-twice"
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"
    assert desk.judged == []


def test_somebody_elses_key_a_stranger_and_a_wrong_role_cannot_approve(desk):
    record = desk.offer()
    approve = desk.governance.approve
    wrong = {"person": "ben", "key": desk.keys["ada"], "now": NOW}
    assert code_of(lambda: approve(record.hash, **wrong)) == "person-key-wrong"
    assert code_of(lambda: approve(record.hash, person="eve", key=desk.keys["ada"], now=NOW)) == "person-unknown"
    cara = Ed25519PrivateKey.generate()
    desk.change_policy(people=(*desk.node.policy.people, Person("cara", "clinician", PublicKey.of(cara).text)))
    assert code_of(lambda: approve(record.hash, person="cara", key=cara, now=NOW)) == "role-not-allowed"
    assert desk.governance.register.decisions(record.hash) == []


@pytest.mark.parametrize("code", ["cohort-too-small", "quality-below-study"])
def test_a_cohort_that_seems_too_small_or_incomplete_is_refused_once_and_for_all(desk, code):
    desk.against = code
    record = desk.approved()
    assert (record.state, record.code) == ("refused", code)
    assert code_of(lambda: desk.approve(record.hash, "ben")) == "study-not-waiting"
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"
    assert desk.judged == [record.hash]


def test_when_judging_fails_the_approvals_stand_and_judging_goes_on_later(desk):
    desk.against = HedgerowError("optouts-stale")
    record = desk.offer()
    desk.approve(record.hash, "ada")
    assert code_of(lambda: desk.approve(record.hash, "ben")) == "optouts-stale"
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"
    desk.against = ""
    assert desk.approve(record.hash, "ben").state == "runnable"
    assert len(desk.governance.register.decisions(record.hash)) == 2


def test_an_unknown_study_and_one_approved_by_one_look_alike(desk):
    record = desk.offer()
    desk.approve(record.hash, "ada")
    assert (
        code_of(lambda: desk.run(record.hash))
        == code_of(lambda: desk.run("sha256:" + "0" * 64))
        == "study-not-approved"
    )


@pytest.mark.parametrize("old", ['"question": "How many?"', '"epsilon": 3.0', '"ends": "2027'])
def test_one_byte_changed_after_approval_is_found(desk, old):
    record = desk.approved()
    new = old.replace("How many?", "How many!").replace("3.0", "2.0").replace("2027", "2028")
    desk.execute("UPDATE study SET document = replace(document, ?, ?)", old, new)
    assert code_of(lambda: desk.run(record.hash)) == "study-changed"
    assert code_of(desk.governance.verify) == "study-changed"


def test_a_byte_that_breaks_the_document_is_found_too(desk):
    record = desk.approved()
    desk.execute("UPDATE study SET document = substr(document, 2)")
    assert code_of(lambda: desk.run(record.hash)) == "study-changed"


def test_a_changed_study_under_its_own_new_hash_has_no_approvals(desk):
    desk.approved()
    changed = from_document(document(desk.node, OTHERS, question="Who exactly?"))
    with desk.node.database.transaction() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("UPDATE study SET hash = ?, document = ?", (changed.hash, json.dumps(changed.document())))
        connection.execute("UPDATE decision SET study = ?", (changed.hash,))
    assert code_of(lambda: desk.run(changed.hash)) == "study-not-approved"
    assert code_of(desk.governance.verify) == "study-changed"


def test_a_forged_approval_does_not_count(desk):
    record = desk.offer()
    desk.approve(record.hash, "ada")
    ben = desk.node.policy.person("ben")
    statement = {"study": record.hash, "node": desk.node.fingerprint, "decision": "approve"}
    forged = sign(Ed25519PrivateKey.generate(), "approval", statement)
    signed = Signed(record.hash, "ben", "approve", ben.role, ben.public_key, forged, "", stamp(NOW))
    with desk.node.database.transaction() as connection:
        desk.governance.register.sign(connection, signed)
        connection.execute("UPDATE study SET state = 'runnable'")
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"
    assert code_of(desk.governance.verify) == "study-changed"


@pytest.mark.parametrize(
    ("context", "changes"),
    [
        ("approval", {"node": "f" * 40}),
        ("approval", {"decision": "refuse"}),
        ("request", {}),
        ("approval", {"study": "x"}),
    ],
)
def test_a_persons_signature_on_something_else_is_not_an_approval(desk, context, changes):
    record = desk.offer()
    desk.approve(record.hash, "ada")
    ben = desk.node.policy.person("ben")
    statement = {"study": record.hash, "node": desk.node.fingerprint, "decision": "approve", **changes}
    other = sign(desk.keys["ben"], context, statement)
    with desk.node.database.transaction() as connection:
        signed = Signed(record.hash, "ben", "approve", ben.role, ben.public_key, other, "", stamp(NOW))
        desk.governance.register.sign(connection, signed)
        connection.execute("UPDATE study SET state = 'runnable'")
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"


def test_a_state_that_was_edited_is_not_an_approval(desk):
    record = desk.offer()
    desk.execute("UPDATE study SET state = 'runnable'")
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"


def test_the_approval_of_somebody_who_left_the_policy_no_longer_counts(desk):
    record = desk.approved()
    dan = Person("dan", "ig-lead", PublicKey.of(Ed25519PrivateKey.generate()).text)
    desk.change_policy(people=(desk.node.policy.person("ada"), dan))
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"


def test_a_stricter_policy_holds_for_approved_studies_too(desk):
    record = desk.approved()
    desk.change_policy(largest_epsilon=1.0)
    assert code_of(lambda: desk.run(record.hash)) == "epsilon-above-policy"


def test_an_edited_policy_stops_everything(desk):
    record = desk.approved()
    file = desk.node.home / "policy.toml"
    file.write_text(file.read_text().replace("least_quorum = 3", "least_quorum = 1"))
    assert code_of(lambda: desk.run(record.hash)) == "policy-unsigned"
    assert code_of(lambda: desk.offer(name="another")) == "policy-unsigned"


def test_the_pause_switch_stops_and_resumes(desk):
    record = desk.approved()
    desk.governance.register.pause(at=stamp(NOW))
    assert code_of(lambda: desk.run(record.hash)) == "node-paused"
    desk.governance.register.pause(at=stamp(NOW))
    desk.governance.register.resume(at=stamp(NOW))
    assert desk.run(record.hash).hash == record.hash
    assert [e for e in desk.events() if e.startswith("node-")] == ["node-paused", "node-resumed"]


def test_a_paused_node_takes_no_approvals(desk):
    record = desk.offer()
    desk.governance.register.pause(at=stamp(NOW))
    assert code_of(lambda: desk.approve(record.hash, "ada")) == "node-paused"


def test_after_its_end_a_study_is_refused_then_closed(desk):
    running, waiting = desk.approved(), desk.offer(name="waiting")
    desk.run(running.hash)
    desk.now = NOW + datetime.timedelta(days=30, hours=11)
    assert desk.run(running.hash).hash == running.hash
    desk.now = NOW + datetime.timedelta(days=31)
    assert code_of(lambda: desk.run(running.hash)) == "study-expired"
    assert code_of(lambda: desk.approve("waiting", "ada")) == "study-expired"
    desk.governance.expire(now=desk.now)
    states = {r.name: r.state for r in desk.governance.register.all()}
    assert states == {"heads": "finished", "waiting": "expired"}
    assert code_of(lambda: desk.run(running.hash)) == code_of(lambda: desk.run(waiting.hash)) == "study-expired"


def test_a_person_refuses_and_only_a_code_is_told(desk):
    record = desk.offer()
    desk.approve(record.hash, "ada")
    assert desk.refuse(record.hash, "ada", reason="ask Mrs Smith").state == "refused"
    notice = desk.governance.pending_notices()[0]
    assert (notice.kind, notice.code) == ("refused", "study-refused")
    assert "Smith" not in repr(notice)


def test_an_approved_study_is_withdrawn_by_one_and_cannot_run(desk):
    record = desk.approved()
    desk.run(record.hash)
    assert desk.refuse(record.hash, "ben").state == "withdrawn"
    assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"
    assert [n.kind for n in desk.governance.pending_notices()] == ["withdrawn"]


def test_each_notice_is_pending_until_it_was_delivered(desk):
    record = desk.approved()
    notice = desk.governance.pending_notices()[0]
    assert (notice.kind, notice.study, notice.node, notice.code) == ("approved", record.hash, desk.node.fingerprint, "")
    desk.governance.mark_notified(notice)
    assert desk.governance.pending_notices() == []
    desk.run(record.hash)
    assert desk.governance.pending_notices() == []


def test_studies_are_found_by_name_or_digits(desk):
    first, second = desk.offer(), desk.offer(question="Another?")
    register = desk.governance.register
    assert register.find(first.hash) == register.find(first.hash[7:19]) == first
    assert code_of(lambda: register.find("heads")) == "study-ambiguous"
    assert code_of(lambda: register.find("tails")) == "study-unknown"
    assert register.find(second.hash[:20]) == second


def test_the_real_judge_lets_a_cohort_pass_and_charges_it_once(tmp_path):
    desk = Desk(tmp_path)
    desk.governance = desk.node.governance
    record = desk.approved()
    assert record.state == "runnable"
    assert [charge["place"] for charge in desk.node.ledger.charges()] == [0]


@pytest.mark.parametrize("also", [(), ("DELETE FROM decision WHERE decision = 'refuse'",)])
def test_a_withdrawn_study_does_not_come_back_by_an_edit_of_the_state_file(desk, also):
    record = desk.approved()
    desk.governance.refuse(record.hash, person="ada", key=desk.keys["ada"], reason="enough", now=NOW)
    desk.governance.verify()
    with desk.node.database.transaction() as connection:
        connection.execute("UPDATE study SET state = 'running'")
        for statement in also:
            connection.execute(statement)
    assert code_of(desk.governance.verify) == "study-changed"
    if not also:  # the signed refusal itself stops it, at every request
        assert code_of(lambda: desk.run(record.hash)) == "study-not-approved"


def test_a_pause_that_was_lifted_by_an_edit_is_found(desk):
    desk.governance.register.pause(at=stamp(NOW))
    desk.governance.verify()
    with desk.node.database.transaction() as connection:
        connection.execute("DELETE FROM switch")
    assert code_of(desk.governance.verify) == "study-changed"
