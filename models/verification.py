"""Is this file what it claims to be? One answer for a model, and for a card, JSON, ONNX or page made of one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from models.version import MODEL, ModelVersion, version_of
from privacy.computation import Finder
from privacy.envelope import Envelope
from privacy.errors import HedgerowError, Refusal, Unreachable
from privacy.lineage import check_plan, releases_by_node
from privacy.sidecar import has_sidecar, read_signed
from privacy.signing import PublicKey

MODEL_ENDING = ".model"


@dataclass(frozen=True)
class Organisation:
    """A node whose signed releases are in a model."""

    name: str
    fingerprint: str
    releases: int


@dataclass(frozen=True)
class Verified:
    """What a file is, once every signature on it held; ``organisations`` are those of a model, else there are none.

    ``sums`` went in of those ``planned``; None where other software planned them.
    """

    file: str
    kind: str
    model: str
    coordinator: str
    study: str = ""
    study_hash: str = ""
    organisations: tuple[Organisation, ...] = ()
    sums: int = 0
    planned: int | None = None

    @property
    def line(self) -> str:
        """Return what it is, for people."""
        return f"{self.file} holds: {'' if self.kind == MODEL else f'{self.kind} of '}model {self.model}"


def verify_file(
    path: Path, coordinator: PublicKey, finder: Finder, *, nodes: Collection[PublicKey] | None = None
) -> Verified:
    """Return what a file is; a model down to each node's own signature, others by the sidecar beside it.

    With ``nodes``, every node in a model must be among them: ``model-node-unknown``. Other codes are those of
    ``ModelVersion.open`` and ``read_signed``.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unreachable("file-unreadable", str(path)) from error
    if path.suffix == MODEL_ENDING or (not has_sidecar(path) and _is_model(content)):
        return _model(path, content, coordinator, finder, nodes)
    said = read_signed(path, coordinator)
    return Verified(path.name, said.kind, said.model, said.coordinator)


def _model(
    path: Path, content: bytes, coordinator: PublicKey, finder: Finder, nodes: Collection[PublicKey] | None
) -> Verified:
    model = ModelVersion.open(content, coordinator)
    names = {organisation.fingerprint: organisation.name for organisation in model.study.invited}
    found = tuple(
        Organisation(names[n], n, len(receipts))
        for n, receipts in releases_by_node(model.study, model.receipts).items()
    )
    known = None if nodes is None else {key.fingerprint for key in nodes}
    strangers = [f"{o.name}: {o.fingerprint}" for o in found if known is not None and o.fingerprint not in known]
    if strangers:
        raise Refusal("model-node-unknown", path.name, faults=strangers)
    sums, planned = check_plan(model.study, model.receipts, finder) or (len({r.place for r in model.receipts}), None)
    fingerprint, study = coordinator.fingerprint, model.study
    return Verified(path.name, MODEL, version_of(content), fingerprint, study.name, study.hash, found, sums, planned)


def _is_model(content: bytes) -> bool:
    try:
        return Envelope.decode(content).context == MODEL
    except HedgerowError:
        return False


__all__ = ["MODEL_ENDING", "Organisation", "Verified", "verify_file"]
