"""How long the coordinator's certificates last, and how the server's is renewed: by itself, in one replaced file.

The server keeps its key when it is renewed. The authority's key lies beside it, so another key would protect nobody;
and one file is replaced whole, where two would have a moment in which they do not belong together.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from coordinator.identity.issuing import LOOPBACK, hosts_of, new_authority, new_server
from coordinator.identity.keys import PUBLIC, KeyFiles
from privacy.atomic import put
from privacy.errors import Invalid, Refusal, Unreachable

RENEW_BELOW = 1 / 3  # of its life: at 90 days, with 30 left to notice that it does not renew
AUTHORITY_NEAR_DAYS = 365  # every node needs a new kit before it ends: a year is not too long for that


@dataclass(frozen=True)
class Certificates:
    """The authority and the server's certificate that it signed, as they are in their files."""

    authority: x509.Certificate
    server: x509.Certificate

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return what nodes may dial: names and addresses, loopback aside."""
        return tuple(host for host in hosts_of(self.server) if host not in LOOPBACK)

    def server_due(self, now: datetime.datetime) -> bool:
        """Say whether less than a third of the server's certificate's life is left, or it has not begun."""
        begins, ends = self.server.not_valid_before_utc, self.server.not_valid_after_utc
        return now < begins or ends - now < (ends - begins) * RENEW_BELOW

    def server_good(self, now: datetime.datetime) -> bool:
        """Say whether a node whose clock is right accepts the server's certificate now."""
        return self.server.not_valid_before_utc <= now < self.server.not_valid_after_utc

    def authority_near(self, now: datetime.datetime) -> bool:
        """Say whether the authority ends within a year."""
        return self.authority.not_valid_after_utc - now < datetime.timedelta(days=AUTHORITY_NEAR_DAYS)


def read_certificates(files: KeyFiles, *, now: datetime.datetime) -> Certificates:
    """Return the certificates if they hold together; an authority that has ended is ``authority-ended``.

    A server's certificate of another authority is ``certificate-foreign``: no node would accept it. One that is for
    another key, or cannot be read, is ``certificate-unusable``.
    """
    read = Certificates(_certificate(files.authority), _certificate(files.server))
    if now >= read.authority.not_valid_after_utc:
        raise Refusal("authority-ended", str(files.authority))
    try:
        read.server.verify_directly_issued_by(read.authority)
    except (ValueError, TypeError, InvalidSignature):
        raise Invalid("certificate-foreign", str(files.server)) from None
    if read.server.public_key() != _key(files.server_key).public_key():
        raise Invalid("certificate-unusable", str(files.server))
    return read


def renew_server(files: KeyFiles, *, hosts: Sequence[str] = (), now: datetime.datetime) -> Certificates:
    """Sign a new certificate for the server, good for ``hosts`` too, and replace the one before, whole or not at all.

    The authority stays as it is, so no node changes anything. Its key may be kept elsewhere: ``authority-absent``.
    """
    authority, authority_key = _authority(files)
    if now >= authority.not_valid_after_utc:
        raise Refusal("authority-ended", str(files.authority))
    try:
        before = hosts_of(_certificate(files.server))
    except (Invalid, Unreachable):
        before = ()
    names = list(dict.fromkeys([*before, *hosts]))
    server = new_server(_key(files.server_key).public_key(), names, authority, authority_key, now)
    put(files.server, server.public_bytes(Encoding.PEM), mode=PUBLIC, replace=True)
    return Certificates(authority, server)


def renew_authority(files: KeyFiles, *, now: datetime.datetime) -> Certificates:
    """Give the authority, with the key that it has, another ten years, and the server a certificate from it.

    A node that trusts the certificate before goes on until that one ends: meanwhile each takes over a new kit.
    """
    before, key = _authority(files)
    authority = new_authority(key, before.subject, now)
    put(files.authority, authority.public_bytes(Encoding.PEM), mode=PUBLIC, replace=True)
    return renew_server(files, now=now)


def _authority(files: KeyFiles) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    authority = _certificate(files.authority)
    if not files.authority_key.exists():
        raise Unreachable("authority-absent", str(files.authority_key))
    key = _key(files.authority_key)
    if key.public_key() != authority.public_key():
        raise Invalid("certificate-unusable", str(files.authority_key))
    return authority, key


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    except ValueError as error:
        raise Invalid("certificate-unusable", str(path)) from error


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    except (ValueError, TypeError) as error:
        raise Invalid("certificate-unusable", str(path)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Invalid("certificate-unusable", str(path))
    return key


__all__ = [
    "AUTHORITY_NEAR_DAYS",
    "RENEW_BELOW",
    "Certificates",
    "read_certificates",
    "renew_authority",
    "renew_server",
]
