"""What is made of a model for people and other programs: its card, plain JSON, ONNX; the file's name says which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.registry import Entry, Registry
from models.card import Subject, card
from models.onnx_export import as_onnx
from models.pages import as_html, as_markdown
from models.plain_export import as_json
from models.version import ModelVersion
from privacy.contract import Contract
from privacy.errors import Invalid
from privacy.sidecar import Kind, Sidecar, write_signed
from privacy.signing import PublicKey

CARDS: Mapping[str, Callable[..., str]] = {".md": as_markdown, ".html": as_html}
FORMS: Mapping[str, tuple[Kind, Callable[[ModelVersion, str], bytes]]] = {
    ".json": ("json", as_json),
    ".onnx": ("onnx", as_onnx),
}


def subject_of(
    registry: Registry, entry: Entry, coordinator: PublicKey, *, contract: Contract | None = None
) -> Subject:
    """Return what a card is about, the model verified; a contract of another data set is ``data-set-other``."""
    model = ModelVersion.open(registry.content(entry.version), coordinator)
    if contract is not None and contract.name != model.study.data_set:
        raise Invalid("data-set-other", f"the study names {model.study.data_set}, the contract is {contract.name}")
    return Subject(model, entry.version, coordinator.fingerprint, entry.published, entry.withdrawn, contract)


def write_card(subject: Subject, out: Path, *, key: Ed25519PrivateKey) -> Sidecar:
    """Write a model's card as Markdown or HTML, with its sidecar; another ending is ``export-form-unknown``."""
    form = CARDS.get(out.suffix)
    if form is None:
        raise Invalid("export-form-unknown", out.name)
    content = form(*card(subject)).encode()
    return write_signed(out, content, kind="card", model=subject.version, key=key)


def write_export(subject: Subject, out: Path, *, key: Ed25519PrivateKey) -> Sidecar:
    """Write a risk model as JSON or ONNX, with its sidecar; a model of another kind is ``model-kind-absent``."""
    if out.suffix not in FORMS:
        raise Invalid("export-form-unknown", out.name)
    kind, form = FORMS[out.suffix]
    return write_signed(out, form(subject.model, subject.version), kind=kind, model=subject.version, key=key)


__all__ = ["CARDS", "FORMS", "subject_of", "write_card", "write_export"]
