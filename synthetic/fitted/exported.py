"""An exported result of a study, believed only from signatures: the coordinator's, and each node's on its receipts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from privacy.canonical import sha256
from privacy.computation import Finder, Result
from privacy.errors import Invalid, Refusal, Tampered, Unreachable
from privacy.lineage import check_plan, epsilons, verify_lineage
from privacy.release import Receipt, SignedReceipt
from privacy.sidecar import read_signed
from privacy.signing import PublicKey
from privacy.study import Study
from privacy.study import from_document as study_of
from synthetic.provenance import Fitted

FORMAT = "hedgerow-result/1"  # as `hedgerow-coordinator result export` writes it
ALIKE = 1 - 1e-9  # a sum of floats may differ from machine to machine in its last digits
KIND = "result"  # of what is signed, as the sidecar says it
COMPUTATIONS = Finder("synthetic.computations")  # by name: which folder stands above which is not touched


@dataclass(frozen=True)
class Exported:
    """What a study released: its results by the step's name, and what signatures say of who paid what for them.

    ``paid`` is the epsilon of its receipts; that of ``provenance`` is no less.
    """

    study: Study
    results: Mapping[str, Result]
    provenance: Fitted
    paid: float
    sha256: str

    def bears_out(self, said: Fitted) -> bool:
        """Say whether a manifest says of provenance what the signatures do, and no smaller epsilon."""
        return replace(said, epsilon=self.provenance.epsilon) == self.provenance and said.epsilon >= self.paid * ALIKE


def read_exported(path: Path, *, coordinator: str) -> Exported:
    """Return what an exported result says, if the coordinator of this fingerprint signed the file as it is.

    Its receipts are verified down to each node's signature, and epsilon is worked out from them: the file's own figures
    of what was spent are not looked at. Where this software did not plan every sum, it cannot tell that no receipt is
    missing, and epsilon is all that the study allowed. ``result-malformed`` for what is no result,
    ``model-coordinator-other``, ``sidecar-absent``, ``sidecar-other``, ``signature-wrong`` or ``export-changed`` for
    one that is not as it was signed, and the codes of ``verify_lineage`` and ``check_plan``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise Invalid("result-malformed", str(path))
        key = PublicKey(str(document["provenance"]["key"]))
        _check_signed(path, content, key, coordinator)
        return _exported(document, key, sha256(content))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise Invalid("result-malformed", str(path)) from error


def _check_signed(path: Path, content: bytes, key: PublicKey, coordinator: str) -> None:
    """Return if ``key``, which the file itself brings, has the fingerprint that was given, and signed these bytes."""
    if not key.sound:
        raise Invalid("result-malformed", str(path))
    if key.fingerprint != coordinator:
        raise Refusal("model-coordinator-other", f"it names {key.fingerprint}, not {coordinator[:40]}")
    said = read_signed(path, key)
    if said.kind != KIND:
        raise Tampered("sidecar-other", f"it was signed as a {said.kind}")
    if said.sha256 != sha256(content):  # the file was read twice
        raise Tampered("export-changed", str(path))


def _exported(document: Mapping[str, Any], coordinator: PublicKey, digest: str) -> Exported:
    study, signed = study_of(document["asked"]), [_receipt(each) for each in document["receipts"]]
    verify_lineage(study, signed, {str(node): str(key) for node, key in document["keys"].items()})
    receipts, terms = [each.receipt for each in signed], study.privacy
    planned, paid = check_plan(study, receipts, COMPUTATIONS) is not None, epsilons(study, receipts)["colluders"][1]
    provenance = Fitted(
        study=study.hash,
        receipts=tuple(sorted(receipt.released for receipt in receipts)),
        epsilon=paid if planned else terms.epsilon,
        epsilon_at_most=terms.epsilon,
        delta=terms.delta,
        coordinator=coordinator.fingerprint,
    )
    results = {str(name): _result(each) for name, each in document["results"].items()}
    return Exported(study, results, provenance, paid, digest)


def _receipt(document: Mapping[str, Any]) -> SignedReceipt:
    receipt = Receipt.from_document({name: value for name, value in document.items() if name != "signature"})
    return SignedReceipt(receipt, str(document["signature"]))


def _result(document: Mapping[str, Any]) -> Result:
    arrays = {str(name): np.array(values, np.float64) for name, values in document["arrays"].items()}
    return Result(str(document["kind"]), arrays, dict(document["facts"]))


__all__ = ["ALIKE", "COMPUTATIONS", "FORMAT", "KIND", "Exported", "read_exported"]
