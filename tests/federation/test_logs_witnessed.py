"""Three nodes and their real coordinator: each log is signed by all others, and a pinned one is asked at a start."""

import threading
from dataclasses import replace

import pytest

from deploy.demo.in_process import APPROVERS, PASSPHRASE, local_federation
from node.clock import stamp
from node.people import open_key
from node.policy import Pinned
from node.service import Service
from node.witness import Cosigned
from privacy.evidence import check_evidence, evidence
from privacy.signing import PublicKey
from tests.served import Wire


@pytest.fixture
def federation(tmp_path):
    with local_federation(tmp_path, ["leeds", "york", "hull"]) as opened:
        for node in opened.nodes.values():
            node.__dict__["hub"] = Wire(opened.hub, node)
        yield opened


def started(node):
    return Service(node, threading.Event())


def signers(node):
    return {word.by: word.size for word, _ in Cosigned(node.database, node.audit).all()}


def test_every_log_is_signed_by_the_coordinator_and_by_the_other_nodes(federation):
    nodes = list(federation.nodes.values())
    services = [started(node) for node in nodes]
    for _ in range(3):  # told; seen and signed; heard of
        for service in services:
            service.tick()
    hub = federation.hub.public_key.fingerprint
    for node in nodes:
        others = {other.fingerprint for other in nodes if other is not node}
        assert signers(node) == dict.fromkeys([*others, hub], node.audit.size)
        node.verify()
        cosigned = Cosigned(node.database, node.audit).all()
        found = check_evidence(evidence(node.audit, node.sign_log(), cosigned, []))
        assert {word.by for word in found.cosigned} == {*others, hub}


def test_a_node_that_pins_another_asks_it_at_every_start_and_goes_on_when_it_has_answered(federation):
    leeds, york, _ = federation.nodes.values()
    where = federation.home / "keys" / "leeds"
    keys = {name: open_key(where / f"{name}.key", PASSPHRASE, home=leeds.home) for name in APPROVERS}
    pinned = Pinned("york", PublicKey.of(york.key).text)
    leeds.policies.accept(replace(leeds.policy, witnesses=(pinned,)), keys, now=stamp(leeds.now()))
    for _ in range(2):
        asks, answers = started(leeds), started(york)
        asks.tick()
        assert not asks._compared.is_set()
        answers.tick()
        asks.tick()
        assert asks._compared.is_set()
        answers.tick()
        asks.tick()
        assert signers(leeds)[york.fingerprint] == leeds.audit.size
