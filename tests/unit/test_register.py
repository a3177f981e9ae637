"""A node is enrolled once, under its own name, with keys that are its own."""

import base64
import dataclasses
import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coordinator.register import SCHEMA, Register
from privacy.durable import Database
from privacy.enrolment import Enrolment, Rotation
from privacy.errors import HedgerowError
from privacy.signing import SMALL_ORDER, PublicKey
from tests.coordinators import NOW, Site


@pytest.fixture
def register(tmp_path):
    return Register(Database(tmp_path / "c.db", SCHEMA))


def code_of(work):
    with pytest.raises(HedgerowError) as error:
        work()
    return error.value.code


def refused(register, enrolment):
    before = register.nodes(), register.revoked()
    code = code_of(lambda: register.enrol(enrolment, at=NOW))
    assert (register.nodes(), register.revoked()) == before
    return code


def rotation(site, serial, key=None):
    """Return the rotation of a site to a fresh fleet key, as it would be read from a file."""
    made = Rotation(site.fingerprint, Site(site.name).enrolment.fleet_key, serial)
    return Rotation.decode(made.encode(key or site.key), lambda _: PublicKey.of(site.key))


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


def test_a_key_that_fits_many_signatures_is_no_node(register):
    for point in SMALL_ORDER:
        text = base64.urlsafe_b64encode(bytes.fromhex(point)).decode()
        assert refused(register, Enrolment("leeds", PublicKey(text), Site("leeds").enrolment.fleet_key)) in {
            "kit-malformed",
            "signature-wrong",
        }


def test_a_rotation_changes_the_fleet_key_and_nothing_else(register):
    site, other = Site("leeds"), Site("york")
    for each in (site, other):
        register.enrol(each.enrolment, at=NOW)
    untouched, new = register.find(other.fingerprint), rotation(site, 2)
    node = register.rotate(new, at=NOW + datetime.timedelta(days=1))
    assert (node.name, node.fingerprint, node.fleet_key, node.serial) == (
        "leeds",
        site.fingerprint,
        new.fleet_key,
        2,
    )
    assert node.rotated_at > node.enrolled_at
    assert register.key_of(site.fingerprint) == PublicKey.of(site.key)
    assert register.find(other.fingerprint) == untouched
    assert register.former_fleet_keys() == {site.enrolment.fleet_key: site.fingerprint}


def test_an_old_rotation_cannot_be_played_again(register):
    site = Site("leeds")
    register.enrol(site.enrolment, at=NOW)
    second, third = rotation(site, 2), rotation(site, 3)
    assert register.rotate(third, at=NOW).serial == 3
    for old in (second, third, rotation(site, 1)):
        assert code_of(lambda old=old: register.rotate(old, at=NOW)) == "rotation-old"
    assert register.find(site.fingerprint).fleet_key == third.fleet_key


def test_a_rotation_is_signed_by_the_node_itself(register):
    site, mallory = Site("leeds"), Site("mallory")
    assert code_of(lambda: rotation(site, 2, key=mallory.key)) == "signature-wrong"
    posing = site.enrolment.encode(site.key)  # a signed statement of another kind
    assert code_of(lambda: Rotation.decode(posing, lambda _: PublicKey.of(site.key))) == "kit-malformed"
    for content in (b"", b"not one", base64.b64encode(b"x" * 40)):
        assert code_of(lambda c=content: Rotation.decode(c, register.key_of)) == "kit-malformed"
    for serial in (0, -1, 2**31):
        made = Rotation(site.fingerprint, site.enrolment.fleet_key, serial).encode(site.key)
        assert code_of(lambda m=made: Rotation.decode(m, lambda _: PublicKey.of(site.key))) == "kit-malformed"


