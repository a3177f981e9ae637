"""A federation on loopback TLS: certificates, keys, and a node that adds one to every float64 it is sent."""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Certificates:
    """Files of one authority and of the server certificate it signed for loopback."""

    root: Path
    server: Path
    key: Path


def certificates(folder: Path) -> Certificates:
    """Write an authority of its own and a server certificate for loopback into ``folder``."""
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    basic = x509.BasicConstraints(ca=True, path_length=None)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    files = Certificates(folder / "root.pem", folder / "server.pem", folder / "server.key")
    files.root.write_bytes(_certificate("root", authority.public_key(), authority, basic, critical=True))
    files.server.write_bytes(_certificate("server", server.public_key(), authority, names, critical=False))
    files.key.write_bytes(private_pem(server))
    return files


def _certificate(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    *,
    critical: bool,
) -> bytes:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(_name("root"), _name(subject), key, x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(minutes=1)).not_valid_after(now + timedelta(days=1))
    return builder.add_extension(extension, critical).sign(signer, hashes.SHA256()).public_bytes(PEM)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM, unencrypted."""
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half of a key as PEM."""
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def fingerprint(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a name for a key, as the project makes them."""
    return sha256(public_pem(key)).hexdigest()


def add_one(request: bytes, send: Callable[[bytes], None]) -> None:
    """Answer a vector with the vector plus one."""
    send((np.frombuffer(request) + 1).tobytes())


def _until_input_ends(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def main(address: str, root: Path, key_file: Path) -> None:
    """Be a node, in a process of its own, until the standard input ends."""
    from node.federation.fleet import FleetSettings, hold_connection

    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    settings = FleetSettings(address, root.read_bytes(), key, home=key_file.parent)
    stop = threading.Event()
    threading.Thread(target=_until_input_ends, args=(stop,), daemon=True).start()
    hold_connection(
        settings,
        answer=add_one,
        refuse=lambda code, send: send(code.encode()),
        stop=stop,
        on_state=lambda state: print(state, flush=True),  # noqa: T201 - how its parent follows it
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
