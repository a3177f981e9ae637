"""The coordinator's keys: the identity that signs requests and models, and its own authority for TLS."""

from __future__ import annotations

import datetime
import ipaddress
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from privacy.atomic import put
from privacy.errors import Invalid, Refusal, Unreachable

AUTHORITY_DAYS = 3650
SERVER_DAYS = 825  # the longest that platforms accept of a private authority
PRIVATE, PUBLIC = 0o600, 0o644
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True)
class KeyFiles:
    """Where a coordinator's keys are; the authority's is needed only to renew the server's certificate."""

    directory: Path

    @property
    def identity(self) -> Path:
        """The Ed25519 key that signs requests and models, and the operator's tokens."""
        return self.directory / "identity.key"

    @property
    def authority_key(self) -> Path:
        """The key of the authority that nodes trust for TLS."""
        return self.directory / "authority.key"

    @property
    def authority(self) -> Path:
        """The authority's certificate, which every join kit carries."""
        return self.directory / "authority.pem"

    @property
    def server_key(self) -> Path:
        """The key of the TLS server."""
        return self.directory / "server.key"

    @property
    def server(self) -> Path:
        """The certificate of the TLS server."""
        return self.directory / "server.pem"


def create_keys(files: KeyFiles, *, name: str, hosts: Sequence[str], now: datetime.datetime) -> None:
    """Write all keys (0600) and certificates; the server's is good for ``hosts`` and for loopback."""
    alternatives = [alternative_name(host) for host in dict.fromkeys([*hosts, *LOOPBACK])]
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(authority_key, name, now)
    server = _server(server_key, authority, authority_key, alternatives, now)
    files.directory.mkdir(mode=0o700, parents=True)
    private: dict[Path, Ed25519PrivateKey | ec.EllipticCurvePrivateKey] = {
        files.identity: Ed25519PrivateKey.generate(),
        files.authority_key: authority_key,
        files.server_key: server_key,
    }
    for path, key in private.items():
        put(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=PRIVATE)
    for path, certificate in {files.authority: authority, files.server: server}.items():
        put(path, certificate.public_bytes(Encoding.PEM), mode=PUBLIC)


def load_identity(files: KeyFiles) -> Ed25519PrivateKey:
    """Return the identity key; ``key-exposed`` when an account other than its owner's may read it."""
    try:
        if stat.S_IMODE(files.identity.stat().st_mode) & 0o077:
            raise Refusal("key-exposed", str(files.identity))
        key = load_pem_private_key(files.identity.read_bytes(), None)
    except OSError as error:
        raise Unreachable("file-unreadable", str(files.identity)) from error
    except (ValueError, TypeError) as error:
        raise Invalid("certificate-unusable", str(files.identity)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid("certificate-unusable", str(files.identity))
    return key


def alternative_name(host: str) -> x509.GeneralName:
    """Return what a certificate says for a host; what is no address or DNS name is ``settings-wrong``."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if not _DNS_NAME.fullmatch(host):
            raise Invalid("settings-wrong", "host", faults=[f"{host!r} is no address or DNS name"]) from None
        return x509.DNSName(host)


def _authority(key: ec.EllipticCurvePrivateKey, name: str, now: datetime.datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Hedgerow authority of {name}"[:64])])
    builder = _certificate(subject, subject, key.public_key(), key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    alternatives: Sequence[x509.GeneralName],
    now: datetime.datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hedgerow coordinator")])
    builder = _certificate(authority.subject, subject, key.public_key(), authority_key, now, SERVER_DAYS)
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    )
    return builder.sign(authority_key, hashes.SHA256())


def _certificate(  # noqa: PLR0917 - what X.509 asks for, in its own order
    issuer: x509.Name,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    ends = now + datetime.timedelta(days=days)
    begins = now - datetime.timedelta(hours=1)  # a node's clock may be a little behind
    own = x509.SubjectKeyIdentifier.from_public_key(key)
    signers = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), begins, ends)
    return builder.add_extension(own, critical=False).add_extension(signers, critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


__all__ = [
    "AUTHORITY_DAYS",
    "LOOPBACK",
    "PRIVATE",
    "PUBLIC",
    "SERVER_DAYS",
    "KeyFiles",
    "alternative_name",
    "create_keys",
    "load_identity",
]
