"""A finished model: plain arrays, what they mean, and where they came from; signed, immutable, never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from privacy.arrays import Arrays, pack, unpack
from privacy.canonical import Document, sha256
from privacy.computation import Result
from privacy.envelope import Envelope
from privacy.errors import Invalid
from privacy.release import Receipt
from privacy.signing import PublicKey
from privacy.study import Study, from_document

MODEL = "model"


@dataclass(frozen=True)
class ModelVersion:
    """Every result of one study, the study itself, and the receipts of all sums that went in.

    ``results`` goes by the name of the study's step. Data versions are in the receipts.
    """

    study: Study
    results: Mapping[str, Result]
    receipts: tuple[Receipt, ...]
    made_at: str

    def seal(self, key: Ed25519PrivateKey) -> bytes:
        """Return the model as one file, signed by the coordinator."""
        header: Document = {
            "study": self.study.document(),
            "results": {name: {"kind": r.kind, "facts": dict(r.facts)} for name, r in self.results.items()},
            "receipts": [receipt.document() for receipt in self.receipts],
            "made_at": self.made_at,
        }
        arrays = {f"{step}/{name}": array for step, r in self.results.items() for name, array in r.arrays.items()}
        return Envelope.seal(key, MODEL, header, pack(arrays)).encode()

    @classmethod
    def open(cls, content: bytes, coordinator: PublicKey) -> ModelVersion:
        """Return the model in a file that the coordinator signed; its study must hash to what each receipt names."""
        envelope = Envelope.decode(content)
        envelope.verify(coordinator, MODEL)
        try:
            study = from_document(envelope.header["study"])
            receipts = tuple(Receipt.from_document(r) for r in envelope.header["receipts"])
            results = _results(envelope.header["results"], unpack(envelope.payload))
            made_at = str(envelope.header["made_at"])
        except (KeyError, TypeError, AttributeError) as error:
            raise Invalid("message-malformed") from error
        if any(receipt.study != study.hash for receipt in receipts):
            raise Invalid("message-malformed")
        return cls(study, results, receipts, made_at)

    def result(self, kind: str) -> Result:
        """Return the one result of a kind, such as ``linear-risk``; ``model-kind-absent`` when there is none."""
        for result in self.results.values():
            if result.kind == kind:
                return result
        raise Invalid("model-kind-absent", kind)


def version_of(content: bytes) -> str:
    """Return the version of a model file: the SHA-256 of its bytes."""
    return sha256(content)


def _results(document: Mapping[str, Any], arrays: Arrays) -> dict[str, Result]:
    return {
        step: Result(
            str(parts["kind"]),
            {name.removeprefix(f"{step}/"): a for name, a in arrays.items() if name.startswith(f"{step}/")},
            dict(parts["facts"]),
        )
        for step, parts in document.items()
    }


__all__ = ["MODEL", "ModelVersion", "version_of"]
