"""TLS 1.3 and nothing older, on both of the coordinator's ports and from both of the node's clients."""

import socket
import ssl

import pytest

from coordinator.federation.superlink import SuperLink
from node.federation.tls import trust_only
from tests.federation import loopback


@pytest.fixture
def fleet(tmp_path):
    files = loopback.certificates(tmp_path)
    with SuperLink(host="127.0.0.1", port=0, certificate=files.server, private_key=files.key, home=tmp_path) as link:
        yield files, link.port


def handshake(port, context):
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return secure.version()


def older(files):
    context = ssl.create_default_context(cafile=str(files.root))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def test_the_fleet_port_speaks_tls_1_3_only(fleet):
    files, port = fleet
    assert handshake(port, trust_only(files.root.read_text())) == "TLSv1.3"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(port, older(files))


def test_a_server_that_accepts_the_older_protocol_is_told_apart(tmp_path):
    """The control: the same older client does get through to a server that would let it."""
    import threading

    files = loopback.certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server, files.key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            connection, _ = server.accept()
            with context.wrap_socket(connection, server_side=True):
                pass

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        assert handshake(server.getsockname()[1], older(files)) == "TLSv1.2"
        thread.join(5)


def test_a_node_trusts_its_own_coordinators_authority_only(fleet, tmp_path):
    (tmp_path / "other").mkdir()
    other = loopback.certificates(tmp_path / "other")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(fleet[1], trust_only(other.root.read_text()))
