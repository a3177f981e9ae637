"""A node is enrolled once, under its own name, with keys that are its own."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.register import SCHEMA, Register
from privacy.durable import Database
from privacy.enrolment import Enrolment
from privacy.errors import HedgerowError
from privacy.signing import PublicKey
from tests.coordinators import NOW, Site


@pytest.fixture
def register(tmp_path):
    return Register(Database(tmp_path / "c.db", SCHEMA))


def refused(register, enrolment):
    with pytest.raises(HedgerowError) as error:
        register.enrol(enrolment, at=NOW)
    assert register.nodes() == [] or len(register.nodes()) == 1
    return error.value.code


def test_an_enrolment_file_becomes_a_node(register):
    site = Site("leeds")
    node = register.enrol(Enrolment.decode(site.enrolment.encode(site.key)), at=NOW)
    assert (node.name, node.fingerprint) == ("leeds", site.fingerprint)
    assert register.find(site.fingerprint) == node == register.nodes()[0]
    assert register.key_of(site.fingerprint) == PublicKey.of(site.key)
    assert register.find("0" * 40) is None
    assert register.key_of("0" * 40) is None


def test_an_enrolment_that_another_key_signed_is_refused():
    site = Site("leeds")
    with pytest.raises(HedgerowError) as error:
        Enrolment.decode(site.enrolment.encode(Site("mallory").key))
    assert error.value.code == "signature-wrong"


def test_the_same_node_twice_is_refused(register):
    site = Site("leeds")
    register.enrol(site.enrolment, at=NOW)
    assert refused(register, site.enrolment) == "node-enrolled"
    assert refused(register, Site("leeds-2", site.key, site.fleet).enrolment) == "node-enrolled"


def test_one_key_has_one_spelling(register):
    site = Site("leeds")
    register.enrol(site.enrolment, at=NOW)
    respelt = Enrolment("other", PublicKey(PublicKey.of(site.key).text + "\n"), site.enrolment.fleet_key)
    assert refused(register, respelt) == "node-enrolled"


def test_a_name_or_fleet_key_that_is_taken_is_refused(register):
    site = Site("leeds")
    register.enrol(site.enrolment, at=NOW)
    assert refused(register, Site("leeds").enrolment) == "node-name-taken"
    assert refused(register, Site("york", fleet=site.fleet).enrolment) == "node-key-reused"


@pytest.mark.parametrize("name", ["", "Leeds", "a\x1b[2J", "x" * 65, "a b"])
def test_a_name_that_is_no_name_is_refused(register, name):
    assert refused(register, Site(name).enrolment) == "kit-malformed"


def test_a_fleet_key_that_is_no_elliptic_curve_is_refused(register):
    pem = rsa.generate_private_key(65537, 2048).public_key()
    text = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = PublicKey.of(Site("leeds").key)
    for fleet_key in (text, "not a key", base64.b64encode(b"x").decode()):
        assert refused(register, Enrolment("leeds", key, fleet_key)) == "kit-malformed"


def test_nodes_survive_a_restart(tmp_path):
    site = Site("leeds")
    Register(Database(tmp_path / "c.db", SCHEMA)).enrol(site.enrolment, at=NOW)
    again = Register(Database(tmp_path / "c.db", SCHEMA))
    assert [node.fingerprint for node in again.nodes()] == [site.fingerprint]
