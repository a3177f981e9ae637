"""A signed note beside each file that is made of a model: ``FILE.sig`` says which file it is, and of which model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.atomic import SHARED, put
from privacy.canonical import sha256
from privacy.envelope import Envelope
from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from privacy.signing import PublicKey

EXPORT = "export"
ENDING = ".sig"
Kind = Literal["card", "json", "onnx", "result"]


@dataclass(frozen=True)
class Sidecar:
    """What the coordinator signed: a file's name and SHA-256, its kind, and the version of the model it is made of."""

    file: str
    sha256: str
    kind: str
    model: str
    coordinator: str


def write_signed(path: Path, content: bytes, *, kind: Kind, model: str, key: Ed25519PrivateKey) -> Sidecar:
    """Write a file and its sidecar, neither over another: ``file-unwritable``. The same content gives the same bytes.

    The file appears first: should the machine stop in between, it lacks a sidecar, and nobody believes it.
    """
    beside = _beside(path)
    said = _said(path.name, content, kind=kind, model=model, key=key)
    if path.exists() or beside.exists():
        raise Unreachable("file-unwritable", str(path))
    try:
        put(path, content, mode=SHARED)
        put(beside, _sealed(said, key), mode=SHARED)
    except OSError as error:
        raise Unreachable("file-unwritable", str(path)) from error
    return said


def with_sidecars(files: Mapping[str, bytes], *, kind: Kind, model: str, key: Ed25519PrivateKey) -> dict[str, bytes]:
    """Return files, by name, each with its sidecar after it; for whoever writes a whole directory at once."""
    both: dict[str, bytes] = {}
    for name, content in files.items():
        both[name] = content
        both[name + ENDING] = _sealed(_said(name, content, kind=kind, model=model, key=key), key)
    return both


def read_signed(path: Path, coordinator: PublicKey) -> Sidecar:
    """Return what the coordinator signed of a file, if the file is that one, under the name it was given.

    ``sidecar-absent``, ``model-coordinator-other``, ``signature-wrong``, ``sidecar-other``, ``export-changed`` or
    ``message-malformed`` otherwise.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    try:
        envelope = Envelope.decode(_beside(path).read_bytes())
    except OSError as error:
        raise Invalid("sidecar-absent", str(_beside(path))) from error
    signer = envelope.header.get("coordinator")
    if envelope.context == EXPORT and isinstance(signer, str) and signer != coordinator.fingerprint:
        raise Refusal("model-coordinator-other", f"it names {signer[:40]}, not {coordinator.fingerprint}")
    envelope.verify(coordinator, EXPORT)
    try:
        said = Sidecar(**envelope.header)
    except TypeError as error:
        raise Invalid("message-malformed") from error
    if said.file != path.name:
        raise Tampered("sidecar-other", f"it was signed for {said.file}")
    if said.sha256 != sha256(content):
        raise Tampered("export-changed", str(path))
    return said


def has_sidecar(path: Path) -> bool:
    """Say whether there is a sidecar beside a file."""
    return _beside(path).exists()


def _said(name: str, content: bytes, *, kind: Kind, model: str, key: Ed25519PrivateKey) -> Sidecar:
    return Sidecar(name, sha256(content), kind, model, PublicKey.of(key).fingerprint)


def _sealed(said: Sidecar, key: Ed25519PrivateKey) -> bytes:
    return Envelope.seal(key, EXPORT, asdict(said)).encode()


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ENDING)


__all__ = ["ENDING", "EXPORT", "Kind", "Sidecar", "has_sidecar", "read_signed", "with_sidecars", "write_signed"]
