"""Checks of where a coordinator lives: settings, permissions, keys, certificates, disk, state file, software."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from coordinator.doctor.subject import Subject
from coordinator.home import KEYS, MODELS
from coordinator.identity.keys import load_identity
from coordinator.settings import FILE
from privacy.errors import Invalid, Tampered, Unreachable
from privacy.health import Check, Look, well
from privacy.rooms import check_rooms
from privacy.signing import PublicKey
from privacy.software import package_sha256
from privacy.soundness import look_at_certificate, look_at_disk, look_at_modes, look_at_versions

RENEW = "It should have renewed itself. Next: hedgerow-coordinator certificate renew"
RENEW_AUTHORITY = "Next: hedgerow-coordinator certificate renew --authority, then a new join kit to each node."
FORM = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
PINNED = {"flwr": "1.41.0"}  # pyproject.toml says why it is pinned exactly


def checks(subject: Subject) -> Iterable[Check]:
    """Yield the checks of one coordinator's place."""
    return (
        Check("software", _software),
        Check("settings", lambda: _settings(subject)),
        Check("permissions", lambda: _permissions(subject)),
        Check("keys", lambda: keys(subject)),
        Check("certificate", lambda: _certificate(subject)),
        Check("authority", lambda: _authority(subject)),
        Check("disk", lambda: look_at_disk(subject.path)),
        Check("state", subject.look_at_state),
        Check("models", lambda: _models(subject)),
    )


def keys(subject: Subject) -> Look:
    """Open the identity key: it signs requests, models and the operator's tokens."""
    return well(f"identity {PublicKey.of(load_identity(subject.home.keys)).fingerprint}")


def _software() -> Look:
    check_rooms()
    return look_at_versions(PINNED, package_sha256())


def _settings(subject: Subject) -> Look:
    return well(f"{len(type(subject.home.settings).model_fields)} settings, each understood")


def _permissions(subject: Subject) -> Look:
    public = {FILE, *(path.name for path in (subject.path / KEYS).glob("*.pem"))}
    public |= {path.name for path in (subject.path / MODELS).glob("*")}
    return look_at_modes(subject.path, readable=frozenset(public), keys_in=frozenset({KEYS}))


def _certificate(subject: Subject) -> Look:
    files = subject.home.keys
    server, authority = _read(files.server), _read(files.authority)
    try:
        server.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        raise Tampered("certificate-unusable", f"{files.server} is not signed by {files.authority}") from None
    if _public_of(files.server_key) != server.public_key().public_bytes(*FORM):
        raise Invalid("certificate-unusable", f"{files.server_key} is not the key of {files.server}")
    return look_at_certificate(server, subject.now, RENEW)


def _authority(subject: Subject) -> Look:
    return look_at_certificate(_read(subject.home.keys.authority), subject.now, RENEW_AUTHORITY)


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    except ValueError:
        raise Invalid("certificate-unusable", str(path)) from None


def _public_of(path: Path) -> bytes:
    try:
        return load_pem_private_key(path.read_bytes(), None).public_key().public_bytes(*FORM)
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("certificate-unusable", str(path)) from None


def _models(subject: Subject) -> Look:
    from coordinator.registry import Registry  # noqa: PLC0415 - numpy
    from privacy.study import from_document  # noqa: PLC0415 - as above

    registry = Registry(subject.database, subject.path / MODELS)
    rows = subject.database.rows("SELECT document FROM study JOIN model ON model.study = study.hash")
    for row in rows:
        registry.read(from_document(json.loads(row["document"])))
    return well(f"{len(rows)} finished, each file what its name says")


__all__ = ["FORM", "PINNED", "RENEW", "RENEW_AUTHORITY", "checks", "keys"]