def test_a_fleet_key_serves_one_node_once(register):
    leeds, york = Site("leeds"), Site("york")
    for each in (leeds, york):
        register.enrol(each.enrolment, at=NOW)
    first = leeds.enrolment.fleet_key
    register.rotate(rotation(leeds, 2), at=NOW)
    for site, serial, key in ((york, 2, first), (leeds, 3, first), (york, 2, register.nodes()[0].fleet_key)):
        again = Rotation(site.fingerprint, key, serial)
        assert code_of(lambda again=again: register.rotate(again, at=NOW)) == "node-key-reused"
    assert refused(register, Site("hull", fleet=leeds.fleet).enrolment) == "node-key-reused"


def test_nobody_is_called_as_another_is_known(register):
    """Operators name nodes by either: with the other's fingerprint for a name, one would be taken for the other."""
    leeds = next(site for site in iter(lambda: Site("leeds"), None) if site.fingerprint[0] in "abcdef")
    register.enrol(leeds.enrolment, at=NOW)
    mallory = Site("mallory")
    for name in (leeds.fingerprint, "abcdef0123" * 4):
        forged = dataclasses.replace(mallory.enrolment, name=name)
        assert refused(register, forged) == "kit-malformed"
    register.enrol(dataclasses.replace(mallory.enrolment, name="abcdef0123"), at=NOW)  # the control
    assert register.must(leeds.fingerprint).name == "leeds"


def test_revoking_is_final_for_the_key_and_frees_the_name(register):
    site, other = Site("leeds"), Site("york")
    for each in (site, other):
        register.enrol(each.enrolment, at=NOW)
    gone = register.revoke("leeds", reason="merged with York", at=NOW + datetime.timedelta(days=1))
    assert (gone.name, gone.reason, gone.revoked_at[:10]) == ("leeds", "merged with York", "2027-03-02")
    assert [node.name for node in register.nodes()] == ["york"]
    assert register.find(site.fingerprint) is register.key_of(site.fingerprint) is None
    assert register.revoked_key_of(site.fingerprint) == PublicKey.of(site.key)
    assert refused(register, site.enrolment) == "node-revoked"
    assert refused(register, Site("leeds-2", site.key).enrolment) == "node-revoked"
    assert refused(register, Site("leeds", fleet=site.fleet).enrolment) == "node-key-reused"
    assert code_of(lambda: register.revoke("leeds", reason="x", at=NOW)) == "node-revoked"
    assert code_of(lambda: register.revoke("hull", reason="x", at=NOW)) == "node-unknown"
    assert code_of(lambda: register.rotate(rotation(site, 2), at=NOW)) == "node-revoked"
    heir = register.enrol(Site("leeds").enrolment, at=NOW)
    assert register.revoke(heir.fingerprint, reason="again", at=NOW).name == "leeds"
    assert [node.name for node in register.revoked()] == ["leeds", "leeds"]


def test_a_node_that_an_earlier_version_enrolled_rotates_too(tmp_path):
    database, site = Database(tmp_path / "c.db", SCHEMA), Site("leeds")
    register = Register(database)
    register.enrol(site.enrolment, at=NOW)
    with database.transaction() as write:
        write.execute("DELETE FROM fleet_key")
    assert register.find(site.fingerprint).serial == 1
    register.rotate(rotation(site, 2), at=NOW)
    assert refused(register, Site("york", fleet=site.fleet).enrolment) == "node-key-reused"


def test_a_call_is_written_down_once_a_minute_and_what_it_says_is_bounded(register):
    site = Site("leeds")
    register.enrol(site.enrolment, at=NOW)
    for seconds, said in ((0, "hedgerow-node/0.1.0"), (59, "hedgerow-node/0.2.0"), (61, "hedgerow-node/" + "9" * 33)):
        register.note_seen(site.fingerprint, said, at=NOW + datetime.timedelta(seconds=seconds))
        seen = register.sightings()[site.fingerprint]
        assert (seen.at[-14:-6], seen.software) == (("12:00:00", "0.1.0") if seconds < 60 else ("12:01:01", ""))
