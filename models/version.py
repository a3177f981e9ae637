"""A finished model: plain arrays, what they mean, and where they came from; signed, immutable, never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.arrays import Arrays, pack, unpack
from privacy.canonical import Document, sha256
from privacy.computation import Result
from privacy.envelope import Envelope
from privacy.errors import Invalid, Refusal
from privacy.lineage import verify_lineage
from privacy.release import Receipt, SignedReceipt
from privacy.signing import PublicKey
from privacy.study import Study, from_document

MODEL = "model"
FORMAT: Final = {"name": "hedgerow-model", "number": 2}  # 1, of version 0.1, did not carry the nodes' own signatures


@dataclass(frozen=True)
class ModelVersion:
    """Every result of one study, the study itself, and the signed receipts of all sums that went in.

    ``results`` goes by the name of the study's step. ``keys`` are the public keys of the nodes in the receipts, by
    fingerprint: the study's people approved the fingerprints, so whoever holds the file can verify every signature.
    Data and opt-out list versions are in the receipts.
    """

    study: Study
    results: Mapping[str, Result]
    signed: tuple[SignedReceipt, ...]
    keys: Mapping[str, str]
    made_at: str

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Return what each node says it was paid for."""
        return tuple(signed.receipt for signed in self.signed)

    def seal(self, key: Ed25519PrivateKey) -> bytes:
        """Return the model as one file, signed by the coordinator."""
        header: Document = {
            "format": dict(FORMAT),
            "coordinator": PublicKey.of(key).fingerprint,
            "study": self.study.document(),
            "results": {name: {"kind": r.kind, "facts": dict(r.facts)} for name, r in self.results.items()},
            "receipts": [{"receipt": s.receipt.document(), "signature": s.signature} for s in self.signed],
            "nodes": dict(self.keys),
            "made_at": self.made_at,
        }
        arrays = {f"{step}/{name}": array for step, r in self.results.items() for name, array in r.arrays.items()}
        return Envelope.seal(key, MODEL, header, pack(arrays)).encode()

    @classmethod
    def open(cls, content: bytes, coordinator: PublicKey) -> ModelVersion:
        """Return the model in a file that the coordinator signed, its lineage verified down to the nodes' signatures.

        ``model-coordinator-other``, ``signature-wrong``, ``model-schema-other``, ``receipt-unsigned`` or
        ``message-malformed`` otherwise.
        """
        envelope = Envelope.decode(content)
        signer = envelope.header.get("coordinator")
        if envelope.context == MODEL and isinstance(signer, str) and signer != coordinator.fingerprint:
            raise Refusal("model-coordinator-other", f"it names {signer[:40]}, not {coordinator.fingerprint}")
        envelope.verify(coordinator, MODEL)
        if envelope.header.get("format") != FORMAT:
            raise Invalid("model-schema-other", f"this software reads {FORMAT['name']} {FORMAT['number']}")
        model = _read(envelope)
        model.verify_lineage()
        return model

    def verify_lineage(self) -> None:
        """Return if a quorum of invited nodes released each sum to this study, and each one's signature holds."""
        verify_lineage(self.study, self.signed, self.keys)

    def result(self, kind: str) -> Result:
        """Return the one result of a kind, such as ``linear-risk``; ``model-kind-absent`` when there is none."""
        for result in self.results.values():
            if result.kind == kind:
                return result
        raise Invalid("model-kind-absent", kind)


def version_of(content: bytes) -> str:
    """Return the version of a model file: the SHA-256 of its bytes."""
    return sha256(content)


def _read(envelope: Envelope) -> ModelVersion:
    header = envelope.header
    try:
        return ModelVersion(
            study=from_document(header["study"]),
            results=_results(header["results"], unpack(envelope.payload)),
            signed=tuple(
                SignedReceipt(Receipt.from_document(r["receipt"]), str(r["signature"])) for r in header["receipts"]
            ),
            keys={str(node): str(key) for node, key in header["nodes"].items()},
            made_at=str(header["made_at"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise Invalid("message-malformed") from error


def _results(document: Mapping[str, Any], arrays: Arrays) -> dict[str, Result]:
    return {
        step: Result(
            str(parts["kind"]),
            {name.removeprefix(f"{step}/"): a for name, a in arrays.items() if name.startswith(f"{step}/")},
            dict(parts["facts"]),
        )
        for step, parts in document.items()
    }


__all__ = ["FORMAT", "MODEL", "ModelVersion", "version_of"]
