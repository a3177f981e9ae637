"""Who may connect is what the register says, a second later; one node that cannot be let in keeps nobody else out."""

import time

import pytest
import structlog

from coordinator import admission
from coordinator.admission import Admission
from coordinator.register import SCHEMA, Register
from privacy.durable import Database
from privacy.enrolment import Rotation
from privacy.errors import Invalid, Unreachable
from tests.coordinators import NOW, Site


class Link:
    """Keeps who may connect, and refuses one that the test names."""

    def __init__(self):
        self.inside, self.former, self.refused, self.calls = {}, {}, set(), []

    def register(self, fingerprint, pem):
        self.calls.append(fingerprint)
        if fingerprint in self.refused:
            raise Invalid("node-key-reused")
        self.inside[fingerprint] = pem.decode()

    def unregister(self, fingerprint):
        self.inside.pop(fingerprint, None)

    def retire(self, fingerprint, pem):
        self.former[pem.decode()] = fingerprint


@pytest.fixture
def register(tmp_path):
    return Register(Database(tmp_path / "c.db", SCHEMA))


def test_nodes_come_change_their_key_and_go(register):
    leeds, york, link = Site("leeds"), Site("york"), Link()
    watch = Admission(register, link)
    register.enrol(leeds.enrolment, at=NOW)
    watch.look()
    register.enrol(york.enrolment, at=NOW)
    watch.look()
    assert link.inside == {s.fingerprint: s.enrolment.fleet_key for s in (leeds, york)}
    new = Site("leeds").enrolment.fleet_key
    register.rotate(Rotation(leeds.fingerprint, new, 2), at=NOW)
    watch.look()
    assert link.inside == {leeds.fingerprint: new, york.fingerprint: york.enrolment.fleet_key}
    assert link.former == {leeds.enrolment.fleet_key: leeds.fingerprint}
    register.revoke("leeds", reason="merged", at=NOW)
    watch.look()
    assert link.inside == {york.fingerprint: york.enrolment.fleet_key}
    assert link.former == {leeds.enrolment.fleet_key: leeds.fingerprint, new: leeds.fingerprint}
    watch.look()
    assert link.calls == [leeds.fingerprint, york.fingerprint, leeds.fingerprint]  # each once, not each second


def test_one_that_cannot_be_let_in_is_said_once_and_tried_again(register):
    leeds, york, link = Site("leeds"), Site("york"), Link()
    for site in (leeds, york):
        register.enrol(site.enrolment, at=NOW)
    link.refused = {leeds.fingerprint}
    watch = Admission(register, link)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            watch.look()
    assert set(link.inside) == {york.fingerprint}
    assert [(line["of"], line["code"]) for line in logs if line["event"] == "not-admitted"] == [
        (leeds.fingerprint, "node-key-reused")
    ]
    link.refused = set()
    watch.look()
    assert set(link.inside) == {leeds.fingerprint, york.fingerprint}


def test_a_register_that_cannot_be_read_cuts_nobody_off(register, monkeypatch):
    link, site = Link(), Site("leeds")
    register.enrol(site.enrolment, at=NOW)
    watch = Admission(register, link)
    watch.look()

    def nodes():
        raise Unreachable("state-locked")

    monkeypatch.setattr(register, "nodes", nodes)
    watch.look()
    assert set(link.inside) == {site.fingerprint}


def test_a_fault_does_not_end_the_watch(register, monkeypatch):
    monkeypatch.setattr(admission, "EVERY_SECONDS", 0.01)
    link, site, faults = Link(), Site("leeds"), []

    def broken():
        faults.append(True)
        raise RuntimeError("9990000018")

    register.enrol(site.enrolment, at=NOW)
    with structlog.testing.capture_logs() as logs, Admission(register, link).kept(also=broken):
        while len(faults) < 2:
            time.sleep(0.01)
        register.revoke("leeds", reason="merged", at=NOW)
        while link.inside:
            time.sleep(0.01)
    assert "RuntimeError" in str(logs)
    assert "999" not in str(logs)
