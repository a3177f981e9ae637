"""Certificates that do not hold, on real sockets: both of the node's clients refuse each with the code that helps."""

import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from coordinator.federation.superlink import SuperLink
from coordinator.identity.issuing import authority_subject, new_authority, new_server
from node.federation.hub import Hub
from node.federation.wire import FleetWire
from privacy.enrolment import JoinKit
from privacy.errors import HedgerowError
from privacy.signing import PublicKey
from tests.federation import loopback

NAME, CLOCK = authority_subject("north"), lambda: datetime.datetime.now(datetime.UTC)
TRUSTED, OTHER, SERVER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
SERVER_KEY = loopback.private_pem(SERVER)


def days(count):
    return CLOCK() + datetime.timedelta(days=count)


def made(authority_key, *, begins=0, hosts=("127.0.0.1",), authority_begins=-400):
    """Return a server's certificate, signed by an authority that always bears the same name."""
    authority = new_authority(authority_key, NAME, days(authority_begins))
    server = new_server(SERVER.public_key(), hosts, authority, authority_key, days(begins))
    return server.public_bytes(Encoding.PEM)


def root(begins=-400):
    return new_authority(TRUSTED, NAME, days(begins)).public_bytes(Encoding.PEM).decode()


CASES = {
    "good": (made(TRUSTED), root(), None),
    "renewed authority, old kit": (made(TRUSTED, authority_begins=-1), root(), None),
    "renewed authority, new kit": (made(TRUSTED), root(-1), None),
    "expired": (made(TRUSTED, begins=-200), root(), "coordinator-certificate-expired"),
    "not yet valid": (made(TRUSTED, begins=2), root(), "coordinator-certificate-expired"),
    "authority expired": (made(TRUSTED), root(-3651), "coordinator-certificate-expired"),
    "another authority of the same name": (made(OTHER), root(), "coordinator-certificate-refused"),
}


@pytest.fixture
def dial(tmp_path):
    """Return what a node's two clients are told by a listener with a certificate."""

    def clients(certificate, root_certificate, host="127.0.0.1", key=SERVER_KEY):
        (tmp_path / "server.pem").write_bytes(certificate)
        (tmp_path / "server.key").write_bytes(key)
        files = {"certificate": tmp_path / "server.pem", "private_key": tmp_path / "server.key", "home": tmp_path}
        identity, fleet = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())
        with SuperLink(host="127.0.0.1", port=0, **files) as link:
            link.register("node", loopback.public_pem(fleet))
            address = f"{host}:{link.port}"
            kit = JoinKit(
                "north", f"https://{address}", address, root_certificate, PublicKey.of(identity).text, "ab" * 32
            )
            hub, wire = Hub(kit, identity, CLOCK), FleetWire(address, root_certificate.encode(), fleet)
            try:
                return told(wire.activate), told(hub.news)
            finally:
                hub.close()
                wire.close()

    return clients


def told(call):
    try:
        call()
    except HedgerowError as error:
        return error.code
    return None


@pytest.mark.parametrize("case", CASES)
def test_both_clients_refuse_what_does_not_hold_and_say_why(dial, case):
    certificate, trusted, code = CASES[case]
    fleet, api = dial(certificate, trusted)
    assert fleet == code
    assert api == (code or "coordinator-unreachable")  # the control: past TLS, this listener has no such page


def test_a_certificate_for_another_host_is_refused(dial, tmp_path):
    files = loopback.certificates(tmp_path)  # for 127.0.0.1, and no name
    certificate, trusted = files.server.read_bytes(), files.root.read_text()
    key = files.key.read_bytes()
    refused = ("coordinator-certificate-refused",) * 2
    assert dial(certificate, trusted, "localhost", key=key) == refused
    assert dial(certificate, trusted, "127.0.0.1", key=key) == (None, "coordinator-unreachable")
