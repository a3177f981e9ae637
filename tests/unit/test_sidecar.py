"""A file made of a model is the coordinator's or nothing: each byte counts, and a sidecar is good for one file only."""

import dataclasses
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coordinator.papers import write_card, write_export
from models.card import Subject
from models.verification import verify_file
from models.version import version_of
from privacy.canonical import sha256
from privacy.envelope import Envelope
from privacy.errors import HedgerowError, Invalid, Unreachable
from privacy.release import Release, SignedReceipt, encode
from privacy.sidecar import EXPORT, has_sidecar, read_signed, write_signed
from privacy.signing import PublicKey
from privacy.study import Software
from tests.builders import FINDER
from tests.finished import NODES, finished, study

KEY = Ed25519PrivateKey.generate()
HUB = PublicKey.of(KEY)
FILES = ("card.md", "card.html", "risk.json", "risk.onnx", "a.model", "result.html")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every kind of file, written by what the commands call."""
    place = tmp_path_factory.mktemp("made")
    model = finished(place)
    sealed = model.seal(KEY)
    subject = Subject(model, version_of(sealed), HUB.fingerprint)
    for name in FILES[:2]:
        write_card(subject, place / name, key=KEY)
    for name in FILES[2:4]:
        write_export(subject, place / name, key=KEY)
    (place / "a.model").write_bytes(sealed)
    write_signed(place / "result.html", b"<p>found</p>", kind="result", model=subject.version, key=KEY)
    return place, subject


@pytest.fixture
def copy(made, tmp_path):
    for path in made[0].iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path / path.name)
    return tmp_path


def code_of(work):
    with pytest.raises(HedgerowError) as caught:
        work()
    return caught.value.code


def verified(path, key=HUB, **more):
    return verify_file(path, key, FINDER, **more)


@pytest.mark.parametrize("name", FILES)
def test_each_kind_of_file_verifies(made, name):
    found = verified(made[0] / name)
    assert (found.file, found.model, found.coordinator) == (name, made[1].version, HUB.fingerprint)
    assert (
        found.kind
        == {"md": "card", "html": "card", "json": "json", "onnx": "onnx", "model": "model"}[name.split(".")[1]]
        if name != "result.html"
        else found.kind == "result"
    )


@pytest.mark.parametrize("name", FILES)
def test_no_byte_of_a_file_can_change(copy, name):
    path = copy / name
    content = path.read_bytes()
    for place in [*range(0, len(content), max(1, len(content) // 60)), len(content) - 1]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert code_of(lambda: verified(path)) in (
            {"export-changed"}
            if name != "a.model"
            else {"signature-wrong", "message-malformed", "model-coordinator-other"}
        )
    for other in (content[:-1], content + b"\n", b""):
        path.write_bytes(other)
        assert code_of(lambda: verified(path)) in {"export-changed", "message-malformed"}
    path.write_bytes(content)
    verified(path)


@pytest.mark.parametrize("name", ["card.md", "risk.onnx"])
def test_no_byte_of_a_sidecar_can_change(copy, name):
    beside = copy / f"{name}.sig"
    content = beside.read_bytes()
    for place in range(len(content)):
        beside.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(HedgerowError):
            verified(copy / name)
    beside.write_bytes(content)
    verified(copy / name)


def test_a_sidecar_is_good_for_one_file_only(copy):
    for name, other in (("risk.json", "risk.onnx"), ("card.html", "result.html"), ("card.md", "card.html")):
        shutil.copy(copy / f"{name}.sig", copy / f"{other}.sig")
        assert code_of(lambda other=other: verified(copy / other)) == "sidecar-other"
    shutil.copy(copy / "card.md", copy / "another.md")
    assert code_of(lambda: verified(copy / "another.md")) == "sidecar-absent"
    shutil.copy(copy / "card.md.sig", copy / "another.md.sig")
    assert code_of(lambda: verified(copy / "another.md")) == "sidecar-other"
    shutil.copy(copy / "risk.json", copy / "card.md")  # one file's content under another's name and sidecar
    assert code_of(lambda: verified(copy / "card.md")) == "export-changed"
    assert code_of(lambda: verified(copy / "none.json")) == "file-unreadable"


def test_another_coordinators_files_are_refused_by_their_code(copy):
    other = PublicKey.of(Ed25519PrivateKey.generate())
    assert {code_of(lambda n=n: verified(copy / n, other)) for n in FILES} == {"model-coordinator-other"}
    said = Envelope.decode((copy / "card.md.sig").read_bytes())
    forged = Envelope.seal(Ed25519PrivateKey.generate(), EXPORT, said.header)
    (copy / "card.md.sig").write_bytes(forged.encode())
    assert code_of(lambda: verified(copy / "card.md")) == "signature-wrong"
    (copy / "card.md.sig").write_bytes(Envelope.seal(KEY, "model", said.header).encode())
    assert code_of(lambda: verified(copy / "card.md")) == "signature-wrong"
    (copy / "card.md.sig").write_bytes(Envelope.seal(KEY, EXPORT, {**said.header, "more": 1}).encode())
    assert code_of(lambda: verified(copy / "card.md")) == "message-malformed"


def test_a_models_nodes_must_be_those_that_one_knows(copy):
    known = [PublicKey.of(key) for key in NODES]
    assert [o.releases for o in verified(copy / "a.model", nodes=known).organisations] == [3, 3]
    with pytest.raises(HedgerowError) as caught:
        verified(copy / "a.model", nodes=known[:1])
    assert caught.value.code == "model-node-unknown"
    assert caught.value.faults == (f"site 1: {known[1].fingerprint}",)


def test_a_models_receipts_are_those_of_its_plan(made, tmp_path):
    model = made[1].model
    found = verified(made[0] / "a.model")
    assert (found.sums, found.planned) == (3, 7)  # second moments, one gradient of five, one histogram

    def code(**changes):
        (path := tmp_path / "x.model").write_bytes(dataclasses.replace(model, **changes).seal(KEY))
        return code_of(lambda: verified(path))

    last = max(r.place for r in model.receipts)
    assert code(signed=tuple(s for s in model.signed if s.receipt.place != last)) == "receipt-unplanned"
    less = dataclasses.replace(model.study, privacy=dataclasses.replace(model.study.privacy, epsilon=1.0))
    (tmp_path / "less").mkdir()
    cheap = finished(tmp_path / "less", made_by=less)
    assert verify_as(tmp_path, cheap).planned == 7
    noisier = [dataclasses.replace(s.receipt, study=model.study.hash) for s in cheap.signed]
    again = tuple(
        SignedReceipt.of(encode(Release(r, bytes(8 * r.mechanism["width"])), key_of(r.node))) for r in noisier
    )
    assert code(signed=again) == "receipt-unplanned"
    one, *rest = model.signed  # a node that says it was paid less than its noise costs
    cheaper = dataclasses.replace(one.receipt, cost_outside=1, released=sha256(b""))
    lied = SignedReceipt.of(encode(Release(cheaper, b""), key_of(one.receipt.node)))
    assert code(signed=(lied, *rest)) == "receipt-unplanned"


def test_a_plan_of_other_software_is_not_judged(made, tmp_path):
    model = made[1].model
    other = dataclasses.replace(model.study, software=Software("sha256:0", {"linear-risk": 99, "evaluation": 1}))
    (tmp_path / "other").mkdir()
    assert verify_as(tmp_path, finished(tmp_path / "other", made_by=other)).planned is None


def verify_as(place, model):
    (path := place / "y.model").write_bytes(model.seal(KEY))
    return verified(path)


def key_of(fingerprint):
    return next(key for key in NODES if PublicKey.of(key).fingerprint == fingerprint)


def test_a_model_under_another_name_is_still_a_model(copy):
    (copy / "a.model").rename(copy / "kept")
    assert verified(copy / "kept").kind == "model"


def test_nothing_is_ever_written_over_and_the_same_is_written_again(made, tmp_path):
    _, subject = made
    again = tmp_path / "risk.onnx"
    write_export(subject, again, key=KEY)
    for ending in ("", ".sig"):
        assert again.with_name(again.name + ending).read_bytes() == (made[0] / f"risk.onnx{ending}").read_bytes()
    assert code_of(lambda: write_export(subject, again, key=KEY)) == "file-unwritable"
    again.unlink()
    assert code_of(lambda: write_export(subject, again, key=KEY)) == "file-unwritable"  # a sidecar is there
    assert not again.exists()
    with pytest.raises(Unreachable):
        write_signed(tmp_path / "nowhere" / "x", b"", kind="card", model=subject.version, key=KEY)
    with pytest.raises(Invalid, match="export-form-unknown"):
        write_card(subject, tmp_path / "card.pdf", key=KEY)
    with pytest.raises(Invalid, match="export-form-unknown"):
        write_export(subject, tmp_path / "model.pkl", key=KEY)
    bare = dataclasses.replace(subject, model=dataclasses.replace(subject.model, results={}))
    with pytest.raises(Invalid, match="model-kind-absent"):
        write_export(bare, tmp_path / "bare.json", key=KEY)
    assert {p.name for p in tmp_path.iterdir()} == {"risk.onnx.sig"}
    assert not has_sidecar(tmp_path / "bare.json")
    assert study().hash == subject.model.study.hash
    assert read_signed(made[0] / "card.md", HUB).kind == "card"
