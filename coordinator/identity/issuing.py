"""What the coordinator's own authority signs: its own certificate, and the TLS server's."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from privacy.errors import Invalid

AUTHORITY_DAYS = 3650
SERVER_DAYS = 90  # our choice: it renews by itself, and what renews often is known to work
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")


def alternative_name(host: str) -> x509.GeneralName:
    """Return what a certificate says for a host; what is no address or DNS name is ``settings-wrong``."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if not _DNS_NAME.fullmatch(host):
            raise Invalid("settings-wrong", "host", faults=[f"{host!r} is no address or DNS name"]) from None
        return x509.DNSName(host)


def hosts_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the names and addresses that a certificate is good for; none when it says none."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in names)


def authority_subject(name: str) -> x509.Name:
    """Return what a coordinator's authority is called."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Hedgerow authority of {name}"[:64])])


def new_authority(key: ec.EllipticCurvePrivateKey, subject: x509.Name, now: datetime.datetime) -> x509.Certificate:
    """Return a certificate for the authority's key: with the same key and subject, one that takes over from another."""
    ends = now + datetime.timedelta(days=AUTHORITY_DAYS)
    builder = _certificate(subject, subject, key.public_key(), key, now, ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_usage(signs_certificates=True), critical=True).sign(key, hashes.SHA256())


def new_server(
    key: ec.EllipticCurvePublicKey,
    hosts: Sequence[str],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
) -> x509.Certificate:
    """Return a certificate for the server's key, good for ``hosts`` and loopback, and never beyond its authority's."""
    alternatives = [alternative_name(host) for host in dict.fromkeys([*hosts, *LOOPBACK])]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hedgerow coordinator")])
    ends = min(now + datetime.timedelta(days=SERVER_DAYS), authority.not_valid_after_utc)
    builder = _certificate(authority.subject, subject, key, authority_key, now, ends)
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
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
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
    "SERVER_DAYS",
    "alternative_name",
    "authority_subject",
    "hosts_of",
    "new_authority",
    "new_server",
]
