"""A model is plain numbers with its lineage, signed: whoever opens it gets what was sealed, or nothing."""

import dataclasses

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.version import MODEL, ModelVersion, version_of
from privacy.arrays import pack
from privacy.computation import Result
from privacy.envelope import Envelope
from privacy.errors import HedgerowError, Invalid, Tampered
from privacy.release import SignedReceipt, encode
from privacy.signing import PublicKey
from tests.builders import NOW, a_place, books, small_study

NODE = Ed25519PrivateKey.generate()
STUDY = small_study(
    privacy__quorum=1,
    invited=[
        {"name": f"site {i}", "fingerprint": PublicKey.of(k).fingerprint}
        for i, k in enumerate([NODE, Ed25519PrivateKey.generate()])
    ],
)


@pytest.fixture(scope="module")
def key():
    return Ed25519PrivateKey.generate()


def release(tmp_path, *, key=NODE, study=STUDY):
    """Return what a node sent for a sum that it was paid for."""
    kept = books(tmp_path, node=PublicKey.of(key).fingerprint)
    charge = kept.ledger.charge(study.hash, a_place(), "request", at=NOW)
    return encode(kept.ledger.settle(charge, np.zeros(3, np.uint64), data=("visits@1",), optouts="l"), key)


@pytest.fixture
def model(tmp_path):
    results = {
        "risk": Result("linear-risk", {"weights": np.array([0.5, -1.0, 5e-324])}, {"features": ["age"]}),
        "evaluation": Result("evaluation", {"edges": np.linspace(-4, 0, 11)}, {"auc": 0.7, "noise": None}),
    }
    node = PublicKey.of(NODE)
    return ModelVersion(STUDY, results, (SignedReceipt.of(release(tmp_path)),), {node.fingerprint: node.text}, NOW)


def refused(content, key):
    with pytest.raises(HedgerowError) as caught:
        ModelVersion.open(content, PublicKey.of(key))
    return caught.value.code


def test_a_model_opens_as_it_was_sealed(key, model):
    content = model.seal(key)
    opened = ModelVersion.open(content, PublicKey.of(key))
    assert opened.study == model.study
    assert opened.study.hash == model.study.hash
    assert (opened.signed, opened.keys) == (model.signed, model.keys)
    assert opened.made_at == NOW
    for step, result in model.results.items():
        again = opened.results[step]
        assert (again.kind, dict(again.facts)) == (result.kind, dict(result.facts))
        assert {n: a.tobytes() for n, a in again.arrays.items()} == {n: a.tobytes() for n, a in result.arrays.items()}


def test_the_same_model_is_the_same_bytes_and_so_the_same_version(key, model):
    assert version_of(model.seal(key)) == version_of(model.seal(key))
    assert version_of(model.seal(key)) != version_of(model.seal(Ed25519PrivateKey.generate()))


def test_no_byte_of_a_model_can_change(key, model):
    content = model.seal(key)
    for place in range(0, len(content), 5):
        changed = bytearray(content)
        changed[place] ^= 4
        with pytest.raises(HedgerowError):
            ModelVersion.open(bytes(changed), PublicKey.of(key))


def test_another_coordinator_s_model_is_refused(key, model):
    other = Ed25519PrivateKey.generate()
    assert refused(model.seal(other), key) == "model-coordinator-other"
    claims = Envelope.decode(model.seal(key))
    forged = Envelope.seal(other, MODEL, claims.header, claims.payload).encode()
    assert refused(forged, key) == "signature-wrong"


def test_a_release_cannot_pass_as_a_model(key, model):
    sealed = Envelope.decode(model.seal(key))
    with pytest.raises(Tampered):
        ModelVersion.open(Envelope.seal(key, "release", sealed.header, sealed.payload).encode(), PublicKey.of(key))


@pytest.mark.parametrize(
    "change",
    [
        {"study": None},
        {"results": {"risk": {}}},
        {"results": []},
        {"receipts": [{"study": "x"}]},
        {"receipts": 5},
        {"made_at": None, "results": None},
        {"nodes": []},
    ],
)
def test_a_signed_file_of_another_form_is_refused(key, model, change):
    sealed = Envelope.decode(model.seal(key))
    content = Envelope.seal(key, MODEL, sealed.header | change, sealed.payload).encode()
    with pytest.raises(Invalid):
        ModelVersion.open(content, PublicKey.of(key))


@pytest.mark.parametrize("other", [None, {"name": "hedgerow-model", "number": 3}, {"name": "tree", "number": 2}, 2])
def test_a_model_of_another_schema_is_refused_by_its_code(key, model, other):
    sealed = Envelope.decode(model.seal(key))
    content = Envelope.seal(key, MODEL, sealed.header | {"format": other}, sealed.payload).encode()
    assert refused(content, key) == "model-schema-other"


def test_receipts_of_another_study_are_refused(key, model):
    other = dataclasses.replace(model, study=small_study(title="Another"))
    assert refused(other.seal(key), key) == "message-malformed"


def test_even_the_coordinator_cannot_seal_a_sum_that_no_invited_node_released(key, model, tmp_path):
    (signed,) = model.signed
    stranger = Ed25519PrivateKey.generate()
    public = PublicKey.of(stranger)
    (tmp_path / "stranger").mkdir()
    theirs = SignedReceipt.of(release(tmp_path / "stranger", key=stranger))
    cheaper = dataclasses.replace(signed, receipt=dataclasses.replace(signed.receipt, cost_outside=1))
    forged = SignedReceipt(dataclasses.replace(signed.receipt), theirs.signature)
    cases = [
        (dataclasses.replace(model, signed=(cheaper,)), "receipt-unsigned"),
        (dataclasses.replace(model, signed=(forged,)), "receipt-unsigned"),
        (dataclasses.replace(model, keys={}), "receipt-unsigned"),
        (dataclasses.replace(model, keys={signed.receipt.node: public.text}), "receipt-unsigned"),
        (dataclasses.replace(model, keys={signed.receipt.node: "AA=="}), "receipt-unsigned"),
        (dataclasses.replace(model, signed=(theirs,), keys={public.fingerprint: public.text}), "message-malformed"),
        (dataclasses.replace(model, signed=(signed, signed)), "message-malformed"),
        (dataclasses.replace(model, signed=()), "message-malformed"),
    ]
    assert [refused(case.seal(key), key) for case, _ in cases] == [code for _, code in cases]
    ModelVersion.open(model.seal(key), PublicKey.of(key))  # the control


def test_a_sum_that_fewer_than_the_quorum_released_is_refused(key, model, tmp_path):
    two = dataclasses.replace(STUDY, privacy=dataclasses.replace(STUDY.privacy, quorum=2))
    (tmp_path / "again").mkdir()
    alone = SignedReceipt.of(release(tmp_path / "again", study=two))
    assert refused(dataclasses.replace(model, study=two, signed=(alone,)).seal(key), key) == "message-malformed"


def test_a_pickle_in_the_place_of_the_numbers_is_refused(key, model):
    sealed = Envelope.decode(model.seal(key))
    content = Envelope.seal(key, MODEL, sealed.header, b"\x80\x04K\x01.").encode()
    with pytest.raises(Invalid) as caught:
        ModelVersion.open(content, PublicKey.of(key))
    assert caught.value.code == "message-malformed"


def test_a_result_is_found_by_its_kind(model):
    assert model.result("linear-risk") is model.results["risk"]
    with pytest.raises(Invalid) as caught:
        model.result("tree")
    assert caught.value.code == "model-kind-absent"
    assert pack({})
